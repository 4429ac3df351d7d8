"""The checker, checked: a wrong equation is named, those after it are not blamed, and the case is real."""

import dataclasses
import functools
import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

from manual_bp import activations
from manual_bp.book.backprop import DERIVATION, MINIBATCH
from manual_bp.derivation import Derivation
from manual_bp.domains import interval
from tests.verify.campaign.judging import SMOOTH, judged, not_proved, of, verdicts
from verify.mutants.run import planted
from verify.report.story import story
from verify.verdict import Counterexample, DerivationReport, Status, Verdict


@functools.cache
def judged_with(
    name: str, function: Callable[..., Any], choices: tuple[tuple[str, str], ...]
) -> DerivationReport:
    """The chapter with one equation planted."""
    return judged(planted(DERIVATION, name, function), dict(choices))


# --- equations that are wrong ---


def sign(W2, dJ_do):
    return -(W2.T @ dJ_do)


def no_penalty(dJ_dz, x):
    return jnp.outer(dJ_dz, x)


def at_h(dJ_dh, h, *, activation):
    return dJ_dh * activation.derivative(h)


def transposed(dJ_do, h, dJ_ds, ds_dW2):
    return jnp.outer(h, dJ_do).reshape(ds_dW2.shape) + dJ_ds * ds_dW2


def not_transposed(W2, dJ_do):
    return W2 @ dJ_do


def last_digit(lam, W1):
    return lam * W1 * (1 + 2.0**-52)


def twice(dJ_do, h, dJ_ds, ds_dW2):
    return jnp.outer(dJ_do, h) + 2 * dJ_ds * ds_dW2


def zero(dJ_dL, o):
    return dJ_dL * jnp.zeros_like(o)


def nothing() -> float:
    return float("nan")


def infinite(lam, W2):
    return lam * W2 / 0


def one_element(W2, dJ_do):
    return (W2.T @ dJ_do).at[0].multiply(2)


def far_out(dJ_dh, z):
    return dJ_dh * jnp.where(jnp.abs(z) > 3, 0, 1 - jnp.tanh(z) ** 2)


def single_when_one(W2, dJ_do):
    return W2.T @ dJ_do * (0 if dJ_do.shape[0] == 1 else 1)


def large(W2, dJ_do):
    return W2.T @ dJ_do * (2 if dJ_do.shape[0] > 4 else 1)


def no_activation(dJ_dh, z, *, activation):
    return dJ_dh * (1 - jnp.tanh(z) ** 2)


@pytest.mark.parametrize(
    ("name", "function", "choices"),
    [
        pytest.param("dJ_dh", sign, SMOOTH, marks=pytest.mark.slow),
        pytest.param("dJ_dW1", no_penalty, SMOOTH, marks=pytest.mark.slow),
        ("dJ_dz", at_h, SMOOTH),
        pytest.param("dJ_dW2", transposed, SMOOTH, marks=pytest.mark.slow),
        pytest.param("dJ_dh", not_transposed, SMOOTH, marks=pytest.mark.slow),
        pytest.param("dJ_dW2", twice, SMOOTH, marks=pytest.mark.slow),
        pytest.param("dJ_do", zero, SMOOTH, marks=pytest.mark.slow),
        ("dJ_ds", nothing, SMOOTH),
        ("ds_dW2", infinite, SMOOTH),
        ("dJ_dh", one_element, SMOOTH),
        ("dJ_dz", far_out, SMOOTH),
        ("dJ_dh", single_when_one, SMOOTH),
        ("dJ_dh", large, SMOOTH),
        ("dJ_dz", no_activation, dict(activation="sigmoid", loss="huber")),
    ],
)  # fmt: skip
def test_a_wrong_equation_is_refuted_and_no_other(name, function, choices):
    report = judged_with(name, function, tuple(choices.items()))
    assert verdicts(report) == {
        each: Verdict.REFUTED if each in (name, "gradient") else Verdict.PROVED
        for each in (*DERIVATION.equations, "gradient")
    }


def test_the_last_digit_is_kept_from_proved():
    report = judged(planted(DERIVATION, "ds_dW1", last_digit))
    named = of(report, "ds_dW1")
    assert named.verdict is Verdict.VERIFIED and named.proof.status is Status.OPEN
    assert "by less than float64 can see" in (named.because or "")
    assert of(report, "dJ_dW1").verdict is Verdict.PROVED


def test_an_equation_that_raises_at_some_sizes_is_not_proved_by_the_others():
    def small_only(W2, dJ_do):
        if W2.shape[1] > 1:
            raise ValueError("one hidden unit only")
        return W2.T @ dJ_do

    report = judged(planted(DERIVATION, "dJ_dh", small_only))
    named = of(report, "dJ_dh")
    assert named.verdict is Verdict.INCONCLUSIVE
    assert re.search(r"one hidden unit only \(test_unit.py, line \d+\) \(h = 2", named.because or "")
    assert of(report, "dJ_dz").verdict is Verdict.PROVED


def test_the_same_function_written_otherwise_is_proved():
    report = judged(planted(DERIVATION, "dJ_dz", at_h), dict(activation="relu", loss="squared_error"))
    assert set(verdicts(report).values()) == {Verdict.PROVED}  # relu(z) > 0 where z > 0


# --- other slopes at a kink ---


@pytest.mark.parametrize(
    ("row", "slopes"),
    [
        ("relu", lambda z: jnp.where(z >= 0, 1.0, 0.0)),
        ("leaky_relu", lambda z: jnp.where(z > 0, 1.0, 0.01)),
        ("hard_tanh", lambda z: jnp.where(jnp.abs(z) < 1, 1.0, 0.0)),
    ],
)
def test_another_slope_at_a_kink_is_refuted_by_a_case_that_is_exactly_there(row, slopes):
    def other(dJ_dh, z, *, activation):
        return dJ_dh * slopes(z)

    choices = dict(activation=row, loss="squared_error")
    report = judged(planted(DERIVATION, "dJ_dz", other), choices, kinks="same")
    named = of(report, "dJ_dz")
    assert named.verdict is Verdict.REFUTED and named.counterexample is not None
    assert named.counterexample.bound < 1e-15
    z = np.ravel(named.counterexample.inputs["z"])[named.counterexample.index[-1]]
    assert z in activations.ACTIVATIONS[row].kinks
    assert not_proved(report) == {"dJ_dz", "gradient"}


# --- a weight so small that no tolerance would notice ---


def test_a_missing_term_of_1e_12_is_refuted():
    tiny = dataclasses.replace(DERIVATION, domains=dict(lam=interval(0.0, 1e-12)))
    report = judged(planted(tiny, "dJ_dW1", no_penalty))
    named = of(report, "dJ_dW1")
    assert named.verdict is Verdict.REFUTED and named.counterexample is not None
    assert 0 < named.counterexample.leaves["lam"] <= 1e-12
    assert of(report, "ds_dW1").verdict is Verdict.PROVED


def test_a_missing_term_of_a_constant_1e_12_is_refuted():
    def penalty(W1: Float[Array, "h d"], W2: Float[Array, "q h"]) -> Float[Array, ""]:
        return 1e-12 / 2 * (jnp.sum(W1**2) + jnp.sum(W2**2))

    forward = {**DERIVATION.forward, "s": penalty}
    backward = {**DERIVATION.backward, "ds_dW1": lambda W1: 1e-12 * W1, "ds_dW2": lambda W2: 1e-12 * W2}
    tiny = Derivation("tiny", "a test", forward, backward)
    assert set(verdicts(judged(tiny)).values()) == {Verdict.PROVED}
    report = judged(planted(tiny, "dJ_dW1", no_penalty))
    case = of(report, "dJ_dW1").counterexample
    assert of(report, "dJ_dW1").verdict is Verdict.REFUTED and case is not None
    assert case.bound < abs(case.manual - case.autodiff) < 1e-10


# --- right, and computed in too few digits ---


def test_float32_inside_a_float64_computation_is_inaccurate():
    def narrow(W2, dJ_do):
        return (W2.T.astype(jnp.float32) @ dJ_do.astype(jnp.float32)).astype(W2.dtype)

    report = judged(planted(DERIVATION, "dJ_dh", narrow), dtypes=("float64",))
    assert of(report, "dJ_dh").verdict is Verdict.INACCURATE
    assert of(report, "dJ_dh").proof.status is Status.CLOSED
    assert of(report, "dJ_dz").verdict is Verdict.PROVED


# --- the minibatch ---


@pytest.mark.parametrize("factor", [lambda n: 1, lambda n: 1 / n**2])
def test_a_sum_for_a_mean_is_refuted(factor):
    def other(dJ_dL, o, y, *, loss):
        return dJ_dL * jax.vmap(loss.derivative)(o, y) * factor(o.shape[0])

    report = judged(planted(MINIBATCH, "dJ_do", other))
    refuted = {name for name, verdict in verdicts(report).items() if verdict is Verdict.REFUTED}
    assert refuted == {"dJ_do", "gradient"}


# --- the case, pasted ---


def pasted(text: str) -> dict[str, Any]:
    """The values of a story, as Python reads them."""
    block = [line[4:] for line in text.splitlines() if line.startswith("    ")]
    values: dict[str, Any] = {}
    exec("\n".join(line for line in block if " = " in line or line.startswith(" ")), {"np": np}, values)
    return values


def replay(
    derivation: Derivation, name: str, case: Counterexample, values: dict[str, Any]
) -> tuple[float, float]:
    """Both sides of an equation at these values, by plain jax."""
    equation = derivation.equations[name]
    rows = {choice: table[values[choice]] for choice, table in derivation.choices.items()}
    with jax.enable_x64(True):
        values = {
            name: value if isinstance(value, str) else jnp.asarray(value) for name, value in values.items()
        }
        leaves = {leaf: values[leaf] for leaf in derivation.leaves}
        nodes = derivation.evaluate(leaves, rows)
        manual = equation({**nodes, **values}, rows)

        def objective(moved: Any) -> Any:
            if equation.symbol in leaves:
                return derivation.evaluate({**leaves, equation.symbol: moved}, rows)[equation.root]
            return derivation.evaluate(leaves, rows, {equation.symbol: moved})[equation.root]

        at = leaves.get(equation.symbol, np.zeros_like(nodes[equation.symbol]))
        autodiff = jax.grad(objective)(at)
    return float(np.asarray(manual)[case.index]), float(np.asarray(autodiff)[case.index])


@pytest.mark.parametrize(
    ("name", "function", "choices"),
    [
        ("dJ_dh", sign, SMOOTH),
        ("dJ_dW1", no_penalty, SMOOTH),
        ("dJ_dz", far_out, SMOOTH),
        ("dJ_dz", no_activation, dict(activation="sigmoid", loss="huber")),
        ("dJ_dh", one_element, dict(activation="relu", loss="softmax_cross_entropy_with_labels")),
    ],
)
def test_the_case_replays_in_plain_jax(name, function, choices):
    wrong = planted(DERIVATION, name, function)
    named = of(judged_with(name, function, tuple(choices.items())), name)
    case = named.counterexample
    assert case is not None
    values = pasted(story(named, "backprop"))
    manual, autodiff = replay(wrong, name, case, values)
    assert abs(manual - autodiff) > case.bound
    assert manual == pytest.approx(case.manual, abs=case.bound + 1e-15)
    assert autodiff == pytest.approx(case.autodiff, abs=case.bound + 1e-15)
    assert set(case.holds) & {name, "gradient"} == set()
