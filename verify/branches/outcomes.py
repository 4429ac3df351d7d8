"""What can come of a comparison or a selection, and what came of one: an outcome is a bit, by its place."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from verify.branches.expressions import NEGATED, text_of
from verify.branches.ranges import COMPARISONS, Range
from verify.interpreter import movement
from verify.interpreter.random_keys import are_keys

if TYPE_CHECKING:
    from verify.interpreter.steps import Step

CHOICES = ("select_n", "cond", "convert_element_type")  # of truth values, and of whole numbers
RELATED = (*COMPARISONS, "max", "min", "clamp", "abs", "sign")  # two numbers, one being a threshold


# --- what can come of it, by the ranges of the operands ---------------------------------------------------------------


def possible(equation: Any, operands: Sequence[Range], result: Range) -> tuple[tuple[str, ...], int] | None:
    """The outcomes in words, and as bits those that can be; None where it is no branch."""
    name = equation.primitive.name
    if name in COMPARISONS:
        words = text_of(NEGATED[name], operands), text_of(name, operands)
        return words, (result.low == 0) + 2 * (result.high == 1)
    if name == "select_n" and len({id(case) for case in equation.invars[1:]}) > 1:
        return _choices(operands[0], len(operands) - 1)
    if name == "cond":
        return _choices(operands[0], len(equation.params["branches"]))
    if name == "convert_element_type" and equation.invars[0].aval.dtype == bool:
        return _choices(operands[0], 2)
    if name in ("max", "min") and equation.invars[0] is not equation.invars[1]:
        a, b = operands
        return (text_of("lt", (a, b)), text_of("gt", (a, b))), (a.low < b.high) + 2 * (a.high > b.low)
    if name == "clamp":
        low, a, high = operands
        inside = f"{low.text} < {a.text} < {high.text}"
        words = text_of("lt", (a, low)), inside, text_of("gt", (a, high))
        between = a.high > low.low and a.low < high.high
        return words, (a.low < low.high) + 2 * between + 4 * (a.high > high.low)
    if name in ("abs", "sign"):
        (a,) = operands
        return (f"{a.text} < 0", f"{a.text} > 0"), (a.low < 0) + 2 * (a.high > 0)
    return None


def selector(equation: Any, operands: Sequence[Range]) -> Sequence[Range]:
    """The operands that decide the outcome."""
    return operands[:1] if equation.primitive.name in CHOICES else operands


def _choices(which: Range, count: int) -> tuple[tuple[str, ...], int]:
    low = int(max(which.low, 0)) if math.isfinite(which.low) else 0
    high = int(min(which.high, count - 1)) if math.isfinite(which.high) else count - 1
    several = tuple(f"case {i} of {which.text}" for i in range(count))
    words = (f"not ({which.text})", which.text) if count == 2 else several
    return words, sum(1 << i for i in range(low, high + 1))


# --- what came of it, by the values of a walk -------------------------------------------------------------------------


def numbers(value: Any) -> np.ndarray:
    """The plain numbers of a value of any arithmetic: what steers, or the value without its bound."""
    if isinstance(value, np.ndarray):
        return value
    if are_keys(value):  # they decide nothing, whatever they are
        return np.zeros(value.shape)
    return value.x if hasattr(value, "x") else value.value


def _bits(*outcomes: Any) -> int:
    return sum(bool(outcome) << i for i, outcome in enumerate(outcomes))


def _truth(value: Any) -> int:
    """Which of several cases occurred for certain."""
    array, doubt = numbers(value), getattr(value, "doubt", None)
    if array.dtype != bool:
        return sum(1 << int(case) for case in np.unique(np.clip(array, 0, 62)))
    sure = np.ones((), bool) if doubt is None else ~doubt
    return _bits((~array & sure).any(), (array & sure).any())


def _of_result(step: Step, operands: Sequence[Any], results: Sequence[Any]) -> int:
    return _truth(results[0])


def _of_selector(step: Step, operands: Sequence[Any], results: Sequence[Any]) -> int:
    return _truth(operands[0])


def _extremes(step: Step, operands: Sequence[Any], results: Sequence[Any]) -> int:
    a, b = movement.align(step, *map(numbers, operands))
    return _bits((a < b).any(), (a > b).any())


def _clamped(step: Step, operands: Sequence[Any], results: Sequence[Any]) -> int:
    low, a, high = movement.align(step, *map(numbers, operands))
    return _bits((a < low).any(), ((low < a) & (a < high)).any(), (a > high).any())


def _signs(step: Step, operands: Sequence[Any], results: Sequence[Any]) -> int:
    a = numbers(operands[0])
    return _bits((a < 0).any(), (a > 0).any())


OBSERVED: Mapping[str, Callable[[Step, Sequence[Any], Sequence[Any]], int]] = {
    **dict.fromkeys(COMPARISONS, _of_result),
    **dict.fromkeys(CHOICES, _of_selector),
    **dict.fromkeys(("max", "min"), _extremes),
    **dict.fromkeys(("abs", "sign"), _signs),
    "clamp": _clamped,
}
