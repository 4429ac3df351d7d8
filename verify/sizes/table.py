"""What each primitive does to degrees: one row a primitive; one without a row is known only where it touches nothing.

A row takes the reading, the operation and the operands' values, and raises NoClaim with the reason.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from verify.sizes import indexing, movement
from verify.sizes.degrees import (
    Degree,
    Known,
    Never,
    NoClaim,
    Position,
    added,
    degree,
    inverted,
    moved,
    multiplied,
    raised,
    summed,
)
from verify.sizes.flat import Operation, sizes_in
from verify.sizes.reading import REPEATS, Reading, Rule, all_axes


def same(reading: Reading, operation: Operation, *values: Known) -> Any:
    """A change of sign, or none at all."""
    return [*values] if len(values) > 1 else values[0]


def cast(reading: Reading, operation: Operation, value: Known) -> Known:
    dtype = reading.flat.arrays[operation.outputs[0]].dtype
    return degree(value) if dtype.kind not in "iu" else value


def add(reading: Reading, operation: Operation, a: Known, b: Known) -> Known:
    for value, other in ((a, 1), (b, 0))[: 1 if operation.primitive == "sub" else 2]:
        literal = reading.flat.literals.get(operation.inputs[other])
        if isinstance(value, Position) and literal is not None and not literal.any():
            return value
    return added(degree(a), degree(b))


def mul(reading: Reading, operation: Operation, a: Known, b: Known) -> Degree:
    return multiplied(degree(a), degree(b))


def div(reading: Reading, operation: Operation, a: Known, b: Known) -> Degree:
    if reading.flat.arrays[operation.outputs[0]].dtype.kind in "iu":  # rounds
        return elementwise(reading, operation, a, b)
    return multiplied(degree(a), inverted(degree(b), reading.source(operation.inputs[1])))


def power(reading: Reading, operation: Operation, a: Known) -> Degree:
    return raised(degree(a), int(operation.params.get("y", 2)), reading.source(operation.inputs[0]))


def elementwise(reading: Reading, operation: Operation, *values: Known) -> Degree:
    """A function that is no polynomial: of what is free it is one more free value."""
    degrees = [degree(value) for value in values]
    if not all(each.free for each in degrees):
        raise NoClaim(f"{operation.primitive} of a sum over it")
    return Degree(axes=added(*degrees).axes)


def compare(reading: Reading, operation: Operation, a: Known, b: Known) -> Known:
    if isinstance(a, Position) and isinstance(b, Position):
        reading.ordered |= operation.primitive not in ("eq", "ne")
        return Degree(axes=a.axes | b.axes)
    if isinstance(a, Position) and a.named and operation.primitive == "lt":
        literal = reading.flat.literals.get(operation.inputs[1])
        if literal is not None and literal.max() <= 0:
            return Never(a.axes)
    if isinstance(a, Position) or isinstance(b, Position):
        raise NoClaim("a position is compared with a number")
    if isinstance(a, Degree) and not a.free and _above_half(reading, operation):
        output = operation.outputs[0]
        axes = all_axes(reading.flat.arrays[output])
        rest = axes - {*reading.along(reading.flat.arrays[output])}
        reading.name(reading.flat.arrays[output].shape, rest)
        reading.at_most_one.append(output)
        reading.smallest = max(reading.smallest, 3)
        return Degree(axes=axes)
    return elementwise(reading, operation, a, b)


def _above_half(reading: Reading, operation: Operation) -> bool:
    """Whether a part of a sum of exponentials is compared with 1/2 or more: no two elements are above that."""
    literal = reading.flat.literals.get(operation.inputs[1])
    if operation.primitive != "gt" or literal is None or literal.min() < 0.5:
        return False
    fraction = reading.made.get(operation.inputs[0])
    if fraction is None or fraction.primitive != "div":
        return False
    part, whole = fraction.inputs
    part_made, whole_made = reading.made.get(part), reading.made.get(whole)
    while whole_made is not None and whole_made.primitive in REPEATS:
        whole_made = reading.made.get(whole_made.inputs[0])
    axes = reading.along(reading.flat.arrays[part])
    return (
        part_made is not None
        and part_made.primitive == "exp"
        and whole_made is not None
        and whole_made.primitive == "reduce_sum"
        and whole_made.inputs == (part,)
        and [*whole_made.params["axes"]] == axes
        and not reading.values[whole].axes & {*axes}
    )


def select(reading: Reading, operation: Operation, which: Known, *cases: Known) -> Known:
    """Any of the cases, by a condition that is free."""
    if isinstance(which, Never):
        return cases[0]
    if not degree(which).free:
        raise NoClaim("a choice by a sum over it")
    if all(isinstance(case, Position) for case in cases):
        return cases[0]
    chosen = added(*map(degree, cases))
    return replace(chosen, axes=chosen.axes | which.axes)


def reduce_sum(reading: Reading, operation: Operation, value: Known) -> Degree:
    value, array = degree(value), reading.flat.arrays[operation.inputs[0]]
    for axis in map(int, operation.params["axes"]):
        value = total(reading, value, axis, array.shape[axis], ("sum", axis))
    return movement.dropped(value, [int(axis) for axis in operation.params["axes"]])


def total(reading: Reading, value: Degree, axis: int, size: Any, move: Any) -> Degree:
    """A sum along an axis of that size; the axis stays."""
    return summed(value, axis, reading.count(size), weighted=reading.is_it(size), move=move)


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
    product = multiplied(
        _mapped(degree(a), (*key, "a"), first), _mapped(degree(b), (*key, "b"), second)
    )
    for place, axis in enumerate(contract_a, start=count):
        product = total(reading, product, place, shape_a[int(axis)], (*key, place))
    return product


def _mapped(value: Degree, move: Any, places: Mapping[int, int]) -> Degree:
    result = moved(value, move, lambda axes: frozenset(places[axis] for axis in axes))
    assert isinstance(result, Degree)
    return result


def iota(reading: Reading, operation: Operation) -> Known:
    axis = int(operation.params["dimension"])
    size = reading.flat.arrays[operation.outputs[0]].shape[axis]
    return Position(frozenset({axis})) if reading.is_it(size) else Degree(axes=frozenset({axis}))


def dim_as_value(reading: Reading, operation: Operation) -> Degree:
    """A size as a number: the sum of the weights, or a polynomial of it."""
    dim = operation.params["dim"]
    if reading.dimension not in sizes_in(dim):
        return Degree()
    tree = ast.parse(str(dim).replace("^", "**"), mode="eval").body
    return Degree(_polynomial(tree, reading.dimension))


def _polynomial(tree: ast.AST, name: str) -> int:
    match tree:
        case ast.Constant(int()):
            return 0
        case ast.Name(id=found):
            return int(found == name)
        case ast.UnaryOp(ast.USub(), operand):
            return _polynomial(operand, name)
        case ast.BinOp(left, ast.Add() | ast.Sub(), right):
            return max(_polynomial(left, name), _polynomial(right, name))
        case ast.BinOp(left, ast.Mult(), right):
            return _polynomial(left, name) + _polynomial(right, name)
        case ast.BinOp(left, ast.Pow(), ast.Constant(int(power))):
            return _polynomial(left, name) * power
    raise NoClaim(f"a size that is computed as {ast.unparse(tree)}")


ELEMENTWISE = (
    "abs acos acosh and asin asinh atan atan2 atanh bessel_i0e bessel_i1e cbrt ceil clamp cos cosh digamma erf erf_inv "
    "erfc exp exp2 expm1 floor igamma igammac is_finite lgamma log log1p logistic max min nextafter not or polygamma "
    "pow reduce_precision regularized_incomplete_beta rem round rsqrt sign sin sinh sqrt tan tanh xor zeta"
).split()

RULES: Mapping[str, Rule] = {
    **dict.fromkeys(ELEMENTWISE, elementwise),
    **dict.fromkeys(("eq", "ne", "lt", "le", "gt", "ge"), compare),
    **dict.fromkeys(("neg", "copy", "copy_p", "stop_gradient", "optimization_barrier"), same),
    **dict.fromkeys(("add", "add_any", "sub"), add),
    **dict.fromkeys(("integer_pow", "square"), power),
    **dict.fromkeys(("reduce_max", "reduce_min", "argmax", "argmin"), extreme),
    **dict.fromkeys(("reduce_and", "reduce_or", "reduce_xor", "reduce_prod"), reduce_other),
    "convert_element_type": cast,
    "cumsum": cumsum,
    "dim_as_value": dim_as_value,
    "div": div,
    "dot_general": dot_general,
    "iota": iota,
    "mul": mul,
    "reduce_sum": reduce_sum,
    "select_n": select,
    **movement.RULES,
    **indexing.RULES,
}
