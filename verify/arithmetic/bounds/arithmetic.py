"""The arithmetic of rounding errors: float64 values, each with a bound that covers what a device of any dtype
computes.

One trace with float64 avals serves every dtype: float64 *stands for* the dtype of the run, whose unit each
operation rounds by. Data without rounding (integers, dyadic numbers) keeps a bound of zero, so that
comparisons at kinks are decided and the device can be asked for equality to the bit. The bound is first order
in nothing: every rule is an inequality that holds for all numbers within the operands' bounds (Higham,
Accuracy and Stability of Numerical Algorithms, chapters 2 to 4), but for primitives named in `estimated`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from verify.arithmetic.bounds.units import Unit, Units
from verify.arithmetic.bounds.value import Array, Bounded, Doubtful, differs, numbers, power

if TYPE_CHECKING:
    from verify.interpreter.walker import Step

__all__ = ["Bounded", "Bounds", "Doubtful", "differs", "power"]

Value = Any
LITERAL_BITS = 40  # a literal that needs more bits is the rounding of some other number
_DOUBLE_MAX = float(np.finfo(np.float64).max)


class Bounds:
    """Rounding-error bounds for one dtype, matmul precision and platform."""

    def __init__(
        self,
        dtype: Any = np.float64,
        precision: Literal["default", "high", "highest"] = "highest",
        platform: Literal["cpu", "gpu", "tpu"] = "cpu",
    ):
        self.units = Units(dtype, precision, platform)
        self.estimated: set[str] = set()  # primitives whose error is estimated, not bounded
        self.undecided: Array = np.zeros(1, bool)  # cases in which control flow or an index was in doubt
        self._literals: dict[float, Bounded] = {}
        self._last_tag = 0

    @property
    def rules(self) -> Mapping[str, Callable[..., Any]]:
        """One rule a primitive."""
        return _rules()

    # --- what the walker asks for

    def exact(self, array: Array) -> Bounded:
        """A leaf: exact where the run's dtype can hold it, and where it is not a denormal that may count as
        0.
        """
        return self._stored(np.asarray(array, np.float64), self.units.run.bits)

    def constant(self, array: Array) -> Bounded:
        """A literal of the program: exact if the run's dtype can hold it and it is not itself rounded, like
        1/6.
        """
        bits = min(self.units.run.bits, LITERAL_BITS)
        if array.size != 1:
            return self._stored(np.asarray(array, np.float64), bits)
        number = float(array.flat[0])
        if number not in self._literals:
            self._literals[number] = self._stored(np.full(1, number), bits)
        return self._literals[number] if array.ndim == 1 else self._literals[number].reshaped(array.shape[1:])

    def move(self, function: Callable[..., Any], *values: Value) -> Any:
        """Moves values, errors and doubts alike."""
        moved = function(*map(numbers, values))
        several = isinstance(moved, (list, tuple))
        if not any(isinstance(value, Bounded) for value in values):
            doubt = function(*(_component(value, "doubt", False) for value in values))
            results = (
                [Doubtful(v, d) for v, d in zip(moved, doubt, strict=True)]
                if several
                else Doubtful(moved, doubt)
            )
            return results
        error = self._component(function, values, "error", 0.0)
        tag = self._component(function, values, "tag", np.int64(0))
        if not several:
            return Bounded(moved, error, tag)
        blank = [None] * len(moved)
        return [Bounded(*parts) for parts in zip(moved, error or blank, tag or blank, strict=True)]

    @staticmethod
    def _component(function: Callable[..., Any], values: Sequence[Value], name: str, default: Any) -> Any:
        """One component of the moved values; None if no operand has it."""
        if all(getattr(value, name, None) is None for value in values):
            return None
        return function(*(_component(value, name, default) for value in values))

    def steer(self, value: Value) -> Array:
        """The plain numbers; a case in which they are in doubt is remembered as undecided."""
        if isinstance(value, Doubtful):
            self.undecided = self.undecided | value.doubt.reshape(len(value.doubt), -1).any(axis=1)
        return numbers(value)

    def settle(self, results: Sequence[Value]) -> list[Value]:
        """The results of a walk, indeterminate in the cases in which control flow was in doubt."""
        if not self.undecided.any():
            return list(results)

        def clouded(value: Value) -> Value:
            if not isinstance(value, Bounded):
                return value
            cases = self.undecided.reshape(-1, *(1,) * (value.value.ndim - 1))
            return Bounded(value.value, np.where(cases, np.inf, value.errors + np.zeros_like(value.value)))

        return [clouded(value) for value in results]

    def unknown(self, step: Step, *operands: Value) -> Sequence[Value]:
        """A primitive without a rule: jax's own float64 value, and an estimated error."""
        from verify.arithmetic.bounds.estimates import estimate

        if any(isinstance(operand, Bounded) for operand in operands):
            self.estimated.add(step.primitive)
        return estimate(self, step, *operands)

    # --- what the rules ask for

    def unit(self, step: Step) -> Unit:
        """The unit by which the first result of a step is rounded."""
        return self.units.of(step.outputs[0].dtype)

    def tags(self, value: Bounded) -> Array:
        """A name for each computed number, by which it is known when it is met again."""
        if value.tag is None:
            first = self._last_tag + 1
            self._last_tag += value.value.size
            value.tag = np.arange(first, self._last_tag + 1).reshape(value.value.shape)
        return value.tag

    def _stored(self, values: Array, bits: int) -> Bounded:
        """Numbers as the run's dtype stores them."""
        with np.errstate(all="ignore"):
            unit, size, result = self.units.run, np.abs(values), Bounded(values)
            error = np.where(size < unit.tiny, size, 0.0)
            if bits < 53:
                error = np.where(size < np.maximum(result.grid * 2.0**bits, unit.tiny), error, unit.u * size)
                error = np.where(np.isfinite(values), np.where(size > unit.largest, np.inf, error), 0.0)
        if error.any():
            result.error = error
        return result


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


def _component(value: Value, name: str, default: Any) -> Array:
    array = getattr(value, name, None)
    return np.broadcast_to(default, numbers(value).shape) if array is None else array


@functools.cache
def _rules() -> Mapping[str, Callable[..., Any]]:
    from verify.arithmetic.bounds import table

    return table.RULES
