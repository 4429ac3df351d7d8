"""From a number somewhere in a program back to the leaves: which one must be what, so that it becomes another one.

Every equation is undone with all its other operands as they are: affine steps, monotone functions, sums, products,
extremes, choices, and whatever only moves numbers. Where a leaf enters by two ways the result is near and not exact;
whoever asks looks what came of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from manual_bp import domains
from verify.branches.inverses import MANY, RULES, UNARY, reduced
from verify.branches.outcomes import numbers
from verify.branches.tape import Entry, Origin, Tape, sources

Index = tuple[int, ...]
LARGEST = 1e150  # beyond it, nothing is squared
NUDGE = 0.125
LARGEST_COUNT = 2**20
RELATIONS = {"lt": "<", "le": "<=", "gt": ">", "ge": "=>", "eq": "=", "ne": "<>"}  # of which one must hold


class Drawn(NamedTuple):
    """What a leaf is drawn from."""

    domain: domains.Domain
    size: int  # one more than the largest index


class Inversion:
    """Of one case of a walk: the leaves' numbers that are to be others, in `targets`.

    With `nudging` they may be anywhere else, behind a function that is not undone.
    """

    def __init__(
        self, tape: Tape, drawn: Mapping[str, Drawn], case: int, rng: np.random.Generator, *, nudging: bool
    ):
        self.tape, self.drawn, self.case, self.rng = tape, drawn, case, rng
        self.nudging = nudging
        self.targets: dict[tuple[str, Index], float] = {}

    def number(self, value: Any, index: Index) -> float:
        """An element of a value as it is now."""
        return element(value, index, self.case)

    def either(self, *ways: Callable[[], bool]) -> bool:
        """The first of these, in any order, that finds leaves."""
        for way in self.rng.permutation(len(ways)):
            before = dict(self.targets)
            if ways[way]():
                return True
            self.targets = before
        return False

    # --- numbers ---

    def aim(self, value: Any, index: Index, target: float) -> bool:
        """Whether leaves were found that make an element of a value this number."""
        origin = self.tape.origin(value)
        if origin is None or not math.isfinite(target) or abs(target) > LARGEST:
            return False
        index = _within(_shape(value, origin), index)
        if origin.leaf is not None:
            return self._leaf(origin.leaf, index, target)
        entry = origin.entry
        assert entry is not None
        name = entry.step.primitive
        try:
            if name in UNARY:
                (a,) = entry.operands
                return self.aim(a, index, UNARY[name](target, self.number(a, index)))
            if name in RULES:
                return RULES[name](self, entry, index, target)
        except (ValueError, OverflowError, ZeroDivisionError):  # no number gives this one
            return False
        if self._moved(entry, origin.output, index, lambda a, at: self.aim(a, at, target)):
            return True
        return self.nudging and self._nudged(entry, index)

    def _nudged(self, entry: Entry, index: Index) -> bool:
        """Of an elementwise function that is not undone: an operand a little elsewhere, for a second guess."""
        shape = entry.step.outputs[0].shape
        alike = [a for a, aval in zip(entry.operands, entry.step.inputs, strict=True) if aval.shape == shape]
        ways = [lambda a=a: self.aim(a, index, self.number(a, index) * (1 + NUDGE) + NUDGE) for a in alike]
        return self.either(*ways)

    def _leaf(self, name: str, index: Index, target: float) -> bool:
        fitted = fit(self.drawn[name], target, self.rng)
        if fitted is None:
            return False
        self.targets[name, index] = fitted
        return True

    def _moved(self, entry: Entry, output: int, index: Index, then: Callable[[Any, Index], bool]) -> bool:
        for operand, places in sources(entry, output, self.case):
            place = int(places[_within(places.shape, index)])
            shape = numbers(entry.operands[operand]).shape[1:]
            if place >= 0 and then(
                entry.operands[operand],
                tuple(int(i) for i in np.unravel_index(place, shape)) if shape else (),
            ):
                return True
        return False

    # --- truth ---

    def decide(self, value: Any, index: Index, wanted: bool) -> bool:
        """Whether leaves were found that make an element of a value true, or false; one that is so needs none."""
        origin = self.tape.origin(value)
        if origin is None:
            return bool(self.number(value, index)) is wanted
        index = _within(_shape(value, origin), index)
        if origin.leaf is not None:
            return self._leaf(origin.leaf, index, float(wanted))
        entry = origin.entry
        assert entry is not None
        name, operands = entry.step.primitive, entry.operands
        if name in RELATIONS:
            said = RELATIONS[name] if wanted else "".join(r for r in "<=>" if r not in RELATIONS[name])
            return self.relate(operands[0], operands[1], index, str(self.rng.choice(list(said))))
        if name in ("and", "or"):
            ways = [lambda operand=operand: self.decide(operand, index, wanted) for operand in operands]
            if (name == "and") is not wanted:
                return self.either(*ways)
            return all([ways[way]() for way in self.rng.permutation(len(ways))])
        if name == "not":
            return self.decide(operands[0], index, not wanted)
        if name in ("reduce_and", "reduce_or"):
            places = reduced(entry, index)
            if (name == "reduce_and") is not wanted:
                return self.decide(operands[0], places[self.rng.integers(len(places))], wanted)
            return len(places) <= MANY and all([self.decide(operands[0], place, wanted) for place in places])
        if name == "convert_element_type":
            return self.aim(operands[0], index, float(wanted))
        return self._moved(entry, origin.output, index, lambda a, at: self.decide(a, at, wanted))

    def relate(self, a: Any, b: Any, index: Index, relation: str, distance: float | None = None) -> bool:
        """Whether leaves were found that make a < b, a = b or a > b; `distance` is relative, or any."""
        one, other = self.number(a, index), self.number(b, index)
        side = {"<": -1.0, "=": 0.0, ">": 1.0}[relation]

        def beside(number: float, side: float) -> float:
            if number == 0:
                return side * (10.0 ** self.rng.uniform(-30, 2) if distance is None else distance)
            far = 10.0 ** self.rng.uniform(-12, -0.1) if distance is None else distance
            return number + side * far * abs(number)

        return self.either(
            lambda: self.aim(a, index, beside(other, side)), lambda: self.aim(b, index, beside(one, -side))
        )


def element(value: Any, index: Index, case: int) -> float:
    """An element of a value, which may hold one number for a whole axis, or for all."""
    array = numbers(value)
    array = array[min(case, len(array) - 1)]
    return float(array[_within(array.shape, index)])


def _shape(value: Any, origin: Origin) -> Index:
    """The shape that the program gives a value; its numbers may have fewer axes."""
    return (
        numbers(value).shape[1:] if origin.entry is None else origin.entry.step.outputs[origin.output].shape
    )


def _within(shape: Index, index: Index) -> Index:
    """The index into an array of this shape, by one into an array like it: either may hold one number for a whole axis,
    or for all.
    """
    if len(index) < len(shape):
        return (0,) * len(shape)
    return tuple(min(i, size - 1) for i, size in zip(index, shape, strict=False))


def fit(drawn: Drawn, target: float, rng: np.random.Generator | None = None) -> float | None:
    """A number of the leaf's domain at the target, or a whole one beside it; None where none is near."""
    if not math.isfinite(target):
        return None
    whole = float(round(target) if rng is None else rng.choice((math.floor(target), math.ceil(target))))
    match drawn.domain:
        case domains.Real():
            return target
        case domains.Nonnegative():
            return target if target >= 0 else None
        case domains.Positive():
            return target if target > 0 else None
        case domains.Interval(low, high):
            return target if low <= target <= high else None
        case domains.Counts():
            return whole if 0 <= whole <= LARGEST_COUNT else None
        case domains.Index():
            return whole if 0 <= whole < drawn.size else None
        case domains.Binary() | domains.Mask():
            return whole if whole in (0.0, 1.0) else None
        case _:
            return None
