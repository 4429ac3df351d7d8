"""The JSON report: schema 1, standard JSON, and written whole or not at all."""

import json
import math
from pathlib import Path

import pytest

from verify.report.json import dumps, save
from verify.verdict import Counterexample, DerivationReport, EquationReport, Report, Verdict


def report_with(value: float) -> Report:
    case = Counterexample(
        "bounds", {"loss": "huber"}, {"n": 2}, {"x": [1.0, value]}, {}, (0,), value, 1.0, 0.0
    )
    equation = EquationReport("dJ_dx", "x", Verdict.REFUTED, counterexample=case)
    return Report({"jax": "0"}, {"seed": 0}, {"cases": 1}, [DerivationReport("a", "b", [equation])])


def test_schema_and_contents():
    written = json.loads(dumps(report_with(2.0)))
    assert list(written) == ["schema", "verdict", "environment", "settings", "totals", "derivations"]
    assert (written["schema"], written["verdict"]) == (1, "refuted")
    (equation,) = written["derivations"][0]["equations"]
    assert equation["counterexample"]["leaves"] == {"x": [1.0, 2.0]}
    assert list(equation["lanes"]) == ["proof", "bounds", "device"]


@pytest.mark.parametrize(
    ("value", "text"), [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity")]
)
def test_what_json_cannot_say_is_a_string(value, text):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    written = json.loads(dumps(report_with(value)), parse_constant=refuse)
    assert written["derivations"][0]["equations"][0]["counterexample"]["leaves"] == {"x": [1.0, text]}


def test_save_makes_the_folder_and_leaves_one_file(tmp_path: Path):
    path = tmp_path / "deep" / "report.json"
    save(report_with(1.0), path)
    save(report_with(2.0), path)
    assert path.read_text() == dumps(report_with(2.0))
    assert [file.name for file in path.parent.iterdir()] == ["report.json"]


def test_a_failure_keeps_the_report_that_was_there(tmp_path: Path):
    path = tmp_path / "report.json"
    save(report_with(1.0), path)
    broken = report_with(1.0)
    broken.totals["cases"] = object()
    with pytest.raises(TypeError, match="not JSON serializable"):
        save(broken, path)
    assert path.read_text() == dumps(report_with(1.0))
    assert [file.name for file in tmp_path.iterdir()] == ["report.json"]
