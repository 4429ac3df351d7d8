r"""Error bounds of matrix products and convolutions, on matrix units of any precision, in any order of
summation.

With A+ = |A| + E_A: E = (E_A + c A+) B+ + A+ E_B, where c = theta + K u covers the rounding of the inputs
inside a product and that of K additions (Higham, section 3.5, with any order and fused multiply-adds), and
the underflow of each. Where each product is stored before it is added, theta covers its rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from verify.arithmetic.bounds.casts import from_integer
from verify.arithmetic.bounds.rounding import representable
from verify.arithmetic.bounds.units import HOST
from verify.arithmetic.bounds.value import Array, Bounded, Doubtful, lowest_bit
from verify.interpreter.contraction import layout

if TYPE_CHECKING:
    from verify.arithmetic.bounds.base import BaseBounds
    from verify.arithmetic.bounds.units import Products, Unit
    from verify.interpreter.steps import Step


def contraction(arithmetic: BaseBounds, step: Step, a: Any, b: Any) -> Bounded:
    """dot_general and conv_general_dilated."""
    to_left, to_right, arrange, terms = layout(step)
    unit = arithmetic.unit(step)
    a, b = (from_integer(unit, x) if isinstance(x, Doubtful) else x for x in (a, b))
    a, b = (arithmetic.exact(x.astype(np.float64)) if isinstance(x, np.ndarray) else x for x in (a, b))
    floats = [
        aval.dtype for aval in step.inputs[:2] if jnp.issubdtype(aval.dtype, jnp.inexact)
    ]  # not a mask's
    narrower = min(map(arithmetic.units.of, floats), key=lambda unit: unit.bits)
    left, right = _laid_out(a, to_left), _laid_out(b, to_right)
    value = left.value @ right.value
    vector = 1 in value.shape[-2:]
    products = arithmetic.units.products(narrower, unit, step.params.get("precision"), vector)
    a_reach, b_reach = np.abs(left.value), np.abs(right.value)
    if left.error is not None:
        a_reach += left.error
    if right.error is not None:
        b_reach += right.error
    reach = a_reach @ b_reach
    error = (products.input + terms * (products.accumulator + HOST) + products.output) * reach
    if left.error is not None:
        error += left.error @ b_reach
    if right.error is not None:
        error += a_reach @ right.error
    error += unit.flush * (2 * terms + 1)
    if products.input and products.stored is None:  # a part of a split factor may underflow
        error += unit.flush * (a_reach.sum(axis=-1)[..., :, None] + b_reach.sum(axis=-2)[..., None, :])
    error = np.where(reach > unit.largest, np.inf, error)
    if left.some_exact and right.some_exact:
        exact = _exact(unit, products, value, reach, left, right)
        if products.stored is not None:
            exact &= _products_fit(products.stored, left, right) & (reach <= unit.largest)
        if exact.all():
            return Bounded(arrange(value))
        error = np.where(exact, 0.0, error)
    if not np.isfinite(error).all():
        error = _beyond(error, value, left, right)
    return Bounded(arrange(value), arrange(error))


def _laid_out(operand: Bounded, arrange: Callable[[Array], Array]) -> Bounded:
    return Bounded(arrange(operand.value), None if operand.error is None else arrange(operand.error))


def _exact(
    unit: Unit, products: Products, value: Array, reach: Array, left: Bounded, right: Bounded
) -> Array:
    """Where every partial sum is a multiple of one bit that fits into the accumulator, and the factors are
    not rounded.
    """
    rows, columns = _lowest(left, -1, products), _lowest(right, -2, products)
    grid = rows[..., :, None] * columns[..., None, :]
    fits = (reach < grid * 2.0**products.accumulator_bits) & (grid >= unit.tiny)
    if unit.bits < products.accumulator_bits:  # the sum is exact, and is rounded when it is stored
        return fits & representable(unit, value, lowest_bit(value))
    return fits & (reach <= unit.largest)


def _products_fit(unit: Unit, left: Bounded, right: Bounded) -> Array:
    """Where no product is rounded when it is stored: not even one of the longest factors along the summed axis."""
    rows, columns = (
        (np.abs(operand.value) / operand.grid).max(axis=axis, initial=0.0)
        for operand, axis in ((left, -1), (right, -2))
    )
    return np.asarray(rows[..., :, None] * columns[..., None, :] < 2.0**unit.bits)


def _lowest(operand: Bounded, axis: int, products: Products) -> Array:
    """The lowest bit along the summed axis; 0 where a factor is inexact or too long for the multiplier."""
    grid = operand.grid
    whole = operand.exact_where(np.abs(operand.value) < grid * 2.0**products.input_bits)
    return np.where(whole.all(axis=axis), grid.min(axis=axis, initial=np.inf), 0.0)


def _beyond(error: Array, value: Array, left: Bounded, right: Bounded) -> Array:
    """A sum with a term that is certainly not finite is certainly not finite, if no other term is
    indeterminate.
    """
    error = np.where(np.isnan(error), np.inf, error)
    special, settled = [], []
    for operand, axis in ((left, -1), (right, -2)):
        errors = np.broadcast_to(operand.errors, operand.value.shape)
        special.append(((errors == 0) & ~np.isfinite(operand.value)).any(axis=axis))
        settled.append(np.isfinite(errors).all(axis=axis))
    either = special[0][..., :, None] | special[1][..., None, :]
    both = settled[0][..., :, None] & settled[1][..., None, :]
    return np.where(~np.isfinite(value) & either & both, 0.0, error)
