"""The chapter's derivations: against `jax.grad`, against the book's prod, and as users call them."""

import zlib
from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

from manual_bp.activations import ACTIVATIONS
from manual_bp.book import backprop
from manual_bp.derivation import Derivation
from manual_bp.domains import Simplex
from manual_bp.losses import LOSSES
from manual_bp.prod import prod

DERIVATIONS = [backprop.DERIVATION, backprop.BIASES, backprop.MINIBATCH, backprop.OUTPUT_ACTIVATION]
GRADIENTS = {net.name: net.gradient() for net in DERIVATIONS}
SIZES = dict(n=4, d=3, h=5, q=2)
# Every loss once, with activations spread over their table; `verify` meets all of them.
NAMES = [*ACTIVATIONS]
PAIRS = [
    dict(activation=NAMES[5 * i % len(NAMES)], output_activation=NAMES[(5 * i + 2) % len(NAMES)], loss=loss)
    for i, loss in enumerate(LOSSES)
]


def draw(net: Derivation, choices: dict[str, Any], dtype: Any = np.float64) -> dict[str, Any]:
    """Ordinary leaves, the same for the same derivation and choices."""
    generator = np.random.default_rng(zlib.crc32(f"{net.name}{choices}".encode()))
    leaves = {}
    for name in net.leaves:
        dims, kind, domain = net.leaf_spec(name, choices)
        shape = tuple(SIZES[str(dim)] for dim in dims)
        if kind == "int":
            leaves[name] = generator.integers(0, SIZES["q"], shape)
        elif isinstance(domain, Simplex):
            share = generator.integers(0, 9, (*shape[:-1], 1)) / 8
            leaves[name] = np.concatenate([share, 1 - share], axis=-1).astype(dtype)
        else:
            leaves[name] = np.abs(generator.normal(size=shape)).astype(dtype)
            leaves[name] *= 1 if name in ("y", "lam") else generator.choice([-1, 1], shape)
        leaves[name] = jnp.asarray(leaves[name])
    return leaves


def rows(net: Derivation, names: dict[str, str]) -> dict[str, Any]:
    return {choice: table[names[choice]] for choice, table in net.choices.items()}


def with_equations(net: Derivation) -> list[str]:
    return [leaf for leaf in net.leaves if f"dJ_d{leaf}" in net.equations]


def assert_close(by_hand: dict[str, Any], by_jax: dict[str, Any], tolerance: float):
    assert by_hand.keys() == by_jax.keys()
    for name in by_hand:
        scale = max(1.0, float(np.abs(np.asarray(by_jax[name], np.float64)).max()))
        np.testing.assert_allclose(
            np.asarray(by_hand[name], np.float64),
            np.asarray(by_jax[name], np.float64),
            0,
            tolerance * scale,
            err_msg=name,
        )


by_derivation = pytest.mark.parametrize("net", DERIVATIONS, ids=lambda net: net.name)


def test_the_names_of_the_four():
    names = ["backprop", "backprop-biases", "backprop-minibatch", "backprop-output-activation"]
    assert [net.name for net in DERIVATIONS] == names


@by_derivation
def test_every_equation_is_there_and_says_what_it_is(net: Derivation):
    symbols = {*net.leaves, *net.nodes} - {"J", "y", "lam"}
    missing = {"x"} if "b1" not in net.leaves else set()
    assert {symbol for root, symbol in net.derivatives.values() if root == "J"} == symbols - missing
    assert set(net.derivatives) == set(net.equations)
    assert {"ds_dW1", "ds_dW2"} < set(net.equations)
    assert all("=" in equation.tex and "$" not in equation.tex for equation in net.equations.values())
    assert "Forward Propagation, Backward Propagation, and Computational Graphs" in net.source


@by_derivation
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair['activation']}-{pair['loss']}")
def test_equals_jax_grad(net: Derivation, pair: dict[str, str]):
    with jax.enable_x64(True):
        choices = rows(net, pair)
        leaves = draw(net, choices)
        wanted = {name: leaves[name] for name in with_equations(net)}

        def J(some: dict[str, Any]) -> Any:
            return net.evaluate(leaves | some, choices)["J"]

        assert_close(GRADIENTS[net.name](**leaves, **choices), jax.jit(jax.grad(J))(wanted), 1e-12)


@by_derivation
@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-5), ("bfloat16", 0.1), ("float16", 0.01)])
def test_in_lower_precision(net: Derivation, dtype: str, tolerance: float):
    choices = rows(net, dict(activation="tanh", output_activation="sigmoid", loss="squared_error"))
    exact = draw(net, choices, np.float32)
    leaves = {name: leaf.astype(dtype) for name, leaf in exact.items()}
    by_hand = GRADIENTS[net.name](**leaves, **choices)
    assert {leaf.dtype for leaf in by_hand.values()} == {jnp.dtype(dtype)}
    assert_close(by_hand, GRADIENTS[net.name](**exact, **choices), tolerance)


@by_derivation
def test_a_python_number_for_lam_leaves_dtypes_alone(net: Derivation):
    choices = rows(net, dict(activation="relu", output_activation="relu", loss="squared_error"))
    leaves = {name: leaf.astype(jnp.bfloat16) for name, leaf in draw(net, choices, np.float32).items()}
    values = net.evaluate(leaves | dict(lam=0.5), choices)
    assert {values[node].dtype for node in net.nodes} == {jnp.dtype(jnp.bfloat16)}


# As users call them

CALL: dict[str, Any] = dict(
    W1=np.array([[1.0, 2.0], [0.5, -1.0], [-2.0, 1.0]]),
    x=np.array([1.0, -0.5]),
    W2=np.array([[1.0, 2.0, -1.0]]),
    y=np.array([0.5]),
    lam=0.25,
)


def test_the_example_by_hand():
    # z = (0, 1, -2.5): a kink, one unit that is on, one that is off.
    value, gradient = backprop.value_and_gradient(**CALL, activation="relu", loss="squared_error")
    dJ_do = 2 * 1.0 - 0.5
    assert value == dJ_do**2 / 2 + 0.125 * (11.25 + 6)
    assert np.array_equal(gradient["W2"], dJ_do * np.array([[0, 1, 0]]) + 0.25 * CALL["W2"])
    dJ_dz = np.array([[0.0], [2 * dJ_do], [0.0]])
    assert np.array_equal(gradient["W1"], dJ_dz * CALL["x"] + 0.25 * CALL["W1"])
    again = backprop.gradient(**CALL, activation="relu", loss="squared_error")
    assert all(np.array_equal(again[name], gradient[name]) for name in ("W1", "W2"))


def test_under_jit_vmap_and_rows_as_arguments():
    choices = dict(activation=ACTIVATIONS["tanh"], loss=LOSSES["squared_error"])
    xs, ys = jnp.asarray(np.stack([CALL["x"], 2 * CALL["x"]])), jnp.array([[0.5], [1.0]])

    def one(x: Any, y: Any, choices: Any) -> Any:
        return backprop.gradient(**CALL | dict(x=x, y=y), **choices)

    batch = jax.jit(jax.vmap(one, (0, 0, None)))(xs, ys, choices)
    for i in range(2):
        single = jax.jit(one)(xs[i], ys[i], choices)
        assert_close({name: leaf[i] for name, leaf in batch.items()}, single, 1e-6)
        assert_close(single, one(xs[i], ys[i], choices), 1e-6)


def test_the_minibatch_is_the_mean_over_its_examples():
    choices = dict(activation="silu", loss="softmax_cross_entropy")
    leaves = draw(backprop.MINIBATCH, rows(backprop.MINIBATCH, choices), np.float32)
    per_example = jax.vmap(
        lambda x, y: backprop.gradient(**leaves | dict(x=x, y=y), **choices),
    )(leaves["x"], leaves["y"])
    whole = backprop.MINIBATCH.gradient("W1", "W2")(**leaves, **choices)
    assert_close(whole, {name: leaf.mean(axis=0) for name, leaf in per_example.items()}, 1e-5)


def test_by_the_book_s_own_operator():
    """Each structured equation is prod of explicit Jacobians, as the chapter writes it."""
    with jax.enable_x64(True):
        net = backprop.DERIVATION
        choices = rows(net, dict(activation="tanh", loss="softmax_cross_entropy"))
        leaves = draw(net, choices)
        values = net.evaluate(leaves, choices)
        wanted = ["L", "s", "o", "W2", "h", "z", "W1"]
        adjoints = net.gradient(*wanted)(**leaves, **choices)

        def jacobian(node: str, symbol: str) -> Any:
            step = net.graph.steps[node]
            return jax.jacobian(lambda value: step({**values, symbol: value}, choices))(values[symbol])

        chains = {
            "o": prod(adjoints["L"], jacobian("L", "o"), ndim=0),
            "W2": prod(adjoints["o"], jacobian("o", "W2"), ndim=1)
            + prod(adjoints["s"], jacobian("s", "W2"), ndim=0),
            "h": prod(adjoints["o"], jacobian("o", "h"), ndim=1),
            "z": prod(adjoints["h"], jacobian("h", "z"), ndim=1),
            "W1": prod(adjoints["z"], jacobian("z", "W1"), ndim=1)
            + prod(adjoints["s"], jacobian("s", "W1"), ndim=0),
        }
        assert_close({name: adjoints[name] for name in chains}, chains, 1e-12)


def test_one_training_step_lowers_the_objective():
    leaves = draw(
        backprop.MINIBATCH,
        choices := rows(backprop.MINIBATCH, dict(activation="gelu", loss="huber")),
        np.float32,
    )
    before, gradient = backprop.MINIBATCH.value_and_gradient()(**leaves, **choices)
    after = leaves | {name: leaves[name] - 0.01 * gradient[name] for name in gradient}
    assert backprop.MINIBATCH.value(**after, **choices) < before


@by_derivation
def test_traces_with_symbolic_sizes(net: Derivation):
    names = dict(activation="sigmoid", output_activation="tanh", loss="softmax_cross_entropy_with_labels")
    choices = rows(net, names)
    sizes = dict(zip("ndhq", jax.export.symbolic_shape("n, d, h, q"), strict=True))
    dtypes = dict(float=jnp.float32, int=jnp.int32)
    leaves = {}
    for name in net.leaves:
        dims, kind, _ = net.leaf_spec(name, choices)
        leaves[name] = jax.ShapeDtypeStruct(tuple(sizes[str(dim)] for dim in dims), dtypes[kind])
    gradient = jax.eval_shape(lambda leaves: GRADIENTS[net.name](**leaves, **choices), leaves)
    assert {name: leaf.shape for name, leaf in gradient.items()} == {
        name: leaves[name].shape for name in with_equations(net)
    }
