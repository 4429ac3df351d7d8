"""The proof lane on whole derivations: what closes, what fails, at which points, with which probability."""

import inspect
from collections.abc import Callable
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
from verify.generation.data import fill
from verify.generation.structures import STRUCTURE
from verify.lanes.proof import Proof, prove, prove_at
from verify.programs.pair import Pair
from verify.programs.tracing import GRADIENT

SIZES = {"d": 3, "h": 2, "q": 4}
POINTS = 32


def chosen(activation: str = "tanh", loss: str = "squared_error") -> dict[str, Any]:
    return {"activation": ACTIVATIONS[activation], "loss": LOSSES[loss]}


def altered(**equations: Callable[..., Any]) -> Derivation:
    """The chapter, with other equations under the same names; what they take is annotated as there."""
    chapter = backprop.DERIVATION
    for name, function in equations.items():
        known = chapter.equations[name].function.__annotations__
        taken = inspect.signature(function).parameters
        function.__annotations__ = {each: known[each] for each in known if each in taken}
    return Derivation(
        name="altered",
        source="a test",
        forward=chapter.forward,
        backward={**chapter.backward, **equations},
        domains=chapter.domains,
    )


def proof_of(derivation: Derivation, choices: dict[str, Any], points: int = POINTS, seed: int = 1) -> Proof:
    return prove(Pair(derivation, choices), SIZES, np.random.default_rng(seed), points)


def open_of(proof: Proof) -> set[str]:
    return {name for name, outcome in proof.outcomes.items() if not outcome.equal}


# --- the chapter ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "activation, loss", [("gelu", "log_cosh"), ("mish", "softmax_cross_entropy"), ("selu", "huber")]
)
def test_the_chapter_closes(activation, loss):
    proof = proof_of(backprop.DERIVATION, chosen(activation, loss))
    assert set(proof.outcomes) == {*backprop.DERIVATION.equations, GRADIENT}
    assert not open_of(proof)
    for name, outcome in proof.outcomes.items():
        assert outcome.points == POINTS, name
        assert outcome.log2_error < -16 * POINTS, name
    assert len(proof.outcomes["dJ_dz"].patterns) > 1 or activation != "selu"


def test_what_is_rational_says_so():
    proof = proof_of(backprop.DERIVATION, chosen("relu"))
    assert {outcome.theorem for outcome in proof.outcomes.values()} == {"rational"}
    assert not open_of(proof)
    smooth = proof_of(backprop.DERIVATION, chosen("tanh"))
    assert smooth.outcomes["dJ_dz"].theorem == "exponential"
    assert not smooth.outcomes["dJ_dz"].uninterpreted


def dJ_dz_negated(dJ_dh, z, *, activation):
    return -dJ_dh * activation.derivative(z)


def dJ_dz_at_h(dJ_dh, h, z, *, activation):
    return dJ_dh * activation.derivative(h)


def dJ_dz_scaled(dJ_dh, z, *, activation):
    return (1 + 2.0**-52) * dJ_dh * activation.derivative(z)


def dJ_dz_of_phi(dJ_dh, z, *, activation):
    return dJ_dh * activation(z)


def dJ_dz_narrow(dJ_dh, z, *, activation):
    return dJ_dh * activation.derivative(z) + 1e-12 * z


def dJ_dz_of_one_element(dJ_dh, z, *, activation):
    return (dJ_dh * activation.derivative(z)).at[0].mul(2)


WRONG = [dJ_dz_negated, dJ_dz_at_h, dJ_dz_scaled, dJ_dz_of_phi, dJ_dz_narrow, dJ_dz_of_one_element]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda function: function.__name__)
def test_a_wrong_equation_fails_alone_and_in_the_whole(wrong):
    """The equations after it, which take its result, are not blamed."""

    proof = proof_of(altered(dJ_dz=wrong), chosen("tanh"), points=4)
    assert open_of(proof) == {"dJ_dz", GRADIENT}


def test_at_h_instead_of_z_is_the_same_function_for_relu():
    assert not open_of(proof_of(altered(dJ_dz=dJ_dz_at_h), chosen("relu"), points=8))


def test_a_missing_penalty_fails():
    def dJ_dW1(dJ_dz, x):
        return jnp.outer(dJ_dz, x)

    assert open_of(proof_of(altered(dJ_dW1=dJ_dW1), chosen("softplus"), points=4)) == {"dJ_dW1", GRADIENT}


# --- points -----------------------------------------------------------------------------------------------------------


def test_a_seed_gives_the_same_proof():
    first, again, other = (proof_of(backprop.DERIVATION, chosen("elu"), seed=seed) for seed in (1, 1, 2))
    for name, floats in first.floats.items():
        assert np.array_equal(floats, again.floats[name])
        assert not np.array_equal(floats, other.floats[name])
    assert first.outcomes == again.outcomes
    assert first.pieces == again.pieces


def test_every_piece_of_a_piecewise_activation_is_met_and_counted():
    proof = proof_of(backprop.DERIVATION, chosen("hard_silu"), points=200)
    pieces = {key[2]: count for key, count in proof.pieces.items() if key[:2] == ("activation", "hard_silu")}
    assert set(pieces) == {0, 1, 2} and min(pieces.values()) > 0
    assert sum(pieces.values()) == 200 * SIZES["h"]


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "hard_tanh", "elu"])
def test_at_a_kink_the_slope_is_that_of_autodiff(activation):
    """Random points never lie there; at the lattice's own values another slope shows."""
    row = ACTIVATIONS[activation]

    def dJ_dz(dJ_dh, z, *, activation):
        slope = activation.derivative(z)
        for kink in row.kinks:
            other = activation.derivative(z - 0.5) + activation.derivative(z + 0.5) - activation.derivative(z)
            slope = jnp.where(z == kink, other, slope)
        return dJ_dh * slope

    right, wrong = (
        Pair(backprop.DERIVATION, chosen(activation)),
        Pair(altered(dJ_dz=dJ_dz), chosen(activation)),
    )
    specs = right.specs(SIZES)
    leaves = fill(np.random.default_rng(3), SIZES, specs, STRUCTURE["integers to 1"], 64)
    assert not open_of(prove_at(right, SIZES, leaves))
    assert open_of(prove_at(wrong, SIZES, leaves)) == {"dJ_dz", GRADIENT}
    assert not open_of(prove(wrong, SIZES, np.random.default_rng(1), POINTS))


def test_a_constraint_of_the_data_is_kept():
    """p - y is the gradient of softmax cross-entropy because labels sum to 1, and fails where they do not."""

    def loss(o: Float[Array, " q"], y: Float[Array, " q"]) -> Float[Array, ""]:
        return -(y * jax.nn.log_softmax(o)).sum()

    def dJ_do(o, y):
        return jax.nn.softmax(o) - y

    from manual_bp.domains import real, simplex

    for domain, closes in ((simplex, True), (real, False)):
        derivation = Derivation("labels", "a test", {"J": loss}, {"dJ_do": dJ_do}, {"y": domain})
        outcome = prove(Pair(derivation, {}), {"q": 5}, np.random.default_rng(0), POINTS).outcomes["dJ_do"]
        assert outcome.equal == closes


# --- exponentials and roots -------------------------------------------------------------------------------------------


def nested(x: Float[Array, " n"]) -> Float[Array, ""]:
    return jnp.exp(jnp.exp(jnp.exp(x))).sum()


def test_the_tower_grows_as_far_as_a_program_needs():
    def dJ_dx(x):
        return jnp.exp(x + jnp.exp(x) + jnp.exp(jnp.exp(x)))

    pair = Pair(Derivation("nested", "a test", {"J": nested}, {"dJ_dx": dJ_dx}), {})
    assert pair.levels == 2
    assert not open_of(prove(pair, {"n": 2}, np.random.default_rng(0), 8))
    assert pair.levels == 4


def norm(x: Float[Array, " n"], b: Float[Array, " n"]) -> Float[Array, ""]:
    return jnp.sqrt((x * x).sum()) * jnp.sqrt((b * b).sum())


def test_roots_leave_no_holes_where_the_extension_has_them():
    def dJ_dx(x, b):
        return x * jnp.sqrt((b * b).sum()) / jnp.sqrt((x * x).sum())

    def among_squares(x, b):
        return x * jnp.sqrt((b * b).sum() * (x * x).sum()) / (x * x).sum()

    for equation, whole in ((dJ_dx, True), (among_squares, False)):
        derivation = Derivation("norm", "a test", {"J": norm}, {"dJ_dx": equation})
        outcome = prove(Pair(derivation, {}), {"n": 3}, np.random.default_rng(0), 96).outcomes["dJ_dx"]
        assert outcome.equal and (outcome.points == 96) == whole and outcome.points > 2
    derivation = Derivation("norm", "a test", {"J": norm}, {"dJ_dx": lambda x, b: 2 * dJ_dx(x, b)})
    assert open_of(prove(Pair(derivation, {}), {"n": 3}, np.random.default_rng(0), 48)) == {"dJ_dx", GRADIENT}
