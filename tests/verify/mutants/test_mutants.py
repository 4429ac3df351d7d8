"""Wrong equations of every kind are caught and named, the same function is told apart, what escapes is shown."""

import io
import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float
from rich.console import Console

from manual_bp.activations import ACTIVATIONS
from manual_bp.book.attention_scoring import DERIVATION as SCALED_DOT_PRODUCT
from manual_bp.book.backprop import DERIVATION
from manual_bp.book.recommender_systems import RANKING
from manual_bp.derivation import Derivation
from manual_bp.losses import LOSSES
from verify import cli
from verify.lanes.bounds import bound
from verify.lanes.opinions.opinions import Opinions
from verify.mutants import false_oracles, kill_matrix
from verify.mutants import run as mutants
from verify.mutants.altered_gradients import WHOLE
from verify.mutants.false_oracles import FALSE_RULES, tried_false_rule
from verify.mutants.impure import accumulated
from verify.mutants.kills import KillMatrix, MutantStatus
from verify.mutants.mutations import Site
from verify.mutants.operators import OPERATORS
from verify.mutants.run import generate, planted
from verify.programs.pair import Pair
from verify.settings import Settings
from verify.targets.discovery import Target
from verify.verdict import Verdict


def scaled(a: Float[Array, "n d"], b: Float[Array, " d"]) -> Float[Array, "n d"]:
    return a * b


def by_a(dJ_dy, b):
    return dJ_dy * b


def by_b(dJ_dy, a):
    return jnp.sum(dJ_dy * a, axis=0)


KINDS = {"plain", *(f"M{i}" for i in range(1, 19))}
LAYER = Derivation("layer", "a test", dict(y=scaled), dict(dJ_da=by_a, dJ_db=by_b), cotangent="dJ_dy")
RELU = dict(activation=ACTIVATIONS["relu"], loss=LOSSES["absolute_error"])


def run(derivation: Derivation, **settings: Any) -> KillMatrix:
    return mutants.run([Target("a.py:IT", derivation)], Settings(jobs=1, **settings), lambda *progress: None)


def shown(kills: KillMatrix, tmp_path) -> str:
    console = Console(file=io.StringIO(), width=80)
    kill_matrix.show(kills, console, tmp_path / "mutants.json")
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def kills() -> KillMatrix:
    return run(LAYER)


def test_every_mutant_of_a_right_layer_is_killed_and_named(kills):
    assert kills.good and kills.count(MutantStatus.KILLED) > 60
    assert kills.count(MutantStatus.SURVIVED, MutantStatus.MISTAKEN) == 0
    assert all(
        m.blamed == (() if m.lane == "opinions" else (m.equation,)) and m.needed > 0
        for m in kills.mutants
        if m.fate is MutantStatus.KILLED
    )
    assert {m.equation for m in kills.mutants} == {"dJ_da", "dJ_db", "gradient", "y"}


def test_an_error_at_one_size_is_caught_though_another_size_of_one_hides_it():
    """The weights of one key are 1, so that with all sizes 1 the derivative by the scores is zero by itself."""
    found = run(SCALED_DOT_PRODUCT, only="dJ_dQ")
    assert {m.fate for m in found.mutants if m.operator == "zero where a size is 1"} == {MutantStatus.KILLED}
    assert found.good


def test_an_array_rounded_before_a_comparison_is_caught_at_its_threshold():
    found = run(RANKING, only="dhinge_dpos")
    fates = {m.detail: m.fate for m in found.mutants if m.operator == "arrays in bfloat16"}
    assert fates["delta"] is MutantStatus.KILLED and found.good


def test_mutants_are_caught_by_the_lane_that_can(kills):
    lanes = {kind: {m.lane for m in kills.mutants if m.kind == kind} - {""} for kind in KINDS}
    nothing_is_chosen = {"M4": set(), "M6": set()}
    others = {"M5": {"bounds"}, "M12": {"bounds"}, "M15": {"purity"}, "M17": {"opinions"}, "M18": {"bounds"}}
    others |= {"M7": {"purity", "proof"}, **nothing_is_chosen}
    assert lanes == {kind: others.get(kind, {"proof"}) for kind in KINDS}


def test_verdicts_are_those_of_the_table(kills):
    table = {row.name: row.expected for row in (*OPERATORS, *FALSE_RULES)}
    assert all(m.verdict is table[m.operator] for m in kills.mutants if m.lane and m.equation != "gradient")
    assert {m.verdict for m in kills.mutants if m.equation == "gradient" and m.lane} == {Verdict.REFUTED}


def test_the_table_has_every_class_of_bugs():
    assert {row.kind for row in (*OPERATORS, *WHOLE, *FALSE_RULES)} == KINDS


def test_a_cancellation_that_its_own_rounding_explains_costs_power():
    """1 - (1 - s) of a small slope s is no other function, and no digit of it is certain any more."""

    def hidden(x: Float[Array, " n"]) -> Float[Array, " n"]:
        return jax.nn.sigmoid(x)

    def slope(x):
        return jax.nn.sigmoid(x) * jax.nn.sigmoid(-x)

    def power_of(slope) -> float | None:
        layer = Derivation(
            "layer", "", dict(h=hidden), dict(dJ_dx=lambda dJ_dh, x: dJ_dh * slope(x)), cotangent="dJ_dh"
        )
        pair, sizes, x = Pair(layer, {}), {"n": 1}, np.array([[40.0], [-50.0]])
        leaves = {
            **{name: np.ones((2, *spec.shape(sizes))) for name, spec in pair.specs(sizes).items()},
            "x": x,
        }
        comparison = bound(pair, sizes, leaves).comparisons["dJ_dx"]
        assert not comparison.differ
        return comparison.power

    right = power_of(slope)
    assert right is not None and right < 1e-13
    assert power_of(lambda x: 1 - (1 - slope(x))) is None


def test_what_changes_is_the_right_function_when_it_is_called_first():
    """So no other lane would see it."""
    (_, changed), *_ = accumulated(Site(LAYER.equations["dJ_da"], {}, {}, {}, frozenset()))
    assert [float(changed.function(jnp.ones(()), 3.0)) for _ in range(3)] == [3.0, 6.0, 9.0]


@pytest.mark.parametrize("rule", FALSE_RULES, ids=lambda rule: rule.name)
def test_a_false_rule_of_a_node_is_disputed_and_no_equation_blamed(rule):
    fate, sentence, blamed = tried_false_rule(LAYER, "y", rule, {}, {"n": 3, "d": 2}, 0)
    assert (fate, blamed) == (MutantStatus.KILLED, ())
    assert sentence is not None and (sentence.lane, sentence.verdict) == ("opinions", Verdict.DISPUTED)


def test_a_false_rule_that_nobody_disputes_is_blamed_on_the_equations(monkeypatch):
    monkeypatch.setattr(false_oracles, "ask", lambda *arguments: Opinions())
    fate, sentence, blamed = tried_false_rule(LAYER, "y", FALSE_RULES[0], {}, {"n": 3, "d": 2}, 0)
    assert (fate, sentence, blamed) == (MutantStatus.SURVIVED, None, ("dJ_da", "dJ_db", "gradient"))


def test_a_wrong_equation_is_blamed_where_the_false_rule_is_elsewhere():
    wrong = planted(LAYER, "dJ_da", lambda dJ_dy, b: 2 * dJ_dy * b)
    harmless = FALSE_RULES[0]._replace(applied=lambda function: function)
    fate, _, blamed = tried_false_rule(wrong, "y", harmless, {}, {"n": 3, "d": 2}, 0)
    assert (fate, blamed) == (MutantStatus.SURVIVED, ("dJ_da", "gradient"))


def test_kinks_options_and_rows_are_mutated(monkeypatch):
    monkeypatch.setattr(mutants, "pairs", lambda derivation: [RELU])
    found = generate(DERIVATION, 0, Settings(only="dJ_dz"))
    fates = {(m.operator, m.detail): m.fate for m in found}
    assert fates["slope right of a kink", "relu at 0"] is MutantStatus.KILLED
    assert fates["slope left of a kink", "relu at 0"] is MutantStatus.SAME  # the book takes the left one
    assert fates["another symbol", "h for z"] is MutantStatus.SAME
    assert fates["another symbol", "dJ_dh for z"] is MutantStatus.KILLED
    assert fates["phi for phi'", "activation"] is MutantStatus.KILLED
    assert fates["option ignored", "activation = identity"] is MutantStatus.KILLED
    assert fates["1 minus (1 minus it)", "relu"] is MutantStatus.SAME
    assert (
        fates["rounded, then 1 minus it", "relu"] is MutantStatus.SAME
    )  # slopes of 0 and 1 round to themselves
    assert MutantStatus.SURVIVED not in fates.values() and MutantStatus.MISTAKEN not in fates.values()


def test_what_the_lanes_are_blind_to_survives_and_is_not_called_the_same(monkeypatch, tmp_path):
    monkeypatch.setattr(mutants, "shapes", lambda derivation: [({"n": 1, "d": 1}, True)])
    monkeypatch.setattr(mutants, "shapes_with_a_one", lambda derivation: [])
    kills = run(LAYER, only="dJ_db")
    survived = {mutant.operator for mutant in kills.mutants if mutant.fate is MutantStatus.SURVIVED}
    assert {"one term of a sum", "divided by a size"} <= survived
    assert not kills.good
    text = shown(kills, tmp_path)
    assert "layer/dJ_db (): divided by a size" in text and "survived" in text


def test_a_wrong_equation_is_blamed_in_every_mutant_of_the_others(tmp_path):
    kills = run(planted(LAYER, "dJ_da", lambda dJ_dy, b: 2 * dJ_dy * b), only="dJ_db")
    assert not kills.good and kills.count(MutantStatus.KILLED) == 0
    assert "blamed dJ_da, gradient, dJ_db" in " ".join(shown(kills, tmp_path).split())


def test_nothing_tried_is_not_good():
    assert not KillMatrix().good
    assert not run(LAYER, only="dJ_dc").good


def test_planted_replaces_one_equation():
    other = planted(LAYER, "dJ_da", by_b)
    assert (
        other.backward["dJ_da"] is by_b and other.backward["dJ_db"] is by_b and other.forward == LAYER.forward
    )
    with pytest.raises(ValueError, match=r"^'dJ_dz' is no equation of layer \(dJ_da, dJ_db\)"):
        planted(LAYER, "dJ_dz", by_a)


def test_the_command_line_shows_and_saves_the_matrix(layer, capsys, tmp_path):
    path = tmp_path / "matrix.json"
    code = cli.main([str(layer), "--mutants", "--jobs", "1", "--report", str(path)])
    text = capsys.readouterr().out
    assert code == 0, text
    saved = json.loads(path.read_text())
    assert saved["survived"] == saved["mistaken"] == 0 and saved["killed"] > 40
    assert f"{saved['killed']} of {saved['killed']} wrong equations killed and named" in " ".join(
        text.split()
    )


def test_the_matrix_fits_80_columns(kills, tmp_path):
    text = shown(kills, tmp_path)
    lines = [line for line in text.splitlines() if not line.startswith("matrix:")]
    assert max(map(len, lines)) <= 80 and "…" not in text
    for operator in {mutant.operator for mutant in kills.mutants}:
        assert operator in text
