"""Sequences of 1 to 12 steps: scans, the sums that the book writes out, and loops in Python agree, truncated or not."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from manual_bp.book import bptt
from manual_bp.book.bptt import scalar, truncation

LENGTHS = range(1, 13)


def of_length(T: int) -> dict[str, jax.Array]:
    """Numbers of the simplified model, no state of which grows."""
    rng = np.random.default_rng(T)
    return {name: jnp.asarray(rng.uniform(-1, 1, shape)) for name, shape in dict(x=T, h_0=(), w_h=()).items()}


@functools.partial(jax.jit, static_argnums=(3, 4))
def unrolled(x, h_0, w_h, transition, tau: int):
    """Each state from the one tau steps before, which is held constant, step by step."""
    states = [h_0]
    for x_t in x:
        states.append(transition.value(x_t, states[-1], w_h))
    found = []
    for t in range(1, len(x) + 1):
        first = max(t - tau, 0)
        h = jax.lax.stop_gradient(states[first])
        for x_t in x[first:t]:
            h = transition.value(x_t, h, w_h)
        found.append(h)
    return jnp.stack(found)


@pytest.mark.parametrize("T", LENGTHS)
def test_the_linear_rnn_as_a_scan_and_unrolled(T: int):
    rng = np.random.default_rng(T)
    shapes = dict(Whx=(3, 2), Whh=(3, 3), Wqh=(4, 3), h_0=(3,), x=(T, 2))
    given = {name: rng.uniform(-1, 1, shape) for name, shape in shapes.items()}
    dL_do = rng.uniform(-1, 1, (T, 4))

    @jax.jit
    def loss(given):
        h, total = given["h_0"], 0.0
        for x_t, cotangent in zip(given["x"], dL_do, strict=True):
            h = given["Whx"] @ x_t + given["Whh"] @ h
            total += cotangent @ (given["Wqh"] @ h)
        return total

    with jax.enable_x64(True):
        expected = jax.grad(loss)(given)
        found = bptt.gradient(**given, dL_do=dL_do)
        expanded = bptt.EXPANDED.gradient("Whx")(**given, dL_do=dL_do)
    for name in given:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-10, atol=1e-12, err_msg=name)
    np.testing.assert_allclose(expanded["Whx"], found["Whx"], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("transition", scalar.TRANSITIONS.values(), ids=str)
@pytest.mark.parametrize("T", LENGTHS)
def test_the_recurrence_and_the_sum_written_out_truncated_at_every_tau(T: int, transition):
    with jax.enable_x64(True):
        given = of_length(T)
        h = scalar.states(**given, transition=transition)
        whole = scalar.dh_dw_h(**given, h=h, transition=transition)
        general = scalar.dh_dw_h_general(**given, h=h, transition=transition)
        np.testing.assert_allclose(general, whole, rtol=1e-10, atol=1e-12)
        for tau in range(1, T + 1):
            values = jax.jacfwd(unrolled, 2)(given["x"], given["h_0"], given["w_h"], transition, tau)
            found = truncation.dh_dw_h_truncated(**given, h=h, transition=transition, tau=tau)  # type: ignore[arg-type]
            np.testing.assert_allclose(found, values, rtol=1e-10, atol=1e-12, err_msg=f"tau = {tau}")
    np.testing.assert_allclose(found, whole, rtol=1e-10, atol=1e-12)  # all steps are followed
