"""Reading and writing at positions that are data: an index in doubt leaves nothing known of its case."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from verify.arithmetic.bounds.value import Bounded, Doubtful, numbers, plainly
from verify.interpreter.indexing import INDEXED_MOVES, filled, split_operands

if TYPE_CHECKING:
    from verify.arithmetic.bounds.base import BaseBounds
    from verify.interpreter.steps import Step


def indexed(name: str) -> Callable[..., Any]:
    move = INDEXED_MOVES[name]

    def rule(arithmetic: BaseBounds, step: Step, *operands: Any) -> Any:
        values, indices = split_operands(step, operands)
        plain = [numbers(index) for index in indices]
        if all(isinstance(value, np.ndarray) for value in values):
            result = move(step, values, plain)
        else:
            result = arithmetic.move(functools.partial(_apply, move, step, plain), *values)
        outside = filled(step, plain[0]) if name == "gather" else None
        if outside is not None and isinstance(result, Bounded):  # what a gather reads there is certain
            given = step.params["fill_value"]
            result = Bounded(
                np.where(outside, np.nan if given is None else float(given), result.value),
                None if result.error is None else np.where(outside, 0.0, result.error),
            )
        return indeterminate_where(result, indices)

    return rule


def indeterminate_where(result: Any, indices: Sequence[Any]) -> Any:
    """The result, with nothing known of it in the cases in which an index is in doubt."""
    doubts = [index.doubt for index in indices if isinstance(index, Doubtful)]
    if not doubts:
        return result
    cases = functools.reduce(np.logical_or, (doubt.reshape(len(doubt), -1).any(axis=1) for doubt in doubts))
    value = numbers(result)
    unknown = np.broadcast_to(cases.reshape(-1, *(1,) * (value.ndim - 1)), value.shape)
    if isinstance(result, Bounded):
        return Bounded(value, np.where(unknown, np.inf, result.errors))
    return plainly(value, unknown | (result.doubt if isinstance(result, Doubtful) else False))


def _apply(move: Callable[..., Any], step: Step, indices: Any, *arrays: Any) -> Any:
    return move(step, arrays, indices)
