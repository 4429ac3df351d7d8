"""Counterexamples are kept from one run to the next: one an equation, whole files, whatever names they have."""

import json
from pathlib import Path

from verify.campaign.store import Store
from verify.campaign.work import Findings
from verify.verdict import Counterexample, EquationReport, Verdict


def found(equation: str, *numbers: float, verdict: Verdict = Verdict.REFUTED) -> Findings:
    case = Counterexample("bounds", {}, {"n": len(numbers)}, {"x": [*numbers]}, {}, (0,), 1.0, 2.0, 0.0)
    return Findings({equation: EquationReport(equation, "", verdict, counterexample=case)})


def kept(folder: Path, derivation: str = "energy") -> dict[str, list[float]]:
    return {
        stored["equation"]: stored["leaves"]["x"]
        for stored in Store(folder, "cpu", "highest").kept(derivation)
    }


def test_what_is_kept_comes_back(tmp_path: Path):
    Store(tmp_path, "cpu", "highest").enter("energy", 0, found("dE_dx", 0.1, float("inf")))
    (stored,) = Store(tmp_path, "gpu", "high").kept("energy")
    assert stored["leaves"] == {"x": [0.1, float("inf")]}
    assert (stored["equation"], stored["platform"], stored["precision"]) == ("dE_dx", "cpu", "highest")
    assert kept(tmp_path, "other") == {}


def test_of_one_run_the_one_that_its_report_shows_stays(tmp_path: Path):
    store = Store(tmp_path, "cpu", "highest")
    store.enter("energy", 3, found("dE_dx", 1.0, 2.0))
    store.enter("energy", 2, found("dE_dx", 1.0, 2.0, 3.0))
    assert kept(tmp_path) == {"dE_dx": [1.0, 2.0]}
    store.enter("energy", 1, found("dE_dx", 3.0, 2.0))  # as short, and planned before
    assert kept(tmp_path) == {"dE_dx": [3.0, 2.0]}
    store.enter("energy", 4, found("dE_dx", 4.0, verdict=Verdict.INACCURATE))
    assert kept(tmp_path) == {"dE_dx": [3.0, 2.0]}
    Store(tmp_path, "cpu", "highest").enter("energy", 0, found("dE_dx", 1.0, 2.0, 3.0))  # the next run
    assert kept(tmp_path) == {"dE_dx": [1.0, 2.0, 3.0]}


def test_what_no_longer_fails_is_dropped(tmp_path: Path):
    Store(tmp_path, "cpu", "highest").enter("energy", 0, found("dE_dx", 1.0))
    store = Store(tmp_path, "cpu", "highest")
    store.enter("energy", 0, Findings({}, resolved=["dE_dx", "dE_dv"]))
    assert kept(tmp_path) == {}
    store.enter("energy", 1, found("dE_dx", 2.0))
    store.enter("energy", 2, Findings({}, resolved=["dE_dx"]))  # another unit has found one in the meantime
    assert kept(tmp_path) == {"dE_dx": [2.0]}


def test_names_are_no_paths(tmp_path: Path):
    for name in ("../up", "a/b", "..", "énergie of x", "energy"):
        Store(tmp_path / "in", "cpu", "highest").enter(name, 0, found("dE_dx", 1.0))
        assert kept(tmp_path / "in", name) == {"dE_dx": [1.0]}
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_file_that_cannot_be_read_counts_as_none(tmp_path: Path):
    Store(tmp_path, "cpu", "highest").enter("energy", 0, found("dE_dx", 1.0))
    (path,) = tmp_path.glob("counterexamples/*/*.json")
    for text in (path.read_text()[:-20], "[1, 2]", "", "\x00"):
        path.write_text(text)
        assert kept(tmp_path) == {}
    path.write_text(json.dumps({"leaves": {"x": [2.0]}}))
    assert kept(tmp_path) == {"dE_dx": [2.0]}
