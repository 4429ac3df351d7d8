"""Which entries of an array each window of a convolution, a pooling or a window sum sees."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from verify.interpreter.indexing import take, write
from verify.interpreter.movement import Array

if TYPE_CHECKING:
    from verify.interpreter.steps import Step


class Geometry(NamedTuple):
    """Where windows lie over an array, one entry an axis."""

    sizes: tuple[int, ...]
    window: tuple[int, ...]
    strides: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    base_dilation: tuple[int, ...]
    window_dilation: tuple[int, ...]

    @staticmethod
    def of(step: Step) -> Geometry:
        """The windows of a reduce_window_* or a select_and_*_add: they lie over its last operand."""
        params: Mapping[str, Any] = step.params
        ones = (1,) * len(params["window_dimensions"])
        return Geometry(
            tuple(step.inputs[-1].shape),
            tuple(params["window_dimensions"]),
            tuple(params["window_strides"]),
            tuple(map(tuple, params["padding"])),
            tuple(params.get("base_dilation", ones)),
            tuple(params.get("window_dilation", ones)),
        )


@functools.lru_cache(maxsize=1024)
def seen(geometry: Geometry) -> Array:
    """Flat positions, (windows, entries of a window); in the padding it is the position behind the last."""
    rank = len(geometry.sizes)
    positions, inside = np.zeros((1,) * 2 * rank, np.intp), np.ones((1,) * 2 * rank, bool)
    for axis, (size, window, stride, (low, high), base, pitch) in enumerate(zip(*geometry, strict=True)):
        extent = (size - 1) * base + 1 if size else 0
        count = max((extent + low + high - (window - 1) * pitch - 1) // stride + 1, 0)
        at = np.arange(count)[:, None] * stride + np.arange(window) * pitch - low
        shape = [1] * 2 * rank
        shape[axis], shape[rank + axis] = at.shape
        at = at.reshape(shape)
        positions = positions + at // base * math.prod(geometry.sizes[axis + 1 :])
        inside = inside & (at >= 0) & (at < extent) & (at % base == 0)
    flat = np.where(inside, positions, math.prod(geometry.sizes))
    return flat.reshape(math.prod(flat.shape[:rank]), -1)


def with_slot(flat: Array, fill: Any) -> Array:
    """A flat array (N|1, size) with one more entry, which stands for the padding."""
    longer = np.empty((len(flat), flat.shape[1] + 1), flat.dtype)
    longer[:, :-1] = flat
    longer[:, -1] = fill
    return longer


def windows(step: Step, array: Array, fill: Any = 0) -> Array:
    """What each window of a reduce_window_* sees, (N|1, *windows, entries), with `fill` in the padding."""
    taken = np.take(with_slot(array.reshape(len(array), -1), fill), seen(Geometry.of(step)), axis=1)
    return taken.reshape(len(array), *_places(step), taken.shape[2])


def winners(step: Step, keys: Array) -> Array:
    """The flat position of the largest entry of each window (smallest, of a minimum), the first of equals.

    For reduce_window_max, reduce_window_min and what differentiates them: select_and_scatter_add and
    select_and_gather_add; which of equals the last one takes, XLA leaves open.
    """
    smallest = step.primitive == "reduce_window_min" or str(step.params.get("select_prim")) == "le"
    entries = windows(step, keys, np.inf if smallest else -np.inf)
    best = entries.argmin(axis=-1) if smallest else entries.argmax(axis=-1)
    positions = seen(Geometry.of(step))
    return positions[np.arange(len(positions)), best.reshape(len(best), -1)].reshape(best.shape)


def gather_winners(array: Array, chosen: Array, fill: Any = 0) -> Array:
    """The entries of an array that `winners` chose, one a window; `fill` if it sees padding alone."""
    return take(with_slot(array.reshape(len(array), -1), fill), chosen)


def scatter_winners(step: Step, source: Array, chosen: Array) -> Array:
    """select_and_scatter_add: each window's source, added where `winners` chose."""
    return write(np.zeros((1, *step.outputs[0].shape), source.dtype), chosen, source, np.add.at)


def _places(step: Step) -> tuple[int, ...]:
    """How many windows there are along each axis."""
    return (step.inputs if step.primitive == "select_and_scatter_add" else step.outputs)[0].shape
