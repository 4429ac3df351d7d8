r"""Error bounds of sums and products along axes, for every order of evaluation.

A sum of n terms errs by the sum of their errors and by (n - 1) u sum(|x| + e), whatever the order (Higham,
section 4.2). It rounds nothing if the sum of all |x| over their lowest bit fits into the significand, for
then no part of it does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from verify.arithmetic.bounds.basic_operations import product
from verify.arithmetic.bounds.indexing import indeterminate_where
from verify.arithmetic.bounds.rounding import rounded
from verify.arithmetic.bounds.value import Array, Bounded, numbers
from verify.interpreter.indexing import scatter_add, scatter_with
from verify.interpreter.movement import behind, cumulative
from verify.interpreter.windows import windows

if TYPE_CHECKING:
    from verify.arithmetic.bounds.base import BaseBounds
    from verify.arithmetic.bounds.units import Unit
    from verify.interpreter.steps import Step

Sum = Callable[[Array], Array]


def summed(unit: Unit, a: Bounded, add: Sum, least: Sum, terms: Any) -> Bounded:
    """A map with coefficients 0 and 1: `add` applies it, `least` finds the smallest of the same terms."""
    value, size = add(a.value), np.abs(a.value)
    spread = None if a.error is None else add(a.error)
    total = add(size)
    exact = None
    if a.some_exact:
        exact = fitting(unit, total, least(a.grid))
        if spread is not None:
            exact &= spread == 0
        exact = exact if exact.any() else None
    additions = np.maximum(terms - 1, 0)
    reach = total if spread is None else total + spread
    rounding = additions * (unit.u * reach + unit.flush)
    rounding = rounding if spread is None else rounding + spread
    if exact is not None and exact.all():
        return Bounded(value)
    error = np.where(reach > unit.largest, np.inf, rounding)
    if exact is not None:
        error = np.where(exact, 0.0, error)
    return _certain(a, value, error, add) if not np.isfinite(error).all() else Bounded(value, error)


def fitting(unit: Unit, total: Array, grid: Array) -> Array:
    """Whether every partial sum is a multiple of the grid that fits into the significand, and none is a
    denormal.
    """
    return (total < grid * 2.0**unit.bits) & (grid >= unit.tiny) & (total <= unit.largest)


def _certain(a: Bounded, value: Array, error: Array, add: Sum) -> Bounded:
    """A sum that holds a number which is certainly not finite is certainly not finite, if nothing else may
    be.
    """
    error = np.where(np.isnan(error), np.inf, error)
    special = (a.errors == 0) & ~np.isfinite(a.value)
    certain = (add(special.astype(np.float64)) > 0) & (
        add((~np.isfinite(a.errors)) + np.zeros_like(a.value)) == 0
    )
    return Bounded(value, np.where(~np.isfinite(value) & certain, 0.0, error))


def reduce_sum(arithmetic: BaseBounds, step: Step, a: Bounded) -> Bounded:
    axes = behind(step.params["axes"])
    terms = math.prod([a.value.shape[axis] for axis in axes])
    return summed(
        arithmetic.unit(step),
        a,
        lambda array: array.sum(axis=axes),
        lambda array: array.min(axis=axes, initial=np.inf),
        terms,
    )


def cumsum(arithmetic: BaseBounds, step: Step, a: Bounded) -> Bounded:
    return summed(
        arithmetic.unit(step),
        a,
        lambda array: cumulative(step, array, np.add.accumulate),
        lambda array: cumulative(step, array, np.minimum.accumulate),
        a.value.shape[step.params["axis"] + 1],
    )


def window_sum(arithmetic: BaseBounds, step: Step, a: Bounded) -> Bounded:
    return summed(
        arithmetic.unit(step),
        a,
        lambda array: windows(step, array).sum(axis=-1),
        lambda array: windows(step, array, np.inf).min(axis=-1),
        math.prod(step.params["window_dimensions"]),
    )


def scatter_sum(sign: float) -> Callable[..., Bounded]:
    """scatter-add and scatter-sub: each entry is a sum of what it was and of the updates that meet it."""

    def rule(arithmetic: BaseBounds, step: Step, operand: Bounded, indices: Any, updates: Bounded) -> Bounded:
        unit, index = arithmetic.unit(step), numbers(indices)

        def add(one: Array, other: Array) -> Array:
            return scatter_add(step, one, index, other)

        value = add(operand.value, sign * updates.value)
        total = add(np.abs(operand.value), np.abs(updates.value))
        spread = None
        if operand.error is not None or updates.error is not None:
            spread = add(_whole(operand), _whole(updates))
        # only what is not zero counts as a term, so that one update of an exact zero rounds nothing
        terms = add(
            *(((one.value != 0) | (_whole(one) > 0)).astype(np.float64) for one in (operand, updates))
        )
        exact = None
        if operand.some_exact and updates.some_exact:
            least = np.minimum(_per_case(operand.grid, value.ndim), _per_case(updates.grid, value.ndim))
            exact = fitting(unit, total, least)
            exact = exact if spread is None else exact & (spread == 0)
        reach = total if spread is None else total + spread
        error = np.maximum(terms - 1, 0) * (unit.u * reach + unit.flush)
        error = error if spread is None else error + spread
        error = np.where(reach > unit.largest, np.inf, error)
        if exact is not None:
            error = np.where(exact, 0.0, error)
        error = np.where(np.isnan(error), np.inf, error)
        return indeterminate_where(Bounded(value, error if error.any() else None), [indices])

    return rule


def _whole(value: Bounded) -> Array:
    return np.broadcast_to(value.errors, value.value.shape)


def _per_case(array: Array, rank: int) -> Array:
    least = array.reshape(len(array), -1).min(axis=1, initial=np.inf)
    return least.reshape(-1, *(1,) * (rank - 1))


# --- products along axes


def reduce_prod(arithmetic: BaseBounds, step: Step, a: Bounded) -> Bounded:
    axes = behind(step.params["axes"])
    terms = math.prod([a.value.shape[axis] for axis in axes])
    return _multiplied(arithmetic.unit(step), a, lambda array: array.prod(axis=axes), terms)


def cumprod(arithmetic: BaseBounds, step: Step, a: Bounded) -> Bounded:
    terms = a.value.shape[step.params["axis"] + 1]
    return _multiplied(
        arithmetic.unit(step), a, lambda array: cumulative(step, array, np.multiply.accumulate), terms
    )


def _multiplied(unit: Unit, a: Bounded, multiply: Sum, terms: int) -> Bounded:
    r"""prod(|x| + e) - prod |x| bounds what the factors err by; exact if the product of all |x| over their
    bits fits.
    """
    value = multiply(a.value)
    size = np.abs(a.value)
    spread = None if a.error is None else multiply(size + a.error) - multiply(size)
    if spread is not None:  # the difference of two products that are themselves rounded
        spread = spread + 4 * terms * 2.0**-53 * multiply(size + a.error)
    exact = None
    if a.some_exact:
        digits = multiply(np.where(size > 0, size / a.grid, 1.0))
        least = multiply(np.where(size > 0, np.minimum(size, 1.0), 1.0))  # no part of it underflows
        fits = (
            (digits < 2.0**unit.bits)
            & (least >= unit.tiny)
            & (multiply(np.maximum(size, 1.0)) <= unit.largest)
        )
        exact = fits if a.error is None else fits & (multiply(1.0 + (a.error > 0)) == 1)
        exact = exact if exact.any() else None
    # an underflow in one place is multiplied by all the others
    others = multiply(np.maximum(size + a.errors, 1.0))
    flushed = terms * unit.flush * others
    spread = flushed if spread is None else spread + flushed
    return rounded(unit, value, spread, (_factors(a, multiply),), exact, terms * unit.u)


def _factors(a: Bounded, multiply: Sum) -> Bounded:
    """What stands for all factors of a product that is not finite: one infinity, if that is certain.

    It is where one factor certainly is none of the finite numbers and all the others are exact; finite ones may
    overflow in one order of evaluation and not in another.
    """
    finite, exact = np.isfinite(a.value), np.broadcast_to(a.errors == 0, a.value.shape)
    certain = (multiply(finite.astype(np.float64)) == 0) & (multiply(exact.astype(np.float64)) == 1)
    return Bounded(np.full(certain.shape, np.inf), np.where(certain, 0.0, np.inf))


def cumlogsumexp(arithmetic: BaseBounds, step: Step, a: Bounded) -> Bounded:
    """1-Lipschitz in the largest error so far; each of n steps errs by a few units of the largest partial
    result.
    """
    unit = arithmetic.unit(step)
    value = cumulative(step, a.value, np.logaddexp.accumulate)
    ulps = sum(arithmetic.units.ulps(name, unit) for name in ("exp", "log1p", "log"))
    terms = a.value.shape[step.params["axis"] + 1]
    finite = np.where(np.isfinite(a.value), np.abs(a.value), 0.0)
    largest = cumulative(step, finite, np.maximum.accumulate) + math.log(terms + 1)
    spread = terms * (ulps + 4) * unit.ulp * largest
    if a.error is not None:
        spread = spread + cumulative(step, a.error, np.maximum.accumulate)
    return rounded(unit, value, spread, (a,))


def multiply_scattered(
    arithmetic: BaseBounds, step: Step, operand: Bounded, indices: Any, updates: Bounded
) -> Bounded:
    """scatter-mul where every position is met at most once, which is what jax differentiates."""
    index = numbers(indices)
    ones = np.ones_like(operand.value)
    factor = scatter_with(np.multiply.at, step, ones, index, updates.value)
    errors = scatter_add(step, np.zeros_like(ones), index, _whole(updates))
    met = scatter_add(step, np.zeros_like(ones), index, np.ones_like(updates.value))
    result = product(arithmetic.unit(step), operand, Bounded(factor, errors if errors.any() else None))
    if (met > 1).any():
        result.error = np.where(met > 1, np.inf, result.errors)
    return indeterminate_where(result, [indices])
