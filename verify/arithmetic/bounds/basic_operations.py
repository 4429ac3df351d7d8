r"""Error bounds of the arithmetic operations: each is an inequality for all numbers within the operands'
bounds.

Let a be the carried value, e_a its bound and \hat a what is computed, |\hat a - a| <= e_a. Sums err by e_a +
e_b, products by |a| e_b + e_a (|b| + e_b), quotients by (e_a + |a/b| e_b) / (|b| - e_b); then the operation
itself rounds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from verify.arithmetic.bounds.rounding import aligned, exactly, representable, rounded
from verify.arithmetic.bounds.units import HOST, Unit
from verify.arithmetic.bounds.value import Array, Bounded

if TYPE_CHECKING:
    from verify.arithmetic.bounds.base import BaseBounds
    from verify.interpreter.steps import Step


def linear(ufunc: np.ufunc) -> Callable[..., Bounded]:
    """Sums and differences; adding an exact zero rounds nothing."""

    def rule(arithmetic: BaseBounds, step: Step, a: Bounded, b: Bounded) -> Bounded:
        a, b = aligned(step, a, b)
        unit, value = arithmetic.unit(step), ufunc(a.value, b.value)
        exact = exactly(unit, value, lambda: np.minimum(a.grid, b.grid), (a, b))
        spread = _sum(a.error, b.error)
        result = rounded(unit, value, spread, (a, b), exact)
        if result.error is not None and spread is not None:
            for one, other in ((a, b), (b, a)):
                zero = _zeros(one)
                if zero is not None:
                    result.error = np.where(zero, other.errors, result.error)
        return result

    return rule


_subtract = linear(np.subtract)


def subtract(arithmetic: BaseBounds, step: Step, a: Bounded, b: Bounded) -> Bounded:
    """A literal less itself is 0, however it was rounded."""
    result = _subtract(arithmetic, step, a, b)
    if a.tag is None or b.tag is None or result.error is None:
        return result
    a, b = aligned(step, a, b)
    assert a.tag is not None and b.tag is not None
    same = (a.tag == b.tag) & (a.tag < 0) & np.isfinite(a.errors)  # it may be infinite in the run's dtype
    if same.any():
        result.error = np.where(same, 0.0, result.error)
    return result


def mul(arithmetic: BaseBounds, step: Step, a: Bounded, b: Bounded) -> Bounded:
    """Products; an exact zero, or an exact power of two, rounds nothing."""
    a, b = aligned(step, a, b)
    unit = arithmetic.unit(step)
    result = product(unit, a, b)
    if a.exponent is not None and b.exponent is not None:
        _one_exponential(unit, result, a.exponent + b.exponent)
    elif a.exponent is not None and b.error is None and (b.value == 1).all():
        result.exponent = a.exponent
    elif b.exponent is not None and a.error is None and (a.value == 1).all():
        result.exponent = b.exponent
    return result


def product(unit: Unit, a: Bounded, b: Bounded) -> Bounded:
    value = a.value * b.value
    exact = exactly(unit, value, lambda: a.grid * b.grid, (a, b))
    spread = None
    if b.error is not None:
        spread = np.abs(a.value) * b.error
    if a.error is not None:
        more = a.error * (np.abs(b.value) + b.errors)
        spread = more if spread is None else spread + more
    result = rounded(unit, value, spread, (a, b), exact, signs=True)
    if result.error is not None and spread is not None:
        for one in (a, b):
            if one.some_exact:
                size = np.abs(one.value)
                plain = one.exact_where((size == one.grid) | (size == 0)) & np.isfinite(result.error)
                plain = plain & np.isfinite(value)  # what is certainly NaN stays so
                if plain.any():
                    flushed = np.where((size < 1) & (size > 0), unit.flush, 0.0)
                    result.error = np.where(plain, spread + flushed, result.error)
    return result


def div(arithmetic: BaseBounds, step: Step, a: Bounded, b: Bounded) -> Bounded:
    """Quotients; an exact zero divided, or an exact power of two as divisor, rounds nothing."""
    a, b = aligned(step, a, b)
    unit = arithmetic.unit(step)
    value = a.value / b.value
    ulps = arithmetic.units.ulps("div", unit)
    exact, power_of_two = None, None
    if b.some_exact:
        power_of_two = b.exact_where(np.abs(b.value) == b.grid) & np.isfinite(b.value)
        if ulps > 3:  # by a reciprocal that is itself rough
            power_of_two = power_of_two & (np.abs(b.value) == 1)
    if a.some_exact:
        exact = a.exact_where(a.value == 0) & (np.abs(b.value) > b.errors)
        if power_of_two is not None:
            fits = (np.abs(value) >= unit.tiny) & (np.abs(value) <= unit.largest)
            exact = exact | a.exact_where(fits) & power_of_two
    spread = None
    if a.error is not None or b.error is not None:
        # divide first: a product in the numerator could underflow
        distance = np.abs(b.value) - b.errors
        spread = np.where(distance > 0, a.errors / distance + np.abs(value) * (b.errors / distance), np.inf)
    relative = _relative(unit, ulps)
    huge = np.abs(b.value) * unit.tiny > 0.25  # whose reciprocal is a denormal
    if huge.any():
        relative = np.where(huge, 1.0, relative)
    result = rounded(unit, value, spread, (a, b), exact, relative, signs=True)
    if result.error is not None and spread is not None and power_of_two is not None:
        plain = power_of_two & np.isfinite(result.error)
        if plain.any():
            result.error = np.where(plain & (result.error > 0), spread + unit.flush, result.error)
    _rearranged(unit, result, a, b)
    if a.exponent is not None and b.exponent is not None:
        _one_exponential(unit, result, a.exponent - b.exponent)
    result.quotient = (a, b)
    return result


def _rearranged(unit: Unit, result: Bounded, a: Bounded, b: Bounded) -> None:
    """XLA computes (p/q)/b as p/(q b), and a/(p/q) as (a q)/p: anything goes where that product leaves the range."""
    for quotient, other in ((a.quotient, b), (b.quotient, a)):
        if quotient is not None:
            size = np.abs(quotient[1].value * other.value)
            outside = ((size * (1 + unit.ulp) > unit.largest) | (size < 2 * unit.tiny)) & (result.value != 0)
            if outside.any():
                result.error = np.where(outside, np.inf, result.errors)


def _one_exponential(unit: Unit, result: Bounded, exponent: Array) -> None:
    """XLA computes exp(x) exp(y) as exp(x + y), and exp(x) / exp(y) as exp(x - y): their sum is rounded."""
    result.exponent = exponent
    with np.errstate(all="ignore"):
        more = unit.u * np.abs(exponent) * np.abs(result.value)
    if (more > 0).any():
        result.error = result.errors + np.where(np.isnan(more), np.inf, more)


def neg(arithmetic: BaseBounds, step: Step, a: Bounded) -> Bounded:
    return Bounded(-a.value, a.error)


def absolute(arithmetic: BaseBounds, step: Step, a: Bounded) -> Bounded:
    return Bounded(np.abs(a.value), a.error)


def sign(arithmetic: BaseBounds, step: Step, a: Bounded) -> Bounded:
    """Between 1 and 2 wrong where the argument may have another sign."""
    value = np.sign(a.value)
    if a.error is None:
        return Bounded(value)
    wrong = np.where(np.abs(a.value) > a.error, 0.0, np.where(a.error == 0, 0.0, 1 + np.abs(value)))
    unknown = np.isnan(value) | np.isinf(a.error)
    return Bounded(value, np.where(unknown, a.error, wrong) if wrong.any() else None)


def integer_pow(arithmetic: BaseBounds, step: Step, a: Bounded) -> Bounded:
    r"""|\hat a^n - a^n| <= n (|a| + e)^(n-1) e, and n - 1 products in any order; a negative power is a
    reciprocal.
    """
    unit, n = arithmetic.unit(step), step.params.get("y", 2)
    if n < 0:
        below = raised(unit, a, -n)
        with_one = div(arithmetic, step, Bounded(np.ones_like(a.value)), below)
        return with_one
    return raised(unit, a, n)


def raised(unit: Unit, a: Bounded, n: int) -> Bounded:
    if n < 2:
        return a if n == 1 else Bounded(np.ones_like(a.value))
    value = a.value * a.value if n == 2 else a.value**n
    exact = exactly(unit, value, lambda: a.grid**n, (a,))
    spread = None if a.error is None else n * (np.abs(a.value) + a.error) ** (n - 1) * a.error
    return rounded(unit, value, spread, (a,), exact, n * unit.u)


def one_minus_square(arithmetic: BaseBounds, step: Step, a: Bounded) -> Bounded:
    r"""(1 + a)(1 - a), three roundings; |\hat a^2 - a^2| <= 2 |a| e + e^2."""
    unit, above, below = arithmetic.unit(step), 1 + a.value, 1 - a.value
    value = above * below
    exact = None
    if a.some_exact:
        grid = np.minimum(a.grid, 1.0)
        parts = representable(unit, above, grid) & representable(unit, below, grid)
        exact = a.exact_where(parts & representable(unit, value, grid * grid))
    spread = None if a.error is None else (2 * np.abs(a.value) + a.error) * a.error
    return rounded(unit, value, spread, (a,), exact, 3.01 * unit.u)


def power(arithmetic: BaseBounds, step: Step, a: Bounded, b: Any) -> Bounded:
    r"""x^y = exp(y log x): its relative error is that of the exponent, |y| e_x / (x - e_x) + |log x| e_y."""
    unit = arithmetic.unit(step)
    if not isinstance(b, Bounded):  # an integer exponent, as an array
        b = Bounded(np.asarray(b, np.float64))
    a, b = aligned(step, a, b)
    value = np.power(a.value, b.value)
    ulps = arithmetic.units.ulps("pow", unit)
    whole = b.exact_where((b.value == np.rint(b.value)) & (np.abs(b.value) < 2.0**20))
    size = np.abs(a.value)
    inner = size - a.errors
    logarithm = np.maximum(np.abs(np.log(inner)), np.abs(np.log(size + a.errors)))
    exponent = np.abs(b.value) * np.where(a.errors == 0, 0.0, -np.log1p(-a.errors / size))
    exponent = exponent + np.where(b.errors == 0, 0.0, b.errors * logarithm)
    spread = np.abs(value) * np.expm1(exponent)
    spread = np.where(
        (a.value > a.errors) | whole & (inner > 0) | (exponent == 0) & (value != 0), spread, np.inf
    )
    small = whole & (b.value >= 1)  # around zero a whole power is smooth
    spread = np.where(
        small & ~(inner > 0), np.abs(b.value) * (size + a.errors) ** (b.value - 1) * a.errors, spread
    )
    spread = np.where(b.exact_where(b.value == 0), 0.0, spread)
    exact = b.exact_where((b.value == 0) | (b.value == 1) & (a.errors == 0)) if b.some_exact else None
    if exact is not None and a.some_exact:
        exact = exact | whole & (b.value >= 1) & a.exact_where(
            representable(unit, value, a.grid ** np.abs(b.value))
        )
        exact = exact | (b.value > b.errors) & a.exact_where(a.value == 0)
    # the device may multiply b times, or take exp(b log a), whose error grows with the exponent
    relative = (ulps + np.abs(b.value * np.log(size))) * unit.ulp + 8 * HOST
    relative = np.where(np.isfinite(relative), relative, ulps * unit.ulp)
    return rounded(unit, value, spread, (a, b), exact, relative, signs=True)


def remainder(arithmetic: BaseBounds, step: Step, a: Bounded, b: Bounded) -> Bounded:
    """a - trunc(a/b) b, which no machine rounds; where the quotient may be another integer, anything below
    |b|.
    """
    a, b = aligned(step, a, b)
    value = np.fmod(a.value, b.value)
    if a.error is None and b.error is None:
        return rounded(arithmetic.unit(step), value, None, (a, b), np.isfinite(value) & (b.value != 0))
    quotient = np.trunc(a.value / b.value)
    spread = a.errors + np.abs(quotient) * b.errors
    size = np.abs(b.value) - b.errors
    rest = np.abs(value)
    near = (rest - spread <= 0) & (quotient != 0) | (rest + spread >= size) | ~(size > 0)
    error = np.where(near, 2 * np.abs(b.value) + b.errors + spread, spread)
    error = np.where((spread == 0) & (b.value != 0), 0.0, error)
    return Bounded(value, np.where(np.isfinite(error) & np.isfinite(value), error, np.inf))


def stepwise(ufunc: Callable[[Array], Array]) -> Callable[..., Bounded]:
    """round, floor, ceil: monotone, so the bounds of the argument give those of the result; never rounded."""

    def rule(arithmetic: BaseBounds, step: Step, a: Bounded) -> Bounded:
        away = step.primitive == "round" and int(step.params["rounding_method"]) == 0
        function = _half_away if away else ufunc
        value = function(a.value)
        if a.error is None:
            return Bounded(value)
        error = np.maximum(function(a.value + a.error) - value, value - function(a.value - a.error))
        return Bounded(value, np.where(np.isnan(error), a.error, error))

    return rule


def nextafter(arithmetic: BaseBounds, step: Step, a: Bounded, b: Bounded) -> Bounded:
    """One unit in the last place of the run's dtype beside the argument; our own float64 shows none of it."""
    a, b = aligned(step, a, b)
    value = np.nextafter(a.value, b.value)
    unit = arithmetic.unit(step)
    return Bounded(value, a.errors + np.abs(value) * unit.ulp + unit.flush)


def _half_away(values: Array) -> Array:
    return np.copysign(np.floor(np.abs(values) + 0.5), values)


def _relative(unit: Unit, ulps: float) -> float:
    """A relative error from units in the last place, our own rounding included."""
    return ulps * unit.ulp + HOST


def _sum(a: Array | None, b: Array | None) -> Array | None:
    return b if a is None else a if b is None else a + b


def _zeros(value: Bounded) -> Array | None:
    """Where a value is exactly zero; None for nowhere."""
    if not value.some_exact:
        return None
    zero = value.exact_where(value.value == 0)
    return zero if zero.any() else None
