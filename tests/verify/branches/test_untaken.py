"""A gradient that is wrong beyond a threshold is refuted, wherever it stands; what no case reached is named."""

import zlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from manual_bp.domains import counts, index, positive
from tests.verify.campaign.judging import judged, of
from verify.targets.functions import gradient_derivation
from verify.verdict import EquationReport, Verdict

Function = Callable[..., Any]
VECTOR = {"x": "n"}


def energy(x):
    return jnp.sum(x * x) / 2


def verdict(manual: Function, objective: Function = energy, wrt: str = "x", **how: Any) -> EquationReport:
    """Judged without the device, which would only see it again."""
    derivation = gradient_derivation(manual, objective, wrt, **{"shapes": VECTOR, "name": "it"} | how)
    return of(judged(derivation, {}), f"dJ_d{wrt}")


# --- generated: a condition on a quantity, both drawn at random ---


def total(x):
    return jnp.sum(x)


QUANTITIES: dict[str, Function] = {
    "an element": lambda x: x,
    "the third": lambda x: x[..., 3],
    "the last": lambda x: x[-1],
    "a sum": total,
    "a product": lambda x: x[0] * x[1],
    "a norm": lambda x: jnp.sqrt(jnp.sum(x * x) + 1) - 2,
    "the largest": jnp.max,
    "a running sum": jnp.cumsum,
    "sorted": jnp.sort,
    "a contraction": lambda x: jnp.array([1.0, -2.0, 0.5, 3.0, 1.0]) @ x,
    "a carry": lambda x: jax.lax.scan(lambda c, a: (c + a, c), 0.0, x)[1],
}
WRAPPERS: dict[str, Function] = {
    "itself": lambda q, a, b: q,
    "affine": lambda q, a, b: a * q + b,
    "exponential": lambda q, a, b: jnp.expm1(a * q / 8),
    "tanh": lambda q, a, b: jnp.tanh(a * q / 1e3),
    "cube": lambda q, a, b: (a * q) ** 3 - b,
    "clipped": lambda q, a, b: jnp.clip(a * q, -1e9, 1e9),
}
CONDITIONS: dict[str, Function] = {
    "beyond": lambda v, far, near: v > far,
    "below": lambda v, far, near: v < -far,
    "a band": lambda v, far, near: (v > near) & (v < near * (1 + 1e-9)),
    "close": lambda v, far, near: jnp.abs(v - near) < 1e-12,
}


def member(seed: int) -> tuple[str, Function]:
    """What it is, and whether it holds at x."""
    rng = np.random.default_rng(seed)
    quantity, wrapper, condition = (str(rng.choice(list(t))) for t in (QUANTITIES, WRAPPERS, CONDITIONS))
    a, b = rng.uniform(0.5, 2.0), rng.uniform(-1.0, 1.0)
    far, near = 10 ** rng.uniform(2, 6), rng.uniform(-0.3, 0.3)
    if wrapper == "tanh":
        far = 0.9

    def holds(x):
        return CONDITIONS[condition](WRAPPERS[wrapper](QUANTITIES[quantity](x), a, b), far, near)

    return f"{quantity}, {wrapper}, {condition}", holds


MEMBERS = [member(zlib.crc32(f"a branch {turn}".encode())) for turn in range(24)]


@pytest.mark.parametrize(
    "holds", [pytest.param(m[1], id=m[0], marks=[pytest.mark.slow] * (i > 3)) for i, m in enumerate(MEMBERS)]
)
@pytest.mark.parametrize("side", ["by hand", "under jax.grad"])
def test_a_wrong_branch_is_refuted_or_at_least_not_proved(holds: Function, side: str):
    """Where both sides have it, nothing is wrong, and nothing is called so."""
    five: dict[str, Any] = {"shapes": {"x": "5"}}

    def branching(x):
        return jnp.sum(jnp.where(jax.lax.stop_gradient(holds(x)), x, x * x / 2))

    wrong = (
        verdict(lambda x: jnp.where(holds(x), 1.0, x), **five)
        if side == "by hand"
        else verdict(lambda x: x, branching, **five)
    )
    assert wrong.verdict in (Verdict.REFUTED, Verdict.VERIFIED), wrong
    assert wrong.verdict is Verdict.REFUTED or "no case reached" in str(wrong.because)
    right = verdict(lambda x: jnp.where(holds(x), 1.0, x), branching, **five)
    assert right.verdict in (Verdict.PROVED, Verdict.VERIFIED), right


# --- chosen ones ---

ONE_OF_TWO: dict[str, tuple[Function, dict[str, Any]]] = {
    "Taylor": (lambda x: jnp.where(jnp.abs(x) < 1e-8, 3 * x, x), {}),
    "a clip": (lambda x: jnp.clip(x, -2e6, 2e6), {}),
    "an element": (lambda x: jnp.where(x[3] > 777, 2 * x, x), {"shapes": {"x": "5"}}),
    "a position and a number": (lambda x: jnp.where((jnp.arange(x.shape[0]) > 3) & (x > 1e8), 0, x), {}),
    "a value": (lambda x: jnp.where(x == 77.25, 0, x), {}),
    "nested": (lambda x: jnp.where(x > 5, jnp.where(x < 5.0001, 0, x), x), {}),
    "a whole number": (lambda x: jnp.where(x.astype(int) == 4242, 0, x), {}),
    "cond": (lambda x: jax.lax.cond(jnp.sum(x) > 1e5, lambda x: 2 * x, lambda x: x, x), {}),
    "while": (lambda x: jax.lax.while_loop(lambda y: jnp.max(y) > 1e9, lambda y: y / 2, x), {}),
    "piecewise": (lambda x: jnp.select([x < -1e8, x > 1e8], [0 * x, 2 * x], x), {}),
    "by two ways": (lambda x: jnp.where(jnp.abs(x * jnp.tanh(x) - 0.7) < 1e-9, 0, x), {}),
    "a variance": (lambda x: jnp.where(jnp.abs(jnp.var(x) - 0.7) < 1e-9, 0, x), {}),
    "a function without an inverse here": (
        lambda x: jnp.where(jnp.abs(jax.scipy.special.digamma(x) - 0.7) < 1e-9, 0, x),
        {"domains": {"x": positive}},
    ),
    "the logarithm": (lambda x: jnp.where(jnp.log(x) > 50, 0, x), {"domains": {"x": positive}}),
}


@pytest.mark.parametrize("manual, how", ONE_OF_TWO.values(), ids=ONE_OF_TWO)
def test_a_gradient_that_is_wrong_beyond_a_threshold_is_refuted(manual, how):
    found = verdict(manual, **how)
    assert found.verdict is Verdict.REFUTED, found
    assert found.counterexample is not None


def test_a_band_of_counts_is_reached():
    def manual(c, k):
        return jnp.where((k > 140) & (k < 142), 0.0, c * k)

    two = {"shapes": {"c": "n", "k": "n"}, "domains": {"k": counts}}
    assert verdict(manual, lambda c, k: jnp.sum(c * c * k) / 2, "c", **two).verdict is Verdict.REFUTED


def test_an_index_is_reached_at_larger_sizes():
    def manual(x, i):
        return jnp.where(i > 40, 0, 1) * jnp.zeros_like(x).at[i].add(x[i])

    two = {"shapes": {"x": "n", "i": ""}, "domains": {"i": index("n")}}
    assert verdict(manual, lambda x, i: x[i] ** 2 / 2, **two).verdict is Verdict.REFUTED


def test_what_no_case_reached_is_named():
    """A value that is not its own literal: whether they are equal is in doubt wherever they are near."""
    found = verdict(lambda x: jnp.where(jnp.sin(x) * 7 == 0.123, 0, x))
    assert found.verdict is Verdict.VERIFIED, found
    assert "no case reached" in str(found.because) and "test_untaken.py" in str(found.because), found


# --- right ones, with branches that cannot be, or are at a kink ---

RIGHT: dict[str, tuple[Function, dict[str, Any]]] = {
    "relu": (lambda x: jnp.sum(jax.nn.relu(x)), {}),
    "a guard against NaN": (lambda x: jnp.sum(jnp.where(jnp.isnan(x), 0.0, x * x)), {}),
    "always positive": (lambda x: jnp.sum(jnp.where(jnp.exp(x) + x * x > 0, x * x, 0)), {}),
    "a maximum that one side wins": (lambda x: jnp.log(jnp.maximum(jnp.sum(x * x) + 1.0, 0.5)), {}),
    "logaddexp": (lambda x: jnp.sum(jnp.logaddexp(x, 0.0)), {}),
    "switch": (
        lambda x, i: jax.lax.switch(i, [jnp.sum, lambda x: jnp.sum(x * x)], x),
        {"shapes": {"x": "n", "i": ""}, "domains": {"i": index(2)}},
    ),
    "a gather": (
        lambda x, i: x[i] ** 2,
        {"shapes": {"x": "n", "i": ""}, "domains": {"i": index("n")}},
    ),
    "Taylor": (lambda x: jnp.sum(jnp.where(jnp.abs(x) < 1e-8, x * x / 2, x * x / 2)), {}),
    "a log of a positive": (lambda x: jnp.sum(jnp.log(jnp.abs(x))), {"domains": {"x": positive}}),
}


@pytest.mark.parametrize("objective, how", RIGHT.values(), ids=RIGHT)
def test_a_right_gradient_stays_proved(objective, how):
    names = how.get("shapes", VECTOR)
    manual = {
        1: lambda x: jax.grad(objective)(x),
        2: lambda x, i: jax.grad(objective)(x, i),
    }[len(names)]
    found = verdict(manual, objective, **how)
    assert found.verdict is Verdict.PROVED, found
