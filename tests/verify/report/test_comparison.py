"""Reports that were saved: read again as they were, and put side by side."""

import io
import json
import math
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from verify import cli
from verify.report.comparison import changes, show
from verify.report.json import dumps, save
from verify.report.saved import SavedReportError, load
from verify.verdict import (
    Counterexample,
    DerivationReport,
    DeviceEvidence,
    EquationReport,
    ProofEvidence,
    Report,
    SizeEvidence,
    Status,
    Verdict,
)


def report(*equations: EquationReport, **environment: str) -> Report:
    return Report(
        {"jax": "0.10.2", **environment}, {"seed": 0}, {}, [DerivationReport("layer", "book", [*equations])]
    )


def equation(name: str, verdict: Verdict, worst: float = 0.5, **device: Any) -> EquationReport:
    return EquationReport(
        name, "x", verdict, device=[DeviceEvidence("float32", "highest", worst=worst, **device)]
    )


def shown(a: Report, b: Report, width: int = 120) -> tuple[bool, str]:
    console = Console(file=io.StringIO(), width=width, force_terminal=False, highlight=False, markup=False)
    with console.capture() as printed:
        good = show(a, b, console)
    return good, printed.get()


def test_what_is_read_is_what_was_saved(tmp_path: Path):
    case = Counterexample(
        "device", {}, {"n": 2}, {"x": [1.0, math.inf]}, {}, (0, 1), math.nan, 1.0, 0.0, holds=("a",)
    )
    proof = ProofEvidence(
        9, status=Status.FAILED, opaque=("call",), sizes=SizeEvidence({"n": 2}, {"m": "a sort"})
    )
    wrong = EquationReport(
        "dJ_dx", "x", Verdict.REFUTED, "because", proof, counterexample=case, note="a note"
    )
    whole = report(wrong, equation("dJ_dy", Verdict.PROVED, math.inf, autodiff_ulps=1.5))
    save(whole, tmp_path / "report.json")
    assert dumps(load(tmp_path / "report.json")) == dumps(whole)
    again = load(tmp_path / "report.json").derivations[0].equations[0]
    assert again.proof == proof and again.counterexample is not None
    assert math.isnan(again.counterexample.manual) and again.counterexample.index == (0, 1)


def test_fields_of_another_version_are_left_out(tmp_path: Path):
    written = json.loads(dumps(report(equation("dJ_dx", Verdict.PROVED))))
    (found,) = written["derivations"][0]["equations"]
    found["lanes"]["proof"]["elegance"] = found["later"] = 1
    del found["lanes"]["proof"]["sizes"], found["note"]
    (path := tmp_path / "report.json").write_text(json.dumps(written))
    assert load(path).derivations[0].equations[0].verdict is Verdict.PROVED


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no JSON"), ("[1]", "is no report; expected schema 1"), ("{}", "is no report"),
        ('{"schema": 2}', "is a report of schema 2; expected schema 1"),
        ('{"schema": 1}', "is no whole report (KeyError: 'derivations')"),
        ('{"schema": 1, "derivations": 3}', "is no whole report (TypeError"),
    ],
)  # fmt: skip
def test_what_is_no_report_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str):
    (path := tmp_path / "report.json").write_text(text)
    with pytest.raises(SavedReportError) as error:
        load(path)
    assert str(error.value).startswith(f"{path}: {said}")
    assert cli.main(["--compare", str(path), str(path)]) == 2
    assert f"verify: --compare {path}: {said}" in capsys.readouterr().err


def test_verdicts_that_got_worse_come_first_and_decide():
    before = dict(same=Verdict.PROVED, worse=Verdict.PROVED, gone=Verdict.PROVED, better=Verdict.REFUTED)
    after = dict(same=Verdict.PROVED, worse=Verdict.INACCURATE, better=Verdict.VERIFIED)
    a, b = (report(*(equation(*each) for each in found.items())) for found in (before, after))
    assert [(change.name, change.worse) for change in changes(a, b)] == [
        ("layer/worse", True), ("layer/gone", True), ("layer/better", False)
    ]  # fmt: skip
    good, printed = shown(a, b)
    assert not good and "layer/worse  proved → inaccurate" in printed and "layer/gone  proved → –" in printed
    assert "1 verdicts are the same, 3 differ, 2 of them for the worse" in printed
    assert shown(a, a)[0] and changes(a, a) == []


def test_an_equation_that_is_new_is_no_loss():
    a, b = (
        report(equation("old", Verdict.PROVED)),
        report(*(equation(n, Verdict.PROVED) for n in ("old", "new"))),
    )
    assert [(change.name, change.worse) for change in changes(a, b)] == [("layer/new", False)]


def test_figures_stand_side_by_side_where_both_have_them():
    a = report(
        equation("x", Verdict.PROVED, 0.25, ulps=9.0, manual_ulps=3.0, autodiff_ulps=2.0), platform="cpu"
    )
    b = report(equation("x", Verdict.PROVED, 0.75, ulps=4.0), platform="gpu")
    _, printed = shown(a, b)
    assert (
        "A: proved; jax 0.10.2, platform cpu" in printed and "B: proved; jax 0.10.2, platform gpu" in printed
    )
    assert "layer/x float32 0.25 0.75 3 4 2 –" in [" ".join(line.split()) for line in printed.splitlines()]
    narrow = shown(a, b, width=80)[1]
    assert "layer/x float32 0.25 0.75 3 4" in [" ".join(line.split()) for line in narrow.splitlines()]


def test_the_command_line_compares_and_judges_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    good, bad = str(tmp_path / "good.json"), str(tmp_path / "bad.json")
    save(report(equation("x", Verdict.PROVED)), Path(good))
    save(report(equation("x", Verdict.REFUTED)), Path(bad))
    assert [cli.main(["--compare", *pair]) for pair in ((good, good), (bad, good), (good, bad))] == [0, 0, 1]
    assert "layer/x  proved → refuted" in capsys.readouterr().out
    assert cli.main(["--compare", good, bad, "backprop"]) == 2
    assert "judges nothing; leave out backprop" in capsys.readouterr().err
