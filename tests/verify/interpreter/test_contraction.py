"""dot_general and convolutions through a matrix product, against jax.lax under vmap."""

import functools

import numpy as np
import pytest
from jax import lax

from verify.interpreter.contraction import contract, layout

CASES = 5

DOTS = {
    "matrix and vector": ((3, 4), (4,), (((1,), (0,)), ((), ()))),
    "vector and vector": ((4,), (4,), (((0,), (0,)), ((), ()))),
    "outer": ((3,), (4,), (((), ()), ((), ()))),
    "scalars": ((), (), (((), ()), ((), ()))),
    "transposed": ((4, 3), (2, 4), (((0,), (1,)), ((), ()))),
    "two sums": ((3, 4, 2), (2, 5, 4), (((1, 2), (2, 0)), ((), ()))),
    "batch": ((2, 3, 4), (2, 4, 5), (((2,), (1,)), ((0,), (0,)))),
    "batch at the end": ((3, 4, 2), (4, 2, 5), (((1,), (0,)), ((2,), (1,)))),
    "two batches and two sums": ((2, 3, 4, 5), (5, 3, 6, 4, 2), (((2, 3), (3, 0)), ((1, 0), (1, 4)))),
    "all batch": ((2, 3), (3, 2), (((), ()), ((0, 1), (1, 0)))),
    "empty sum": ((3, 0), (0, 2), (((1,), (0,)), ((), ()))),
}


def integers(random, *shape):
    """Small integers, whose sums of products no order rounds."""
    return random.integers(-4, 5, (CASES, *shape)).astype(np.float32)


@pytest.mark.parametrize("label", DOTS)
def test_dot_general(label, agrees, random):
    a, b, dimensions = DOTS[label]
    dot = functools.partial(lax.dot_general, dimension_numbers=dimensions)
    agrees("dot_general", dot, contract, integers(random, *a), integers(random, *b))


CONVOLUTIONS = {
    "plain": ((2, 3, 6), (4, 3, 2), {}),
    "same": ((2, 3, 5), (4, 3, 3), dict(padding="SAME")),
    "strides": ((1, 2, 7), (3, 2, 3), dict(window_strides=(2,), padding=[(1, 2)])),
    "kernel dilation": ((1, 2, 7), (3, 2, 3), dict(rhs_dilation=(2,), padding=[(2, 1)])),
    "transposed": ((1, 2, 4), (3, 2, 3), dict(lhs_dilation=(2,), padding=[(1, 2)])),
    "negative padding": ((1, 2, 6), (3, 2, 2), dict(padding=[(-1, -2)])),
    "everything": (
        (1, 2, 6),
        (3, 2, 2),
        dict(lhs_dilation=(2,), rhs_dilation=(3,), window_strides=(2,), padding=[(2, -1)]),
    ),
    "feature groups": ((2, 6, 4), (4, 3, 2), dict(feature_group_count=2)),
    "depthwise": ((2, 3, 4), (6, 1, 2), dict(feature_group_count=3, padding="SAME")),
    "batch groups": ((4, 3, 4), (6, 3, 2), dict(batch_group_count=2)),
    "two axes": ((2, 2, 4, 5), (3, 2, 2, 3), dict(window_strides=(1, 2), padding=[(1, 0), (2, 1)])),
    "channels last": (
        (2, 4, 5, 2),
        (2, 3, 2, 3),
        dict(dimension_numbers=("NHWC", "HWIO", "NHWC"), window_strides=(1, 1)),
    ),
    "mixed layout and groups": (
        (4, 2, 3, 5),
        (2, 6, 2, 2),
        dict(dimension_numbers=("CHNW", "HOIW", "HCWN"), feature_group_count=2, window_strides=(1, 2)),
    ),
    "no axis": ((2, 3), (4, 3), dict(window_strides=())),
}


@pytest.mark.parametrize("label", CONVOLUTIONS)
def test_conv_general_dilated(label, agrees, random):
    a, b, options = CONVOLUTIONS[label]
    options = dict(window_strides=(1,) * (len(a) - 2), padding="VALID") | options
    convolution = functools.partial(lax.conv_general_dilated, **options)
    agrees("conv_general_dilated", convolution, contract, integers(random, *a), integers(random, *b))


def test_matmul_is_given_matrices(step, random):
    """(data, batch, rows, terms) and (data, batch, terms, columns), for any product instead of NumPy's."""
    a, b, dimensions = DOTS["two batches and two sums"]
    dot = functools.partial(lax.dot_general, dimension_numbers=dimensions)
    a, b = integers(random, *a), integers(random, *b)[:1]
    equation = step("dot_general", dot, a[0], b[0])
    shapes = []

    def product(left, right):
        shapes.append((left.shape, right.shape))
        return left @ right + 1000

    result = contract(equation, a, b, product)
    assert shapes == [((CASES, 6, 1, 20), (1, 6, 20, 6))]
    np.testing.assert_array_equal(result, contract(equation, a, b) + 1000)
    assert layout(equation).terms == 20
