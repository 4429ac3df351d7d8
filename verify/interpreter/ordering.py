"""Sorting, top_k and argmax as positions, decided by plain numbers and then applied to any array.

Ties, NaN and -0 go where XLA puts them. Sorting is stable, with NaN last and -0 equal to 0; top_k takes the
first of equals first, NaN before all numbers and 0 before -0; an argmax is the first of equals, or the first
NaN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from verify.interpreter.movement import Array, spread

if TYPE_CHECKING:
    from verify.interpreter.steps import Step


def sort_order(step: Step, *keys: Array) -> Array:
    """Where each entry of a sort comes from, along its dimension; later keys break ties."""
    axis = step.params["dimension"] + 1
    if len(keys) == 1:
        return np.argsort(keys[0], axis=axis, kind="stable")
    return np.lexsort(spread(*keys)[::-1], axis=axis)


def top_k_order(step: Step, key: Array) -> Array:
    """Where each of the k largest comes from, largest first."""
    axis = _axis(step)
    if key.dtype.kind == "f":  # as integers in the same order, in which -0 differs from 0
        bits = key.view(f"i{key.itemsize}")
        key = np.where(bits < 0, bits ^ np.iinfo(bits.dtype).max, bits)
    order = np.argsort(~key, axis=axis, kind="stable")
    return np.take(order, range(step.params["k"]), axis=axis)


def take_order(step: Step, array: Array, order: Array) -> Array:
    """The entries of `array` in this order, for a sort or a top_k."""
    return np.take_along_axis(array, order, axis=_axis(step))


def pick(array: Array, position: Array) -> Array:
    """One entry of the trailing axis of `array`, at positions such as `argmax(axis=-1)` returns."""
    return np.take_along_axis(array, position[..., None], axis=-1)[..., 0]


def _axis(step: Step) -> int:
    axis = step.params["dimension"] if step.primitive == "sort" else step.params.get("axis", -1)
    return axis + 1 if axis >= 0 else len(step.inputs[0].shape)
