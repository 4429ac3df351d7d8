"""Second opinions: none against a right `jax.grad`, one at least against a rule that lies or a NaN that leaks."""

import dataclasses
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array
from jax.scipy.special import logsumexp
from jaxtyping import Float

import verify
from manual_bp.book.backprop import chapter, minibatch, output_activation
from manual_bp.derivation import Derivation
from manual_bp.domains import nonnegative
from verify.lanes.opinions import opinions
from verify.lanes.opinions.finite_differences import extrapolated
from verify.lanes.opinions.opinions import DIFFERENCES, FORWARD, JACOBIANS, ask
from verify.programs.pair import Pair
from verify.programs.tracing import GRADIENT
from verify.verdict import Verdict


def heard(derivation: Derivation, seed: int = 0, **names: str):
    pair = Pair(derivation, {choice: derivation.choices[choice][name] for choice, name in names.items()})
    return ask(pair, {name: 2 + place for place, name in enumerate(pair.dims)}, np.random.default_rng(seed))


def derivation_of(function) -> Derivation:
    def hidden(x: Float[Array, " n"]):
        return function(x)

    def half_square(h: Float[Array, " n"]):
        return jnp.sum(jnp.square(h)) / 2

    def dJ_dh(h):
        return h

    def dJ_dx(dJ_dh, x):
        return dJ_dh * x

    backward = dict(dJ_dh=dJ_dh, dJ_dx=dJ_dx)
    return Derivation("one function", "", forward=dict(h=hidden, J=half_square), backward=backward)


# --- right ones -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("derivation", "names"),
    [
        (chapter.DERIVATION, dict(activation="hard_tanh", loss="absolute_error")),
        (chapter.DERIVATION, dict(activation="sparse_plus", loss="softmax_cross_entropy_with_labels")),
        (minibatch.DERIVATION, dict(activation="celu", loss="huber")),
        (output_activation.DERIVATION, dict(activation="gelu", output_activation="relu6", loss="log_cosh")),
    ],
    ids=lambda value: value.name if isinstance(value, Derivation) else "-".join(value.values()),
)
def test_nobody_disputes_what_is_right_kinks_included(derivation, names, seed):
    opinions = heard(derivation, seed, **names)
    assert opinions.disputes == {}
    assert set(opinions.said) == set(derivation.equations)
    for said in opinions.said.values():
        assert said == {FORWARD: "the same function", JACOBIANS: "the same function", DIFFERENCES: "agrees"}


@pytest.mark.parametrize(
    "function", [jnp.abs, lambda x: jnp.where(x > 0, x**3, 2 * x), jax.nn.relu, jnp.tanh]
)
def test_at_a_kink_there_is_no_opinion_of_differences(function):
    assert heard(derivation_of(function)).disputes == {}


def test_over_two_kinks_at_once_there_is_no_opinion_of_differences():
    """From the left the one slope counts, from the right the other, and jax.grad takes both, or neither."""

    def hidden(x: Float[Array, ""]) -> Float[Array, ""]:
        return jnp.clip(x, -1, 1) - jnp.clip(2 - x, -1, 1) + jax.nn.hard_tanh(-x)

    right = derivation_of(lambda x: jax.nn.hard_tanh(x) + jax.nn.hard_tanh(2 - x))
    assert heard(right).disputes == {}
    for kinked in (hidden, lambda x: jax.nn.hard_tanh(x) - jax.nn.hard_tanh(2 - x)):
        assert heard(derivation_of(kinked)).disputes == {}


def test_tensor_roots_are_asked_about_as_well():
    def squares(x: Float[Array, " n"]):
        return x * x

    def total(s):
        return jnp.sum(s)

    def ds_dx(x):
        return 2 * jnp.diag(x)

    squared = Derivation("squares", "", forward=dict(s=squares, J=total), backward=dict(ds_dx=ds_dx))
    assert set(heard(squared).said["ds_dx"].values()) == {"the same function", "agrees"}


def test_several_cotangents():
    def double(x: Float[Array, " n"]):
        return 2 * x

    def square(x: Float[Array, " n"]):
        return x * x

    def dJ_dx(x, dJ_du, dJ_dv):
        return 2 * dJ_du + 2 * x * dJ_dv

    forward, backward = dict(u=double, v=square), dict(dJ_dx=dJ_dx)
    layer = Derivation("layer", "", forward, backward, cotangent=("dJ_du", "dJ_dv"))
    opinions = heard(layer)
    assert opinions.disputes == {} and set(opinions.said) == {"dJ_dx"}


# --- rules that lie, and NaNs that leak -----------------------------------------------------------------------


@jax.custom_vjp
def lying_backwards(x):
    return x**2


lying_backwards.defvjp(lambda x: (x**2, x), lambda x, cotangent: (cotangent * 3 * x,))


@jax.custom_jvp
def lying_forwards(x):
    return jnp.sin(x)


lying_forwards.defjvp(lambda primals, tangents: (jnp.sin(primals[0]), tangents[0] * 2 * jnp.cos(primals[0])))


@jax.custom_jvp
def lying_a_little(x):
    return jnp.exp(x)


lying_a_little.defjvp(
    lambda primals, tangents: (jnp.exp(primals[0]), tangents[0] * jnp.exp(primals[0]) * 1.0001)
)


def trap(x):
    """sqrt of a negative number in the branch that is not taken."""
    return jnp.where(x > 0, jnp.sqrt(x), 0.0)


@pytest.mark.parametrize("function", [lying_backwards, lying_forwards, lying_a_little, trap])
def test_a_wrong_derivative_is_disputed_and_the_right_ones_are_not(function):
    opinions = heard(derivation_of(function))
    assert set(opinions.disputes) == {"dJ_dx", GRADIENT}
    assert opinions.said["dJ_dx"][DIFFERENCES] == "differs"
    assert (
        "jax.grad says" in opinions.disputes["dJ_dx"]
        and "finite differences say" in opinions.disputes["dJ_dx"]
    )


@pytest.mark.parametrize("function", [lying_backwards, lying_forwards])
@pytest.mark.parametrize(
    "around",
    [
        lambda f: lambda x: jnp.where(jnp.arange(len(x)) >= len(x) - 1, x, f(x)),
        lambda f: lambda x: f(x) * jax.nn.softmax(x, where=jnp.arange(len(x)) <= 0),
        lambda f: lambda x: f(x) + jnp.maximum(jnp.ones(len(x)), 1.0),
        lambda f: lambda x: f(x) * jnp.max(jnp.zeros(3)) + f(x),
    ],
    ids=["places", "a mask", "equal numbers", "an extreme of equal numbers"],
)
def test_what_stays_equal_is_no_kink(function, around):
    """Finite differences are heard though numbers are compared that are equal wherever the leaves are."""
    assert heard(derivation_of(around(function))).said["dJ_dx"][DIFFERENCES] == "differs"


def test_a_vjp_rule_has_no_forward_mode():
    assert FORWARD not in heard(derivation_of(lying_backwards)).said["dJ_dx"]


def test_a_nan_is_named_and_forward_mode_has_none():
    opinions = heard(derivation_of(trap))
    assert "jax.grad says nan" in opinions.disputes["dJ_dx"]
    assert opinions.said["dJ_dx"][FORWARD] == "differs"


def test_logsumexp_at_a_weight_of_zero():
    """The derivative by b is exp(a_i) / sum, and jax gives 0 where b_i is 0."""

    def L(a: Float[Array, " n"], b: Float[Array, " n"]):
        return logsumexp(a, b=b)

    def dL_da(a, b, L):
        return b * jnp.exp(a - L)

    def dL_db(a, L):
        return jnp.exp(a - L)

    opinions = heard(Derivation("logsumexp", "", forward=dict(L=L), backward=dict(dL_da=dL_da, dL_db=dL_db)))
    assert "dL_db" in opinions.disputes and "dL_da" not in opinions.disputes


ALL, NO_FORWARD = (FORWARD, JACOBIANS, DIFFERENCES), (JACOBIANS, DIFFERENCES)


@pytest.mark.parametrize(
    ("function", "slope", "heard", "against"),
    [
        (lying_backwards, lambda x: 2 * x, NO_FORWARD, {DIFFERENCES}),
        (lying_forwards, jnp.cos, ALL, {DIFFERENCES}),
        (trap, lambda x: jnp.where(x > 0, 0.5 / jnp.sqrt(jnp.where(x > 0, x, 1)), 0), ALL, set(ALL)),
    ],
    ids=["a custom_vjp that lies", "a custom_jvp that lies", "a NaN that leaks"],
)
def test_a_right_equation_is_disputed_and_it_is_said_who_says_what(function, slope, heard, against):
    derivation = derivation_of(function)
    right = dict(dJ_dh=lambda h: h, dJ_dx=lambda dJ_dh, x: dJ_dh * slope(x))
    report = verify.check(dataclasses.replace(derivation, backward=right), examples=2, dtypes=("float32",))
    dJ_dh, dJ_dx, gradient = report.derivations[0].equations
    assert (dJ_dh.verdict, dJ_dx.verdict, gradient.verdict) == (
        Verdict.PROVED,
        Verdict.DISPUTED,
        Verdict.DISPUTED,
    )
    assert {who for who, word in dJ_dx.opinions.items() if word == "differs"} == against
    assert dJ_dx.because is not None and gradient.because == f"dJ_dx: {dJ_dx.because}"
    verbs = {FORWARD: "says", JACOBIANS: "say", DIFFERENCES: "say"}
    numbers = "".join(f", {who} {verbs[who]} NUMBER" for who in heard)
    said = re.sub(r"-?(nan|inf|\d[\d.e+-]*)", "NUMBER", dJ_dx.because)
    assert said == f"along a drawn direction of x, jax.grad says NUMBER{numbers} of J"
    assert not report.good


def weighed(a: Float[Array, " n"], b: Float[Array, " n"]):
    """Never the logarithm of 0."""
    return logsumexp(jnp.append(a, 0.0), b=jnp.append(b, 1.0))


WEIGHED = Derivation(
    "weighed",
    "",
    forward=dict(L=weighed),
    # without the choice 0 times infinity, where a weight of 0 stands beside a huge number
    backward=dict(
        dL_da=lambda a, b, L: jnp.where(b > 0, b * jnp.exp(a - L), 0.0), dL_db=lambda a, L: jnp.exp(a - L)
    ),
    domains=dict(b=nonnegative),
)


def test_where_jax_is_wrong_at_a_few_numbers_alone_opinions_are_asked_there(monkeypatch):
    """Its derivative by a weight of 0 is 0: only cases that seem to refute the equation are sure to have one."""
    monkeypatch.setattr(opinions, "POINTS", 1)
    report = verify.check(WEIGHED, examples=2, dtypes=("float32",), kinks="same")
    dL_da, dL_db, gradient = report.derivations[0].equations
    assert (dL_da.verdict, dL_db.verdict) == (Verdict.PROVED, Verdict.DISPUTED)
    assert gradient.verdict is Verdict.DISPUTED
    assert dL_db.because is not None and "finite differences say" in dL_db.because


def test_an_equation_that_is_wrong_stays_refuted_though_others_are_asked():
    wrong = dataclasses.replace(WEIGHED, backward={**WEIGHED.backward, "dL_da": lambda a, L: jnp.exp(a - L)})
    report = verify.check(wrong, examples=2, dtypes=("float32",), only="*/dL_da")
    (dL_da,) = report.derivations[0].equations
    assert dL_da.verdict is Verdict.REFUTED
    assert dL_da.opinions == {
        FORWARD: "the same function",
        JACOBIANS: "the same function",
        DIFFERENCES: "agrees",
    }


# --- finite differences ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("function", "slope"), [(np.exp, 1.0), (np.sin, 1.0), (lambda x: 1 / (1 + x), -1.0)])
def test_extrapolated_differences_are_as_good_as_they_say(function, slope):
    steps = 2.0**-5 * 0.5 ** np.arange(5)
    values = function(np.concatenate([[0.0], steps, -steps]))[:, None]
    found = extrapolated(values, np.full(values.shape, 2.0**-52), steps)
    assert abs(found.value[0] - slope) <= found.errors[0] < 1e-6


@pytest.mark.parametrize("offset", [0.0, 1e-4, 1e-3, 0.01, 0.02])
def test_differences_across_a_kink_say_that_they_do_not_know(offset):
    steps = 2.0**-5 * 0.5 ** np.arange(5)
    values = np.abs(np.concatenate([[0.0], steps, -steps]) + offset)[:, None]
    found = extrapolated(values, np.zeros(values.shape), steps)
    assert abs(found.value[0] - 1.0) <= found.errors[0]
