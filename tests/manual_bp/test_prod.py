"""The chain rule for tensors: `prod` against written-out sums, and the chapter's equations against `prod`."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manual_bp.prod import prod

SHAPES = st.lists(st.integers(0, 3), max_size=3).map(tuple)


def integers(seed, shape):
    """Small integers: every product and sum of them is exact."""
    return np.random.default_rng(seed).integers(-4, 5, size=shape).astype(np.float32)


@settings(max_examples=30)  # each set of shapes compiles
@given(Z=SHAPES, Y=SHAPES, X=SHAPES, seed=st.integers(0, 999))
def test_prod_is_the_sum_over_every_index_of_Y(Z, Y, X, seed):
    dZ_dY, dY_dX = integers(seed, Z + Y), integers(seed + 1, Y + X)
    summed = np.zeros(Z + X, np.float32)
    for a, c in itertools.product(np.ndindex(Z), np.ndindex(X)):
        summed[a + c] = sum(dZ_dY[a + b] * dY_dX[b + c] for b in np.ndindex(Y))
    product = prod(dZ_dY, dY_dX, ndim=len(Y))
    assert product.shape == Z + X
    np.testing.assert_array_equal(product, summed)


@settings(max_examples=20)
@given(shapes=st.tuples(SHAPES, SHAPES, SHAPES, SHAPES), seed=st.integers(0, 999))
def test_a_chain_takes_one_ndim_a_joint(shapes, seed):
    Z, Y, U, X = shapes
    dZ_dY, dY_dU, dU_dX = integers(seed, Z + Y), integers(seed + 1, Y + U), integers(seed + 2, U + X)
    chain = prod(dZ_dY, dY_dU, dU_dX, ndim=(len(Y), len(U)))
    from_the_right = prod(dZ_dY, prod(dY_dU, dU_dX, ndim=len(U)), ndim=len(Y))
    np.testing.assert_array_equal(chain, from_the_right)


@settings(max_examples=20)
@given(h=st.integers(1, 4), d=st.integers(1, 4), seed=st.integers(0, 999))
def test_outer_transposed_and_elementwise_products_are_prods(h, d, seed):
    """z = W x and h = phi(z), with their Jacobians written out."""
    W, x, g, slope = (integers(seed + i, s) for i, s in enumerate([(h, d), (d,), (h,), (h,)]))
    dz_dW = np.einsum("ij,k->ijk", np.eye(h, dtype=np.float32), x)
    np.testing.assert_array_equal(prod(g, dz_dW, ndim=1), np.outer(g, x))
    np.testing.assert_array_equal(prod(g, W, ndim=1), W.T @ g)
    np.testing.assert_array_equal(prod(g, np.diag(slope), ndim=1), g * slope)


def test_prod_of_scalars_and_of_python_numbers():
    assert prod(2.0, 3.0, ndim=0) == 6
    assert prod(7.0, ndim=()) == 7


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_prod_works_under_jit_and_vmap_and_keeps_the_dtype(dtype):
    a, b = jnp.ones((5, 2, 3), dtype), jnp.ones((5, 3, 4), dtype)
    product = jax.jit(jax.vmap(lambda a, b: prod(a, b, ndim=1)))(a, b)
    assert (product.shape, product.dtype) == ((5, 2, 4), dtype)
    np.testing.assert_array_equal(product.astype("float32"), np.full((5, 2, 4), 3))


@pytest.mark.parametrize(
    ("shapes", "ndim", "error", "message"),
    [
        ([(2, 3), (4, 5)], 1, ValueError, r"Y is \(3,\) in the one and \(4,\) in the other"),
        ([(2, 3), (3, 2)], 2, ValueError, r"Y is \(2, 3\) in the one and \(3, 2\) in the other"),
        ([(3,), (3, 2)], 2, ValueError, "both must hold the 2 axes of Y"),
        ([(3,), (3,)], -1, ValueError, "both must hold the -1 axes of Y"),
        ([(3,), (3, 2), (2,)], 1, TypeError, "ndim=1 with 3 Jacobians"),
        ([(3,)], 1, TypeError, "ndim=1 with 1 Jacobians"),
        ([], (), TypeError, "0 Jacobians"),
    ],
)
def test_axes_that_do_not_meet_are_named(shapes, ndim, error, message):
    with pytest.raises(error, match=message):
        prod(*map(jnp.ones, shapes), ndim=ndim)
