"""`--replay TOKEN`: one case that is kept is judged again, as it is, and nothing else."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest

from verify import cli
from verify.campaign.store import Store, token
from verify.campaign.work import Findings
from verify.counterexamples import search
from verify.programs.pair import Pair
from verify.programs.reference import COTANGENT
from verify.targets.discovery import load
from verify.verdict import EquationReport, Verdict

CASE = {"n": 1}, {"a": [3.0], "x": [[5.0]], COTANGENT: [1.0]}


@pytest.fixture
def wrong(layer: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The token of a case that is kept of a wrong equation; not the smallest one."""
    monkeypatch.chdir(layer.parent)
    right = layer.read_text()
    layer.write_text(right.replace("return a * dE_dv", "return dE_dv"))
    pair = Pair(load("my_layer.py:ENERGY"), {})
    found = search.FailingCase(
        CASE[0], {name: np.array(value) for name, value in CASE[1].items()}, concrete=True
    )
    case = search.describe(pair, "dE_dx", found)
    report = EquationReport("dE_dx", "", Verdict.REFUTED, counterexample=case)
    Store(Path(".verify"), "cpu", "highest").enter(
        "energy", 0, Findings({"dE_dx": report}), "my_layer.py:ENERGY"
    )
    return token("energy", "dE_dx", dataclasses.asdict(case))


def rewrite(layer: Path, old: str, new: str) -> None:
    assert old in layer.read_text()
    layer.write_text(layer.read_text().replace(old, new))
    sys.modules.pop(f"verify target {layer}")


def test_what_fails_still_is_shown_and_what_was_mended_passes(wrong: str, layer: Path, capsys):
    assert cli.main(["--replay", wrong]) == 1
    shown = capsys.readouterr().out
    assert shown.startswith(f"{wrong}: the two sides still differ\n")
    assert "x = np.array([5.0])" in shown  # the very case, where a run would show a smaller one
    assert "manual      15.0" in shown
    assert "jax.grad    45.0" in shown
    rewrite(layer, "return dE_dv", "return a * dE_dv")
    assert cli.main(["--replay", wrong]) == 0
    assert capsys.readouterr().out == f"{wrong}: the two sides agree now\n"


def test_an_equation_that_cannot_be_run_has_not_passed(wrong: str, layer: Path, capsys):
    rewrite(layer, "return dE_dv", "return nothing")
    assert cli.main(["--replay", wrong]) == 1
    assert f"{wrong}: dE_dx: raised NameError: name 'nothing' is not defined" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ("energy", "--replay energy: expected a token such as backprop/dJ_dz@3f2a41, as it is printed with"),
        (
            "energy/dE_dv@123456",
            "--replay energy/dE_dv@123456: no case of that name is kept in .verify/counterexamples",
        ),
        (
            "energy/dE_dx@123456",
            "--replay energy/dE_dx@123456: another case has been found since, and is kept as energy",
        ),
        ("{} my_layer.py", "--replay {}: the token says what is judged; leave out my_layer.py"),
    ],
)
def test_an_unknown_token_is_one_line_and_exit_2(wrong: str, changed: str, line: str, capsys):
    assert cli.main(["--replay", *changed.format(wrong).split()]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith(f"verify: {line.format(wrong)}")
    assert output.err.count("\n") == 1


def test_a_case_that_no_longer_fits_is_one_line_and_exit_2(wrong: str, layer: Path, capsys):
    rewrite(layer, 'x: Float[Array, " n"]', 'x: Float[Array, " n n"]')
    assert cli.main(["--replay", wrong]) == 2
    assert capsys.readouterr().err == (
        f"verify: --replay {wrong}: no longer fits energy, which has changed; judge it anew: "
        "python -m verify my_layer.py:ENERGY\n"
    )


def test_a_token_says_what_it_is_judged_on():
    stored = dict(
        lane="bounds", dtype="float64", choices={}, dims={"n": 1}, leaves={"x": [1.0]}, inputs={"y": 1.0}
    )
    known = token("a/b", "dJ_dx", stored)
    assert known == token("a/b", "dJ_dx", {**stored, "inputs": {}, "manual": 3.0})
    assert known != token("a/b", "dJ_dx", {**stored, "leaves": {"x": [2.0]}})
