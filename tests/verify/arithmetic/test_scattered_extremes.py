"""Float scatter-max and scatter-min in both arithmetics: what jax computes, and gradients through them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import verify
from manual_bp.domains import index
from tests.verify.arithmetic.field.evaluation import free
from verify.arithmetic.bounds.arithmetic import Bounds
from verify.arithmetic.bounds.value import Bounded
from verify.arithmetic.field.arithmetic import Field
from verify.interpreter.walker import Program, evaluate

CASES, SEGMENTS, UPDATES = 6, 4, 7
KINDS = {
    "segment_max": (lambda x, i: jax.ops.segment_max(x, i, SEGMENTS), np.maximum),
    "segment_min": (lambda x, i: jax.ops.segment_min(x, i, SEGMENTS), np.minimum),
    "max of rows": (lambda x, i: jnp.zeros((SEGMENTS, 2), x.dtype).at[i].max(x[:, None] * 2), np.maximum),
    "min, dropped": (lambda x, i: jnp.ones(SEGMENTS, x.dtype).at[i + 2].min(x, mode="drop"), np.minimum),
}


def traced(function):
    with jax.enable_x64(True):
        shapes = jax.ShapeDtypeStruct((UPDATES,), jnp.float64), jax.ShapeDtypeStruct((UPDATES,), jnp.int32)
        return Program(jax.make_jaxpr(function)(*shapes))


def positions(rng, shared):
    return rng.integers(0, SEGMENTS, (1 if shared else CASES, UPDATES)).astype(np.int32)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_both_arithmetics_move_what_jax_moves(kind, shared):
    """The field's residues are those of the number that won; the bounds hold the extremes of all that may have."""
    function, rng = KINDS[kind][0], np.random.default_rng(1)
    program, where, leaf = traced(function), positions(rng, shared), free(rng, CASES, (UPDATES,), low=-2)
    with jax.enable_x64(True), np.errstate(all="ignore"):
        expected = jax.vmap(function)(leaf.x, np.broadcast_to(where, (CASES, UPDATES)))
        (moved,) = evaluate(program, Field(CASES), {}, [leaf, where])
        np.testing.assert_array_equal(moved.x, expected)
        givers = moved.x[..., None] == (leaf.x * (2 if "rows" in kind else 1)).reshape(
            CASES, *(1,) * (moved.x.ndim - 1), UPDATES
        )
        for level, (residues, source) in enumerate(zip(moved.r, leaf.r, strict=True)):
            source = source * (2 if "rows" in kind else 1) % Field(CASES).moduli[level]
            source = np.broadcast_to(source.reshape(CASES, *(1,) * (moved.x.ndim - 1), UPDATES), givers.shape)
            held = givers.any(axis=-1)
            assert held.any() and (np.where(givers, source, 0).sum(axis=-1) == residues)[held].all()
        error = rng.choice([0.0, 0.1, 0.7], leaf.x.shape)
        (bounded,) = evaluate(program, Bounds(), {}, [Bounded(leaf.x, error), where])
        np.testing.assert_array_equal(bounded.value, expected)
        for _ in range(16):
            other = leaf.x + rng.uniform(-1, 1, error.shape) * error
            got = np.asarray(jax.vmap(function)(other, np.broadcast_to(where, (CASES, UPDATES))))
            finite = np.isfinite(bounded.value)
            off = np.where(finite, np.abs(got - np.where(finite, bounded.value, 0)), 0)
            assert (off <= bounded.errors * (1 + 1e-9) + 1e-12).all()


JUDGED = {
    "scatter-max": lambda x, i: jnp.zeros(4, x.dtype).at[i].max(x),
    "segment_min of squares": lambda x, i: jnp.where(
        jnp.isfinite(low := jax.ops.segment_min(x * x, i, 4)), low, 0
    ),
    "lax.reduce": lambda x, i: lax.reduce(x[i], np.array(-jnp.inf, x.dtype), lax.max, (0,)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", JUDGED)
@pytest.mark.parametrize("factor", [1, 2])
def test_gradients_through_them(name, factor):
    report = verify.check_gradient(
        lambda c, x, i: factor * JUDGED[name](x, i) * (1 if JUDGED[name](x, i).ndim else jnp.ones_like(c)),
        lambda c, x, i: jnp.sum(c * JUDGED[name](x, i)),
        "c",
        shapes=dict(c="4", x="n", i="n"),
        domains=dict(i=index(4)),
        examples=2,
        dtypes=("float32",),
        seed=0,
    )
    assert str(report.verdict) == ("proved" if factor == 1 else "refuted")
