"""Axes that a shape leaves open: every rank is met, and whoever assumed one is found out, and sees it."""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jaxtyping import Array, Float

import verify
from manual_bp.activations import ACTIVATIONS, Activation
from manual_bp.derivation import Derivation
from manual_bp.losses import Loss, Target
from verify.campaign import campaign, conclusion
from verify.campaign.unit import judge as judge_unit
from verify.generation import ranks
from verify.generation.strategies import dimension_names, rotation
from verify.mutants.kills import MutantStatus
from verify.mutants.run import generate, pairs, planted
from verify.report.story import story
from verify.settings import Settings
from verify.targets.custom_rules.derivations import rule_derivations
from verify.targets.discovery import Target as Judged
from verify.targets.forward_checks import ProbeError, probe
from verify.verdict import DerivationReport, Verdict


def output(X: Float[Array, "*batch d"], W: Float[Array, "q d"], b: Float[Array, " q"]):
    return X @ W.T + b


def dJ_dW(dJ_dY, X):
    return jnp.einsum("...q,...d->qd", dJ_dY, X)


def dJ_db(dJ_dY):
    return jnp.einsum("...q->q", dJ_dY)


DENSE = Derivation(
    name="dense",
    source="a test",
    forward=dict(Y=output),
    backward=dict(dJ_dX=lambda dJ_dY, W: dJ_dY @ W, dJ_dW=dJ_dW, dJ_db=dJ_db),
    cotangent="dJ_dY",
)


def bent(z: Float[Array, "... q"], *, activation: Activation) -> Float[Array, "... q"]:
    return activation(z)


BENT = Derivation("bent", "a test", dict(h=bent), {}, cotangent="dJ_dh")


def judged(derivation: Derivation, directory: Path) -> tuple[DerivationReport, set[frozenset[str]]]:
    """The report without the device, and the names of the dimensions that were met together."""
    units = campaign.plan([Judged("a.test:D", derivation)], Settings(examples=3, directory=directory))
    found = [judge_unit(derivation, replace(unit, on_device=False)) for _, unit in units]
    met = {frozenset(name for name, _ in shape) for findings in found for shape in findings.shapes}
    return conclusion.conclude(derivation.name, derivation.source, found), met


def test_every_rank_is_met_and_the_right_equations_are_proved_at_each(tmp_path: Path):
    report, met = judged(DENSE, tmp_path)
    assert {equation.verdict for equation in report.equations} == {Verdict.PROVED}
    assert met == {
        frozenset("dq"),
        frozenset({"batch_0", "d", "q"}),
        frozenset({"batch_0", "batch_1", "d", "q"}),
    }


MISTAKES: dict[str, tuple[str, Callable[..., Any], str]] = {
    "right without a batch only": (
        "dJ_dW",
        lambda dJ_dY, X: jnp.outer(dJ_dY, X),
        "dJ_dW: returned shape (4, 4), expected (2, 2) (*batch = (2,), d = 2, q = 2)",
    ),
    "right with one axis only": (
        "dJ_dW",
        lambda dJ_dY, X: dJ_dY.T @ X,
        "dJ_dW: returned shape (), expected (1, 1) (*batch of rank 0)",
    ),
    "right with two axes no longer": (
        "dJ_db",
        lambda dJ_dY: dJ_dY.sum(0) if dJ_dY.ndim == 2 else dJ_dY.reshape(-1, dJ_dY.shape[-1])[0],
        "the two sides are different functions: manual uses dJ_dY[0] only",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_who_assumes_a_rank_is_refuted_and_named(case: str, tmp_path: Path):
    name, wrong, expected = MISTAKES[case]
    report, _ = judged(planted(DENSE, name, wrong), tmp_path)
    bad = {each.name: each for each in report.equations if each.verdict is not Verdict.PROVED}
    assert bad.keys() == {name, "gradient"}
    assert bad[name].verdict is Verdict.REFUTED
    assert bad[name].because == expected


def test_a_counterexample_shows_the_axes_and_their_sizes_and_comes_back(tmp_path: Path):
    wrong = planted(DENSE, "dJ_db", lambda dJ_dY: dJ_dY.reshape(-1, dJ_dY.shape[-1])[0])
    report, _ = judged(wrong, tmp_path)
    (equation,) = (each for each in report.equations if each.name == "dJ_db")
    case = equation.counterexample
    assert equation.diagnosis == "manual uses dJ_dY[0] only"
    assert case is not None and case.ranks == {"*batch": 1}
    assert "smallest case found (*batch = (2,), d = 1, q = 1, float64):" in story(equation)

    kept = [{**asdict(case), "equation": "dJ_db"}, {**asdict(case), "equation": "dJ_db", "ranks": {}}]
    planned = campaign.plan([Judged("a.test:D", wrong)], Settings(examples=1, directory=tmp_path), [kept])
    assert [len(unit.replays) for _, unit in planned] == [0, 1, 0]
    again = judge_unit(wrong, replace(planned[1][1], only_replays=True))
    assert {name: each.verdict for name, each in again.equations.items()} == {"dJ_db": Verdict.REFUTED}


def test_ranks_are_rotated_like_a_table():
    turns = rotation(BENT, 0)
    assert len(turns) == len(ACTIVATIONS)
    assert {turn["..."].axes for turn in turns} == {0, 1, 2}
    one, two = ({(turn["..."].axes, turn["activation"].name) for turn in rotation(BENT, s)} for s in (0, 1))
    assert not one & two
    derivation, rows = ranks.instance(BENT, turns[2])
    assert dimension_names(derivation) == ("axis_0", "axis_1", "q")
    assert [*rows] == ["activation"]
    fixed = replace(BENT, ranks={"...": 4})
    assert {turn["..."].axes for turn in rotation(fixed, 0)} == {4}


def test_what_looks_at_its_shapes_is_met_at_every_rank(tmp_path: Path):
    """A size of 1 is seen in Python only where a program is traced at that very size."""

    def wrong(dJ_dY):
        return dJ_db(dJ_dY) * (2 if dJ_dY.ndim == 3 and dJ_dY.shape[0] == 1 else 1)

    report, _ = judged(planted(DENSE, "dJ_db", wrong), tmp_path)
    (equation,) = (each for each in report.equations if each.name == "dJ_db")
    assert equation.verdict is Verdict.REFUTED


def test_targets_lie_behind_batch_axes(tmp_path: Path):
    def rows(o, y):
        return o.reshape(-1, o.shape[-1]), y.reshape(-1, *y.shape[o.ndim - 1 :])

    def objective(o: Float[Array, "*batch q"], y: Target, *, loss: Loss):
        return jax.vmap(loss.value)(*rows(o, y)).sum()

    def dJ_do(o, y, *, loss: Loss):
        return jax.vmap(loss.derivative)(*rows(o, y)).reshape(o.shape)

    report, _ = judged(Derivation("net", "a test", dict(J=objective), dict(dJ_do=dJ_do)), tmp_path)
    assert {equation.verdict for equation in report.equations} == {Verdict.PROVED}


def test_mutants_are_made_with_the_fewest_axes_and_the_most():
    assert [rows["*batch"].axes for rows in pairs(DENSE)] == [2, 0]
    mutants = generate(DENSE, 0, Settings(only="dense/dJ_db"))
    assert {mutant.rows for mutant in mutants} == {"rank 2"}
    assert {mutant.fate for mutant in mutants} <= {MutantStatus.KILLED, MutantStatus.SAME}
    assert "M9" in {mutant.kind for mutant in mutants if mutant.fate is MutantStatus.KILLED}


def test_a_forward_pass_that_assumes_a_rank_is_told_before_anything_is_judged():
    def rows(X: Float[Array, "*batch d"]):
        return jnp.sum(X @ X.T)

    derivation = Derivation("net", "a test", dict(J=rows), {})
    with pytest.raises(
        ProbeError, match=r"^net: J=rows: raised \w+ for X \(1, 2, 1\): .*names for axes that must be"
    ):
        probe(derivation, Settings())


def test_two_functions_meet_at_every_rank(tmp_path: Path):
    def loss(W, x):
        return jnp.sum((x @ W.T) ** 2) / 2

    def gradient(W, x):
        return jnp.einsum("...q,...d->qd", x @ W.T, x)

    settings: dict[str, Any] = dict(examples=1, dtypes=("float32",), directory=tmp_path)
    report = verify.check_gradient(gradient, loss, "W", shapes=dict(W="q d", x="*batch d"), **settings)
    assert report.verdict is Verdict.PROVED
    with pytest.raises(TypeError, match=r"^shapes: 'x' is '\*a \.\.\. d': Cannot use variadic"):
        verify.check_gradient(gradient, loss, "W", shapes=dict(W="q d", x="*a ... d"))


def test_a_custom_rule_is_taken_with_its_axes_open():
    def scaled(x, w):
        return x * w

    rule = jax.custom_vjp(scaled)
    rule.defvjp(
        lambda x, w: (x * w, (x, w)), lambda kept, g: (g * kept[1], jnp.einsum("...d->d", g * kept[0]))
    )
    derivatives, laws = rule_derivations(rule, scaled, shapes=dict(x="*batch d", w="d"))
    assert derivatives.axes == laws.axes == ("*batch",)
    assert [*derivatives.equations] == ["dJ_dx", "dJ_dw"]
