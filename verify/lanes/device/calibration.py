"""What a device's functions are good for: the table where it covers the platform, or else measured there.

Once per process and dtype the device is asked for the values that the bounds take for exact everywhere
(exp(0) = 1, tanh(0) = 0); a function that gives another number there counts as rounded. On a platform that is
not in the table, every function is swept over its range against NumPy, and products are probed for the bits
that their factors keep.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from verify.arithmetic.bounds.arithmetic import Bounds
from verify.arithmetic.bounds.elementary_functions import ELEMENTARY
from verify.arithmetic.bounds.units import PLATFORMS, Products, Unit, Units
from verify.arithmetic.bounds.value import Bounded

Array = np.ndarray[Any, Any]
Rule = Callable[..., Any]
SAMPLES = 4096
SAFETY = 2.0  # a sweep does not meet the worst argument
RANGES: Mapping[str, tuple[float, float]] = {  # where a function is swept, if not from -8 to 8
    **dict.fromkeys(("log", "log2", "sqrt", "rsqrt", "lgamma", "digamma"), (2.0**-10, 64.0)),
    **dict.fromkeys(("asin", "acos", "atanh", "erf_inv"), (-0.999, 0.999)),
    "log1p": (-0.999, 64.0),
    "acosh": (1.0, 64.0),
    "tan": (-1.5, 1.5),
    "erfc": (-4.0, 4.0),
}


def bounds_on(dtype: str, precision: str, platform: str | None = None, traced: str = "float64") -> Checked:
    """The arithmetic of one device, jax's default platform or the one that is named, for programs traced in a dtype."""
    device = jax.devices(platform)[0]
    known = device.platform in PLATFORMS
    name = device.platform if known else "gpu"
    arithmetic = Checked(dtype, precision, name, rounded_claims(dtype, platform), traced)
    if not known:
        arithmetic.units = Measured(
            dtype, precision, measured_ulps(dtype, platform), measured_products(precision, platform), traced
        )
    return arithmetic


class Checked(Bounds):
    """Bounds some of whose rules are replaced."""

    def __init__(
        self,
        dtype: Any,
        precision: Any,
        platform: Any,
        inexact: Iterable[str] = (),
        traced: Any = np.float64,
    ):
        super().__init__(dtype, precision, platform, traced)
        self.overrides: dict[str, Rule] = {
            name: _never_exact(super(Checked, self).rules[name]) for name in inexact
        }

    @property
    def rules(self) -> Mapping[str, Rule]:
        rules = super().rules
        return {**rules, **self.overrides} if self.overrides else rules


def _never_exact(rule: Callable[..., Bounded]) -> Callable[..., Bounded]:
    def rounds(arithmetic: Bounds, step: Any, *operands: Any) -> Bounded:
        result, unit = rule(arithmetic, step, *operands), arithmetic.unit(step)
        least = (
            arithmetic.units.relative(step.primitive, unit, operands[0].value) * np.abs(result.value)
            + unit.ulp
        )
        return Bounded(result.value, np.maximum(result.errors, least))

    return rounds


class Measured(Units):
    """Units of a platform that is in no table."""

    def __init__(
        self,
        dtype: Any,
        precision: str,
        ulps: Mapping[str, float],
        products: Products,
        traced: Any = np.float64,
    ):
        super().__init__(dtype, precision, "gpu", traced)
        self._ulps, self._products = ulps, products

    def ulps(self, function: str, unit: Unit) -> float:
        """The measured ones, or the worst that any platform of the table is known for."""
        return self._ulps.get(function, max(super().ulps(function, unit), 8.0))

    def products(self, factor: Unit, result: Unit, requested: Any, vector: bool = False) -> Products:
        return self._products if factor.bits == 24 else super().products(factor, result, requested, vector)


# --- asked on the device ------------------------------------------------------------------------------------


def _functions(names: Any) -> dict[str, Callable[[Any], Any]]:
    return {name: getattr(jax.lax, name) for name in names if hasattr(jax.lax, name)}


def _on_device(arguments: Mapping[str, Array], dtype: str, platform: str | None) -> dict[str, Array]:
    """Functions of their arguments, one program for all of them."""
    functions, device = _functions(arguments), jax.devices(platform)[0]
    given = {name: arguments[name].astype(jnp.dtype(dtype)) for name in functions}
    with jax.enable_x64(dtype == "float64"), jax.default_device(device):
        results = jax.jit(lambda given: {name: functions[name](each) for name, each in given.items()})(given)
    return {name: np.asarray(result).astype(np.float64) for name, result in results.items()}


@functools.cache
def rounded_claims(dtype: str, platform: str | None) -> frozenset[str]:
    """The functions that do not give, on this device, a value that the bounds take for exact."""
    points = {name: np.asarray(row.exact) for name, row in ELEMENTARY.items() if row.exact}
    with np.errstate(all="ignore"):
        expected = {name: ELEMENTARY[name].function(x) for name, x in points.items()}
    got = _on_device(points, dtype, platform)
    return frozenset(name for name, values in got.items() if not np.array_equal(values, expected[name]))


@functools.cache
def measured_ulps(dtype: str, platform: str | None) -> Mapping[str, float]:
    """The largest error of each function over a sweep, in units in the last place, with a margin."""
    points = {name: np.linspace(*RANGES.get(name, (-8.0, 8.0)), SAMPLES) for name in ELEMENTARY}
    stored = {name: x.astype(jnp.dtype(dtype)).astype(np.float64) for name, x in points.items()}
    eps, tiny = float(jnp.finfo(dtype).eps), float(jnp.finfo(dtype).smallest_normal)
    ulps = {}
    for name, got in _on_device(stored, dtype, platform).items():
        with np.errstate(all="ignore"):
            expected = ELEMENTARY[name].function(stored[name])
            _, exponent = np.frexp(expected)
            error = np.abs(got - expected) / np.ldexp(eps, exponent - 1)
        counted = np.isfinite(error) & (np.abs(expected) >= tiny)
        ulps[name] = SAFETY * float(np.max(error, where=counted, initial=0.0)) + 1.0
    return ulps


@functools.cache
def measured_products(precision: str, platform: str | None) -> Products:
    """How many bits of a float32 factor a matrix product keeps at this precision."""
    bits = np.arange(1, 24)
    factors = (1 + 0.5**bits).astype(np.float32)[:, None]
    device = jax.devices(platform)[0]
    with jax.default_matmul_precision(precision), jax.default_device(device):
        got = np.asarray(jax.jit(jnp.matmul)(factors, np.ones((1, 8), np.float32)))[:, 0]
    kept = bits[got == factors[:, 0]]
    significand = int(kept.max(initial=0)) + 1
    return Products(
        0.0 if significand == 24 else 2 * 0.5 ** (significand - 1), 2.0**-23, 0.0, significand, 23
    )
