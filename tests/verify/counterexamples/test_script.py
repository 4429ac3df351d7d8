"""The script of a counterexample: it shows the failure with jax and the user's file alone, until that is mended."""

import dataclasses
import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from manual_bp.derivation import Derivation
from tests.verify.counterexamples.scripts import FILE, mend, run
from verify.campaign import device_runs
from verify.campaign.replay import replay
from verify.campaign.store import Store, token
from verify.campaign.work import Findings
from verify.counterexamples import search
from verify.counterexamples.script import script
from verify.counterexamples.search import FailingCase
from verify.lanes.device.lane import Compiled
from verify.programs.pair import Pair
from verify.programs.reference import COTANGENT
from verify.programs.tracing import GRADIENT
from verify.settings import Settings
from verify.verdict import EquationReport, Verdict

CHOICES = {"activation": "relu", "norm": "whole"}


CASE = FailingCase(
    {"q": 2, "d": 1, "k": 1},
    {
        "W": np.array([[[1.0], [2.0]]]),
        "x": np.array([[3.0]]),
        "keep": np.array([[False, True]]),
        "i": np.array([[1]]),
        "jnp": np.array([0.5]),
        COTANGENT: np.array([1.0]),
    },
    concrete=True,
)


def refuted(pair: Pair, name: str) -> EquationReport:
    tex = r"\text{in a \TeX that Python's strings know}"
    return EquationReport(name, tex, Verdict.REFUTED, counterexample=search.describe(pair, name, CASE))


def test_it_fails_until_the_file_is_mended(file: Path):
    """Choices, integers, booleans, Jacobians, a lambda, and a leaf with a name that scripts use."""
    derivation = importlib.import_module("mine").PICKED
    pair = Pair(derivation, {choice: table[CHOICES[choice]] for choice, table in derivation.choices.items()})
    names = (*derivation.equations, GRADIENT)
    texts = {name: script(derivation, refuted(pair, name), "highest", None) for name in names}
    for name, text in texts.items():
        code, output = run(text)
        assert (code, "they differ by more than" in output) == (1, True), name
        assert "verify" not in text and "manual_bp.derivation" not in text
    assert "jacrev" in texts["dp_dh"]
    assert 'mine.PICKED.backward["dE_djnp"](p, norm=norm)' in texts["dE_djnp"]
    mend(file)
    for name, text in texts.items():
        code, output = run(text)
        assert (code, "they agree" in output) == (0, True), name


def on_device_in_bfloat16(derivation: Derivation, z: list[float]) -> EquationReport:
    row = derivation.choices["activation"]["relu"]
    pair, report = Pair(derivation, {"activation": row}), EquationReport("dJ_dz", "", Verdict.INACCURATE)
    leaves = {"z": np.array([z]), "dJ_dh": np.ones((1, len(z))), COTANGENT: np.ones(1)}
    device = Compiled(pair, "bfloat16")({"n": len(z)}, leaves, ways=("batched",))
    settings = Settings(dtypes=("bfloat16",))
    device_runs.enter(report, device, pair, settings, "bfloat16", {"n": len(z)}, suspected=True)
    assert report.counterexample is not None
    return report


@pytest.mark.parametrize("kink", [False, True])
def test_what_the_device_got_wrong_runs_in_its_dtype(file: Path, kink: bool):
    """At a kink, jax.grad of the node is asked; elsewhere the equation itself, in float64."""
    text = FILE.replace("KINK = False", f"KINK = {kink}")
    if kink:
        text = text.replace("(2 - 1 / WRONG if KINK", "(1 if KINK").replace("1 / WRONG - 0.5", "WRONG - 1")
    file.write_text(text)
    report = on_device_in_bfloat16(importlib.import_module("mine").BENT, [1.0, 3.0])
    assert report.counterexample is not None
    assert (report.counterexample.leaves == {}) is kink
    shown = script(importlib.import_module("mine").BENT, report, "highest", None)
    Store(file.parent, "cpu", "highest").enter("bent", 0, Findings({"dJ_dz": report}), f"{file}:BENT")
    known = token("bent", "dJ_dz", dataclasses.asdict(report.counterexample))
    assert run(shown)[0] == 1
    assert replay(known, file.parent).case is not None
    assert "*leaves(jnp.bfloat16)" in shown
    file.write_text(text.replace("1 + 2 * WRONG", "1").replace("WRONG - 1", "0.0"))
    sys.modules.pop(f"verify target {file}")
    assert run(shown)[0] == 0
    assert replay(known, file.parent).case is None
