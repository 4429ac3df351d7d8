"""Comparisons that may be in doubt, what is computed from them, and choices that they decide.

A comparison is in doubt where the difference is within both bounds. A choice in doubt takes the hull of its
cases. `eq(x, max(x, y))`, by which jax differentiates max, min and clip, asks whether x won: max hands on the
tag of the winner, and a number is equal to itself whatever its rounding error is.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from verify.arithmetic.bounds.rounding import aligned
from verify.arithmetic.bounds.value import SLACK, Array, Bounded, Doubtful, numbers, plainly
from verify.interpreter.integers import INTEGER_RULES
from verify.interpreter.movement import align, behind, select

if TYPE_CHECKING:
    from verify.arithmetic.bounds.base import BaseBounds
    from verify.interpreter.steps import Step

Value = Any


def close(a: Bounded, b: Bounded) -> Array:
    """Where two numbers may be in either order, being neither both exact nor the same number."""
    margin = a.errors + b.errors
    doubt = ~(np.abs(a.value - b.value) > margin * SLACK) & (margin > 0)
    if a.tag is not None and b.tag is not None:
        doubt &= ~((a.tag == b.tag) & (a.tag != 0))
    return doubt | np.isnan(margin)


def comparison(ufunc: np.ufunc) -> Callable[..., Array | Doubtful]:
    def rule(arithmetic: BaseBounds, step: Step, a: Bounded, b: Bounded) -> Array | Doubtful:
        if a is b:  # also how a program asks for NaN
            value = ufunc(a.value, a.value)
            return value if a.error is None else plainly(value, ~np.isfinite(a.error))
        if len(a.value.shape) != len(b.value.shape):
            a, b = aligned_inputs(step, a, b)
        value = ufunc(a.value, b.value)
        if a.error is None and b.error is None:
            return value
        return plainly(value, close(a, b))

    return rule


def aligned_inputs(step: Step, a: Bounded, b: Bounded) -> tuple[Bounded, Bounded]:
    one, other = aligned(step, a, b)
    return one, other


def is_finite(arithmetic: BaseBounds, step: Step, a: Bounded) -> Array | Doubtful:
    """Certain where the bound is: an indeterminate number may have overflowed."""
    value = np.isfinite(a.value)
    return value if a.error is None else plainly(value, ~np.isfinite(a.error))


# --- doubt


def doubts(value: Value) -> Array:
    return value.doubt if isinstance(value, Doubtful) else np.zeros((), bool)


def _and(step: Step, value: Array, *operands: Value) -> Array:
    """In doubt unless an operand is certainly false."""
    settled, doubt = np.zeros((), bool), np.zeros((), bool)
    for operand in operands:
        settled = settled | (~numbers(operand) & ~doubts(operand))
        doubt = doubt | doubts(operand)
    return doubt & ~settled


def _or(step: Step, value: Array, *operands: Value) -> Array:
    """In doubt unless an operand is certainly true."""
    settled, doubt = np.zeros((), bool), np.zeros((), bool)
    for operand in operands:
        settled = settled | (numbers(operand) & ~doubts(operand))
        doubt = doubt | doubts(operand)
    return doubt & ~settled


def _any_of(step: Step, value: Array, *operands: Value) -> Array:
    """An elementwise operation is in doubt where an operand is."""
    doubt = align(step, *(np.broadcast_to(doubts(operand), numbers(operand).shape) for operand in operands))
    return functools.reduce(np.logical_or, doubt)


def _reduced(step: Step, value: Array, operand: Doubtful) -> Array:
    """An `and` is settled by one certain False, an `or` by one certain True."""
    settling = operand.value if step.primitive == "reduce_or" else ~operand.value
    axes = behind(step.params["axes"])
    return np.asarray(operand.doubt.any(axis=axes) & ~(settling & ~operand.doubt).any(axis=axes))


def _whole_case(step: Step, value: Array, *operands: Value) -> Array:
    """Anything else is in doubt throughout a case in which anything is."""
    cases = np.zeros(len(value), bool)
    for operand in operands:
        if isinstance(operand, Doubtful):
            cases = cases | operand.doubt.reshape(len(operand.doubt), -1).any(axis=1)
    return np.broadcast_to(cases.reshape(-1, *(1,) * (value.ndim - 1)), value.shape)


_ELEMENTWISE = [
    "add", "add_any", "sub", "mul", "div", "rem", "neg", "abs", "sign", "square", "max", "min", "clamp",
    "pow", "integer_pow", "eq", "ne", "lt", "le", "gt", "ge", "eq_to", "lt_to", "le_to", "shift_left",
    "shift_right_logical", "shift_right_arithmetic", "population_count", "clz", "xor", "not",
    "convert_element_type",
]  # fmt: skip
_DOUBT: dict[str, Callable[..., Array]] = {
    **dict.fromkeys(_ELEMENTWISE, _any_of),
    "and": _and,
    "or": _or,
    "reduce_and": _reduced,
    "reduce_or": _reduced,
}


def in_doubt(arithmetic: BaseBounds, step: Step, *operands: Value) -> Value:
    """A rule for integers and booleans, some of which are in doubt."""
    value = INTEGER_RULES[step.primitive](step, *map(numbers, operands))
    if isinstance(value, list):
        return [plainly(one, _whole_case(step, one, *operands)) for one in value]
    rule = _DOUBT.get(step.primitive, _whole_case)
    if rule in (_and, _or) and step.outputs[0].dtype != bool:
        rule = _any_of
    return plainly(value, np.broadcast_to(rule(step, value, *operands), value.shape))


# --- choices


def select_n(arithmetic: BaseBounds, step: Step, which: Value, *cases: Value) -> Value:
    """The chosen case; where the choice is in doubt, whatever one of them may be."""
    if not any(isinstance(case, Bounded) for case in cases):
        return _select_plain(step, which, *cases)
    chosen = numbers(which)
    value = select(step, chosen, *(case.value for case in cases))
    error = tag = None
    if any(case.error is not None for case in cases):
        error = select(step, chosen, *(_filled(case, case.error) for case in cases))
    if any(case.tag is not None for case in cases):
        tag = select(step, chosen, *(_filled(case, case.tag, np.int64(0)) for case in cases))
    if isinstance(which, Doubtful):
        (doubt,) = align(step, which.doubt)
        hull = np.zeros(()) if error is None else error
        for case in aligned(step, *cases):
            apart = np.where(case.value == value, 0.0, np.abs(case.value - value))
            hull = np.maximum(hull, apart + case.errors)
        hull = np.where(doubt, hull, 0.0 if error is None else error)
        error = np.where(np.isnan(hull), np.inf, hull)
        tag = None if tag is None else np.where(doubt, 0, tag)
    if error is not None and not error.any():
        error = None
    return Bounded(value, error, tag)


def _filled(case: Bounded, component: Array | None, default: Any = 0.0) -> Array:
    return np.broadcast_to(default, case.value.shape) if component is None else component


def _select_plain(step: Step, which: Value, *cases: Value) -> Value:
    chosen, plain = numbers(which), [numbers(case) for case in cases]
    value = select(step, chosen, *plain)
    doubt = select(step, chosen, *(np.broadcast_to(doubts(case), numbers(case).shape) for case in cases))
    if isinstance(which, Doubtful):
        (unsure,) = align(step, which.doubt)
        for case, one in zip(cases, align(step, *plain), strict=True):
            (own,) = align(step, np.broadcast_to(doubts(case), numbers(case).shape))
            doubt = doubt | (unsure & ((one != value) | own))
    return plainly(value, np.broadcast_to(doubt, value.shape))
