"""Between which numbers the results of an equation lie, by the ranges of its operands; calls and loops aside."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from verify.branches.ranges import (
    ANYTHING,
    BINARY,
    CHOOSING,
    EITHER,
    INDICES,
    INFINITY,
    UNARY,
    Ends,
    Range,
    hull,
    integer_power,
    signed_sum,
    summed,
)

Operands = Sequence[Range]
SAME: Mapping[str, Ends] = {  # of twice the same operand; `ne` is also how a program asks for NaN
    **dict.fromkeys(("eq", "le", "ge"), (1.0, 1.0)),
    **dict.fromkeys(("ne", "lt", "gt", "sub"), (0.0, 0.0)),
}


def ends(equation: Any, operands: Operands, winners: Mapping[Any, Any]) -> Ends:
    """The interval of the (only) result. `winners` are the equations that give a max or a min, by their result."""
    name = equation.primitive.name
    if len(equation.invars) == 2 and equation.invars[0] is equation.invars[1]:
        if name in SAME:
            return SAME[name]
        if name == "mul":
            return UNARY["square"](operands[0])
    if name in ("eq", "ne") and (won := _won(equation, operands, winners)) is not None:
        return won if name == "eq" else (1 - won[1], 1 - won[0])
    if name in UNARY and len(operands) == 1:
        found = UNARY[name](operands[0])
    elif name in BINARY and len(operands) == 2:
        found = BINARY[name](*operands)
    elif name in RULES:
        found = RULES[name](equation, operands)
    elif name in CHOOSING and operands:
        found = hull(*operands[: INDICES.get(name, len(operands))])
    else:
        return ANYTHING
    return ANYTHING if math.isnan(found[0]) or math.isnan(found[1]) else found


def _won(equation: Any, operands: Operands, winners: Mapping[Any, Any]) -> Ends | None:
    """Of `eq(x, max(x, y))`, by which jax differentiates an extreme: whether x can be the larger, and must be."""
    for one, other in (equation.invars, equation.invars[::-1]):
        extreme = None if hasattr(other, "val") else winners.get(other)
        if extreme is None or not any(one is each for each in extreme.equation.invars):
            continue
        x, y = extreme.operands if extreme.equation.invars[0] is one else extreme.operands[::-1]
        if extreme.equation.primitive.name == "min":
            x, y = y, x
        return BINARY["ge"](x, y)
    return None


# --- rules that ask for more than the operands ------------------------------------------------------------------------


def _converted(equation: Any, operands: Operands) -> Ends:
    to, (a,) = equation.params["new_dtype"], operands
    kind = "f" if str(to) == "bfloat16" else np.dtype(to).kind
    if kind == "b":
        return (1.0, 1.0) if a.low > 0 or a.high < 0 else (0.0, 0.0) if a.low == a.high == 0 else EITHER
    if kind in "iu" and math.isfinite(a.low) and math.isfinite(a.high):
        return float(math.floor(a.low)), float(math.ceil(a.high))
    return a.low, a.high


def _select(equation: Any, operands: Operands) -> Ends:
    which, *cases = operands
    if not math.isfinite(which.low) or not math.isfinite(which.high):
        return hull(*cases)
    return hull(*(cases[int(max(which.low, 0)) : int(min(which.high, len(cases) - 1)) + 1] or cases))


def _clamp(equation: Any, operands: Operands) -> Ends:
    low, a, high = operands
    return min(max(a.low, low.low), high.high), max(min(a.high, high.high), low.low)


def _reduced_sum(equation: Any, operands: Operands) -> Ends:
    shape = equation.invars[0].aval.shape
    sizes = [shape[axis] for axis in equation.params["axes"]]
    return summed(operands[0], math.prod(sizes) if all(isinstance(size, int) for size in sizes) else None)


def _iota(equation: Any, operands: Operands) -> Ends:
    size = equation.params["shape"][equation.params["dimension"]]
    return 0.0, float(max(size - 1, 0)) if isinstance(size, int) else INFINITY


def _of_products(equation: Any, operands: Operands) -> Ends:
    return signed_sum(Range(*BINARY["mul"](*operands)))


def _of_some(equation: Any, operands: Operands) -> Ends:
    return signed_sum(operands[0])


def _position(equation: Any, operands: Operands) -> Ends:
    return 0.0, INFINITY


RULES: Mapping[str, Callable[[Any, Operands], Ends]] = {
    "integer_pow": lambda equation, operands: integer_power(operands[0], equation.params["y"]),
    "convert_element_type": _converted,
    "select_n": _select,
    "clamp": _clamp,
    "reduce_sum": _reduced_sum,
    **dict.fromkeys(("cumsum", "reduce_window_sum"), _of_some),
    **dict.fromkeys(("dot_general", "conv_general_dilated"), _of_products),
    **dict.fromkeys(("argmax", "argmin"), _position),
    "iota": _iota,
    "dim_as_value": lambda equation, operands: (1.0, INFINITY),
}
