"""What a walk in bounds keeps, and what every rule asks of it: units, exact numbers, literals, doubts.

`arithmetic.Bounds` is this with the table of rules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from verify.arithmetic.bounds.units import Unit, Units, unit_of
from verify.arithmetic.bounds.value import Array, Bounded, Doubtful, numbers
from verify.arithmetic.literals import MEANT_BITS

if TYPE_CHECKING:
    from verify.interpreter.observation import Observer
    from verify.interpreter.steps import Step

Value = Any
_DOUBLE_MAX = float(np.finfo(np.float64).max)


class BaseBounds:
    """What the rules of rounding stand on, for one dtype, matmul precision and platform."""

    def __init__(
        self,
        dtype: Any = np.float64,
        precision: Literal["default", "high", "highest"] = "highest",
        platform: Literal["cpu", "gpu", "tpu"] = "cpu",
        traced: Any = np.float64,
        *,
        rounds_casts: bool = True,
    ):
        self.units = Units(dtype, precision, platform, traced)
        self.rounds_casts = rounds_casts  # or else a cast to a narrower dtype leaves numbers as they are
        self.estimated: set[str] = set()  # primitives whose error is estimated, not bounded
        self.observer: Observer | None = None  # of its walks
        self.undecided: Array = np.zeros(1, bool)  # cases in which control flow or an index was in doubt
        self._literals: dict[tuple[float, int], Bounded] = {}  # by number and bits
        self._literal_tags: dict[float, int] = {}
        self._last_tag = 0

    # --- what the walker asks for

    def exact(self, array: Array) -> Bounded:
        """A leaf: exact where the run's dtype can hold it, and where it is not a denormal that may count as
        0.
        """
        return self._stored(np.asarray(array, np.float64), self.units.run.bits)

    def constant(self, array: Array) -> Bounded:
        """A literal of the program: exact if the run's dtype can hold it and it is not itself rounded, like
        1/6.

        Rounded or not, it is one number wherever it stands, and its tag says so: c - c is 0.
        """
        unit = unit_of(array.dtype)
        bits, u = min(self.units.run.bits, MEANT_BITS[unit.bits]), max(self.units.run.u, unit.u)
        if array.size != 1:
            return self._tagged(self._stored(np.asarray(array, np.float64), bits, u))
        number = float(array.flat[0])
        known = self._literals.get((number, unit.bits))
        if known is None:
            known = self._tagged(self._stored(np.full(1, number), bits, u))
            self._literals[number, unit.bits] = known
        return known if array.ndim == 1 else known.reshaped(array.shape[1:])

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
        return [
            value.without_bound(self.undecided) if isinstance(value, Bounded) else value for value in results
        ]

    # --- what the rules ask for

    def unit(self, step: Step) -> Unit:
        """The unit by which the first result of a step is rounded."""
        return self.units.of(step.outputs[0].dtype)

    def tags(self, value: Bounded) -> Array:
        """A name for each computed number, by which it is known when it is met again."""
        nameless = value.tag is None or (value.tag == 0).any()
        if nameless:
            first = self._last_tag + 1
            self._last_tag += value.value.size
            fresh = np.arange(first, self._last_tag + 1).reshape(value.value.shape)
            value.tag = fresh if value.tag is None else np.where(value.tag == 0, fresh, value.tag)
        assert value.tag is not None
        return value.tag

    def _tagged(self, literal: Bounded) -> Bounded:
        """The tags of literals are negative: of the same literal the same, in every program of a walk."""
        if literal.error is not None:
            numbers, places = np.unique(literal.value, return_inverse=True)
            known = self._literal_tags
            tags = [known.setdefault(float(number), -1 - len(known)) for number in numbers]
            tag = np.array(tags, np.int64)[places].reshape(literal.value.shape)
            literal.tag = np.where(literal.error > 0, tag, 0)
        return literal

    def _stored(self, values: Array, bits: int, u: float | None = None) -> Bounded:
        """Numbers as the run's dtype stores them, rounded by `u` where they need more than so many bits."""
        with np.errstate(all="ignore"):
            unit, size, result = self.units.run, np.abs(values), Bounded(values)
            error = np.where(size < unit.tiny, size, 0.0)
            if bits < 53:
                error = np.where(
                    size < np.maximum(result.grid * 2.0**bits, unit.tiny), error, (u or unit.u) * size
                )
                error = np.where(np.isfinite(values), np.where(size > unit.largest, np.inf, error), 0.0)
        if error.any():
            result.error = error
        return result


def _component(value: Value, name: str, default: Any) -> Array:
    array = getattr(value, name, None)
    return np.broadcast_to(default, numbers(value).shape) if array is None else array
