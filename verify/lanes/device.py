"""The device lane: what really runs, compiled as a user compiles it, against the bound of its dtype and precision.

Two programs a shape: the composed gradient, batched by `jax.vmap` and called once by itself, and all equations alone, each on
autodiff's values rounded to the dtype. Where the bound is zero, the device must give the very number.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from verify import oracle
from verify.arithmetic.bounds import Bounded, Bounds, differs
from verify.data import rounded
from verify.interpret import Sizes
from verify.kinks import hits, sites
from verify.lanes.bounding import as_bounded, lift
from verify.programs import GRADIENT, Fault, Pair, Programs, Traced

Array = np.ndarray[Any, Any]
SINGLE = 2  # cases that are also run by themselves, unbatched


class Violation(NamedTuple):
    """The element farthest beyond its bound."""

    quantity: str
    case: int
    index: tuple[int, ...]
    computed: float
    expected: float
    bound: float


@dataclass
class Run:
    """What one compiled shape said of one equation."""

    cases: int = 0
    exact: int = 0  # elements whose bound was zero, so judged to the bit
    kinks: int = 0
    worst: float = 0.0
    violation: Violation | None = None


@dataclass
class Device:
    """What one compiled shape said; `leaves` are the drawn ones, rounded to the dtype."""

    leaves: dict[str, Array]
    runs: dict[str, Run] = field(default_factory=dict)
    kinks: dict[tuple[str, str, float], int] = field(default_factory=dict)  # choice, row, kink: elements exactly there
    programs: int = 0


@contextlib.contextmanager
def environment(dtype: str, precision: str, platform: str | None) -> Iterator[None]:
    """x64 for float64 only, one matmul precision, one platform."""
    device = jax.devices(platform)[0]
    with jax.enable_x64(dtype == "float64"), jax.default_matmul_precision(precision), jax.default_device(device):
        yield


class Compiled:
    """The jitted functions of one pair, in one dtype at one precision on one platform."""

    def __init__(self, pair: Pair, dtype: str, precision: str = "highest", platform: str | None = None):
        self.pair, self.dtype, self.precision, self.platform = pair, dtype, precision, platform
        self.own = functools.partial(Bounds, dtype, precision, platform or jax.default_backend())  # type: ignore[arg-type]
        derivation, choices = pair.derivation, pair.choices
        self.gradient = derivation.gradient(*pair.symbols) if pair.symbols else None
        self.batched = jax.jit(jax.vmap(lambda leaves: self.gradient(**leaves, **choices)))  # pyright: ignore[reportOptionalCall]

    def __call__(self, sizes: Sizes, leaves: Mapping[str, Array]) -> Device:
        """Runs and judges these cases at one shape."""
        pair, specs = self.pair, self.pair.specs(sizes)
        programs = pair.programs(sizes)
        leaves = rounded(leaves, specs, self.dtype)
        float64 = Bounds()
        lifted = lift(float64, specs, leaves)
        reference = programs.reference(float64, sizes, lifted)
        values = {name: leaves[name] if name in leaves else self._stored(value) for name, value in reference.items()}
        result = Device(leaves)
        with environment(self.dtype, self.precision, self.platform):
            alone = self._run_alone(programs, values)
            whole = self._run_whole(programs, leaves)
        result.programs = bool(alone) + 2 * bool(whole)

        own = self.own()
        given = {name: own.exact(value) if value.dtype.kind == "f" else value for name, value in values.items()}
        for name, computed in alone.items():
            (expected,) = own.settle([as_bounded(_traced(programs.equations[name])(own, sizes, given))])
            result.runs[name] = _judge([(name, 0, computed, expected)])
        if whole:
            assert programs.autodiff is not None
            own = self.own()
            manual = _traced(programs.composed)(own, sizes, lift(own, specs, leaves))
            autodiff = programs.autodiff(float64, sizes, lifted)
            expected = {key: _around(autodiff[key], own.settle([as_bounded(manual[key])])[0]) for key, *_ in whole}
            result.runs[GRADIENT] = _judge([(key, first, got, expected[key]) for key, first, got in whole])
        for site in sites(pair.derivation, pair.choices, values):
            for kink, count in hits(site).items():
                result.kinks[site.choice, site.row.name, kink] = count
            for name, equation in pair.derivation.equations.items():
                if site.choice in equation.choices and name in result.runs:
                    result.runs[name].kinks += sum(hits(site).values())
        return result

    def _stored(self, value: Any) -> Array:
        """A value of the reference as the dtype stores it, in float64; what overflows there counts as 0."""
        if not isinstance(value, Bounded):
            return np.asarray(value)
        with np.errstate(over="ignore"):
            stored = value.value.astype(jnp.dtype(self.dtype)).astype(np.float64)
        return np.where(np.isfinite(stored), stored, 0.0)

    def _array(self, value: Array, cases: int) -> Array:
        """In the dtype and still NumPy's: converting and slicing by jax would compile a program for each shape."""
        value = np.broadcast_to(value, (cases, *value.shape[1:]))
        dtype = {"f": jnp.dtype(self.dtype), "i": np.dtype(np.int32)}.get(value.dtype.kind, value.dtype)
        return np.ascontiguousarray(value.astype(dtype))

    def _run_alone(self, programs: Programs, values: Mapping[str, Array]) -> dict[str, Array]:
        """Every equation on autodiff's values, in one program; a faulty one stays out."""
        equations = {n: e for n, e in self.pair.derivation.equations.items() if n not in programs.faults}
        cases = max(len(value) for value in values.values())
        taken = {p for equation in equations.values() for p in equation.parameters}
        arrays = {name: self._array(values[name], cases) for name in sorted(taken)}
        choices = self.pair.choices

        @jax.jit
        def alone(arrays: dict[str, Array]) -> dict[str, Any]:
            one = jax.vmap(lambda values: {n: e(values, choices) for n, e in equations.items()}, axis_size=cases)
            return one(arrays)

        return {name: _numbers(got) for name, got in alone(arrays).items()}

    def _run_whole(self, programs: Programs, leaves: Mapping[str, Array]) -> list[tuple[str, int, Array]]:
        """The composed gradient as a user calls it, batched and by itself: quantity, first case, numbers."""
        if not isinstance(programs.composed, Traced) or self.gradient is None:
            return []
        cases = len(next(iter(leaves.values())))
        inputs = {name: self._array(leaf, cases) for name, leaf in leaves.items() if name != oracle.COTANGENT}
        root, choices = self.pair.derivation.objective, self.pair.choices
        batch = [(f"d{root}_d{symbol}", 0, _numbers(got)) for symbol, got in self.batched(inputs).items()]
        for case in range(min(SINGLE, cases)):
            single = self.gradient(**{name: leaf[case] for name, leaf in inputs.items()}, **choices)
            batch += [(f"d{root}_d{symbol}", case, _numbers(got)[None]) for symbol, got in single.items()]
        return batch


def _traced(program: Traced | Fault | None) -> Traced:
    assert isinstance(program, Traced)
    return program


def _numbers(computed: Any) -> Array:
    return np.asarray(computed).astype(np.float64)


def _around(truth: Any, bound: Bounded) -> Bounded:
    """The value of the reference, with both bounds together."""
    truth = as_bounded(truth)
    return Bounded(truth.value, np.broadcast_to(bound.errors + truth.errors, truth.value.shape))


def _judge(judged: Sequence[tuple[str, int, Array, Bounded]]) -> Run:
    """The one criterion, over quantities given with their first case, what was computed and what was expected."""
    run = Run()
    for quantity, first, computed, expected in judged:
        rows = slice(first, first + len(computed))
        value, error = (np.broadcast_to(a, (max(len(a), rows.stop), *computed.shape[1:]))[rows] for a in (expected.value, expected.errors + np.zeros(expected.value.shape)))
        _, ratio = differs(Bounded(computed), Bounded(value, error))
        ratio = np.where(np.isnan(ratio), 0.0, ratio)
        run.cases = max(run.cases, len(computed))
        run.exact += int((error == 0).sum())
        if ratio.size and ratio.max() > run.worst:
            run.worst = float(ratio.max())
            at = tuple(int(i) for i in np.unravel_index(int(ratio.argmax()), ratio.shape))
            numbers = (float(part[at]) for part in (computed, value, error))
            run.violation = Violation(quantity, first + at[0], at[1:], *numbers)
    if run.worst <= 1:
        run.violation = None
    return run
