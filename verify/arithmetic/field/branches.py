"""Comparisons, selections, extremes and orders in the field: the floats choose, the residues follow."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from verify.arithmetic.field.algebra import div, mul, neg, sub
from verify.arithmetic.field.base import BaseField
from verify.arithmetic.field.operands import Array, Rule, aligned
from verify.arithmetic.field.value import Residues
from verify.interpreter import movement
from verify.interpreter.integers import INTEGER_RULES
from verify.interpreter.ordering import sort_order, take_order, top_k_order
from verify.interpreter.scattered_extremes import extremes, taken, winners

if TYPE_CHECKING:
    from verify.interpreter.steps import Step


def comparison(field: BaseField, step: Step, a: Any, b: Any) -> Array:
    return field.branch(INTEGER_RULES[step.primitive](step, field.steer(a), field.steer(b)))


def select(field: BaseField, step: Step, which: Array, *cases: Any) -> Residues:
    return field.move(lambda *arrays: movement.select(step, which, *arrays), *cases)


def extremum(better: Callable[..., Array]) -> Rule:
    """max or min; of equal floats the first."""

    def rule(field: BaseField, step: Step, a: Residues, b: Residues) -> Residues:
        a, b = aligned(step, a, b)
        return select(field, step, ~field.branch(better(a.x, b.x) | np.isnan(a.x)), a, b)

    return rule


maximum, minimum = extremum(np.greater_equal), extremum(np.less_equal)


def clamp(field: BaseField, step: Step, low: Any, a: Residues, high: Any) -> Residues:
    return minimum(field, step, maximum(field, step, a, low), high)


def absolute(field: BaseField, step: Step, a: Residues) -> Residues:
    return select(field, step, field.branch(a.x < 0), a, neg(field, step, a))


def piecewise_constant(function: Callable[[Array], Array]) -> Rule:
    """sign, floor, ...: a whole number, which the float decides."""

    def rule(field: BaseField, step: Step, a: Residues) -> Residues:
        x = function(a.x)
        whole = np.where(np.isfinite(x), x, 0)
        field.branch(whole > 0)
        result = field.integers(np.clip(whole, -(2.0**62), 2.0**62).astype(np.int64))
        return Residues(x, result.r, (0, 0), hole=a.hole)

    return rule


def rounded(field: BaseField, step: Step, a: Residues) -> Residues:
    away = int(step.params.get("rounding_method", 0)) == 0
    nearest = (lambda x: np.trunc(x + np.copysign(0.5, x))) if away else np.rint
    return piecewise_constant(nearest)(field, step, a)


def rem(field: BaseField, step: Step, a: Residues, b: Residues) -> Residues:
    """a - b trunc(a / b)"""
    whole = piecewise_constant(np.trunc)(field, step, div(field, step, a, b))
    return sub(field, step, a, mul(field, step, b, whole))


def reduce_extremum(choose: Callable[..., Array]) -> Rule:
    def rule(field: BaseField, step: Step, a: Residues) -> Residues:
        best = field.branch(choose(movement.reduced(step, a.x), axis=-1))[..., None]

        def take(array: Array) -> Array:
            return np.take_along_axis(
                movement.reduced(step, np.broadcast_to(array, a.x.shape)), best, axis=-1
            )[..., 0]

        return field.move(take, a)

    return rule


def scattered_extremum(largest: bool) -> Rule:
    """scatter-max and scatter-min: an entry moves the number that its floats choose."""

    def rule(field: BaseField, step: Step, operand: Residues, indices: Array, updates: Residues) -> Residues:
        operand, updates = field.lifted(operand), field.lifted(updates)
        best = extremes(step, operand.x, indices, updates.x, largest=largest)
        chosen = field.branch(winners(step, best, operand.x, indices, updates.x))
        result = field.move(lambda *arrays: taken(chosen, *arrays), operand, updates)
        result.x = best
        return result

    return rule


def argument(field: BaseField, step: Step, a: Residues) -> Array:
    """argmax and argmin."""
    return field.branch(INTEGER_RULES[step.primitive](step, a.x))


def cumulative_extremum(better: np.ufunc) -> Rule:
    def rule(field: BaseField, step: Step, a: Residues) -> Residues:
        axis = step.params["axis"] + 1
        best = movement.cumulative(step, a.x, better.accumulate)
        where = np.arange(a.x.shape[axis]).reshape(-1, *(1,) * (a.x.ndim - axis - 1))
        last = a.x.shape[axis] - 1
        if step.params["reverse"]:
            where = last - where
        order = movement.cumulative(step, np.where(a.x == best, where, 0), np.maximum.accumulate)
        order = last - order if step.params["reverse"] else order
        field.branch(order)
        return field.move(lambda array: np.take_along_axis(np.broadcast_to(array, a.x.shape), order, axis), a)

    return rule


def sort(field: BaseField, step: Step, *operands: Any) -> list[Any]:
    order = field.branch(sort_order(step, *[field.steer(o) for o in operands[: step.params["num_keys"]]]))

    def take(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return take_order(step, value, order)
        return field.move(lambda array: take_order(step, array, order), value)

    return [take(operand) for operand in operands]


def top_k(field: BaseField, step: Step, a: Residues) -> list[Any]:
    order = field.branch(top_k_order(step, a.x))
    return [field.move(lambda array: take_order(step, array, order), a), order.astype(step.outputs[1].dtype)]


def is_finite(field: BaseField, step: Step, a: Residues) -> Array:
    return np.isfinite(a.x)


def same(field: BaseField, step: Step, a: Any) -> Any:
    return a
