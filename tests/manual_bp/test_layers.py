"""The book's layers as users call them: `jax.grad` through them runs the equations, on a batch, in every dtype."""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from manual_bp.book import attention_scoring, batch_norm, bptt, channels, dropout, gru, lstm
from manual_bp.derivation import Derivation

DTYPES = ("float64", "float32", "bfloat16", "float16")
EXAMPLES = 3


class Layer(NamedTuple):
    """A derivation, the leaves that each example has of its own, those that all of them share, and constants."""

    derivation: Derivation
    own: Mapping[str, tuple[int, ...]]
    shared: Mapping[str, tuple[int, ...]] = {}
    fixed: Mapping[str, Any] = {}


NORM = dict(gamma=(3,), beta=(3,))
ATTENTION = dict(Q=(3, 2), K=(4, 2), V=(4, 3))
LAST = dict(last=np.array([1, 3, 0], np.int32))
MASK = np.array([[1, 0, 1, 1], [0, 1, 0, 0], [1, 1, 1, 1]], bool)
LSTM = dict(W_x=(4, 3, 2), W_h=(4, 2, 2), b=(4, 2))
GRU = dict(W_x=(2, 3, 4), W_h=(2, 4, 4), b=(2, 4), W_xh=(3, 4), W_hh=(4, 4), b_h=(4,))
LAYERS = {
    "batch normalization": Layer(batch_norm.DERIVATION, dict(X=(4, 3)), NORM),
    "layer normalization": Layer(batch_norm.LAYER, dict(X=(4, 3)), NORM),
    "scaled dot-product attention": Layer(attention_scoring.DERIVATION, ATTENTION, fixed=LAST),
    "additive attention": Layer(
        attention_scoring.ADDITIVE, ATTENTION, dict(W_q=(5, 2), W_k=(5, 2), w_v=(5,)), LAST
    ),
    "LSTM": Layer(lstm.DERIVATION, dict(X=(2, 3), H=(2, 2), C=(2, 2)), LSTM),
    "GRU": Layer(gru.DERIVATION, dict(X=(2, 3), H=(2, 4)), GRU),
    "RNN": Layer(bptt.DERIVATION, dict(x=(5, 3), h_0=(4,)), dict(Whx=(4, 3), Whh=(4, 4), Wqh=(2, 4))),
    "convolution": Layer(channels.of_kernel(2, 3), dict(X=(3, 5, 6)), dict(K=(4, 3, 2, 3))),
    "dropout": Layer(dropout.DERIVATION, dict(h=(3, 4)), fixed=dict(p=0.25, kept=MASK)),
}


def drawn(rng: np.random.Generator, shapes: Mapping[str, tuple[int, ...]], *leading: int) -> dict[str, Any]:
    """Eighths, which every dtype holds, so that rounding begins with the layer."""
    return {name: rng.integers(-8, 9, (*leading, *shape)) / 8 for name, shape in shapes.items()}


@functools.cache
def gradient(name: str, dtype: str, *, manual: bool) -> Any:
    """By `jax.grad` of a weighted sum of the layer's outputs on a batch: through the equations, or through jax."""
    layer, rng = LAYERS[name], np.random.default_rng(0)
    own, shared = drawn(rng, layer.own, EXAMPLES), drawn(rng, layer.shared)

    def forward(own: Any, shared: Any) -> Any:
        given = {**own, **shared, **layer.fixed}
        if manual:
            return layer.derivation.with_manual_vjp()(**given)
        return plain(layer.derivation, given)

    def loss(own: Any, shared: Any) -> jax.Array:
        outputs = jax.vmap(forward, (0, None))(own, shared)
        return jnp.sum(
            jnp.stack([jnp.sum(output * weights_of(output)) for output in jax.tree.leaves(outputs)])
        )

    with jax.enable_x64(dtype == "float64"):
        given = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), (own, shared))
        found = jax.jit(jax.grad(loss, (0, 1)))(*given)
        assert all(leaf.dtype == dtype for leaf in jax.tree.leaves(found))
        return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), found)


def weights_of(output: jax.Array) -> jax.Array:
    """As many numbers from -1 to 1 as the output has, none like the next."""
    return jnp.cos(jnp.arange(output.size)).reshape(output.shape).astype(output.dtype)


def plain(derivation: Derivation, given: Mapping[str, Any]) -> list[Any]:
    """The outputs by the forward functions alone."""
    values = dict(given)
    for node, step in derivation.graph.steps.items():
        values[node] = step(values, {})
    return [values[node] for node in derivation.cotangents.values()]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layer", LAYERS)
def test_the_equations_give_what_jax_gives_on_a_batch(layer: str, dtype: str):
    check(
        dtype,
        exact=gradient(layer, "float64", manual=False),
        found=gradient(layer, dtype, manual=True),
        by_jax=gradient(layer, dtype, manual=False),
    )


def check(dtype: str, *, exact: Any, found: Any, by_jax: Any) -> None:
    """Within 16 units of the largest entry, and what jax itself loses, twice."""

    def close(path: Any, exact: np.ndarray, found: np.ndarray, by_jax: np.ndarray) -> None:
        scale = np.max(np.abs(exact))
        assert scale > 0
        error = np.max(np.abs(found - exact))
        allowed = 2 * np.max(np.abs(by_jax - exact)) + 16 * float(jnp.finfo(dtype).eps) * scale
        assert error <= allowed, f"{jax.tree_util.keystr(path)}: error {error:.2g}, allowed {allowed:.2g}"

    jax.tree_util.tree_map_with_path(close, exact, found, by_jax)


# Over time: the layers in a scan, against the book's formulas in a Python loop


def lstm_scanned(weights: Any, X: Any, H: Any, C: Any) -> Any:
    def step(state: Any, X_t: Any) -> Any:
        after = lstm.cell(X=X_t, H=state[0], C=state[1], **weights)
        return (after["next_H"], after["next_C"]), after["next_H"]

    return jax.lax.scan(step, (H, C), X)[1]


def lstm_unrolled(weights: Any, X: Any, H: Any, C: Any) -> Any:
    W_x, W_h, b = (weights[name] for name in ("W_x", "W_h", "b"))
    found = []
    for X_t in X:
        i, f, o = (jax.nn.sigmoid(X_t @ W_x[g] + H @ W_h[g] + b[g]) for g in range(3))
        C = f * C + i * jnp.tanh(X_t @ W_x[3] + H @ W_h[3] + b[3])
        H = o * jnp.tanh(C)
        found.append(H)
    return jnp.stack(found)


def gru_scanned(weights: Any, X: Any, H: Any) -> Any:
    def step(H: Any, X_t: Any) -> Any:
        after = gru.cell(X=X_t, H=H, **weights)
        return after, after

    return jax.lax.scan(step, H, X)[1]


def gru_unrolled(weights: Any, X: Any, H: Any) -> Any:
    W_x, W_h, b = (weights[name] for name in ("W_x", "W_h", "b"))
    found = []
    for X_t in X:
        r, z = (jax.nn.sigmoid(X_t @ W_x[g] + H @ W_h[g] + b[g]) for g in range(2))
        candidate = jnp.tanh(X_t @ weights["W_xh"] + (r * H) @ weights["W_hh"] + weights["b_h"])
        H = z * H + (1 - z) * candidate
        found.append(H)
    return jnp.stack(found)


def rnn_scanned(weights: Any, x: Any, h_0: Any) -> Any:
    return bptt.rnn(x=x, h_0=h_0, **weights)


def rnn_unrolled(weights: Any, x: Any, h: Any) -> Any:
    found = []
    for x_t in x:
        h = weights["Whx"] @ x_t + weights["Whh"] @ h
        found.append(weights["Wqh"] @ h)
    return jnp.stack(found)


RECURRENT = {
    "LSTM": (lstm_scanned, lstm_unrolled, LSTM, dict(X=(2, 3), H=(2, 2), C=(2, 2))),
    "GRU": (gru_scanned, gru_unrolled, GRU, dict(X=(2, 3), H=(2, 4))),
    "RNN": (rnn_scanned, rnn_unrolled, dict(Whx=(4, 3), Whh=(4, 4), Wqh=(2, 4)), dict(x=(3,), h_0=(4,))),
}


@pytest.mark.parametrize("T", [1, 2, 3, 5, 12])
@pytest.mark.parametrize("cell", RECURRENT)
def test_a_cell_in_a_scan_is_backpropagation_through_time(cell: str, T: int):
    scanned, unrolled, weights, own = RECURRENT[cell]
    rng = np.random.default_rng(T)
    given = {name: shape if name in "HCh_0" else (T, *shape) for name, shape in own.items()}
    weights, given = drawn(rng, weights), tuple(drawn(rng, given).values())

    def loss(forward: Any) -> Any:
        def value(weights: Any, *given: Any) -> Any:
            outputs = forward(weights, *given)
            return jnp.sum(outputs * weights_of(outputs))

        return jax.grad(value, tuple(range(1 + len(given))))

    with jax.enable_x64(True):
        found, expected = jax.jit(loss(scanned))(weights, *given), loss(unrolled)(weights, *given)
        check("float64", exact=expected, found=found, by_jax=expected)
