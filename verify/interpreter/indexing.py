"""Reading and writing at positions that are data: gather, scatter and dynamic slices, in NumPy.

Indices are plain integers, already normalised (jnp has added the size to negative ones). Each primitive is
turned into flat positions in its operand; the parts that no index changes are computed once per shape.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jax.lax import GatherScatterMode

from verify.interpreter.movement import Array, leading, select

if TYPE_CHECKING:
    from verify.interpreter.steps import Step

Shape = tuple[int, ...]

# --- flat positions -----------------------------------------------------------------------------------------


class Plan(NamedTuple):
    """Flat positions of windows in an operand, but for the index at which each window starts."""

    last: Array  # for each component of an index, the largest start that keeps the window inside
    strides: Array  # for each component of an index, what one step costs in the flat operand
    starts: Shape  # the shape of the starts beside the windowed array: 1 along the axes that a window fills
    offsets: Array  # what is added to a start for each entry of a window


@functools.lru_cache(maxsize=4096)
def _plan(operand: Shape, window: Shape, indexed: Shape, filled: Any, paired: Any, windowed: Shape) -> Plan:
    """The plan for windows of extent `window` in `operand`, laid out as an array of shape `windowed`.

    `indexed` are the operand axes that the components of an index move along; `filled` pairs an operand axis
    with the windowed axis that it fills; `paired` an operand axis with the axis of the starts it goes along.
    """
    rank = len(windowed)
    strides = [math.prod(operand[axis + 1 :]) for axis in range(len(operand))]
    outer = [place for place in range(rank) if place not in dict(filled).values()]
    offsets = np.zeros((1,) * rank, np.intp)
    for axis, place in (*filled, *((axis, outer[start]) for axis, start in paired)):
        offsets = offsets + np.arange(windowed[place]).reshape(-1, *(1,) * (rank - place - 1)) * strides[axis]
    return Plan(
        np.array([operand[axis] - window[axis] for axis in indexed], np.int64),
        np.array([strides[axis] for axis in indexed], np.int64),
        tuple([size if place in outer else 1 for place, size in enumerate(windowed)]),
        offsets,
    )


def _gather_plan(step: Step) -> Plan:
    offset, collapsed, indexed, batching, start_batching = map(tuple, step.params["dimension_numbers"])
    operand, windowed = step.inputs[0].shape, step.outputs[0].shape
    inner = [axis for axis in range(len(operand)) if axis not in collapsed and axis not in batching]
    window = tuple(step.params["slice_sizes"])
    return _plan(operand, window, indexed, _pairs(inner, offset), _pairs(batching, start_batching), windowed)


def _scatter_plan(step: Step) -> Plan:
    window_dims, inserted, indexed, batching, start_batching = map(tuple, step.params["dimension_numbers"])
    operand, windowed = step.inputs[0].shape, step.inputs[2].shape
    inner = [axis for axis in range(len(operand)) if axis not in inserted and axis not in batching]
    filled = _pairs(inner, window_dims)
    window = [1] * len(operand)
    for axis, place in filled:
        window[axis] = windowed[place]
    return _plan(operand, tuple(window), indexed, filled, _pairs(batching, start_batching), windowed)


def _slice_plan(operand: Shape, window: Shape) -> Plan:
    axes = tuple(range(len(operand)))
    return _plan(operand, window, axes, _pairs(axes, axes), (), window)


def _pairs(first: Sequence[int], second: Sequence[int]) -> tuple[tuple[int, int], ...]:
    return tuple(zip(first, second, strict=True))


def _positions(plan: Plan, starts: Array) -> Array:
    """Flat positions of every entry of every window; `starts` (N|1, ..., components) must be inside."""
    return (starts @ plan.strides).reshape(len(starts), *plan.starts) + plan.offsets


def _start(plan: Plan, indices: Array) -> tuple[Array, Array | None]:
    """Starts moved inside; and where they already were, shaped like `plan.starts`; None is everywhere."""
    indices = indices.astype(np.int64, copy=False)
    inner = np.minimum(np.maximum(indices, 0), plan.last)
    inside = (inner == indices).all(axis=-1)
    return inner, None if inside.all() else inside.reshape(len(indices), *plan.starts)


# --- reading ------------------------------------------------------------------------------------------------


def take(array: Array, positions: Array) -> Array:
    """Entries of an array at flat positions (N|1, ...) that do not count the data axis."""
    if len(array) == 1:
        return np.take(array.reshape(-1), positions)
    flat = array.reshape(len(array), -1)
    if len(positions) == 1:
        return np.take(flat, positions[0], axis=1)
    return np.take(flat, positions + _rows(positions, flat.shape[1]))


def _rows(positions: Array, size: int) -> Array:
    """What turns positions in one case into positions in all of them."""
    return (np.arange(len(positions)) * size).reshape(-1, *(1,) * (positions.ndim - 1))


def gather(step: Step, values: Sequence[Array], indices: Sequence[Array]) -> Array:
    """Windows of the operand, moved inside it where they are not, or there a fill value: see `filled`.

    A component array of floats shows the fill value 0 as 0 and any other as NaN, one of integers always as 0;
    an operand whose dtype in the program is an integer gets the program's fill value.
    """
    (operand,), (index,) = values, indices
    plan = _gather_plan(step)
    starts, inside = _start(plan, index)
    taken = take(operand, _positions(plan, starts))
    if inside is None or step.params["mode"] is not GatherScatterMode.FILL_OR_DROP:
        return taken
    given = step.params["fill_value"]
    if np.dtype(step.outputs[0].dtype).kind not in "iub":
        given = np.nan if taken.dtype.kind == "f" and given != 0 else 0
    return np.where(inside, taken, np.asarray(given, taken.dtype))


def filled(step: Step, index: Array) -> Array | None:
    """Where a gather shows its fill value, because a window is not inside the operand; None for nowhere.

    Shaped like the result, but 1 along the axes a window fills. The value is `step.params["fill_value"]`.
    """
    _, inside = _start(_gather_plan(step), index)
    return None if inside is None or step.params["mode"] is not GatherScatterMode.FILL_OR_DROP else ~inside


def dynamic_slice(step: Step, values: Sequence[Array], indices: Sequence[Array]) -> Array:
    (operand,), window = values, step.outputs[0].shape
    if max([len(index) for index in indices], default=1) == 1:
        return operand[_fixed_slices(operand.shape[1:], window, indices)]
    plan = _slice_plan(operand.shape[1:], window)
    return take(operand, _positions(plan, _start(plan, _stacked(indices))[0]))


# --- writing ------------------------------------------------------------------------------------------------


def scatter(step: Step, values: Sequence[Array], indices: Sequence[Array]) -> Array:
    """The operand with windows replaced; of updates at the same position the last one stays."""
    (operand, updates), (index,) = values, indices
    return _write_windows(step, _scatter_plan(step), operand, index, updates, _replace)


def scatter_add(step: Step, operand: Array, indices: Array, updates: Array) -> Array:
    """The operand with updates added to windows, all of those at the same position."""
    return scatter_with(np.add.at, step, operand, indices, updates)


def scatter_with(
    combine: Callable[..., None], step: Step, operand: Array, indices: Array, updates: Array
) -> Array:
    """The operand with updates combined into windows one after the other."""
    return _write_windows(step, _scatter_plan(step), operand, indices, updates, combine)


def dynamic_update_slice(step: Step, values: Sequence[Array], indices: Sequence[Array]) -> Array:
    operand, update = values
    window = update.shape[1:]
    if max([len(index) for index in indices], default=1) == 1:
        result = np.repeat(operand, leading(operand, update) // len(operand), axis=0)
        result[_fixed_slices(operand.shape[1:], window, indices)] = update
        return result
    plan = _slice_plan(operand.shape[1:], window)
    return _write_windows(step, plan, operand, _stacked(indices), update, _replace)


def _replace(flat: Array, positions: Array, updates: Array) -> None:
    flat[positions] = updates


def write(operand: Array, positions: Array, updates: Array, combine: Callable[..., None]) -> Array:
    """The operand with updates written to flat positions by `combine`, such as `np.add.at`, in their order.

    Positions do not count the data axis; the one behind the last entry is for updates to be dropped.
    """
    cases, size = leading(operand, positions, updates), math.prod(operand.shape[1:])
    shape = (cases, *updates.shape[1:])
    positions = np.broadcast_to(positions, shape)
    written = np.zeros((cases, size + 1), operand.dtype)
    written[:, :size] = operand.reshape(len(operand), size)
    where = (positions + _rows(positions, size + 1)).reshape(-1)
    combine(written.reshape(-1), where, np.broadcast_to(updates, shape).reshape(-1))
    return written[:, :size].reshape(cases, *operand.shape[1:])


def _write_windows(
    step: Step, plan: Plan, operand: Array, index: Array, updates: Array, combine: Callable[..., None]
) -> Array:
    starts, inside = _start(plan, index)
    positions = _positions(plan, starts)
    if inside is not None and step.params.get("mode", GatherScatterMode.CLIP) is not GatherScatterMode.CLIP:
        positions = np.where(inside, positions, math.prod(operand.shape[1:]))
    return write(operand, positions, updates, combine)


# --- starts of slices ---------------------------------------------------------------------------------------


def _stacked(indices: Sequence[Array]) -> Array:
    return np.stack(np.broadcast_arrays(*indices), axis=-1)


def _fixed_slices(operand: Shape, window: Shape, indices: Sequence[Array]) -> tuple[slice, ...]:
    """The slices of all cases together, where the starts are the same for all."""
    slices = [slice(None)]
    for index, size, extent in zip(indices, operand, window, strict=True):
        start = min(max(int(index[0]), 0), size - extent)
        slices.append(slice(start, start + extent))
    return tuple(slices)


# --- the table ----------------------------------------------------------------------------------------------

INDEXED_MOVES: dict[str, Callable[[Any, Sequence[Array], Sequence[Array]], Array]] = {
    "gather": gather,
    "dynamic_slice": dynamic_slice,
    "dynamic_update_slice": dynamic_update_slice,
    "scatter": scatter,
    "select_n": lambda step, values, indices: select(step, *indices, *values),
}

_INDICES = {
    "gather": slice(1, None),
    "dynamic_slice": slice(1, None),
    "dynamic_update_slice": slice(2, None),
    "scatter": slice(1, 2),
    "select_n": slice(0, 1),
}


def split_operands(step: Step, operands: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """The operands of an indexed move that are moved, and the integers (or booleans) that say where to."""
    where = range(len(operands))[_INDICES[step.primitive]]
    return [o for i, o in enumerate(operands) if i not in where], [operands[i] for i in where]
