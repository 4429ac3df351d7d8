"""A program read for one dimension: the degree of every value in its weights, and the elements that it names."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from verify.sizes.degrees import Axes, Degree, Known, NoClaim, Unknown
from verify.sizes.flat import Array, Flat, Operation, sizes_in

Rule = Callable[..., Known | list[Known]]
REPEATS = frozenset({"broadcast_in_dim", "reshape", "squeeze", "copy"})


@dataclass
class Reading:
    """What is found out about one dimension while a program is read."""

    flat: Flat
    dimension: str
    decided: Mapping[str, int]  # dimensions for which so many elements decide all sizes
    values: dict[int, Known] = field(default_factory=dict)
    made: dict[int, Operation] = field(default_factory=dict)  # by the number of a result, what computes it
    roots: int = 0  # square roots of sums over it that a result may have
    named: int = 0  # elements that are singled out, whatever the weights: winners, labels
    smallest: int = 1  # the smallest size from which on every kind of pattern occurs
    ordered: bool = False  # whether it matters in which order the elements stand
    needs: set[str] = field(default_factory=set)  # dimensions of which few elements have to be enough
    at_most_one: list[int] = field(default_factory=list)  # conditions that no two elements fulfil

    def is_it(self, size: Any) -> bool:
        """Whether an axis of this size runs over the dimension."""
        return not isinstance(size, int) and str(size) == self.dimension

    def along(self, array: Array) -> list[int]:
        """The axes of an array that run over the dimension."""
        return [axis for axis, size in enumerate(array.shape) if self.is_it(size)]

    def name(self, shape: Sequence[Any], axes: Axes) -> None:
        """Singles out one element for each entry of an array that varies along these axes."""
        counts = [self.count(shape[axis]) for axis in axes]
        if None in counts:
            raise NoClaim("one of its elements is singled out for each of many others")
        self.named += math.prod(count for count in counts if count is not None)

    def source(self, number: int) -> int:
        """Of an array that is one number everywhere, where that number comes from."""
        while not self.values[number].axes and number in self.made and self.made[number].primitive in REPEATS:
            number = self.made[number].inputs[0]
        return number

    def count(self, size: Any) -> int | None:
        """How many elements of an axis have to be looked at; None where that is not known."""
        if isinstance(size, int):
            return size
        if self.is_it(size) or str(size) not in self.decided:
            return None
        self.needs.add(str(size))
        return self.decided[str(size)]


def read(
    flat: Flat,
    dimension: str,
    leaves: Mapping[int, Known],
    decided: Mapping[str, int],
    rules: Mapping[str, Rule],
) -> Reading:
    """Every value of a program, given those of its inputs."""
    reading = Reading(flat, dimension, decided)
    constants = {
        number: Degree(axes=all_axes(flat.arrays[number]), zero=not literal.any())
        for number, literal in flat.literals.items()
    }
    reading.values = {**leaves, **constants, **{number: Degree() for number in flat.keys}}
    for operation in flat.operations:
        reading.made.update(dict.fromkeys(operation.outputs, operation))
        results = _apply(reading, operation, rules)
        reading.values.update(zip(operation.outputs, results, strict=True))
    return reading


def _apply(reading: Reading, operation: Operation, rules: Mapping[str, Rule]) -> Sequence[Known]:
    operands = [reading.values[number] for number in operation.inputs]
    count = len(operation.outputs)
    try:
        _check_axes(reading, operation)
        if operation.primitive in rules:
            result = rules[operation.primitive](reading, operation, *operands)
            return result if isinstance(result, list) else [result]
        return _without_rule(reading, operation, operands)
    except NoClaim as none:
        return [Unknown(str(none))] * count


def _check_axes(reading: Reading, operation: Operation) -> None:
    for number in (*operation.inputs, *operation.outputs):
        for size in reading.flat.arrays[number].shape:
            if not reading.is_it(size) and reading.dimension in sizes_in(size):
                raise NoClaim(f"an axis of size {size}")


def _without_rule(reading: Reading, operation: Operation, operands: Sequence[Known]) -> Sequence[Known]:
    """A primitive that does not touch the dimension is a function like any other."""
    for operand in operands:
        if isinstance(operand, Unknown):
            raise NoClaim(operand.why)
    arrays = [reading.flat.arrays[number] for number in (*operation.inputs, *operation.outputs)]
    touched = reading.dimension in sizes_in([[array.shape for array in arrays], dict(operation.params)])
    if touched or not all(isinstance(operand, Degree) and operand.free for operand in operands):
        raise NoClaim(f"{operation.primitive} has no rule for sizes")
    return [Degree(axes=all_axes(reading.flat.arrays[number])) for number in operation.outputs]


def all_axes(array: Array) -> Axes:
    """The axes along which an array may vary: those of more than one element."""
    return frozenset(
        axis for axis, size in enumerate(array.shape) if not (isinstance(size, int) and size == 1)
    )
