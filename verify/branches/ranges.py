"""Between which numbers a value lies, whatever the leaves are within their domains: one line a primitive.

An end that is approached and never met lies one float further inside, so that exp(x) > 0 is certain: the ends are
closed, and those at 0 are the smallest floats beyond it. Nothing is said of NaN or of overflow: these are for the
lanes that compute.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from verify.interpreter.random_keys import are_keys

INFINITY = math.inf
TINY, HUGE = math.ulp(0.0), float(np.finfo(np.float64).max)
BELOW_ONE = math.nextafter(1.0, 0.0)


class Range(NamedTuple):
    """A closed interval of real numbers; truth values are 0 and 1."""

    low: float = -INFINITY
    high: float = INFINITY
    moves: bool = True  # with a leaf: not a constant, nor what sizes and counters alone decide
    text: str = "a value"  # as a reader would write it

    @property
    def fixed(self) -> bool:
        return self.low == self.high


Ends = tuple[float, float]
ANYTHING: Ends = (-INFINITY, INFINITY)
EITHER: Ends = (0.0, 1.0)


def hull(*ranges: Ends | Range) -> Ends:
    """The smallest interval around several."""
    return min(each[0] for each in ranges), max(each[1] for each in ranges)


def _times(a: float, b: float) -> float:
    product = 0.0 if a == 0 or b == 0 else a * b
    return math.copysign(TINY, a) * math.copysign(1, b) if product == 0 and a != 0 and b != 0 else product


def _product(a: Range, b: Range) -> Ends:
    ends = [_times(x, y) for x in a[:2] for y in b[:2]]
    return min(ends), max(ends)


def _inverse(x: float, other: float) -> float:
    """1 / x at one end of an interval that does not hold 0 inside; at 0 the side is that of the other end."""
    if x == 0:
        return math.copysign(INFINITY, other)
    return math.copysign(TINY, x) if math.isinf(x) else 1 / x if abs(x) > TINY else math.copysign(HUGE, x)


def _reciprocal(b: Range) -> Ends:
    if b.low < 0 < b.high or b.low == b.high == 0:
        return ANYTHING
    ends = _inverse(b.low, b.high), _inverse(b.high, b.low)
    return min(ends), max(ends)


def _quotient(a: Range, b: Range) -> Ends:
    return _product(a, Range(*_reciprocal(b)))


def _sum(a: Range, b: Range) -> Ends:
    return a.low + b.low, a.high + b.high


def _difference(a: Range, b: Range) -> Ends:
    return a.low - b.high, a.high - b.low


def _square(a: Range) -> Ends:
    return _even_power(a, 2)


def _power_of(x: float, n: int) -> float:
    try:
        power = x**n
    except OverflowError:
        return math.copysign(INFINITY, x) if n % 2 else INFINITY
    return math.copysign(TINY, x if n % 2 else 1.0) if power == 0 and x != 0 else power


def _even_power(a: Range, n: int) -> Ends:
    ends = _power_of(a.low, n), _power_of(a.high, n)
    return (0.0 if a.low <= 0 <= a.high else min(ends)), max(ends)


def integer_power(a: Range, n: int) -> Ends:
    if n < 0:
        return _reciprocal(Range(*integer_power(a, -n)))
    if n == 0:
        return 1.0, 1.0
    return _even_power(a, n) if n % 2 == 0 else (_power_of(a.low, n), _power_of(a.high, n))


def _absolute(a: Range) -> Ends:
    if a.low >= 0:
        return a.low, a.high
    return (-a.high, -a.low) if a.high <= 0 else (0.0, max(-a.low, a.high))


def _rising(
    function: Callable[[float], float], low: float = -INFINITY, high: float = INFINITY
) -> Callable[[Range], Ends]:
    """A function that never falls, whose values lie between `low` and `high`."""

    def at(x: float, otherwise: float) -> float:
        try:
            return min(max(function(x), low), high)
        except (OverflowError, ValueError):
            return otherwise

    return lambda a: (at(a.low, low), at(a.high, high))


def _bounded(low: float, high: float) -> Callable[[Range], Ends]:
    return lambda a: (low, high)


def _power(a: Range, b: Range) -> Ends:
    """A variable power: of a number that is not negative, not negative."""
    if b.fixed and float(b.low).is_integer() and abs(b.low) < 64:
        return integer_power(a, int(b.low))
    return (TINY, INFINITY) if a.low > 0 else (0.0, INFINITY) if a.low >= 0 else ANYTHING


def _sign(x: float) -> float:
    return float((x > 0) - (x < 0))


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x))


UNARY: Mapping[str, Callable[[Range], Ends]] = {
    "neg": lambda a: (-a.high, -a.low),
    "abs": _absolute,
    "square": _square,
    "sign": _rising(_sign),
    "floor": _rising(math.floor),
    "ceil": _rising(math.ceil),
    "round": _rising(lambda x: float(np.rint(x))),
    "exp": _rising(math.exp, TINY),
    "exp2": _rising(lambda x: 2.0**x, TINY),
    "expm1": _rising(math.expm1, math.nextafter(-1.0, 0.0)),
    "log": _rising(math.log),
    "log1p": _rising(math.log1p),
    "sqrt": _rising(math.sqrt, 0.0),
    "rsqrt": lambda a: _reciprocal(Range(*_rising(math.sqrt, 0.0)(a))),
    "cbrt": _rising(np.cbrt),
    "logistic": _rising(_logistic, TINY, BELOW_ONE),
    "tanh": _rising(math.tanh, -BELOW_ONE, BELOW_ONE),
    "erf": _rising(math.erf, -BELOW_ONE, BELOW_ONE),
    "erfc": lambda a: (TINY, 2 * BELOW_ONE),
    "sinh": _rising(math.sinh),
    "cosh": lambda a: (1.0, INFINITY),
    "asinh": _rising(math.asinh),
    "atan": _rising(math.atan, -math.pi / 2, math.pi / 2),
    "sin": _bounded(-1.0, 1.0),
    "cos": _bounded(-1.0, 1.0),
    "is_finite": lambda a: (1.0, 1.0),
    "not": lambda a: (1 - a.high, 1 - a.low) if (a.low, a.high) in (EITHER, (0.0, 0.0), (1.0, 1.0)) else ANYTHING,
    "exp_neg_sq": _bounded(TINY, 1.0),
}  # fmt: skip


def _compared(
    certain: Callable[[Range, Range], bool], impossible: Callable[[Range, Range], bool]
) -> Callable[..., Ends]:
    def ends(a: Range, b: Range) -> Ends:
        return (1.0, 1.0) if certain(a, b) else (0.0, 0.0) if impossible(a, b) else EITHER

    return ends


def _below(a: Range, b: Range) -> bool:
    return a.high < b.low or (a.high <= b.low and math.isinf(a.high))


def _not_above(a: Range, b: Range) -> bool:
    return a.high <= b.low


def _same(a: Range, b: Range) -> bool:
    return a.fixed and b.fixed and a.low == b.low


def _apart(a: Range, b: Range) -> bool:
    infinite = (b.fixed and math.isinf(b.low)) or (a.fixed and math.isinf(a.low))
    return infinite or a.high < b.low or b.high < a.low


def _and(a: Range, b: Range) -> Ends:
    return (
        (min(a.low, b.low), min(a.high, b.high))
        if max(a.high, b.high) <= 1 and min(a.low, b.low) >= 0
        else ANYTHING
    )


def _or(a: Range, b: Range) -> Ends:
    return (
        (max(a.low, b.low), max(a.high, b.high))
        if max(a.high, b.high) <= 1 and min(a.low, b.low) >= 0
        else ANYTHING
    )


COMPARISONS: Mapping[str, Callable[[Range, Range], Ends]] = {
    "lt": _compared(_below, lambda a, b: _not_above(b, a)),
    "gt": _compared(lambda a, b: _below(b, a), _not_above),
    "le": _compared(_not_above, lambda a, b: _below(b, a)),
    "ge": _compared(lambda a, b: _not_above(b, a), _below),
    "eq": _compared(_same, _apart),
    "ne": _compared(_apart, _same),
}  # fmt: skip
BINARY: Mapping[str, Callable[[Range, Range], Ends]] = {
    **COMPARISONS,
    "add": _sum,
    "add_any": _sum,
    "sub": _difference,
    "mul": _product,
    "div": _quotient,
    "max": lambda a, b: (max(a.low, b.low), max(a.high, b.high)),
    "min": lambda a, b: (min(a.low, b.low), min(a.high, b.high)),
    "pow": _power,
    "rem": lambda a, b: (min(a.low, 0.0), max(a.high, 0.0)),  # of the sign of what is divided
    "atan2": lambda a, b: (-math.pi, math.pi),
    "and": _and,
    "or": _or,
}  # fmt: skip
# what only moves numbers, or takes one of several
CHOOSING = frozenset({
    "reshape", "squeeze", "transpose", "broadcast_in_dim", "broadcast_to", "slice", "rev", "tile", "split", "unstack",
    "concatenate", "stack", "pad", "copy", "stop_gradient", "name", "optimization_barrier", "device_put", "sort",
    "reduce_max", "reduce_min", "cummax", "cummin", "gather", "dynamic_slice", "dynamic_update_slice", "scatter",
    "reduce_precision", "reduce_and", "reduce_or", "expand_dims", "top_k", "copy_p", "reduce_window_max", "pvary",
    "rounded_like",
})  # fmt: skip
INDICES = {
    "gather": 1,
    "dynamic_slice": 1,
    "dynamic_update_slice": 2,
    "rounded_like": 1,
}  # so many operands are values, the others say where


def signed_sum(a: Range) -> Ends:
    """A sum of any number of values, none included."""
    low = 0.0 if a.low >= 0 else -INFINITY
    high = 0.0 if a.high <= 0 else INFINITY
    return low, high


def literal(values: Any) -> Range:
    """The range of a constant of the program."""
    if are_keys(values):
        return Range(moves=False, text="a key")
    array = np.asarray(values)
    if array.size == 0 or (
        array.dtype.kind not in "fiub"
        and (array.dtype.kind == "c" or not np.issubdtype(array.dtype, np.number))
        and array.dtype.name != "bfloat16"
    ):
        return Range(moves=False, text="a constant")
    numbers = array.astype(np.float64)
    if np.isnan(numbers).any():
        return Range(moves=False, text="nan")
    low, high = float(numbers.min()), float(numbers.max())
    return Range(low, high, False, f"{low:g}" if low == high else "a constant")


def summed(a: Range, count: Any) -> Ends:
    """A sum of `count` values, or, where that is a size, of some, at least one."""
    if isinstance(count, int):
        return (a.low * count, a.high * count) if count else (0.0, 0.0)
    return (a.low if a.low >= 0 else -INFINITY), (a.high if a.high <= 0 else INFINITY)
