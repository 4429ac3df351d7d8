"""How a result is rounded: where it is exact, where it overflows, and by how much it errs elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from verify.arithmetic.bounds.units import Unit
from verify.arithmetic.bounds.value import Array, Bounded

if TYPE_CHECKING:
    from verify.interpreter.steps import Step

_DOUBLE_MAX = float(np.finfo(np.float64).max)


def rounded(
    unit: Unit,
    value: Array,
    spread: Array | None,
    operands: Sequence[Bounded],
    exact: Array | None = None,
    relative: Array | float | None = None,
    signs: bool = False,
) -> Bounded:
    """A result that differs by `spread` because its operands do, and is then rounded, but not where it is
    exact.

    `relative` is the largest relative error of the operation, if not that of one rounding; `signs` says
    whether an infinite result has the sign of an operand.
    """
    if exact is not None and exact.all():
        return Bounded(value)
    error = np.abs(value)
    if spread is not None:
        error += spread
    beyond = error > unit.largest if unit.largest < _DOUBLE_MAX else None
    error *= unit.u if relative is None else relative
    error += unit.flush
    if spread is not None:
        error += spread
    if beyond is not None and beyond.any():
        error[beyond] = np.inf
    if exact is not None:
        error[exact] = 0.0
    if not np.isfinite(error).all():
        error = _beyond(value, error, operands, signs)
    return Bounded(value, error)


def _beyond(value: Array, error: Array, operands: Sequence[Bounded], signs: bool) -> Array:
    """Errors where something is not finite: 0 where that is certain, inf where it may be an overflow."""
    error = np.where(np.isnan(error), np.inf, error)
    infinite = ~np.isfinite(value)
    if not infinite.any():
        return error
    sure, special, exact, zero = np.array(True), np.array(False), np.array(True), np.array(False)
    for operand in operands:
        certain = operand.errors == 0
        known = np.isfinite(operand.errors) & ((np.abs(operand.value) > operand.errors) if signs else True)
        sure = sure & (certain | known)
        special = special | (certain & ~np.isfinite(operand.value))
        exact = exact & certain
        zero = zero | (operand.value == 0)
    certain = infinite & sure & (special | (exact & (np.isnan(value) | zero)))  # 0/0 and 1/0, but no overflow
    return np.where(infinite, np.where(certain, 0.0, np.inf), error)


def representable(unit: Unit, value: Array, grid: Array) -> Array:
    """Whether a multiple of the grid is a number of this unit, so that neither it nor a part of it was
    rounded.
    """
    size = np.abs(value)
    fits = size < grid * 2.0**unit.bits
    if fits.any():  # in most data nothing does
        fits &= ((size >= unit.tiny) | (size == 0)) & (size <= unit.largest)
    return fits


def exactly(unit: Unit, value: Array, grid: Callable[[], Array], operands: Sequence[Bounded]) -> Array | None:
    """Where an operation on exact operands rounded nothing; None for nowhere."""
    if not all(operand.some_exact for operand in operands):
        return None
    where = representable(unit, value, grid())
    for operand in operands:
        where = operand.exact_where(where)
    return where if where.any() else None


def aligned(step: Step, *operands: Bounded) -> tuple[Bounded, ...]:
    """The operands of an elementwise step, all of the rank of its result."""
    rank = len(step.outputs[0].shape)
    return tuple([o if o.value.ndim == rank + 1 else o.reshaped((1,) * rank) for o in operands])
