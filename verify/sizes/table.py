"""What each primitive does to degrees: one row a primitive; one without a row is known only where it touches nothing.

A row takes the reading, the operation and the operands' values, and raises NoClaim with the reason.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from dataclasses import replace

import jax.numpy as jnp

from verify.sizes import indexing, logarithms, movement, reductions
from verify.sizes.degrees import (
    Degree,
    Known,
    Logarithm,
    Never,
    NoClaim,
    Position,
    added,
    degree,
    inverted,
    multiplied,
    raised,
    rooted,
)
from verify.sizes.flat import Operation, sizes_in
from verify.sizes.reading import REPEATS, Reading, Rule, all_axes


def same(reading: Reading, operation: Operation, *values: Known) -> list[Known]:
    """A change of sign, or none at all."""
    if operation.primitive == "neg" and isinstance(values[0], Logarithm):
        terms = tuple(replace(term, times=-term.times) for term in values[0].terms)
        return [Logarithm(terms, values[0].axes)]
    return [*values]


def cast(reading: Reading, operation: Operation, value: Known) -> Known:
    dtype = reading.flat.arrays[operation.outputs[0]].dtype
    return value if jnp.issubdtype(dtype, jnp.integer) else degree(value)


def add(reading: Reading, operation: Operation, a: Known, b: Known) -> Known:
    for value, other in ((a, 1), (b, 0))[: 1 if operation.primitive == "sub" else 2]:
        literal = reading.flat.literals.get(operation.inputs[other])
        if isinstance(value, Position) and literal is not None and not literal.any():
            return value
    logarithm = logarithms.combined(a, b, -1 if operation.primitive == "sub" else 1)
    return added(degree(a), degree(b)) if logarithm is None else logarithm


def mul(reading: Reading, operation: Operation, a: Known, b: Known) -> Known:
    for value, other in ((a, 1), (b, 0)):
        literal = reading.flat.literals.get(operation.inputs[other])
        if isinstance(value, Position) and literal is not None and (literal == 1).all():
            return value
    return multiplied(degree(a), degree(b))


def div(reading: Reading, operation: Operation, a: Known, b: Known) -> Degree:
    if jnp.issubdtype(reading.flat.arrays[operation.outputs[0]].dtype, jnp.integer):  # rounds
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


def root(reading: Reading, operation: Operation, a: Known) -> Degree:
    """sqrt or rsqrt; of a sum over the dimension one more variable, whose square is known."""
    a = degree(a)
    return (
        elementwise(reading, operation, a)
        if a.free
        else _power_of_root(reading, operation, a, EXPONENTS[operation.primitive])
    )


def variable_power(reading: Reading, operation: Operation, a: Known, b: Known) -> Degree:
    """A power; of a sum over the dimension those are known that are whole, or of its root."""
    literal = reading.flat.literals.get(operation.inputs[1])
    a = degree(a)
    if a.free or literal is None or literal.size != 1 or not (2 * float(literal.reshape(()))).is_integer():
        return elementwise(reading, operation, a, b)
    return _power_of_root(reading, operation, a, int(2 * float(literal.reshape(()))))


def _power_of_root(reading: Reading, operation: Operation, a: Degree, power: int) -> Degree:
    """The root to a whole power. Each of its entries is one more variable."""
    key = reading.source(operation.inputs[0])
    if not power % 2:
        return raised(a, power // 2, key)
    array = reading.flat.arrays[operation.inputs[0]]
    counts = [reading.count(array.shape[axis]) for axis in a.axes]
    if None in counts:
        raise NoClaim("a root of a sum over it for each of many others")
    reading.roots += math.prod(count for count in counts if count is not None)
    value = rooted(a)
    one = value if power > 0 else inverted(value, ("root", key))
    return one if abs(power) == 1 else raised(one, abs(power), key)


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
    if isinstance(a, Degree) and not a.free and operation.primitive in ("ge", "gt"):
        literal = reading.flat.literals.get(operation.inputs[1])
        if literal is not None and literal.max() <= 0 and logarithms.positive(reading, operation.inputs[0]):
            return Degree()  # always so
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


EXPONENTS = {"sqrt": 1, "rsqrt": -1}  # in halves
ELEMENTWISE = (
    "acos", "acosh", "and", "asin", "asinh", "atan", "atan2", "atanh", "bessel_i0e", "bessel_i1e",
    "cbrt", "ceil", "clamp", "cos", "cosh", "digamma", "erf", "erf_inv", "erfc", "exp2", "expm1",
    "floor", "igamma", "igammac", "is_finite", "lgamma", "log1p", "logistic", "max", "min",
    "not", "or", "polygamma", "regularized_incomplete_beta",
    "round", "sin", "sinh", "tan", "tanh", "xor", "zeta",
)  # fmt: skip

RULES: Mapping[str, Rule] = {
    **dict.fromkeys(ELEMENTWISE, elementwise),
    **dict.fromkeys(("eq", "ne", "lt", "le", "gt", "ge"), compare),
    "rounded_like": lambda reading, operation, *values: [values[0]],
    **dict.fromkeys(("magnitude", "neg", "copy", "copy_p", "stop_gradient", "optimization_barrier"), same),
    **dict.fromkeys(("add", "add_any", "sub"), add),
    **dict.fromkeys(("integer_pow", "square"), power),
    "convert_element_type": cast,
    "dim_as_value": dim_as_value,
    "div": div,
    "iota": iota,
    "mul": mul,
    "pow": variable_power,
    "rsqrt": root,
    "select_n": select,
    "sqrt": root,
    **logarithms.RULES,
    **movement.RULES,
    **reductions.RULES,
    **indexing.RULES,
}
