r"""Error bounds of elementary functions: how far f(\hat x) may be from f(x), and what the function itself
errs by.

`spread(x, e, f)` bounds |f(\hat x) - f(x)| for every |\hat x - x| <= e, in closed form: from an addition
theorem where there is one (exp, tanh, logistic), else from the largest slope within the bound. Units in the
last place are in `units.ULPS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from verify.arithmetic.bounds import special_functions as special
from verify.arithmetic.bounds.rounding import aligned, rounded
from verify.arithmetic.bounds.units import HOST
from verify.arithmetic.bounds.value import Array, Bounded

if TYPE_CHECKING:
    from verify.arithmetic.bounds.base import BaseBounds
    from verify.arithmetic.bounds.units import Unit
    from verify.interpreter.steps import Step

INF = np.inf


def flushed(unit: Unit) -> float:
    """A function may itself underflow in a few places, or overflow where its result is almost a denormal."""
    return max(4 * unit.flush, unit.tiny)


class Elementary(NamedTuple):
    """One function of one argument."""

    function: Callable[[Array], Array]
    spread: Callable[[Array, Array, Array], Array]
    exact: tuple[float, ...] = ()  # arguments at which the result is a number that every implementation gives
    floor: Callable[[Array], Array] | None = (
        None  # what an error is relative to, where not to the result itself
    )


def _logistic(x: Array) -> Array:
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1.0 + small)


def _inside(x: Array, e: Array) -> Array:
    """The smallest |argument| within the bound."""
    return np.maximum(np.abs(x) - e, 0.0)


def _outside(x: Array, e: Array) -> Array:
    return np.abs(x) + e


def _within(allowed: Array, spread: Array) -> Array:
    """Indeterminate where the bound reaches out of the domain."""
    return np.where(allowed, spread, INF)


def _quotient(e: Array, x: Array) -> Array:
    """e / (x - e), the relative distance seen from the nearer end; inf where the bound reaches 0."""
    return np.where(e < x, e / np.maximum(x - e, 0.0), INF)


def _tanh_spread(x: Array, e: Array, f: Array) -> Array:
    # tanh(x + d) - tanh(x) = (1 - t^2) tanh(d) / (1 + t tanh(d)); 8 units for what 1 - t^2 loses where t is 1
    d = np.minimum(e, 1.0)
    return np.where(e < 1, (1 - f * f + 8 * HOST) * d / (1 - np.abs(f) * d), 2.0)


def _exp_spread(x: Array, e: Array, f: Array) -> Array:
    # exp(x + e) - exp(x) = exp(x) (exp(e) - 1), the left side where the right one may be 0 times infinity
    return np.where(e > 1, np.exp(x + e) - f, f * np.expm1(e))


def _logistic_spread(x: Array, e: Array, f: Array) -> Array:
    # s(x + d) - s(x) = s(x) (1 - s(x + d)) (exp(d) - 1)
    near = np.minimum(f * (1 - f + 4 * HOST) * np.expm1(e), 1.0)
    return np.where(e > 1, np.maximum(_logistic(x + e) - f, f - _logistic(x - e)), near)


def _tan_spread(x: Array, e: Array, f: Array) -> Array:
    d = e * (1 + e * e)
    return np.where((e < 0.7) & (np.abs(f) * d < 1), (1 + f * f) * d / (1 - np.abs(f) * d), INF)


def _sqrt_spread(x: Array, e: Array, f: Array) -> Array:
    return _within(e <= x, np.where(f > 0, e / f, 0.0))


def _rsqrt_spread(x: Array, e: Array, f: Array) -> Array:
    return f * _quotient(e, x) / 2


def _cbrt_spread(x: Array, e: Array, f: Array) -> Array:
    # |a - b| = |a^3 - b^3| / (a^2 + ab + b^2) <= e / (3/4 b^2), and never above (4 e)^(1/3)
    return np.minimum(e / (0.75 * f * f), np.cbrt(4 * e))


def _asin_spread(x: Array, e: Array, f: Array) -> Array:
    end = _outside(x, e)
    return _within(end <= 1, np.minimum(e / np.sqrt((1 - end) * (1 + end)), np.pi * np.sqrt(e)))


def _acosh_spread(x: Array, e: Array, f: Array) -> Array:
    end = x - e
    return _within(end >= 1, e / np.sqrt((end - 1) * (end + 1)))


def _atanh_spread(x: Array, e: Array, f: Array) -> Array:
    end = _outside(x, e)
    return _within(end < 1, e / ((1 - end) * (1 + end)))


def _erf_spread(x: Array, e: Array, f: Array) -> Array:
    near = _inside(x, e)
    return np.minimum(e * (2 / np.sqrt(np.pi)) * np.exp(-near * near), 2.0)


def _erf_inv_spread(x: Array, e: Array, f: Array) -> Array:
    end = _outside(x, e)
    y = special.erf_inv(np.minimum(end, 1.0))
    return _within(end < 1, e * (np.sqrt(np.pi) / 2) * np.exp(y * y))


def _lgamma_spread(x: Array, e: Array, f: Array) -> Array:
    # convex, so within an interval it lies between its smallest value and the larger of those at the ends
    low, high = x - e, x + e
    ends = np.maximum(special.lgamma(np.maximum(low, 0.0)), special.lgamma(high))
    bottom = np.where(
        low > MINIMUM,
        special.lgamma(np.maximum(low, 1.0)),
        special.lgamma(np.minimum(high, MINIMUM)),
    )
    least = np.where((low < MINIMUM) & (high > MINIMUM), -0.1214862905358497, bottom)
    slope = np.maximum(np.abs(special.digamma(np.maximum(low, HOST))), np.abs(special.digamma(high)))
    return _within(low > 0, np.minimum(slope * e, np.maximum(ends - f, f - least)))


def _digamma_spread(x: Array, e: Array, f: Array) -> Array:
    # 1/x + 1/x^2 lies above the derivative
    low = x - e
    return _within(low > 0, e * (1 / low + 1 / (low * low)))


def _lgamma_floor(x: Array) -> Array:
    return 1 + np.abs(x * np.log(np.abs(x) + 2))


MINIMUM = 1.4616321449683623  # where lgamma is least

# fmt: off
ELEMENTARY: dict[str, Elementary] = {
    "exp":      Elementary(np.exp, _exp_spread, (0.0, -INF)),
    "exp2":     Elementary(np.exp2, lambda x, e, f: _exp_spread(x * np.log(2), e * np.log(2), f), (-INF,)),
    "expm1":    Elementary(np.expm1, lambda x, e, f: _exp_spread(x, e, f + 1) + HOST * e, (0.0, -INF)),
    "log":      Elementary(np.log, lambda x, e, f: _quotient(e, x), (1.0,)),
    "log2":     Elementary(np.log2, lambda x, e, f: _quotient(e, x) / np.log(2), (1.0,)),
    "log1p":    Elementary(np.log1p, lambda x, e, f: _quotient(e, (1 + x) * (1 - HOST)), (0.0,)),
    "tanh":     Elementary(np.tanh, _tanh_spread, (0.0, -INF, INF)),
    "logistic": Elementary(_logistic, _logistic_spread, (0.0, -INF, INF)),
    "sqrt":     Elementary(np.sqrt, _sqrt_spread),
    "rsqrt":    Elementary(lambda x: 1 / np.sqrt(x), _rsqrt_spread),
    "cbrt":     Elementary(np.cbrt, _cbrt_spread, (0.0,)),
    "sin":      Elementary(np.sin, lambda x, e, f: np.minimum(e, 2.0), (0.0,)),
    "cos":      Elementary(np.cos, lambda x, e, f: np.minimum(e, 2.0), (0.0,)),
    "tan":      Elementary(np.tan, _tan_spread, (0.0,)),
    "asin":     Elementary(np.arcsin, _asin_spread, (0.0,)),
    "acos":     Elementary(np.arccos, _asin_spread, (1.0,)),
    "atan":     Elementary(np.arctan, lambda x, e, f: e / (1 + _inside(x, e) ** 2), (0.0,)),
    "sinh":     Elementary(np.sinh, lambda x, e, f: np.expm1(e) * np.sqrt(1 + f * f), (0.0,)),
    "cosh":     Elementary(np.cosh, lambda x, e, f: np.expm1(e) * f, (0.0,)),
    "asinh":    Elementary(np.arcsinh, lambda x, e, f: e / np.sqrt(1 + _inside(x, e) ** 2), (0.0,)),
    "acosh":    Elementary(np.arccosh, _acosh_spread, (1.0,)),
    "atanh":    Elementary(np.arctanh, _atanh_spread, (0.0,)),
    "erf":      Elementary(special.erf, _erf_spread, (0.0, -INF, INF)),
    "erfc":     Elementary(special.erfc, _erf_spread, (0.0,)),
    "erf_inv":  Elementary(special.erf_inv, _erf_inv_spread, (0.0,)),
    "lgamma":   Elementary(special.lgamma, _lgamma_spread, (), _lgamma_floor),
    "digamma":  Elementary(special.digamma, _digamma_spread, (), lambda x: 1 + 1 / np.abs(x)),
}
# fmt: on


def elementary(name: str) -> Callable[..., Bounded]:
    """The rule of one function."""
    row = ELEMENTARY[name]

    def rule(arithmetic: BaseBounds, step: Step, a: Bounded) -> Bounded:
        unit = arithmetic.unit(step)
        x, value = a.value, row.function(a.value)
        spread: Any = flushed(unit)
        if a.error is not None:
            spread = spread + np.where(a.error == 0, 0.0, row.spread(x, a.error, value))
            spread = np.where(np.isfinite(a.error), spread, INF)  # of what overflowed even tanh may be NaN
        relative = arithmetic.units.relative(name, unit, x)
        if row.floor is not None:
            relative = relative * np.maximum(row.floor(x) / np.abs(value), 1.0)
            relative = np.where(np.isfinite(relative), relative, 1.0)
        exact = None
        if a.some_exact:
            exact = (
                _exact(row, a)
                if name != "sqrt"
                else _square(a, value, arithmetic.units.ulps(name, unit), unit.bits)
            )
        result = rounded(unit, value, spread, (a,), exact, relative)
        result.exponent = x if name == "exp" else None
        return result

    return rule


def _exact(row: Elementary, a: Bounded) -> Array | None:
    if not row.exact:
        return None
    known = a.value == row.exact[0]
    for point in row.exact[1:]:
        known |= a.value == point
    known = a.exact_where(known)
    return known if known.any() else None


def _square(a: Bounded, root: Array, ulps: float, bits: int) -> Array | None:
    """Where the argument of a correctly rounded square root is the square of a short number."""
    if ulps > 0.5:
        return None
    short = root * 2.0 ** -(bits // 2) < Bounded(root).grid
    known = a.exact_where(short & (root * root == a.value))
    return known if known.any() else None


def atan2(arithmetic: BaseBounds, step: Step, y: Bounded, x: Bounded) -> Bounded:
    """The angle changes by at most the distance over the radius that is left; anything where the cut may be
    crossed.
    """
    y, x = aligned(step, y, x)
    unit, value = arithmetic.unit(step), np.arctan2(y.value, x.value)
    relative = arithmetic.units.relative("atan2", unit, x.value)
    distance = np.hypot(y.errors, x.errors)
    radius = np.hypot(y.value, x.value) - distance
    crossed = (np.abs(y.value) <= y.errors) & (x.value <= x.errors)
    spread = np.where(crossed | ~(radius > 0), 2 * np.pi, (np.pi / 2) * distance / radius)
    spread = np.where(np.isfinite(distance), spread, INF)
    exact = None
    if y.some_exact and x.some_exact:
        exact = y.exact_where(y.value == 0) & x.exact_where(x.value > 0)
    return rounded(unit, value, np.where(np.isnan(spread), INF, spread), (y, x), exact, relative)
