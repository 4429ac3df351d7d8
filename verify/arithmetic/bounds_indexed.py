"""Reading and writing at positions that are data: an index in doubt leaves its whole case undecided."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from verify.arithmetic.bounded import Bounded
from verify.arithmetic.indexing import INDEXED_MOVES, split_operands

if TYPE_CHECKING:
    from verify.arithmetic.bounds import Bounds
    from verify.interpret import Step


def indexed(name: str) -> Callable[..., Any]:
    move = INDEXED_MOVES[name]

    def rule(arithmetic: Bounds, step: Step, *operands: Any) -> Any:
        values, indices = split_operands(step, operands)
        plain = [arithmetic.steer(index) for index in indices]
        if all(isinstance(value, np.ndarray) for value in values):
            return move(step, values, plain)
        result = arithmetic.move(functools.partial(_apply, move, step, plain), *values)
        if name == "gather" and isinstance(result, Bounded) and result.error is not None:
            # outside the operand a gather reads NaN, and that is certain
            result.error = np.where(np.isnan(result.value) & np.isnan(result.error), 0.0, result.error)
        return result

    return rule


def _apply(move: Callable[..., Any], step: Step, indices: Any, *arrays: Any) -> Any:
    return move(step, arrays, indices)


