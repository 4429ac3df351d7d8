"""scatter-max and scatter-min as moves: which of all numbers that meet at an entry stays there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from verify.interpreter.indexing import scatter_with
from verify.interpreter.movement import Array, leading, spread

if TYPE_CHECKING:
    from verify.interpreter.steps import Step


def extremes(step: Step, operand: Array, indices: Array, updates: Array, *, largest: bool) -> Array:
    """The operand with updates met by the larger or smaller number."""
    ufunc: Any = np.maximum if largest else np.minimum
    return scatter_with(ufunc.at, step, operand, indices, updates)


def met(step: Step, array: Array, indices: Array, updates: Array) -> Array:
    """For every update the entry of `array` that it meets; what is dropped meets 0."""
    seen: list[Array] = []

    def note(flat: Array, positions: Array, _: Array) -> None:
        seen.append(flat[positions])

    scatter_with(note, step, array, indices, updates)
    return seen[0].reshape(leading(array, indices, updates), *updates.shape[1:])


def winners(step: Step, best: Array, operand: Array, indices: Array, updates: Array) -> Array:
    """For every entry of the extremes `best` who gave it: 0 is the operand, k the update k - 1, in their order.

    Of equals the first one, and of none, as where it is NaN, the operand.
    """
    nobody = updates[0].size + 1
    winner = np.where(operand == best, 0, nobody)
    numbers = np.arange(1, nobody).reshape(1, *updates.shape[1:])
    candidates = np.where(updates == met(step, best, indices, updates), numbers, nobody)
    winner = scatter_with(np.minimum.at, step, winner, indices, candidates)
    return np.where(winner == nobody, 0, winner)


def taken(winner: Array, operand: Array, updates: Array) -> Array:
    """The numbers of the winners."""
    winner, operand, updates = spread(winner, operand, updates)
    cases, size = len(winner), operand[0].size
    flat = winner.reshape(cases, -1)
    places = np.where(flat == 0, np.arange(size), size + flat - 1)
    both = np.concatenate([operand.reshape(cases, -1), updates.reshape(cases, -1)], axis=1)
    return np.take_along_axis(both, places, axis=1).reshape(winner.shape)
