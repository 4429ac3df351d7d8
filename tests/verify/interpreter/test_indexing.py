"""gather, scatter and dynamic slices against jax.lax under vmap, inside the operand and beyond it."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax
from jax.lax import GatherDimensionNumbers, GatherScatterMode, ScatterDimensionNumbers

from verify.interpreter import indexing
from verify.interpreter.indexing import INDEXED_MOVES, split_operands

CASES = 5
MODES = [GatherScatterMode.CLIP, GatherScatterMode.FILL_OR_DROP, GatherScatterMode.PROMISE_IN_BOUNDS]


def numbered(*shape, dtype=np.float32):
    return np.arange(CASES * np.prod(shape, dtype=int)).reshape(CASES, *shape).astype(dtype)


def moved(step, *operands):
    """The primitive from its operands in their order, as the walker calls it."""
    values, indices = split_operands(step, operands)
    return INDEXED_MOVES[step.primitive](step, values, indices)


class Windows(NamedTuple):
    """A drawn layout of windows in an operand, as gather and scatter both describe it."""

    operand: tuple[int, ...]
    indices: tuple[int, ...]
    windowed: tuple[int, ...]
    sizes: tuple[int, ...]
    window_axes: tuple[int, ...]
    missing: tuple[int, ...]
    indexed: tuple[int, ...]
    batching: tuple[int, ...]
    index_batching: tuple[int, ...]

    @property
    def dimension_numbers(self):
        return (self.window_axes, self.missing, self.indexed, self.batching, self.index_batching)


@st.composite
def windows(draw) -> Windows:
    rank, outer = draw(st.integers(1, 3)), draw(st.integers(0, 2))
    operand = [draw(st.integers(1, 4)) for _ in range(rank)]
    batch = [draw(st.integers(1, 3)) for _ in range(outer)]
    batching = sorted(draw(st.sets(st.integers(0, rank - 1), max_size=min(outer, rank))))
    index_batching = draw(st.permutations(range(outer)))[: len(batching)]
    for axis, place in zip(batching, index_batching, strict=True):
        operand[axis] = batch[place]
    others = [axis for axis in range(rank) if axis not in batching]
    missing = sorted(draw(st.sets(st.sampled_from(others)))) if others else []
    inner = [axis for axis in others if axis not in missing]
    sizes = [draw(st.integers(1, operand[axis])) if axis in inner else 1 for axis in range(rank)]
    indexed = draw(st.permutations(others))[: draw(st.integers(0, len(others)))]
    places = range(outer + len(inner))
    window_axes = sorted(draw(st.permutations(places))[: len(inner)])
    extents, rows = iter([sizes[axis] for axis in inner]), iter(batch)
    windowed = [next(extents) if place in window_axes else next(rows) for place in places]
    shapes = operand, [*batch, len(indexed)], windowed, sizes
    return Windows(*map(tuple, (*shapes, window_axes, missing, indexed, batching, index_batching)))


def starts(random, layout: Windows):
    """Inside the operand three times in four, else a little or far beyond either end."""
    sizes = np.array([layout.operand[axis] for axis in layout.indexed], int)
    inside = random.integers(0, np.maximum(sizes, 1), (CASES, *layout.indices))
    beyond = random.choice([-1000, -2, -1, 1, 5, 1000], inside.shape)
    return (inside + np.where(random.random(inside.shape) < 0.25, beyond, 0)).astype(np.int32)


@settings(max_examples=25, deadline=None)
@given(windows(), st.sampled_from(MODES), st.integers(0, 2**32 - 1))
def test_gather(agrees, layout, mode, seed):
    read = functools.partial(
        lax.gather,
        dimension_numbers=GatherDimensionNumbers(*layout.dimension_numbers),
        slice_sizes=layout.sizes,
        mode=mode,
    )
    random = np.random.default_rng(seed)
    agrees("gather", read, moved, 1 + numbered(*layout.operand), starts(random, layout))


SCATTERS = {
    "scatter-add": (lax.scatter_add, np.add),
    "scatter-mul": (lax.scatter_mul, np.multiply),
    "scatter-min": (lax.scatter_min, np.minimum),
    "scatter-max": (lax.scatter_max, np.maximum),
}


@settings(max_examples=25, deadline=None)
@given(windows(), st.sampled_from(MODES), st.sampled_from(sorted(SCATTERS)), st.integers(0, 2**32 - 1))
def test_scatter_that_combines(agrees, layout, mode, name, seed):
    function, ufunc = SCATTERS[name]
    numbers = ScatterDimensionNumbers(*layout.dimension_numbers)
    random = np.random.default_rng(seed)
    operand = random.integers(-2, 3, (CASES, *layout.operand))
    updates = random.integers(-2, 3, (CASES, *layout.windowed))
    agrees(
        name,
        functools.partial(function, dimension_numbers=numbers, mode=mode),
        functools.partial(indexing.scatter_with, ufunc.at),
        operand.astype(np.float32),
        starts(random, layout),
        updates.astype(np.float32),
    )


@settings(max_examples=15, deadline=None)
@given(windows(), st.sampled_from(MODES), st.integers(0, 2**32 - 1))
def test_scatter_that_replaces(agrees, layout, mode, seed):
    """Where updates meet, XLA promises no order; on CPU the last one stays, and so it does here."""
    numbers = ScatterDimensionNumbers(*layout.dimension_numbers)
    write = functools.partial(lax.scatter, dimension_numbers=numbers, mode=mode)
    random = np.random.default_rng(seed)
    operand, updates = numbered(*layout.operand), -1 - numbered(*layout.windowed)
    agrees("scatter", write, moved, operand, starts(random, layout), updates)


def test_scatter_add_sums_duplicates(step):
    add = step("scatter-add", lambda x, i, y: x.at[i].add(y), np.zeros(3), np.zeros(4, int), np.zeros(4))
    index = np.array([[[0], [2], [2], [7]]])
    result = indexing.scatter_add(add, np.full((1, 3), 10), index, np.array([[1, 2, 3, 4], [5, 6, 7, 8]]))
    np.testing.assert_array_equal(result, [[11, 10, 15], [15, 10, 23]])


SLICES = {"one axis": ((5,), (2,)), "two axes": ((4, 5), (2, 5)), "scalar": ((), ()), "nothing": ((3,), (0,))}


@pytest.mark.parametrize("label", SLICES)
def test_dynamic_slice(label, agrees, random):
    operand, window = SLICES[label]
    first = [random.integers(-3, 7, CASES).astype(np.int32) for _ in operand]
    read = functools.partial(lax.dynamic_slice_p.bind, slice_sizes=window)
    agrees("dynamic_slice", read, moved, numbered(*operand), *first)


@pytest.mark.parametrize("label", SLICES)
def test_dynamic_update_slice(label, agrees, random):
    operand, window = SLICES[label]
    first = [random.integers(-3, 7, CASES).astype(np.int32) for _ in operand]
    write = lax.dynamic_update_slice_p.bind
    agrees("dynamic_update_slice", write, moved, numbered(*operand), -1 - numbered(*window), *first)


def test_operands_are_not_written_into(step):
    shapes = np.zeros(3), np.zeros(1), np.int32(0)
    write = step("dynamic_update_slice", lax.dynamic_update_slice_p.bind, *shapes)
    operand = np.zeros((1, 3))
    assert moved(write, operand, np.ones((1, 1)), np.array([1])).any() and not operand.any()


FILLED = GatherScatterMode.FILL_OR_DROP


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, bool])
def test_gather_of_integers_beyond_the_operand(dtype, agrees):
    index = np.array([0, 1, 2, 3, 50], np.int32).reshape(CASES, 1, 1)
    numbers = GatherDimensionNumbers((), (0,), (0,))
    read = functools.partial(lax.gather, dimension_numbers=numbers, slice_sizes=(1,), mode=FILLED)
    agrees("gather", read, moved, numbered(3, dtype=dtype), index)


@pytest.mark.parametrize(("fill", "shown"), [(None, np.nan), (0.0, 0.0), (2.5, np.nan)])
def test_filled_says_where(fill, shown, step):
    """Components other than the program's own numbers: what they show, and the mask to put them right."""
    numbers = GatherDimensionNumbers((1,), (0,), (0,))
    options = dict(dimension_numbers=numbers, slice_sizes=(1, 2), mode=FILLED, fill_value=fill)
    operand, index = np.ones((1, 3, 2), np.float32), np.array([[[0], [1]], [[3], [2]]], np.int32)
    read = step("gather", functools.partial(lax.gather, **options), operand[0], index[0])
    np.testing.assert_array_equal(indexing.filled(read, index), [[[False], [False]], [[True], [False]]])
    assert indexing.filled(read, index[:1]) is None
    expected = np.ones((2, 2, 2))
    expected[1, 0] = shown
    np.testing.assert_array_equal(moved(read, operand.astype(np.float64), index), expected)
    expected[1, 0] = 0
    np.testing.assert_array_equal(moved(read, operand.astype(np.int64), index), expected)


def test_indices_of_any_integer_type(step):
    read = step("gather", lambda x, i: x.at[i].get(mode="clip"), np.zeros(300), jnp.zeros(1, jnp.uint8))
    values = np.arange(300.0)[None]
    np.testing.assert_array_equal(moved(read, values, np.array([[[255]]], np.uint8)), [[255.0]])


def test_plans_are_shared(step):
    """The static part is computed once for each layout and shape."""
    numbers = GatherDimensionNumbers((), (0,), (0,))
    read = functools.partial(lax.gather, dimension_numbers=numbers, slice_sizes=(1,))
    shapes = jax.ShapeDtypeStruct((7,), np.float32), jax.ShapeDtypeStruct((3, 1), np.int32)
    first, second = (indexing._gather_plan(step("gather", read, *shapes)) for _ in range(2))
    assert first is second
