"""Degrees of what is read and written at positions: by a leaf that names an element, or along other axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from verify.sizes.degrees import Degree, Known, NoClaim, Position, added, degree
from verify.sizes.flat import Operation
from verify.sizes.reading import Reading, Rule, all_axes


def dynamic_slice(reading: Reading, operation: Operation, value: Known, *starts: Known) -> Degree:
    before = reading.flat.arrays[operation.inputs[0]].shape
    _check_starts(reading, before, operation.params["slice_sizes"], starts)
    return _anywhere(reading, operation, degree(value))


def dynamic_update_slice(
    reading: Reading, operation: Operation, value: Known, update: Known, *starts: Known
) -> Degree:
    before, written = (reading.flat.arrays[number].shape for number in operation.inputs[:2])
    _check_starts(reading, before, written, starts)
    return _anywhere(reading, operation, degree(value), degree(update))


def _check_starts(
    reading: Reading, whole: Sequence[Any], part: Sequence[Any], starts: Sequence[Known]
) -> None:
    """Along the dimension a slice is all of it, or one element that is named; along others it starts anywhere."""
    for old, new, start in zip(whole, part, starts, strict=True):
        if not reading.is_it(old):
            if not degree(start).free:
                raise NoClaim("a position that is a sum over it")
        elif not reading.is_it(new) and not (new == 1 and isinstance(start, Position) and start.named):
            raise NoClaim("a slice along it")


def gather(reading: Reading, operation: Operation, value: Known, indices: Known) -> Degree:
    numbers, sizes = operation.params["dimension_numbers"], operation.params["slice_sizes"]
    shape = reading.flat.arrays[operation.inputs[0]].shape
    for axis in reading.along(reading.flat.arrays[operation.inputs[0]]):
        if axis in numbers.operand_batching_dims or reading.is_it(sizes[axis]):
            continue
        _check_named(sizes[axis], [*numbers.start_index_map], axis, indices)
    if not isinstance(indices, Position) and not degree(indices).free:
        raise NoClaim("a position that is a sum over it")
    if isinstance(indices, Position) and not any(reading.is_it(shape[a]) for a in numbers.start_index_map):
        raise NoClaim("a position in another dimension")
    return _anywhere(reading, operation, degree(value))


def scatter(reading: Reading, operation: Operation, value: Known, indices: Known, updates: Known) -> Degree:
    """Written, or added, at positions: updates that are the dimension's elements are summed over it."""
    numbers = operation.params["dimension_numbers"]
    operand, _, written = (reading.flat.arrays[number] for number in operation.inputs)
    window = [int(axis) for axis in numbers.update_window_dims]
    kept = {*numbers.inserted_window_dims, *numbers.operand_batching_dims}
    into = [axis for axis in range(len(operand.shape)) if axis not in kept]
    for axis in reading.along(operand):
        if axis in numbers.operand_batching_dims:
            continue
        if axis in into and reading.is_it(written.shape[window[into.index(axis)]]):
            continue
        size = written.shape[window[into.index(axis)]] if axis in into else 1
        _check_named(size, [*numbers.scatter_dims_to_operand_dims], axis, indices)
    if not isinstance(indices, Position) and not degree(indices).free:
        raise NoClaim("a position that is a sum over it")
    batching = {*numbers.scatter_indices_batching_dims}
    batch = [axis for axis in range(len(written.shape)) if axis not in window]
    over = [
        axis
        for place, axis in enumerate(batch)
        if place not in batching and reading.is_it(written.shape[axis])
    ]
    if over and operation.primitive not in ("scatter-add", "scatter_add"):
        raise NoClaim("its elements are written to positions")
    update = degree(updates)
    update = replace(update, numerator=update.numerator + len(over))
    return _anywhere(reading, operation, degree(value), update)


def _check_named(size: Any, indexed: Sequence[int], axis: int, indices: Known) -> None:
    """Raises NoClaim unless the axis is indexed by a leaf that names an element of it."""
    if size != 1 or indexed != [axis] or not (isinstance(indices, Position) and indices.named):
        raise NoClaim("read or written at positions in it")


def _anywhere(reading: Reading, operation: Operation, *values: Degree) -> Degree:
    """Any of the entries of these values, somewhere else."""
    if any(factor.axes for value in values for factor in value.factors):
        raise NoClaim("fractions whose denominators differ are read or written at positions")
    result = added(*values)
    return replace(result, axes=all_axes(reading.flat.arrays[operation.outputs[0]]))


RULES: Mapping[str, Rule] = {
    "dynamic_slice": dynamic_slice,
    "dynamic_update_slice": dynamic_update_slice,
    "gather": gather,
    "scatter": scatter,
    "scatter-add": scatter,
    "scatter_add": scatter,
}
