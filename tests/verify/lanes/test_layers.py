"""How far the proof reaches: layers in forward mode against the same in reverse mode."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from verify.arithmetic.field.arithmetic import Field
from verify.arithmetic.field.modular import MODULI
from verify.arithmetic.field.value import Residues
from verify.interpreter.walker import Program, evaluate

W, X, I = (3, 3), (4, 3), jnp.array([2, 0, 2])  # noqa: E741


def _attention(x, w):
    q, k = x @ w, x @ w.T
    scores = jnp.where(jnp.tril(jnp.ones((4, 4), bool)), q @ k.T / jnp.sqrt(3.0), -1e30)
    return jax.nn.softmax(scores) @ x


def _layer_norm(x, w):
    centred = x - x.mean(-1, keepdims=True)
    return centred * lax.rsqrt((centred**2).mean(-1, keepdims=True) + 1e-5) @ w


def _gru(x, w):
    def step(h, row):
        z = jax.nn.sigmoid(w @ row + h)
        h = (1 - z) * h + z * jnp.tanh(w @ (z * h) + row)
        return h, h

    return lax.scan(step, jnp.zeros(3), x)[1]


def _conv(x, w):
    return jnp.tanh(lax.conv(x[None, None], w[None, None], (1, 1), "SAME"))


def _solved(x, w):
    return jnp.linalg.solve(w @ w.T + jnp.eye(3), x.T)


def _pool(kind: Any, start: float) -> Callable[..., Any]:
    return lambda x, w: lax.reduce_window(x @ w, start, kind, (2, 2), (1, 1), "VALID") ** 2


LAYERS: dict[str, Callable[..., Any]] = {
    "linear": lambda x, w: x @ w,
    "attention": _attention,
    "layer normalisation": _layer_norm,
    "rms normalisation": lambda x, w: x * lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-6) @ w,
    "batch normalisation": lambda x, w: jax.nn.standardize(x @ w, axis=0),
    "gated recurrent unit": _gru,
    "convolution": _conv,
    "embedding": lambda x, w: x[I] @ w,
    "dropout with a given mask": lambda x, w: jnp.where(x > 0, x, 0) @ w * 2,
    "gelu": lambda x, w: jax.nn.gelu(x @ w, approximate=False),
    "gelu, tanh": lambda x, w: jax.nn.gelu(x @ w),
    "swiglu": lambda x, w: jax.nn.silu(x @ w) * x,
    "log softmax": lambda x, w: jax.nn.log_softmax(x @ w),
    "logsumexp": lambda x, w: jax.nn.logsumexp(x @ w, axis=-1),
    "cosine similarity": lambda x, w: (
        x @ w / (jnp.linalg.norm(x, axis=-1, keepdims=True) * jnp.linalg.norm(w))
    ),
    "entropy": lambda x, w: (jax.nn.softmax(x @ w) * jax.nn.log_softmax(x @ w)).sum(-1),
    "sorted": lambda x, w: jnp.sort(x @ w, axis=0) ** 2,
    "top k": lambda x, w: lax.top_k(x @ w, 2)[0] ** 2,
    "running sums": lambda x, w: jnp.cumsum(x, 0) @ w * jnp.cumprod(x, 0),
    "rotary": lambda x, w: jnp.cos(x) @ w + jnp.sin(x),
    "variable power": lambda x, w: jnp.power(1 + x * x, 0.5 * w[0]),
    "largest pooling": _pool(lax.max, -jnp.inf),
    "average pooling": _pool(lax.add, 0.0),
    "linear solve": _solved,
    "inverse": lambda x, w: jnp.linalg.inv(w @ w.T + jnp.eye(3)) @ x.T,
    "log determinant": lambda x, w: jnp.linalg.slogdet(w)[1] * x,
    "cholesky": lambda x, w: jnp.linalg.cholesky(w @ w.T + jnp.eye(3)) @ x.T,
    "gamma": lambda x, w: jax.scipy.special.gammaln(1 + x * x) @ w,
    "segment sum": lambda x, w: jax.ops.segment_sum(x @ w, jnp.array([1, 0, 1, 1]), 2) ** 2,
    "einsum": lambda x, w: jnp.einsum("nd,de,ne->n", x, w, x),
    "interpolated": lambda x, w: jnp.interp(x, jnp.arange(4.0), jnp.array([0.0, 1.0, 4.0, 9.0])) @ w,
}
OPEN: dict[str, str] = {}  # a layer that stays open, and a primitive that nothing is known of


def both_modes(layer: Callable[..., Any]) -> tuple[bool, set[str]]:
    """Whether <u, Jv> by jvp and by vjp are equal in the field; and what is uninterpreted."""

    def forwards(x, w, dx, dw, u):
        out, tangent = jax.jvp(layer, (x, w), (dx, dw))
        return (tangent * u[: out.size].reshape(out.shape)).sum()

    def backwards(x, w, dx, dw, u):
        out, pullback = jax.vjp(layer, x, w)
        by_x, by_w = pullback(u[: out.size].reshape(out.shape))
        return (by_x * dx).sum() + (by_w * dw).sum()

    shapes = (X, W, X, W, (64,))
    rng, points, levels = np.random.default_rng(5), 48, 3
    leaves = [
        Residues(
            rng.normal(size=(points, *s)), tuple(rng.integers(0, m, (points, *s)) for m in MODULI[:levels])
        )
        for s in shapes
    ]
    agreement, named = None, set()
    for extended in (True, False):
        results, fields = [], [Field(points, levels, extended=extended) for _ in range(2)]
        for mode, field in zip((forwards, backwards), fields, strict=True):
            with jax.enable_x64(True), np.errstate(all="ignore"):
                program = Program(
                    jax.make_jaxpr(mode)(*(jax.ShapeDtypeStruct(s, np.float64) for s in shapes))
                )
                results += evaluate(program, field, {}, leaves)
            named |= field.uninterpreted
        agreement = fields[0].compare(*results)
        if agreement.mismatch is None:
            return agreement.points > 0, named
    return False, named


@pytest.mark.parametrize("name", LAYERS)
def test_forward_and_reverse_mode_close_against_each_other(name):
    """A layer that is listed as open must be open, so that the list stays true."""
    closed, named = both_modes(LAYERS[name])
    assert closed == (name not in OPEN), named
    assert name not in OPEN or OPEN[name] in {*named, ""}
