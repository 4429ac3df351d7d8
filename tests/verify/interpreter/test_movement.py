"""Movement primitives against jax.lax under vmap."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax import lax
from jax.ad_checkpoint import checkpoint_name

from verify.interpreter import movement
from verify.interpreter.movement import MOVES
from verify.interpreter.walker import ShapeDtype, Step

CASES = 5


def numbered(*shape: int, dtype: type = np.float32) -> np.ndarray:
    """Different numbers everywhere, so that none can stand at another's place."""
    return np.arange(CASES * np.prod(shape, dtype=int)).reshape(CASES, *shape).astype(dtype)


ONE_OPERAND = {
    "reshape": ((2, 3, 4), "reshape", lambda x: lax.reshape(x, (4, 6))),
    "reshape, permuted": ((2, 3, 4), "reshape", lambda x: lax.reshape(x, (8, 3), (2, 0, 1))),
    "reshape to a scalar": ((1, 1), "reshape", lambda x: lax.reshape(x, ())),
    "squeeze": ((1, 3, 1), "squeeze", lambda x: lax.squeeze(x, (0, 2))),
    "expand_dims": ((3,), "broadcast_in_dim", lambda x: lax.expand_dims(x, (0, 2))),
    "transpose": ((2, 3, 4), "transpose", lambda x: lax.transpose(x, (2, 0, 1))),
    "broadcast": ((3,), "broadcast_in_dim", lambda x: lax.broadcast(x, (2, 4))),
    "broadcast of ones": ((3, 1), "broadcast_in_dim", lambda x: lax.broadcast_in_dim(x, (2, 3, 4), (1, 2))),
    "broadcast of a scalar": ((), "broadcast_in_dim", lambda x: lax.broadcast(x, (2, 3))),
    "slice": ((6, 5), "slice", lambda x: lax.slice(x, (1, 0), (6, 4))),
    "slice with strides": ((6, 5), "slice", lambda x: lax.slice(x, (1, 0), (6, 4), (2, 3))),
    "slice of nothing": ((6, 5), "slice", lambda x: lax.slice(x, (2, 0), (2, 5))),
    "rev": ((3, 4), "rev", lambda x: lax.rev(x, (1,))),
    "rev of all": ((3, 4), "rev", lambda x: lax.rev(x, (0, 1))),
    "split": ((2, 6), "split", lambda x: lax.split(x, (1, 3, 2), 1)),
    "tile": ((2, 3), "tile", lambda x: jnp.tile(x, (2, 3))),
    "unstack": ((2, 3), "unstack", lambda x: jnp.unstack(x, axis=1)),
    "copy": ((2, 3), "copy", lambda x: jnp.copy(x)),
    "optimization_barrier": ((2, 3), "optimization_barrier", lambda x: lax.optimization_barrier((x,))),
    "name": ((2,), "name", lambda x: checkpoint_name(x, "x")),
}


@pytest.mark.parametrize("label", ONE_OPERAND)
def test_one_operand(label, agrees):
    shape, name, function = ONE_OPERAND[label]
    agrees(name, function, as_several(MOVES[name], name), numbered(*shape))


def as_several(rule, name):
    """A primitive with several results lists them, even a single one."""
    return (lambda step, *arrays: [rule(step, *arrays)]) if name == "optimization_barrier" else rule


@pytest.mark.parametrize("dimension", [0, 1])
def test_concatenate(dimension, agrees):
    shapes = [(2, 3), (2, 3), (2, 3)]
    agrees(
        "concatenate",
        lambda *xs: lax.concatenate(xs, dimension),
        MOVES["concatenate"],
        *[numbered(*shape) + 1000 * i for i, shape in enumerate(shapes)],
    )


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_stack(axis, agrees):
    agrees("stack", lambda *xs: jnp.stack(xs, axis), MOVES["stack"], numbered(2, 3), -numbered(2, 3))


@pytest.mark.parametrize(
    "config",
    [[(1, 2, 0), (0, 0, 0)], [(0, 1, 2), (1, 0, 1)], [(-1, -2, 0), (0, 1, 0)], [(-2, 0, 1), (-1, 2, 0)]],
)
def test_pad(config, agrees):
    operand, fill = numbered(4, 3), -1 - numbered()
    agrees("pad", lambda x, y: lax.pad(x, y, config), MOVES["pad"], operand, fill)


@given(st.integers(0, 5), st.integers(0, 3), st.integers(-9, 4), st.integers(-9, 4))
def test_pad_by_definition(size, interior, low, high):
    """Entry i stands at low + i (interior + 1), if that is inside."""
    length = size + max(size - 1, 0) * interior + low + high
    expected = np.full((CASES, max(length, 0)), -1.0, np.float32)
    for i in range(size):
        place = low + i * (interior + 1)
        if 0 <= place < length:
            expected[:, place] = numbered(size)[:, i]
    shape = (ShapeDtype((max(length, 0),), np.float32),)
    pad = Step("pad", {"padding_config": ((low, high, interior),)}, (), shape)
    np.testing.assert_array_equal(MOVES["pad"](pad, numbered(size), -np.ones(1, np.float32)), expected)


@pytest.mark.parametrize("dtype", [np.float64, np.int64, bool])
def test_moves_any_component(dtype, step):
    """The arrays that a value is made of need not have the dtype of the program."""
    pad = step("pad", lambda x: lax.pad(x, 0.0, [(1, 0, 0)]), jax.ShapeDtypeStruct((3,), np.float32))
    result = MOVES["pad"](pad, numbered(3, dtype=dtype), np.zeros(1, dtype))
    assert result.dtype == dtype
    assert (result[:, 1:] == numbered(3, dtype=dtype)).all() and not result[:, 0].any()


@pytest.mark.parametrize("which", [(), (2, 3)])
def test_select_of_two(which, agrees, random):
    chosen = random.random((CASES, *which)) < 0.5
    agrees("select_n", lax.select_n, movement.select, chosen, numbered(2, 3), -numbered(2, 3))


@pytest.mark.parametrize("which", [(), (2, 3)])
def test_select_of_several(which, agrees, random):
    chosen = random.integers(0, 3, (CASES, *which)).astype(np.int32)
    cases = [numbered(2, 3) + 1000 * i for i in range(3)]
    agrees("select_n", lax.select_n, movement.select, chosen, *cases)


@pytest.mark.parametrize("axes", [(0,), (2, 0), (0, 1, 2), ()])
def test_reduced(axes, step):
    """Summing what `reduced` puts in the trailing axis is the reduction."""
    operand = numbered(2, 3, 4)
    reduce_sum = step("reduce_sum", lambda x: lax.reduce_sum(x, axes), operand[0])
    result = movement.reduced(reduce_sum, operand).sum(axis=-1)
    np.testing.assert_array_equal(result, operand.sum(axis=tuple(axis + 1 for axis in axes)), strict=True)


def test_reduced_of_nothing(step):
    reduce_sum = step("reduce_sum", lambda x: lax.reduce_sum(x, (1,)), np.zeros((2, 0)))
    assert movement.reduced(reduce_sum, np.zeros((CASES, 2, 0))).shape == (CASES, 2, 0)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("axis", [0, 1])
def test_cumulative(axis, reverse, agrees):
    agrees(
        "cumsum",
        functools.partial(lax.cumsum, axis=axis, reverse=reverse),
        lambda step, array: movement.cumulative(step, array, np.cumsum),
        numbered(3, 4),
    )


def test_align_puts_scalars_beside_arrays(step):
    add = step("add", lambda x: x + 1.0, jax.ShapeDtypeStruct((5,), np.float32))  # as many entries as cases
    scalars, array = movement.align(add, numbered(), numbered(5))
    np.testing.assert_array_equal(scalars + array, numbered(5) + np.arange(CASES)[:, None])
