"""The RNN of the chapter on backpropagation through time, as users call it: a layer, a gradient, its three steps."""

import jax
import jax.numpy as jnp
import numpy as np

from manual_bp.book import bptt


def leaves(T: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(T)
    shapes = dict(Whx=(3, 2), Whh=(3, 3), Wqh=(4, 3), h_0=(3,), x=(T, 2))
    return {name: rng.integers(-4, 5, shape) / 4 for name, shape in shapes.items()}


def test_a_loss_of_the_layer_is_differentiated_by_the_equations():
    given, y = leaves(5), jnp.ones((5, 4))

    def loss(weights, forward):
        return jnp.mean(jnp.sum((forward(**weights) - y) ** 2, axis=1)) / 2

    with jax.enable_x64(True):
        found = jax.jit(jax.grad(loss), static_argnums=1)(given, bptt.rnn)
        expected = jax.grad(loss)(
            given, lambda **weights: bptt.DERIVATION.evaluate(weights | {"dL_do": y}, {})["o"]
        )
        for name in given:
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-12, err_msg=name)


def test_the_scan_and_the_graph_of_three_steps_agree():
    given = leaves(3)
    dL_do = np.arange(12.0).reshape(3, 4)
    whole = bptt.gradient(**given, dL_do=dL_do)
    steps = {f"x_{t}": given["x"][t - 1] for t in (1, 2, 3)} | {f"dL_do_{t}": dL_do[t - 1] for t in (1, 2, 3)}
    weights = {name: given[name] for name in ("Whx", "Whh", "Wqh", "h_0")}
    unrolled = bptt.THREE_STEPS.gradient("Whx", "Whh", "Wqh")(**weights, **steps)
    expanded = bptt.EXPANDED.gradient("Whx")(**given, dL_do=dL_do)
    for name, value in unrolled.items():
        np.testing.assert_allclose(value, whole[name], rtol=1e-6, err_msg=name)
    np.testing.assert_allclose(expanded["Whx"], whole["Whx"], rtol=1e-6)
