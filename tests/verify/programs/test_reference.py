"""The references: autodiff's own value of every derivative that is named, of scalars, tensors and several outputs."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

from manual_bp.activations import ACTIVATIONS
from manual_bp.book import backprop
from manual_bp.derivation import Derivation
from manual_bp.losses import LOSSES
from verify.programs import reference


def drawn(**shapes: tuple[int, ...]) -> dict[str, Any]:
    rng = np.random.default_rng(20240607)
    return {name: jnp.asarray(rng.normal(size=shape)) for name, shape in shapes.items()}


def agree(ours: Any, theirs: Any) -> None:
    assert jnp.shape(ours) == jnp.shape(theirs)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


# --- the chapter ------------------------------------------------------------------------------------------------------

CHOICES = {"activation": ACTIVATIONS["tanh"], "loss": LOSSES["squared_error"]}
CHAPTER = {"x": (3,), "W1": (4, 3), "W2": (2, 4), "y": (2,), "lam": ()}


def test_every_derivative_of_the_chapter_is_what_grad_says_of_the_tail_of_its_graph():
    """Each node in turn replaced by a leaf, from which the rest of the graph is computed."""
    leaves = drawn(**CHAPTER)
    found = reference.reference(backprop.DERIVATION, CHOICES)(**leaves, **{reference.COTANGENT: jnp.ones(())})
    values = backprop.DERIVATION.evaluate(leaves, CHOICES)
    for name, value in values.items():
        agree(found[name], value)
    graph = backprop.DERIVATION.graph

    def tail(start: str, root: str, value: Any) -> Any:
        known = {**leaves, start: value}
        for node, step in graph.steps.items():
            if node != start:
                known[node] = step(known, CHOICES)
        return known[root]

    for name, (root, symbol) in backprop.DERIVATION.derivatives.items():
        agree(found[name], jax.grad(lambda v, r=root, s=symbol: tail(s, r, v))(values[symbol]))
    assert set(backprop.DERIVATION.equations) <= set(found)


def test_an_equation_that_is_wrong_mismatches_alone():
    """It gets, and gives on, autodiff's values: what is computed from it stays right."""

    def dJ_do(dJ_dL, o, y, *, loss):
        return -dJ_dL * loss.derivative(o, y)

    dJ_do.__annotations__ = backprop.DERIVATION.equations["dJ_do"].function.__annotations__
    wrong = Derivation(
        name="wrong",
        source="a test",
        forward=backprop.DERIVATION.forward,
        backward={**backprop.DERIVATION.backward, "dJ_do": dJ_do},
        domains=backprop.DERIVATION.domains,
    )
    found = reference.reference(wrong, CHOICES)(**drawn(**CHAPTER))
    mismatched = {
        name
        for name, equation in wrong.equations.items()
        if not np.allclose(equation(found, CHOICES), found[name], rtol=1e-9, atol=1e-12)
    }
    assert mismatched == {"dJ_do"}


def test_what_is_compared_of_the_whole_is_the_same_from_both_sides():
    leaves, symbols = drawn(**CHAPTER), reference.composed_symbols(backprop.DERIVATION)
    assert symbols == ("W1", "W2")
    ours, theirs = (
        side(backprop.DERIVATION, CHOICES, symbols)(**leaves, **{reference.COTANGENT: jnp.asarray(-2.5)})
        for side in (reference.composed, reference.autodiff)
    )
    assert set(ours) == set(theirs) == {"J", "dJ_dW1", "dJ_dW2", "VJP by W1", "VJP by W2", "primal 0"}
    for key in ours:
        agree(ours[key], theirs[key])
    agree(ours["VJP by W1"], -2.5 * ours["dJ_dW1"])


# --- tensors as roots -------------------------------------------------------------------------------------------------


def product(W: Float[Array, "q d"], x: Float[Array, " d"]) -> Float[Array, " q"]:
    return jnp.tanh(W @ x) * x.sum()


def energy(o: Float[Array, " q"], W: Float[Array, "q d"]) -> Float[Array, ""]:
    return (o**3).sum() + (W * W).sum()


def dJ_do(o):
    return 3 * o**2


def do_dW(W, x):
    s = x.sum() * (1 - jnp.tanh(W @ x) ** 2)
    return jnp.einsum("qp,p,d->qpd", jnp.eye(len(s)), s, x)


def do_dx(W, x):
    t = jnp.tanh(W @ x)
    return x.sum() * (1 - t**2)[:, None] * W + t[:, None]


def dJ_dx(dJ_do, do_dx):
    return dJ_do @ do_dx


TENSORS = Derivation(
    name="tensors",
    source="a test",
    forward={"o": product, "J": energy},
    backward={"dJ_do": dJ_do, "do_dW": do_dW, "do_dx": do_dx, "dJ_dx": dJ_dx},
)


def test_the_derivative_of_a_tensor_is_its_jacobian_root_axes_first():
    leaves = drawn(W=(3, 5), x=(5,))
    found = reference.reference(TENSORS, {})(**leaves)
    agree(found["do_dW"], jax.jacrev(product)(leaves["W"], leaves["x"]))
    agree(found["do_dx"], jax.jacfwd(product, 1)(leaves["W"], leaves["x"]))
    assert found["do_dW"].shape == (3, 3, 5) and found["do_dx"].shape == (3, 5)
    for name, equation in TENSORS.equations.items():
        agree(equation(found, {}), found[name])


def test_an_incomplete_derivation_is_judged_as_far_as_it_goes():
    assert reference.composed_symbols(TENSORS) == ("x",)  # nobody gives dJ_dW
    without = Derivation(name="less", source="a test", forward=TENSORS.forward, backward={"dJ_dx": dJ_dx})
    assert reference.composed_symbols(without) == ()  # dJ_dx takes what nobody gives
    found = reference.reference(without, {})(**drawn(W=(3, 5), x=(5,)))
    agree(without.equations["dJ_dx"](found, {}), found["dJ_dx"])


# --- closed by cotangents ---------------------------------------------------------------------------------------------


def shifted(x: Float[Array, " n"], b: Float[Array, " n"]) -> Float[Array, " n"]:
    return x + b


def squares(y: Float[Array, " n"]) -> Float[Array, " n"]:
    return y * y


def total(y: Float[Array, " n"], x: Float[Array, " n"]) -> Float[Array, ""]:
    return (y * x).sum()


def dJ_dx_of_squares(dJ_dv, y):
    return 2 * y * dJ_dv


def dJ_dx_of_both(dJ_dv, dJ_dt, y, x):
    return 2 * y * dJ_dv + dJ_dt * (y + x)


def dJ_db_of_both(dJ_dv, dJ_dt, y, x):
    return 2 * y * dJ_dv + dJ_dt * x


ONE = Derivation(
    name="one output",
    source="a test",
    forward={"y": shifted, "v": squares},
    backward={"dJ_dx": dJ_dx_of_squares},
    cotangent="dJ_dv",
)
BOTH = Derivation(
    name="two outputs",
    source="a test",
    forward={"y": shifted, "v": squares, "t": total},
    backward={"dJ_dx": dJ_dx_of_both, "dJ_db": dJ_db_of_both},
    cotangent=("dJ_dv", "dJ_dt"),
)


def test_a_cotangent_closes_a_layer():
    leaves = drawn(x=(4,), b=(4,), dJ_dv=(4,))
    found = reference.reference(ONE, {})(**leaves)
    agree(found["dJ_dv"], leaves["dJ_dv"])
    agree(found["J"], ((leaves["x"] + leaves["b"]) ** 2) @ leaves["dJ_dv"])
    _, pullback = jax.vjp(lambda x: (x + leaves["b"]) ** 2, leaves["x"])
    agree(found["dJ_dx"], pullback(leaves["dJ_dv"])[0])
    agree(ONE.equations["dJ_dx"](found, {}), found["dJ_dx"])


def test_several_cotangents_close_several_outputs():
    leaves = drawn(x=(4,), b=(4,), dJ_dv=(4,), dJ_dt=())
    found = reference.reference(BOTH, {})(**leaves)

    def outputs(x, b):
        return (x + b) ** 2, ((x + b) * x).sum()

    _, pullback = jax.vjp(outputs, leaves["x"], leaves["b"])
    by_x, by_b = pullback((leaves["dJ_dv"], leaves["dJ_dt"]))
    agree(found["dJ_dx"], by_x)
    agree(found["dJ_db"], by_b)
    for name, equation in BOTH.equations.items():
        agree(equation(found, {}), found[name])


@pytest.mark.parametrize("derivation, symbols", [(ONE, ("x",)), (BOTH, ("x", "b"))])
def test_the_whole_of_a_layer_takes_its_cotangents(derivation, symbols):
    assert reference.composed_symbols(derivation) == symbols
    cotangents = {name: () if node == "t" else (4,) for name, node in derivation.cotangents.items()}
    leaves = drawn(x=(4,), b=(4,), **cotangents)
    ours, theirs = (
        side(derivation, {}, symbols)(**leaves, **{reference.COTANGENT: jnp.ones(())})
        for side in (reference.composed, reference.autodiff)
    )
    assert set(ours) == set(theirs)
    for key in ours:
        agree(ours[key], theirs[key])
    for symbol in symbols:
        agree(ours[f"VJP by {symbol}"], ours[f"dJ_d{symbol}"])
