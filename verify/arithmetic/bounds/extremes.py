"""Extremes: the error of a maximum is the winner's, and who won is in doubt where bounds overlap."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from verify.arithmetic.bounds.comparisons import close
from verify.arithmetic.bounds.rounding import aligned
from verify.arithmetic.bounds.value import SLACK, Array, Bounded, Doubtful, plainly
from verify.interpreter.indexing import write
from verify.interpreter.movement import cumulative, reduced
from verify.interpreter.ordering import pick
from verify.interpreter.windows import Geometry, scatter_winners, seen, windows, winners

if TYPE_CHECKING:
    from verify.arithmetic.bounds.base import BaseBounds
    from verify.interpreter.steps import Step


def extreme(arithmetic: BaseBounds, a: Bounded, b: Bounded, largest: bool) -> Bounded:
    """max or min of two, with the tag of a certain winner."""
    value = (np.maximum if largest else np.minimum)(a.value, b.value)
    if a.error is None and b.error is None:
        return Bounded(value)
    wins = a.value > b.value if largest else a.value < b.value
    unsure = close(a, b)
    error = np.where(unsure, np.maximum(a.errors, b.errors), np.where(wins, a.errors, b.errors))
    tag = np.where(wins, arithmetic.tags(a), arithmetic.tags(b))
    tag = np.where((a.value == b.value) & ~unsure, arithmetic.tags(a), tag)
    return Bounded(value, error, np.where(unsure, 0, tag))


def either(largest: bool) -> Callable[..., Bounded]:
    def rule(arithmetic: BaseBounds, step: Step, a: Bounded, b: Bounded) -> Bounded:
        a, b = aligned(step, a, b)
        return extreme(arithmetic, a, b, largest)

    return rule


def clamp(arithmetic: BaseBounds, step: Step, low: Bounded, a: Bounded, high: Bounded) -> Bounded:
    low, a, high = aligned(step, low, a, high)
    return extreme(arithmetic, extreme(arithmetic, a, low, True), high, False)


def _contest(a: Bounded, axis: int, largest: bool) -> tuple[Array, Array]:
    """The place of the winner along an axis, and all that may have won."""
    sign = 1.0 if largest else -1.0
    place = (np.argmax if largest else np.argmin)(a.value, axis=axis)
    reach = a.errors * SLACK + np.where(a.errors > 0, np.abs(a.value) * 2.0**-52, 0.0)
    least = (sign * a.value - reach).max(axis=axis, keepdims=True)
    return place, ~(sign * a.value + reach < least)


def reduce_extreme(largest: bool) -> Callable[..., Bounded]:
    """The winner among all entries along some axes."""

    def rule(arithmetic: BaseBounds, step: Step, a: Bounded) -> Bounded:
        return _winner(arithmetic, _parts(a, lambda array: reduced(step, array), arithmetic), largest)

    return rule


def window_extreme(largest: bool) -> Callable[..., Bounded]:
    """The winner within each window; in the padding there is nothing to win."""

    def rule(arithmetic: BaseBounds, step: Step, a: Bounded) -> Bounded:
        nothing = -np.inf if largest else np.inf

        def see(array: Array) -> Array:
            return windows(step, array, nothing if array is a.value else 0)

        return _winner(arithmetic, _parts(a, see, arithmetic), largest)

    return rule


def scatter_extreme(arithmetic: BaseBounds, step: Step, source: Bounded, operand: Bounded) -> Bounded:
    """select_and_scatter_add, which differentiates pooling: where it is unsure who won, any candidate may get
    it all.

    So it is at an exact tie: which of equals wins, XLA leaves open.
    """
    unit, largest = arithmetic.unit(step), str(step.params["select_prim"]) != "le"
    nothing = -np.inf if largest else np.inf
    _, candidates = _contest(
        Bounded(windows(step, operand.value, nothing), windows(step, _whole(operand), 0.0)), -1, largest
    )
    unsure = candidates & (candidates.sum(axis=-1, keepdims=True) > 1)
    chosen = winners(step, operand.value)
    value = scatter_winners(step, source.value, chosen)
    total = scatter_winners(step, np.abs(source.value), chosen)
    met = scatter_winners(step, np.ones_like(source.value), chosen)
    error = scatter_winners(step, _whole(source), chosen)
    if unsure.any():
        cases, share = len(unsure), (np.abs(source.value) + source.errors)[..., None] * unsure
        everywhere = seen(Geometry.of(step)).reshape(1, -1)
        zeros = np.zeros((cases, *operand.value.shape[1:]))
        error = error + write(zeros, everywhere, share.reshape(len(share), -1), np.add.at)
    error = error + np.maximum(met - 1, 0) * (unit.u * (total + error) + unit.flush)
    return Bounded(value, error if error.any() else None)


def _whole(a: Bounded) -> Array:
    return np.broadcast_to(a.errors, a.value.shape)


def _parts(a: Bounded, arrange: Callable[[Array], Array], arithmetic: BaseBounds) -> Bounded:
    if a.error is None:
        return Bounded(arrange(a.value))
    return Bounded(arrange(a.value), arrange(a.error), arrange(arithmetic.tags(a)))


def _winner(arithmetic: BaseBounds, entries: Bounded, largest: bool) -> Bounded:
    """The extreme of a trailing axis; of an empty one the neutral element."""
    if not entries.value.shape[-1]:
        return Bounded(np.full(entries.value.shape[:-1], -np.inf if largest else np.inf))
    if entries.error is None:
        return Bounded((np.max if largest else np.min)(entries.value, axis=-1))
    place, candidates = _contest(entries, -1, largest)
    error = np.where(candidates, entries.error, 0.0).max(axis=-1)
    tags = arithmetic.tags(entries)
    tag = pick(tags, place)  # in no doubt where all that may have won are the same number
    tag = np.where((candidates & (tags != tag[..., None])).any(axis=-1), 0, tag)
    return Bounded(pick(entries.value, place), error if error.any() else None, tag)


def argument(largest: bool) -> Callable[..., Any]:
    """Which entry wins; in doubt where another one, not exactly equal to it, may have won."""

    def rule(arithmetic: BaseBounds, step: Step, a: Bounded) -> Array | Doubtful:
        entries = Bounded(reduced(step, a.value), None if a.error is None else reduced(step, a.error))
        place, candidates = _contest(entries, -1, largest)
        value = place.astype(step.outputs[0].dtype)
        if entries.error is None:
            return value
        won = pick(entries.error, place)[..., None]
        rivals = candidates & ((entries.error > 0) | (won > 0))
        np.put_along_axis(rivals, place[..., None], False, axis=-1)
        return plainly(value, np.asarray(rivals.any(axis=-1)))

    return rule


def cumulative_extreme(ufunc: np.ufunc) -> Callable[..., Bounded]:
    """A running extreme moves by no more than the largest error so far."""

    def rule(arithmetic: BaseBounds, step: Step, a: Bounded) -> Bounded:
        value = cumulative(step, a.value, ufunc.accumulate)
        return Bounded(value, None if a.error is None else cumulative(step, a.error, np.maximum.accumulate))

    return rule
