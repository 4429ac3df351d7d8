"""Sequences of 1 to 12 steps: scans, the sums that the book writes out, and loops in Python agree, truncated or not."""

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


def unrolled(x, h_0, w_h, transition, tau):
    """Each state, step by step in Python, with the one tau steps before it held constant."""
    t = jnp.arange(1, len(x) + 1)
    h = jnp.full(len(x), h_0)
    for passed, x_t in enumerate(x):
        before = jnp.where(passed <= t - tau, jax.lax.stop_gradient(h), h)
        h = jnp.where(passed < t, transition.value(x_t, before, w_h), h)
    return h


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
        slopes = jax.jit(
            jax.jacfwd(lambda w_h, tau: unrolled(given["x"], given["h_0"], w_h, transition, tau))
        )
        for tau in range(1, T + 1):
            values = slopes(given["w_h"], tau)
            found = truncation.dh_dw_h_truncated(**given, h=h, transition=transition, tau=tau)  # type: ignore[arg-type]
            np.testing.assert_allclose(found, values, rtol=1e-10, atol=1e-12, err_msg=f"tau = {tau}")
    np.testing.assert_allclose(found, whole, rtol=1e-10, atol=1e-12)  # all steps are followed
