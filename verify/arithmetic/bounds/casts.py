"""Casts: to a wider type exact, to a narrower one than the run's a rounding that the program asks for, and is
seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from verify.arithmetic.bounds.comparisons import in_doubt
from verify.arithmetic.bounds.rounding import representable, rounded
from verify.arithmetic.bounds.value import Array, Bounded, Doubtful, numbers, plainly
from verify.interpreter.integers import INTEGER_RULES, iota

if TYPE_CHECKING:
    from verify.arithmetic.bounds.base import BaseBounds
    from verify.arithmetic.bounds.units import Unit
    from verify.interpreter.steps import Step


def convert_element_type(arithmetic: BaseBounds, step: Step, a: Any) -> Any:
    if np.dtype(step.outputs[0].dtype).kind in "iub":
        return _to_integer(step, a) if isinstance(a, Bounded) else in_doubt(arithmetic, step, a)
    unit = arithmetic.unit(step)
    if not isinstance(a, Bounded):
        return from_integer(unit, a)
    source = arithmetic.units.of(step.inputs[0].dtype)
    if unit.bits >= source.bits and unit.largest >= source.largest:
        return a
    if unit.bits < arithmetic.units.run.bits:
        return shortened(a, unit, unit.bits) if arithmetic.rounds_casts else a
    return _narrowed(unit, a)


def from_integer(unit: Unit, a: Any) -> Bounded:
    """Integers that the type cannot hold are rounded; a truth value in doubt is wrong by 1."""
    value = numbers(a).astype(np.float64)
    result = _narrowed(unit, Bounded(value))
    if isinstance(a, Doubtful):
        wrong = 1.0 if a.value.dtype == bool else np.inf
        result.error = np.where(a.doubt, wrong, result.errors)
    return result


def _narrowed(unit: Unit, a: Bounded) -> Bounded:
    exact = a.exact_where(representable(unit, a.value, a.grid)) if a.some_exact else None
    return rounded(unit, a.value, a.error, (a,), exact)


def shortened(a: Bounded, unit: Unit, bits: int) -> Bounded:
    """Rounded to so many bits by the program itself; the value moves, and the bound is what rounding leaves
    of it.

    So float32 inside a float64 computation shows as a difference, and is not hidden in the bound.
    """
    value = round_to(a.value, bits)
    error = None
    if a.error is not None:
        ends = round_to(a.value + a.error, bits) - value, value - round_to(a.value - a.error, bits)
        error = np.maximum(np.maximum(*ends), a.error)
    flushed = np.abs(value) < unit.tiny
    beyond = np.abs(value) > unit.largest
    if (flushed & (value != 0)).any():
        error = np.where(
            flushed, np.abs(value) + (0.0 if error is None else error), 0.0 if error is None else error
        )
    if (beyond & np.isfinite(a.value)).any():
        error = np.where(beyond & np.isfinite(a.value), np.inf, 0.0 if error is None else error)
    if error is not None:
        error = np.where(np.isfinite(value), np.where(np.isnan(error), np.inf, error), a.errors)
    return Bounded(value, error)


def round_to(values: Array, bits: int) -> Array:
    """The nearest number of so many bits, ties to even; float64 has more, so this is exact."""
    fraction, exponent = np.frexp(values)
    return np.where(np.isfinite(values), np.ldexp(np.rint(np.ldexp(fraction, bits)), exponent - bits), values)


def reduce_precision(arithmetic: BaseBounds, step: Step, a: Bounded) -> Bounded:
    """A rounding that every compiler keeps."""
    unit, bits = arithmetic.unit(step), step.params["mantissa_bits"] + 1
    return a if bits >= unit.bits else shortened(a, unit, bits)


def _to_integer(step: Step, a: Bounded) -> Any:
    """The fraction is cut off; in doubt where the bound reaches over an integer."""
    convert = INTEGER_RULES["convert_element_type"]
    value = convert(step, a.value)
    if a.error is None:
        return value
    if np.dtype(step.outputs[0].dtype).kind == "b":
        return plainly(value, ~(np.abs(a.value) > a.error) & (a.error > 0))
    doubt = (np.trunc(a.value - a.error) != np.trunc(a.value + a.error)) | ~np.isfinite(a.error)
    return plainly(value, doubt)


def counted(arithmetic: BaseBounds, step: Step) -> Any:
    """iota; as a float, each number is rounded."""
    numbers = iota(step)
    if np.dtype(step.outputs[0].dtype).kind in "iub":
        return numbers
    return from_integer(arithmetic.unit(step), numbers)
