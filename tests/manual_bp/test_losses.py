"""dl/do by hand: against autodiff, confident logits, ties, targets, and l against optax."""

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manual_bp.domains import Index, binary, counts, simplex
from manual_bp.losses import LOSSES, Loss

OPTAX = {  # l of one output, summed
    "squared_error": lambda o, y: optax.l2_loss(o, y).sum(),
    "softmax_cross_entropy": optax.softmax_cross_entropy,
    "softmax_cross_entropy_with_labels": optax.softmax_cross_entropy_with_integer_labels,
    "sigmoid_cross_entropy": lambda o, y: optax.sigmoid_binary_cross_entropy(o, y).sum(),
    "absolute_error": lambda o, y: jnp.abs(o - y).sum(),
    "huber": lambda o, y: optax.huber_loss(o, y).sum(),
    "log_cosh": lambda o, y: optax.log_cosh(o, y).sum(),
    "poisson": lambda o, y: (jnp.exp(o) - y * o).sum(),
}


@pytest.fixture(autouse=True)
def x64():
    with jax.enable_x64(True):
        yield


def target(loss: Loss, random: np.random.Generator, q: int):
    """A target of that loss for q outputs."""
    if isinstance(loss.target, Index):
        return jnp.asarray(random.integers(q))
    if loss.target == simplex:
        return jnp.asarray(random.multinomial(8, np.full(q, 1 / q)) / 8)
    if loss.target in (binary, counts):
        return jnp.asarray(random.integers(2 if loss.target == binary else 5, size=q).astype(float))
    return jnp.asarray(random.normal(size=q) * 3)


@jax.jit
def all_sides(loss, o, y):
    value, slope = jax.value_and_grad(loss.value)(o, y)
    return value, OPTAX[loss.name](o, y), slope, loss.derivative(o, y)


@pytest.mark.parametrize("name", LOSSES)
@settings(max_examples=50)
@given(q=st.integers(1, 4), seed=st.integers(0, 2**32 - 1))
def test_value_equals_optax_and_derivative_equals_autodiff(name, q, seed):
    """Within 16 roundings for each of q terms, none of them larger than 1 + e^o + (|o| + |y|)^2."""
    random = np.random.default_rng(seed)
    o, y = jnp.asarray(random.normal(size=q) * 3), target(LOSSES[name], random, q)
    value, reference, slope, manual = map(np.asarray, all_sides(LOSSES[name], o, y))
    bound = 16 * q * 2**-52 * np.max(1 + np.exp(o) + (np.abs(o) + np.abs(y)) ** 2)
    assert (manual.shape, manual.dtype) == (o.shape, o.dtype)
    assert abs(value - reference) <= bound
    assert (np.abs(manual - slope) <= bound).all(), f"manual {manual}, jax.grad {slope} at o={o}, y={y}"


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
@pytest.mark.parametrize("margin", [0.5, 3, 7, 9])
def test_confident_and_right_is_accurate_to_the_last_places(dtype, margin):
    """p - y where p rounds to 1: a relative error of a few units, where the plain difference has 100 %.

    With margin 7 the gradient is 1e-3 and bfloat16's p is 1. A softmax and a sigmoid cost 4 roundings each,
    the sum over the others one for each of them; what is below the smallest normal number may be lost.
    """
    o = jnp.asarray([margin, 0, -1, -margin], dtype)
    with mp.workdps(40):
        e = [mp.exp(float(value)) for value in o]
        rest = [value / sum(e) for value in e[1:]]
        exact = np.array([float(-sum(rest)), *map(float, rest)])
        exact_sigmoid = float(-1 / (1 + mp.exp(margin)))
    units, tiny = 8 * float(jnp.finfo(dtype).eps), float(jnp.finfo(dtype).tiny)
    y = jnp.asarray([1, 0, 0, 0], dtype)
    soft = LOSSES["softmax_cross_entropy"].derivative(o, y)
    hard = LOSSES["softmax_cross_entropy_with_labels"].derivative(o, jnp.asarray(0))
    logit = LOSSES["sigmoid_cross_entropy"].derivative(o, y)[0]
    for manual in (soft, hard):
        assert manual.dtype == dtype
        assert (np.abs(np.asarray(manual, float) - exact) <= units * np.abs(exact) + tiny).all(), (
            f"{manual}, not {exact}"
        )
    assert abs(float(logit) - exact_sigmoid) <= units * abs(exact_sigmoid)


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
@pytest.mark.parametrize("name", LOSSES)
def test_derivative_is_finite_for_huge_outputs(name, dtype):
    """Poisson's e^o itself overflows at 1e4, so there the outputs are huge and negative."""
    loss = LOSSES[name]
    top = 0 if name == "poisson" else 1e4
    o = jnp.asarray([top, -1e4, 0], dtype)
    for hot in range(3):
        y = jnp.asarray(hot) if isinstance(loss.target, Index) else jax.nn.one_hot(hot, 3, dtype=dtype)
        assert jnp.isfinite(loss.derivative(o, y)).all()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("name", "r", "slope"),
    [("absolute_error", 0, 1), ("absolute_error", -0.0, 1), ("huber", 1, 1), ("huber", -1, -1)],
)
def test_derivative_at_a_tie_is_the_one_of_autodiff(name, r, slope, dtype):
    loss = LOSSES[name]
    assert r in loss.kinks
    o, y = jnp.asarray([r, r + 2.5], dtype), jnp.asarray([0, 2.5], dtype)
    np.testing.assert_array_equal(jax.grad(loss.value)(o, y), [slope, slope])
    np.testing.assert_array_equal(loss.derivative(o, y), [slope, slope])


@pytest.mark.parametrize("name", LOSSES)
def test_a_minibatch_is_a_vmap_over_rows(name):
    loss, random = LOSSES[name], np.random.default_rng(0)
    o = jnp.asarray(random.normal(size=(3, 4)))
    y = jnp.stack([target(loss, random, 4) for _ in range(3)])
    assert y.shape == loss.target_shape(o.shape)
    rows = jax.jit(jax.vmap(loss.derivative))(o, y)
    assert rows.shape == o.shape
    one_by_one = jnp.stack([jax.jit(loss.derivative)(*pair) for pair in zip(o, y, strict=True)])
    assert (
        jnp.abs(rows - one_by_one) <= 4 * 2**-52 * (1 + jnp.abs(rows))
    ).all()  # XLA may fuse the two differently


def test_a_target_has_the_shape_of_its_output_and_an_index_no_last_axis():
    for name, loss in LOSSES.items():
        labels = name == "softmax_cross_entropy_with_labels"
        assert loss.target_shape(("n", "q")) == (("n",) if labels else ("n", "q"))
        assert loss.target_shape((4,)) == (() if labels else (4,))
        assert loss.target.integer == labels


def test_rows_are_static_and_under_their_own_names():
    assert all(name == row.name for name, row in LOSSES.items())
    assert Loss.table() is LOSSES
    half = jax.jit(lambda loss, o, y: loss.derivative(o, y))(
        LOSSES["squared_error"], jnp.ones(2), jnp.zeros(2)
    )
    np.testing.assert_array_equal(half, [1, 1])
