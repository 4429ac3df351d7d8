"""Primitives that only move numbers, in NumPy, on arrays that carry one leading data axis.

Every array has a leading axis of length 1 (the same for all cases) or N; the shapes in a step leave it out. A
function takes the step and its arrays and returns an array of the step's output shape, with the longest data
axis that it met in front. Results may be views of the operands, so nothing may be written into them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from verify.interpreter.steps import Step

Array = np.ndarray[Any, Any]

# --- axes ---------------------------------------------------------------------------------------------------


def behind(axes: Sequence[int]) -> tuple[int, ...]:
    """Axes of a step as axes of its arrays, which have the data axis in front."""
    return tuple([axis + 1 for axis in axes])


def leading(*arrays: Array) -> int:
    """The number of cases that arrays with leading axes of 1 or N speak of together."""
    return max([len(array) for array in arrays])


def spread(*arrays: Array) -> list[Array]:
    """The arrays, each with the same leading axis."""
    cases = leading(*arrays)
    return [a if len(a) == cases else np.broadcast_to(a, (cases, *a.shape[1:])) for a in arrays]


def align(step: Step, *arrays: Array) -> list[Array]:
    """The operands of an elementwise primitive, all of the rank of its result.

    JAX lets a scalar meet an array of any rank; with a data axis in front, NumPy would pair the wrong axes.
    """
    rank = len(step.outputs[0].shape) + 1
    return [a if a.ndim == rank else a.reshape(len(a), *(1,) * (rank - a.ndim), *a.shape[1:]) for a in arrays]


def reduced(step: Step, array: Array) -> Array:
    """The operand of a reduction with what is reduced in one trailing axis, (N|1, *result, entries)."""
    axes = step.params["axes"]
    kept = [axis for axis in range(array.ndim - 1) if axis not in axes]
    entries = math.prod([array.shape[axis + 1] for axis in axes])
    array = array.transpose(0, *behind(kept), *behind(axes))
    return array.reshape(len(array), *step.outputs[0].shape, entries)


def cumulative(step: Step, array: Array, accumulate: Callable[..., Array]) -> Array:
    """A running sum, product or extreme; `accumulate(array, axis=...)` gets the array in running order."""
    axis = step.params["axis"] + 1
    if not step.params["reverse"]:
        return accumulate(array, axis=axis)
    return np.flip(accumulate(np.flip(array, axis), axis=axis), axis)


# --- one operand --------------------------------------------------------------------------------------------


def squeeze(step: Step, array: Array) -> Array:
    return array.reshape(len(array), *step.outputs[0].shape)


def reshape(step: Step, array: Array) -> Array:
    if step.params["dimensions"] is not None:
        array = array.transpose(0, *behind(step.params["dimensions"]))
    return array.reshape(len(array), *step.outputs[0].shape)


def transpose(step: Step, array: Array) -> Array:
    return array.transpose(0, *behind(step.params["permutation"]))


def broadcast_in_dim(step: Step, array: Array, *_sizes: Array) -> Array:
    shape = step.outputs[0].shape
    places = [1] * len(shape)
    for axis, size in zip(step.params["broadcast_dimensions"], array.shape[1:], strict=True):
        places[axis] = size
    return np.broadcast_to(array.reshape(len(array), *places), (len(array), *shape))


def broadcast_to(step: Step, array: Array) -> Array:
    return np.broadcast_to(align(step, array)[0], (len(array), *step.outputs[0].shape))


def cut(step: Step, array: Array) -> Array:
    """The primitive `slice`."""
    params = step.params
    strides = params["strides"] or (1,) * len(params["start_indices"])
    bounds = zip(params["start_indices"], params["limit_indices"], strides, strict=True)
    return array[(slice(None), *[slice(*bound) for bound in bounds])]


def rev(step: Step, array: Array) -> Array:
    return np.flip(array, behind(step.params["dimensions"]))


def tile(step: Step, array: Array) -> Array:
    return np.tile(array, (1, *step.params["reps"]))


def split(step: Step, array: Array) -> list[Array]:
    ends = np.cumsum(step.params["sizes"])[:-1]
    return np.split(array, ends.tolist(), axis=step.params["axis"] + 1)


def unstack(step: Step, array: Array) -> list[Array]:
    return list(np.moveaxis(array, step.params["axis"] + 1, 0))


def same(step: Step, *arrays: Array) -> Array | list[Array]:
    return arrays[0] if len(arrays) == 1 else list(arrays)


# --- several operands ---------------------------------------------------------------------------------------


def concatenate(step: Step, *arrays: Array) -> Array:
    return np.concatenate(spread(*arrays), axis=step.params["dimension"] + 1)


def stack(step: Step, *arrays: Array) -> Array:
    return np.stack(spread(*arrays), axis=step.params["axis"] + 1)


def pad(step: Step, array: Array, fill: Array) -> Array:
    shape = step.outputs[0].shape
    source, target = _padding(tuple(step.params["padding_config"]), array.shape[1:], shape)
    padded = np.empty((leading(array, fill), *shape), np.result_type(array, fill))
    padded[...] = fill.reshape(len(fill), *(1,) * len(shape))
    padded[target] = array[source]
    return padded


@functools.lru_cache(maxsize=4096)
def _padding(config: tuple, before: tuple[int, ...], after: tuple[int, ...]) -> tuple[tuple, tuple]:
    """Slices of the operand that survive (padding may be negative) and the slices of the result they fill."""
    source, target = [slice(None)], [slice(None)]
    for (low, _, interior), size, limit in zip(config, before, after, strict=True):
        pitch = interior + 1
        first = -(min(low, 0) // pitch)
        count = max(min(size, (limit - 1 - low) // pitch + 1) - first, 0)
        start = low + first * pitch
        source.append(slice(first, first + count))
        target.append(slice(start, start + (count - 1) * pitch + 1 if count else start, pitch))
    return tuple(source), tuple(target)


def select(step: Step, which: Array, *cases: Array) -> Array:
    """`select_n`: the case that `which` (booleans or integers) chooses, element by element."""
    which, *operands = align(step, which, *cases)
    if len(operands) == 2:
        return np.where(which != 0, operands[1], operands[0])
    return np.choose(which, operands, mode="clip")


# --- the table ----------------------------------------------------------------------------------------------

MOVES: dict[str, Callable[..., Any]] = {
    "reshape": reshape,
    "squeeze": squeeze,
    "transpose": transpose,
    "broadcast_in_dim": broadcast_in_dim,
    "broadcast_to": broadcast_to,
    "slice": cut,
    "rev": rev,
    "tile": tile,
    "split": split,
    "unstack": unstack,
    "concatenate": concatenate,
    "stack": stack,
    "pad": pad,
    "copy": same,
    "stop_gradient": same,
    "name": same,
    "optimization_barrier": same,
    "device_put": same,
    "reshard": same,
    "relayout": same,
    "sharding_constraint": same,
    "layout_constraint": same,
    "with_memory_space_constraint": same,
    "pvary": same,
    "reduced_vary_cast": same,
    "vary_unreduced_cast": same,
}
