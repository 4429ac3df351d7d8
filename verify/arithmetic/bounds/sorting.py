"""Sorting and top_k: where bounds overlap, entries may change places, and what goes with them is in doubt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from verify.arithmetic.bounds.value import SLACK, Array, Bounded, Doubtful, numbers, plainly
from verify.interpreter.ordering import sort_order, top_k_order

if TYPE_CHECKING:
    from verify.arithmetic.bounds.base import BaseBounds
    from verify.interpreter.steps import Step

Value = Any


def sort(arithmetic: BaseBounds, step: Step, *operands: Value) -> list[Value]:
    """Ordered by the carried values."""
    keys = operands[: step.params["num_keys"]]
    axis = step.params["dimension"] + 1
    order = sort_order(step, *map(numbers, keys))
    unsure = _unsure(keys, order, axis, 1.0)
    return [_arranged(operand, order, unsure, axis, operand is keys[0]) for operand in operands]


def top_k(arithmetic: BaseBounds, step: Step, a: Bounded) -> list[Value]:
    """All entries in descending order, cut after the first k."""
    axis, k = _top_k_axis(step), step.params["k"]
    everything = step._replace(params={**step.params, "k": a.value.shape[axis]})
    order = top_k_order(everything, a.value)
    unsure = _unsure((a,), order, axis, -1.0)
    first = np.take(order, range(k), axis=axis)
    if unsure is not None:
        unsure = np.take(unsure, range(k), axis=axis)
    positions = first.astype(step.outputs[1].dtype)
    return [
        _arranged(a, first, unsure, axis, True),
        positions if unsure is None else plainly(positions, unsure),
    ]


def _top_k_axis(step: Step) -> int:
    axis = step.params.get("axis", -1)
    return axis + 1 if axis >= 0 else len(step.inputs[0].shape)


def _unsure(keys: Sequence[Value], order: Array, axis: int, sign: float) -> Array | None:
    """Which places of the result may be another entry's; None for none.

    A boundary between places is clean if nothing before it reaches over anything behind it. Equal exact
    entries keep their order, as sorting is stable.
    """
    inexact = [
        isinstance(key, Doubtful) or (isinstance(key, Bounded) and key.error is not None) for key in keys
    ]
    if not any(inexact):
        return None
    if len(keys) > 1:
        return np.ones(order.shape, bool)
    key: Value = keys[0]
    if isinstance(key, Doubtful):
        return np.ones(order.shape, bool)
    value, error = (
        _take(key.value * sign, order, axis),
        _take(key.errors + np.zeros_like(key.value), order, axis),
    )
    reach = error * SLACK + np.where(error > 0, np.abs(value) * 2.0**-52, 0.0)
    reach = np.where(np.isnan(reach), np.inf, reach)
    before = np.maximum.accumulate(value + reach, axis=axis)
    behind = np.flip(np.minimum.accumulate(np.flip(value - reach, axis), axis=axis), axis)
    size = value.shape[axis]
    inner = ~(np.take(before, range(size - 1), axis=axis) <= np.take(behind, range(1, size), axis=axis))
    edge = np.zeros_like(np.take(value, [0], axis=axis), bool)
    unsure = np.concatenate([edge, inner], axis=axis) | np.concatenate([inner, edge], axis=axis)
    return unsure if unsure.any() else None


def _arranged(operand: Value, order: Array, unsure: Array | None, axis: int, is_key: bool) -> Value:
    """One operand in this order; sorting is 1-Lipschitz in the key, and swaps anything else."""
    value = _take(numbers(operand), order, axis)
    if isinstance(operand, Bounded):
        if operand.error is None and unsure is None:
            return Bounded(value)
        error = _take(operand.errors + np.zeros_like(operand.value), order, axis)
        if unsure is not None:
            if is_key:
                hull = (operand.errors + np.zeros_like(operand.value)).max(axis=axis, keepdims=True)
            else:
                reach = operand.errors + np.zeros_like(operand.value)
                high = (operand.value + reach).max(axis=axis, keepdims=True)
                hull = np.maximum(high - value, value - (operand.value - reach).min(axis=axis, keepdims=True))
            error = np.where(unsure, np.where(np.isnan(hull), np.inf, hull), error)
        return Bounded(value, error if error.any() else None)
    if isinstance(operand, Doubtful):
        doubt = _take(operand.doubt, order, axis)
        return plainly(value, doubt if unsure is None else doubt | unsure)
    return value if unsure is None else plainly(value, unsure)


def _take(array: Array, order: Array, axis: int) -> Array:
    cases = max(len(array), len(order))
    array, order = (np.broadcast_to(part, (cases, *part.shape[1:])) for part in (array, order))
    return np.take_along_axis(array, order, axis=axis)
