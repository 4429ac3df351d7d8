"""Floats taken apart by their bits: jax splits x into x_hi + x_lo by a mask before it takes exp(-x^2).

Masking rounds towards zero, which is monotone: the ends of the bound tell how far the masked number may move,
most often not at all. Bits that are used in any other way are integers in doubt wherever their number is not
exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from verify.arithmetic.bounds.basic_operations import linear, mul
from verify.arithmetic.bounds.comparisons import in_doubt
from verify.arithmetic.bounds.value import Array, Bounded, Doubtful, numbers, plainly

if TYPE_CHECKING:
    from verify.arithmetic.bounds.base import BaseBounds
    from verify.interpreter.steps import Step


class Bits(Doubtful):
    """The bits of a float64, which remember it."""

    __slots__ = ("number",)

    def __init__(self, number: Bounded, dtype: Any):
        value = number.value.view(dtype)
        super().__init__(value, np.broadcast_to(number.errors > 0, value.shape))
        self.number = number


def bitcast(arithmetic: BaseBounds, step: Step, a: Any) -> Any:
    """Between floats and integers of the same width."""
    dtype = np.dtype(step.outputs[0].dtype)
    if isinstance(a, Bounded):
        if dtype.itemsize == 8 and dtype.kind in "iu":
            return Bits(a, dtype)
        return _narrower(a, step.inputs[0].dtype, dtype)
    if dtype.kind in "iu":
        return in_doubt(arithmetic, step, a)
    if isinstance(a, Bits):
        return a.number
    value = numbers(a).view(dtype).astype(np.float64)
    return Bounded(value, np.where(a.doubt, np.inf, 0.0) if isinstance(a, Doubtful) else None)


def _narrower(a: Bounded, source: Any, dtype: Any) -> Any:
    """The bits of a number as a narrower type holds it, in doubt where that is not this number for certain."""
    if dtype.kind not in "iu" or np.dtype(source).itemsize != dtype.itemsize:
        raise NotImplementedError(f"bitcast_convert_type from {source} to {dtype}")
    held = a.value.astype(source)
    return plainly(held.view(dtype), (a.errors > 0) | (held.astype(np.float64) != a.value))


def bitwise_and(arithmetic: BaseBounds, step: Step, a: Any, b: Any) -> Any:
    """A mask that clears the last bits of a float rounds it towards zero."""
    bits, mask = (a, b) if isinstance(a, Bits) else (b, a)
    if not isinstance(bits, Bits) or not isinstance(mask, np.ndarray) or mask.size != 1:
        return in_doubt(arithmetic, step, a, b)
    cleared = int(~mask.astype(np.uint64).flat[0])
    if cleared >= 2**52 or cleared & (cleared + 1):
        return in_doubt(arithmetic, step, a, b)
    number = bits.number
    value = _masked(number.value, cleared)
    error = None
    if number.error is not None:
        ends = [np.abs(_masked(number.value + sign * number.error, cleared) - value) for sign in (-1.0, 1.0)]
        error = np.maximum(*ends)
        error = np.where(np.isnan(error) | ~np.isfinite(number.error), np.inf, error)
    return Bits(Bounded(value, error), bits.value.dtype)


def _masked(values: Array, cleared: int) -> Array:
    return (values.view(np.uint64) & ~np.uint64(cleared)).view(np.float64)


def polynomial(arithmetic: BaseBounds, step: Step, x: Bounded, *coefficients: Bounded) -> Bounded:
    """Coefficients from the lowest power on, by Horner's rule."""
    add, result = linear(np.add), coefficients[-1]
    for coefficient in reversed(coefficients[:-1]):
        result = add(arithmetic, step, mul(arithmetic, step, result, x), coefficient)
    return result
