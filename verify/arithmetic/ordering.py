"""Sorting, top_k and argmax as positions, decided by plain numbers and then applied to any array.

Ties and NaN go where XLA puts them: sorting is stable, NaN is last in ascending order and first in descending
order, -0 equals 0, and an argmax is the first of equals, or the first NaN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from verify.arithmetic.movement import Array, spread

if TYPE_CHECKING:
    from verify.interpret import Step


def sort_order(step: Step, *keys: Array) -> Array:
    """Where each entry of a sort comes from, along its dimension; later keys break ties."""
    axis = step.params["dimension"] + 1
    if len(keys) == 1:
        return np.argsort(keys[0], axis=axis, kind="stable")
    return np.lexsort(spread(*keys)[::-1], axis=axis)


def top_k_order(step: Step, key: Array) -> Array:
    """Where each of the k largest comes from, largest first."""
    axis = _axis(step)
    ascending = np.argsort(np.flip(key, axis), axis=axis, kind="stable")
    descending = key.shape[axis] - 1 - np.flip(ascending, axis)
    return np.take(descending, range(step.params["k"]), axis=axis)


def take_order(step: Step, array: Array, order: Array) -> Array:
    """The entries of `array` in this order, for a sort or a top_k."""
    return np.take_along_axis(array, order, axis=_axis(step))


def pick(array: Array, position: Array) -> Array:
    """One entry of the trailing axis of `array`, at positions such as `argmax(axis=-1)` returns."""
    return np.take_along_axis(array, position[..., None], axis=-1)[..., 0]


def _axis(step: Step) -> int:
    axis = step.params["dimension"] if step.primitive == "sort" else step.params.get("axis", -1)
    return axis + 1 if axis >= 0 else len(step.inputs[0].shape)
