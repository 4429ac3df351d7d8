"""What is said of a wrong equation is what was done to it, and nothing is said of what is not recognised."""

import functools
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

from manual_bp.book.backprop import DERIVATION, MINIBATCH
from manual_bp.derivation import Derivation
from verify.arithmetic.field.arithmetic import Field
from verify.campaign.conclusion import conclude
from verify.campaign.unit import judge
from verify.campaign.work import Unit
from verify.counterexamples import search
from verify.diagnosis.recognition import diagnose
from verify.diagnosis.sides import Sides
from verify.diagnosis.terms import PRIMES, constant_between, scaled_text, terms
from verify.mutants.mutations import Site
from verify.mutants.operators import OPERATORS
from verify.mutants.run import planted
from verify.programs.pair import Pair
from verify.report.story import story
from verify.settings import Settings

SMOOTH = dict(activation="tanh", loss="squared_error")
RELU = dict(activation="relu", loss="squared_error")


def pair_of(derivation: Derivation, choices: dict[str, str]) -> Pair:
    return Pair(derivation, {choice: derivation.choices[choice][row] for choice, row in choices.items()})


def said(derivation: Derivation, name: str, function, choices: dict[str, str] = SMOOTH) -> str | None:
    pair = pair_of(planted(derivation, name, function), choices)
    found = search.search(pair, name, seed=0)
    assert found is not None
    return diagnose(pair, name, found, seed=0)


def scaled(a: Float[Array, "n d"], b: Float[Array, " d"]) -> Float[Array, "n d"]:
    return a * b


LAYER = Derivation(
    "layer",
    "a test",
    dict(y=scaled),
    dict(dJ_da=lambda dJ_dy, b: dJ_dy * b, dJ_db=lambda dJ_dy, a: jnp.sum(dJ_dy * a, axis=0)),
    cotangent="dJ_dy",
)


@pytest.mark.parametrize(
    ("name", "function", "expected"),
    [
        ("dJ_dW1", lambda dJ_dz, x: jnp.outer(dJ_dz, x), "manual = jax.grad - lam*W1"),
        ("dJ_dW1", lambda dJ_dz, x, ds_dW1: jnp.outer(dJ_dz, x) + 2 * ds_dW1, "manual = jax.grad + lam*W1"),
        ("dJ_dW1", lambda dJ_dz, x, ds_dW1: jnp.outer(dJ_dz, x) - ds_dW1, "manual = jax.grad - 2*lam*W1"),
        ("dJ_dW1", lambda ds_dW1: ds_dW1, "manual = jax.grad - outer(dJ_dz, x)"),
        ("ds_dW1", lambda lam, W1: lam / 2 * W1, "manual = jax.grad/2"),
        ("ds_dW1", lambda W1: W1, "manual lacks the factor lam"),
        ("ds_dW1", lambda lam, W1: lam * lam * W1, "manual = lam*jax.grad"),
        ("dJ_dh", lambda W2, dJ_do: -(W2.T @ dJ_do), "manual = -jax.grad"),
        ("dJ_dh", lambda W2, dJ_do: W2 @ dJ_do, "manual would be right with W2.T in the place of W2"),
        ("dJ_dh", lambda W2, y: W2.T @ y, "manual would be right with dJ_do in the place of y"),
        (
            "dJ_dh",
            lambda W2, dJ_do: (W2.T @ dJ_do).at[-1].set(0),
            "manual differs in [-1] only: there it is 0",
        ),
        ("dJ_dh", lambda W2, dJ_do: (W2.T @ dJ_do) * (1 + 1e-6), "manual = (1 + 1e-06)*jax.grad"),
        ("dJ_dh", lambda W2, dJ_do: (W2.T @ dJ_do) * (1 - 1e-9), "manual = (1 - 1e-09)*jax.grad"),
        ("dJ_do", lambda o, y: o, "manual = jax.grad + y"),
        ("dJ_ds", lambda: float("nan"), "manual is NaN"),
    ],
)
def test_what_was_done_to_an_equation_of_the_chapter_is_said(name, function, expected):
    assert said(DERIVATION, name, function) == expected


def test_phi_prime_at_h_instead_of_z_is_said():
    def at_h(dJ_dh, h, *, activation):
        return dJ_dh * activation.derivative(h)

    assert said(DERIVATION, "dJ_dz", at_h) == "manual would be right with z in the place of h"


def test_a_cotangent_left_out_is_said():
    def alone(z, *, activation):
        return activation.derivative(z)

    assert said(DERIVATION, "dJ_dz", alone) == "manual lacks the factor dJ_dh"
    assert (
        said(LAYER, "dJ_da", lambda a, b: jnp.broadcast_to(b, a.shape), {}) == "manual lacks the factor dJ_dy"
    )


def test_sizes_are_told_from_constants():
    def no_mean(dJ_dL, o, y, *, loss):
        return dJ_dL * jax.vmap(loss.derivative)(o, y)

    def mean_of_one_term(dJ_do, h, dJ_ds, ds_dW2):
        return dJ_do.T @ h / h.shape[0] + dJ_ds * ds_dW2

    def seven(dJ_dy, b):
        return 7 * dJ_dy * b

    assert said(MINIBATCH, "dJ_do", no_mean) == "manual = n*jax.grad"
    assert (
        said(MINIBATCH, "dJ_dW2", mean_of_one_term)
        == "manual has (dJ_do.T @ h)/n in the place of dJ_do.T @ h"
    )
    assert said(LAYER, "dJ_db", lambda dJ_dy, a: jnp.mean(dJ_dy * a, axis=0), {}) == "manual = jax.grad/n"
    assert PRIMES[0] == 7 and said(LAYER, "dJ_da", seven, {}) is None  # at n = 7 it is n, at n = 13 it is not


def test_where_a_kink_or_a_piece_is_wrong_is_said():
    def other(dJ_dh, z, *, activation):
        return dJ_dh * jnp.where(z >= 0, 1.0, 0.0)

    def piece(dJ_dh, z, *, activation):
        return dJ_dh * jnp.where(z > 0, z, 0.0)

    def left(dJ_dh, z, *, activation):
        return dJ_dh * jnp.where(z > 0, 1.0, jnp.where(z < 0, z * z, 0.0))

    assert said(DERIVATION, "dJ_dz", other, RELU) == "manual differs only where z = 0, a kink of relu"
    assert said(DERIVATION, "dJ_dz", piece, RELU) == "manual = h*jax.grad"
    assert said(DERIVATION, "dJ_dz", left, RELU) == "manual would be right with h in the place of z"


def test_one_element_of_a_cotangent_is_said():
    def first(dJ_dy, b):
        return dJ_dy[0, 0] * b * jnp.ones_like(dJ_dy)

    assert said(LAYER, "dJ_da", first, {}) == "manual uses dJ_dy[0] only"
    assert said(LAYER, "dJ_db", lambda dJ_dy, a: (dJ_dy * a)[0], {}) == "manual uses dJ_dy[0] only"


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("dJ_dh", lambda W2, dJ_do: W2.T @ dJ_do + jnp.sum(W2) * dJ_do[0] ** 2),
        ("dJ_dz", lambda dJ_dh, z: dJ_dh * jnp.where(jnp.abs(z) > 3, 0, 1 - jnp.tanh(z) ** 2)),
        ("dJ_dW2", lambda dJ_do, h, ds_dW2: jnp.outer(dJ_do**2, h) + ds_dW2),
    ],
)
def test_nothing_is_said_of_what_is_not_recognised(name, function):
    assert said(DERIVATION, name, function) is None


EXPECTED = {
    "negated": "manual = -jax.grad",
    "zeroed": "manual = 0",
    "twice": "manual = 2*jax.grad",
    "half": "manual = jax.grad/2",
    "NaN": "manual is NaN",
    "times 1 + 1e-6": "manual = (1 + 1e-06)*jax.grad",
}


@pytest.mark.parametrize("operator", [o for o in OPERATORS if o.name in EXPECTED], ids=lambda o: o.name)
def test_operators_are_recognised_on_every_equation_of_a_layer(operator):
    pair = pair_of(LAYER, {})
    shapes = pair.programs(dict(n=2, d=3)).reference.results
    for name, equation in LAYER.equations.items():
        site = Site(equation, {}, {}, shapes, frozenset(LAYER.derivatives))
        ((_, wrong),) = operator.variants(site)
        assert (
            said(LAYER, name, functools.wraps(equation.function)(wrong.function), {})
            == EXPECTED[operator.name]
        )


def test_the_text_of_a_term_is_its_value():
    pair = pair_of(MINIBATCH, SMOOTH)
    sizes = dict(zip(sorted(pair.dims), PRIMES, strict=False))
    view = Sides(pair, "dJ_dW1", sizes, np.random.default_rng(0), concrete=False)
    floats = {name: value.x[0] for name, value in view.quantities.items()}
    found = list(terms(view.algebra, view.quantities, view.derivatives, view.right.x.shape[1:]))
    assert {"lam*W1", "dJ_dz.T @ x", "z.T @ x", "lam*ds_dW1"} <= {t for t, _ in found}
    for text, value in found:
        expected = eval(text, {"outer": np.outer, "sum": np.sum, **floats})
        assert np.allclose(expected, value.x[0]), text


@pytest.mark.parametrize("constant", [Fraction(2), Fraction(-1, 2), Fraction(1000001, 1000000), Fraction(0)])
def test_a_constant_is_read_off_exactly(constant):
    rng, field = np.random.default_rng(0), Field(4)
    random = field.constant(rng.integers(1, 9, (4, 5)).astype(float))
    multiple = field.constant(random.x)
    multiple.r = tuple(
        level * (constant.numerator * pow(constant.denominator, -1, m)) % m  # type: ignore[operator]
        for level, m in zip(random.r, field.moduli, strict=True)
    )
    assert constant_between(field, multiple, random) == constant


@pytest.mark.parametrize(
    ("constant", "text"),
    [
        (Fraction(1), "z"),
        (Fraction(2), "2*z"),
        (Fraction(3, 4), "3*z/4"),
        (Fraction(1, 7), "z/n"),
        (Fraction(22), "2*d*z"),
        (Fraction(1, 77), "z/(n*d)"),
        (Fraction(1000001, 1000000), "(1 + 1e-06)*z"),
    ],
)
def test_constants_are_written_with_the_sizes_in_them(constant, text):
    assert scaled_text(constant, "z", {"n": 7, "d": 11}) == text


def test_the_report_says_it_and_does_not_blame_the_gradient_for_it():
    wrong = planted(LAYER, "dJ_da", lambda dJ_dy, b: 2 * dJ_dy * b)
    report = conclude("layer", "a test", [judge(wrong, Unit("a.py:IT", 0, {}, (), False, Settings()))])
    by_a, _, whole = report.equations
    assert by_a.diagnosis == "manual = 2*jax.grad"
    assert "different functions: manual = 2*jax.grad" in story(by_a)
    assert whole.because == "it is composed of dJ_da, refuted above" and whole.diagnosis is None
