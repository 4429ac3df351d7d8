"""scatter-max and scatter-min: the error of an entry is the winner's, or of all that may have won the largest."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from verify.arithmetic.bounds.indexing import indeterminate_where
from verify.arithmetic.bounds.value import SLACK, Array, Bounded, numbers
from verify.interpreter.indexing import scatter_add
from verify.interpreter.scattered_extremes import extremes, met, taken, winners

if TYPE_CHECKING:
    from verify.arithmetic.bounds.base import BaseBounds
    from verify.interpreter.steps import Step


def scattered_extreme(largest: bool) -> Callable[..., Bounded]:
    """The extreme of what an entry was and of the updates that meet it, with the tag of a certain winner."""

    def rule(arithmetic: BaseBounds, step: Step, operand: Bounded, indices: Any, updates: Bounded) -> Bounded:
        index = numbers(indices)
        best = extremes(step, operand.value, index, updates.value, largest=largest)
        if operand.error is None and updates.error is None:
            return indeterminate_where(Bounded(best), [indices])
        won = winners(step, best, operand.value, index, updates.value)
        unsure = _rivals(step, operand, index, updates, largest) > 1
        errors = _whole(operand), _whole(updates)
        most = extremes(step, errors[0], index, errors[1], largest=True)
        error = np.where(unsure, most, taken(won, *errors))
        tag = taken(won, arithmetic.tags(operand), arithmetic.tags(updates))
        result = Bounded(best, error if error.any() else None, np.where(unsure, 0, tag))
        return indeterminate_where(result, [indices])

    return rule


def _rivals(step: Step, operand: Bounded, index: Array, updates: Bounded, largest: bool) -> Array:
    """How many of those that meet at an entry may have won."""
    sign = 1.0 if largest else -1.0
    low, high = (
        [sign * each.value + end * _reach(each) for each in (operand, updates)] for end in (-1.0, 1.0)
    )
    least = extremes(step, low[0], index, low[1], largest=True)
    own = ~(high[0] < least)
    others = ~(high[1] < met(step, least, index, updates.value))
    return scatter_add(step, own.astype(np.int64), index, others.astype(np.int64))


def _reach(a: Bounded) -> Array:
    return a.errors * SLACK + np.where(a.errors > 0, np.abs(a.value) * 2.0**-52, 0.0)


def _whole(a: Bounded) -> Array:
    return np.broadcast_to(a.errors, a.value.shape)
