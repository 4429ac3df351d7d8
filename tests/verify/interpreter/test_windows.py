"""Windows of poolings and window sums, against jax.lax under vmap."""

import functools
import math

import jax
import numpy as np
import pytest
from jax import lax

from verify.interpreter.windows import gather_winners, scatter_winners, windows, winners

CASES = 5

WINDOWS = {
    "valid": ((6,), dict(window_dimensions=(2,), window_strides=(1,), padding="VALID")),
    "same": ((5, 4), dict(window_dimensions=(3, 2), window_strides=(1, 1), padding="SAME")),
    "strides": ((7, 4), dict(window_dimensions=(2, 2), window_strides=(2, 3), padding=[(1, 0), (0, 2)])),
    "dilated": (
        (5, 3),
        dict(
            window_dimensions=(2, 3),
            window_strides=(1, 2),
            padding=[(2, 1), (1, 1)],
            base_dilation=(2, 3),
            window_dilation=(3, 1),
        ),
    ),
}
POOLS = ["valid", "same", "strides"]


def tied(random, shape):
    """So few different numbers that most windows have several largest ones."""
    return random.integers(-2, 3, (CASES, *shape)).astype(np.float32)


@pytest.mark.parametrize("label", WINDOWS)
def test_window_sum(label, agrees, random):
    shape, options = WINDOWS[label]
    total = functools.partial(lax.reduce_window, init_value=np.float32(0), computation=lax.add, **options)
    agrees("reduce_window_sum", total, lambda step, x: windows(step, x).sum(axis=-1), tied(random, shape))


@pytest.mark.parametrize("label", WINDOWS)
@pytest.mark.parametrize(("name", "extreme"), [("max", lax.max), ("min", lax.min)])
def test_window_extreme(label, name, extreme, agrees, random):
    shape, options = WINDOWS[label]
    lowest = np.float32(-np.inf if name == "max" else np.inf)
    pool = functools.partial(lax.reduce_window, init_value=lowest, computation=extreme, **options)

    def rule(step, x):
        return gather_winners(x, winners(step, x), lowest)

    agrees(f"reduce_window_{name}", pool, rule, tied(random, shape))


@pytest.mark.parametrize("label", POOLS)
@pytest.mark.parametrize(("lowest", "extreme"), [(-np.inf, lax.max), (np.inf, lax.min)])
def test_backward_of_pooling(label, lowest, extreme, agrees, random):
    """Where several entries of a window are the largest, the first one gets it all."""
    shape, options = WINDOWS[label]
    pool = functools.partial(lax.reduce_window, init_value=np.float32(lowest), computation=extreme, **options)
    places = jax.eval_shape(pool, jax.ShapeDtypeStruct(shape, np.float32)).shape
    source, operand = tied(random, places), tied(random, shape)

    def backward(cotangent, x):
        return jax.vjp(pool, x)[1](cotangent)

    def rule(step, cotangent, x):
        return scatter_winners(step, cotangent, winners(step, x))

    agrees("select_and_scatter_add", backward, rule, source, operand)


@pytest.mark.parametrize("label", POOLS)
@pytest.mark.parametrize(("lowest", "extreme"), [(-np.inf, lax.max), (np.inf, lax.min)])
def test_forward_of_pooling(label, lowest, extreme, agrees, random):
    """Without ties: there XLA takes any of the largest entries, and not the one that it takes backward."""
    shape, options = WINDOWS[label]
    pool = functools.partial(lax.reduce_window, init_value=np.float32(lowest), computation=extreme, **options)

    def forward(tangent, x):
        return jax.jvp(pool, (x,), (tangent,))[1]

    def rule(step, tangent, x):
        return gather_winners(tangent, winners(step, x))

    operand = random.permuted(np.tile(np.arange(math.prod(shape)), (CASES, 1)), axis=1).reshape(CASES, *shape)
    agrees("select_and_gather_add", forward, rule, tied(random, shape), operand.astype(np.float32))
