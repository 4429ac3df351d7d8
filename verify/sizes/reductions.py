"""Degrees of what is taken over axes: sums, matrix products, extremes, and what is known of no sum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from verify.sizes import movement
from verify.sizes.degrees import Degree, Known, NoClaim, Position, degree, multiplied, summed
from verify.sizes.flat import Operation
from verify.sizes.reading import Reading, Rule, all_axes


def reduce_sum(reading: Reading, operation: Operation, value: Known) -> Degree:
    value, array = degree(value), reading.flat.arrays[operation.inputs[0]]
    for axis in map(int, operation.params["axes"]):
        value = total(reading, value, axis, array.shape[axis], ("sum", axis))
    return movement.dropped(value, [int(axis) for axis in operation.params["axes"]])


def total(reading: Reading, value: Degree, axis: int, size: Any, move: Any) -> Degree:
    """A sum along an axis of that size; the axis stays."""
    differing = any(axis in factor.axes for factor in value.factors)
    times = reading.count(size) if differing else None
    return summed(value, axis, times, weighted=reading.is_it(size), move=move)


def cumsum(reading: Reading, operation: Operation, value: Known) -> Degree:
    """A sum over the elements up to each."""
    array, axis = reading.flat.arrays[operation.inputs[0]], int(operation.params["axis"])
    result = summed(degree(value), axis, None, weighted=reading.is_it(array.shape[axis]), move="cumsum")
    reading.ordered |= reading.is_it(array.shape[axis])
    return replace(result, axes=result.axes | {axis})


def extreme(reading: Reading, operation: Operation, value: Known) -> Known:
    """A maximum of what is free is one of its elements; argmax says which."""
    value, axes = degree(value), [int(axis) for axis in operation.params["axes"]]
    if not value.free:
        raise NoClaim(f"{operation.primitive} of a sum over it")
    array, output = (reading.flat.arrays[number] for number in (operation.inputs[0], operation.outputs[0]))
    result = movement.dropped(Degree(axes=value.axes - {*axes}), axes)
    over = [axis for axis in axes if reading.is_it(array.shape[axis])]
    if over:
        reading.name(output.shape, result.axes)
    if operation.primitive in ("argmax", "argmin") and over:
        return Position(result.axes, named=True)
    return result


def reduce_other(reading: Reading, operation: Operation, value: Known) -> Degree:
    """A product, or a condition on all elements: known along other axes alone."""
    value, axes = degree(value), [int(axis) for axis in operation.params["axes"]]
    array = reading.flat.arrays[operation.inputs[0]]
    if not value.free or any(reading.is_it(array.shape[axis]) for axis in axes):
        raise NoClaim(f"{operation.primitive} over it")
    return movement.dropped(Degree(axes=value.axes - {*axes}), axes)


def dot_general(reading: Reading, operation: Operation, a: Known, b: Known) -> Degree:
    """Products summed along the contracted axes. Axes of the result: batch, those of a, those of b."""
    (contract_a, contract_b), (batch_a, batch_b) = operation.params["dimension_numbers"]
    shape_a, shape_b = (reading.flat.arrays[number].shape for number in operation.inputs)
    left = [axis for axis in range(len(shape_a)) if axis not in {*contract_a, *batch_a}]
    right = [axis for axis in range(len(shape_b)) if axis not in {*contract_b, *batch_b}]
    count = len(batch_a) + len(left) + len(right)
    first = {int(axis): place for place, axis in enumerate([*batch_a, *left])}
    second = {int(axis): place for place, axis in enumerate(batch_b)}
    second |= {axis: len(batch_a) + len(left) + place for place, axis in enumerate(right)}
    for place, (one, other) in enumerate(zip(contract_a, contract_b, strict=True), start=count):
        first[int(one)] = second[int(other)] = place
    key = (operation.primitive, str(operation.params["dimension_numbers"]), count)
    moved_a = degree(movement.mapped(degree(a), (*key, "a"), first))
    moved_b = degree(movement.mapped(degree(b), (*key, "b"), second))
    product = multiplied(moved_a, moved_b)
    for place, axis in enumerate(contract_a, start=count):
        product = total(reading, product, place, shape_a[int(axis)], (*key, place))
    return product


def convolution(reading: Reading, operation: Operation, a: Known, b: Known) -> Degree:
    """A convolution: along its batch and its channels a matrix product; of its windows nothing is known."""
    params = operation.params
    spec = params["dimension_numbers"]
    arrays = [reading.flat.arrays[number] for number in (*operation.inputs, *operation.outputs)]
    for array, axes in zip(arrays, (spec.lhs_spec, spec.rhs_spec, spec.out_spec), strict=True):
        if any(axis in axes[2:] for axis in reading.along(array)):
            raise NoClaim("windows along it")
    grouped = params["feature_group_count"] != 1 or params["batch_group_count"] != 1
    if grouped and any(reading.along(array) for array in arrays):
        raise NoClaim("a convolution in groups")
    image, kernel = degree(a), degree(b)
    if any(factor.axes for factor in (*image.factors, *kernel.factors)):
        raise NoClaim("a convolution of fractions whose denominators differ")
    product = multiplied(image, kernel)
    weighted = reading.is_it(arrays[0].shape[spec.lhs_spec[1]])
    return replace(product, numerator=product.numerator + weighted, axes=all_axes(arrays[2]))


RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("reduce_max", "reduce_min", "argmax", "argmin"), extreme),
    **dict.fromkeys(("reduce_and", "reduce_or", "reduce_xor", "reduce_prod"), reduce_other),
    "conv_general_dilated": convolution,
    "cumsum": cumsum,
    "dot_general": dot_general,
    "reduce_sum": reduce_sum,
}
