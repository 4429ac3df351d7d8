"""Campaigns: replays of what earlier runs found, processes that fail once, what an interruption leaves."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp
import pytest
from jaxtyping import Array, Float

from manual_bp.construction.tables import Row
from manual_bp.derivation import Derivation
from manual_bp.domains import positive
from verify.campaign import campaign, workers
from verify.settings import Settings
from verify.targets.discovery import Target, resolve
from verify.verdict import EquationReport, Report, Verdict


@dataclass(frozen=True)
class Scale(Row):
    factor: float

    @classmethod
    def table(cls) -> Mapping[str, "Scale"]:
        return {row.name: row for row in (cls("half", 0.5), cls("double", 2.0))}


@dataclass(frozen=True)
class Shift(Row):
    by: float

    @classmethod
    def table(cls) -> Mapping[str, "Shift"]:
        return {row.name: row for row in (cls("none", 0.0), cls("one", 1.0))}


def moved(x: Float[Array, " n"], *, scale: Scale, shift: Shift) -> Float[Array, " n"]:
    return scale.factor * x + shift.by


def energy(y: Float[Array, " n"]) -> Float[Array, ""]:
    return (y * y).sum() / 2


def dE_dy(y):
    return y


def dE_dx(dE_dy, *, scale):
    return scale.factor * dE_dy


def dE_dx_but_at_one_number(dE_dy, x, *, scale):
    """Without a comparison, which the verifier would aim at."""
    there = jnp.floor(1 / (1 + (x - 7.15625) ** 2))
    return (1 - there) * scale.factor * dE_dy


def derivation(dE_dx, **domains) -> Derivation:
    backward = dict(dE_dy=dE_dy, dE_dx=dE_dx)
    return Derivation(
        "moved", source="a test", forward=dict(y=moved, E=energy), backward=backward, domains=domains
    )


RIGHT, RARE = derivation(dE_dx), derivation(dE_dx_but_at_one_number)


def run(derivation: Derivation, folder: Path, **settings) -> tuple[Report, dict[str, EquationReport]]:
    """In this process."""
    chosen = Settings(examples=2, dtypes=("float32",), directory=folder, **settings)
    report = campaign.run([Target("moved", derivation)], chosen, lambda *_: None)
    return report, {equation.name: equation for equation in report.derivations[0].equations}


def keep(folder: Path, **changes) -> Path:
    """A counterexample as an earlier run would have kept it."""
    path = folder / "counterexamples" / "moved" / "dE_dx.json"
    case = dict(
        lane="bounds",
        choices=dict(scale="half", shift="none"),
        dims=dict(n=1),
        leaves=dict(x=[7.15625]),
        dtype="float64",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**case, "platform": "cpu", "precision": "highest", **changes}))
    return path


def same(report: Report) -> str:
    return json.dumps({**report.to_json(), "totals": {**report.totals, "seconds": 0, "timings": {}}})


# --- replays ----------------------------------------------------------------------------------------------


def test_what_nobody_would_find_again_is_found_by_its_replay(tmp_path: Path):
    _, without = run(RARE, tmp_path)
    assert without["dE_dx"].verdict is Verdict.PROVED
    path = keep(tmp_path)
    _, found = run(RARE, tmp_path)
    assert found["dE_dx"].verdict is Verdict.REFUTED
    assert found["dE_dy"].verdict is Verdict.PROVED
    case = found["dE_dx"].counterexample
    assert case is not None
    assert (case.leaves, case.manual, case.autodiff) == ({"x": [7.15625]}, 0.0, 7.15625 / 4)
    assert json.loads(path.read_text())["leaves"] == case.leaves
    assert (
        found["dE_dx"].proof.points == without["dE_dx"].proof.points
    )  # a replay is no evidence for anything else


def test_rows_that_this_seed_does_not_pair_are_replayed_too(tmp_path: Path):
    keep(tmp_path, choices=dict(scale="half", shift="one"))
    planned = [
        unit.choices for _, unit in campaign.plan([Target("moved", RARE)], Settings(directory=tmp_path))
    ]
    assert {"scale": "half", "shift": "one"} not in planned
    report, found = run(RARE, tmp_path)
    assert found["dE_dx"].verdict is Verdict.REFUTED
    assert found["dE_dy"].verdict is Verdict.PROVED
    case = found["dE_dx"].counterexample
    assert case is not None
    assert case.choices == {"scale": "half", "shift": "one"}
    assert report.totals["shapes"] == run(RIGHT, tmp_path / "other")[0].totals["shapes"]


def test_what_no_longer_fails_is_dropped_and_leaves_no_trace(tmp_path: Path):
    fresh, _ = run(RIGHT, tmp_path)
    for choices in (dict(scale="half", shift="none"), dict(scale="half", shift="one")):
        path = keep(tmp_path, choices=choices)
        report, _ = run(RIGHT, tmp_path)
        assert same(report) == same(fresh)
        assert not path.exists()


@pytest.mark.parametrize(
    "changes",
    [
        dict(choices=dict(scale="half")),
        dict(choices=dict(scale="half", shift="two")),
        pytest.param(dict(choices=None), marks=pytest.mark.slow),
        dict(dims=dict(m=1)),
        pytest.param(dict(dims=dict(n=2)), marks=pytest.mark.slow),
        pytest.param(dict(dims=dict(n=-1)), marks=pytest.mark.slow),
        pytest.param(dict(leaves=dict(x=[[7.15625]])), marks=pytest.mark.slow),
        dict(leaves=dict(x=["7"])),
        dict(leaves=dict(x=[float("nan")])),
        pytest.param(dict(leaves=dict(x=[7.15625], y=[1.0])), marks=pytest.mark.slow),
        pytest.param(dict(leaves={}), marks=pytest.mark.slow),
        dict(leaves=7),
        pytest.param(dict(lane="device", dtype="float7"), marks=pytest.mark.slow),
        dict(lane="device", dtype="float32", platform="tpu"),
    ],
    ids=str,
)
def test_what_fits_no_more_is_ignored(tmp_path: Path, changes: dict):
    path = keep(tmp_path, **changes)
    _, found = run(RARE, tmp_path, only="dE_dx")
    assert found["dE_dx"].verdict is Verdict.PROVED
    assert path.exists()


def test_what_the_device_got_wrong_is_replayed_there(tmp_path: Path):
    def dE_dx_in_float32(dE_dy, *, scale):
        return dE_dy * scale.factor * (1.25 if dE_dy.dtype == jnp.float32 else 1.0)

    found = run(derivation(dE_dx_in_float32), tmp_path)[1]["dE_dx"]
    assert found.counterexample is not None
    assert (found.counterexample.lane, found.counterexample.dtype) == ("device", "float32")
    path = tmp_path / "counterexamples" / "moved" / "dE_dx.json"
    before = path.read_text()
    again = run(derivation(dE_dx_in_float32), tmp_path)[1]["dE_dx"]
    assert (again.counterexample, path.read_text()) == (found.counterexample, before)
    run(RIGHT, tmp_path)
    assert not path.exists()


def test_outside_the_domain_it_is_no_counterexample(tmp_path: Path):
    keep(tmp_path, leaves=dict(x=[-7.15625]))
    _, found = run(derivation(dE_dx_but_at_one_number, x=positive), tmp_path)
    assert found["dE_dx"].verdict is Verdict.PROVED


# --- processes --------------------------------------------------------------------------------------------

ONCE = """

def dE_dv_that_dies_once(v):
    import os, pathlib
    mark = pathlib.Path(__file__).with_name("died")
    if not mark.exists():
        mark.touch()
        os._exit(1)
    return v


def dE_dv_that_tells(v):
    import os, pathlib
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    pathlib.Path(__file__).with_name(f"{os.getpid()} {[os.environ[name] for name in names]}").touch()
    return v


BACK = dict(dE_dx=dE_dx)
FORWARD = dict(v=scaled, E=energy)
ONCE = Derivation("once", source="a test", forward=FORWARD, backward=BACK | dict(dE_dv=dE_dv_that_dies_once))
TELLS = [
    Derivation(f"tells {i}", source="a test", forward=FORWARD, backward=BACK | dict(dE_dv=dE_dv_that_tells))
    for i in range(4)
]
TELL_0, TELL_1, TELL_2, TELL_3 = TELLS
"""


@pytest.fixture
def once(layer: Path) -> Path:
    layer.write_text(layer.read_text() + ONCE)
    return layer


def test_a_process_that_dies_once_costs_nothing(once: Path):
    settings = Settings(examples=1, dtypes=("float32",), jobs=2, directory=once.parent / ".verify")
    report = campaign.run(resolve([f"{once}:ONCE", f"{once}:ENERGY"]), settings, lambda *_: None)
    assert (once.parent / "died").exists()
    assert [derivation.verdict for derivation in report.derivations] == [Verdict.PROVED, Verdict.PROVED]


def test_several_processes_each_with_one_thread_for_matrices(once: Path):
    settings = Settings(examples=1, dtypes=("float32",), jobs=2, directory=once.parent / ".verify")
    seen: list[tuple[int, int]] = []
    targets = resolve([f"{once}:TELL_{i}" for i in range(4)])
    report = campaign.run(targets, settings, lambda _, done, total: seen.append((done, total)))
    assert report.verdict is Verdict.PROVED
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    told = [path.name.split(" ", 1) for path in once.parent.glob("* *")]
    assert len({process for process, _ in told}) == 2
    assert {threads for _, threads in told} == {"['1', '1']"}


def test_by_default_as_many_processes_as_cores_up_to_four(monkeypatch: pytest.MonkeyPatch, once: Path):
    asked = []
    monkeypatch.setattr(
        workers.WorkerPool, "judge", lambda crew, units: (asked.append(crew.jobs), iter(()))[1]
    )
    for cores in (1, 2, 64):
        monkeypatch.setattr("verify.settings._cores", lambda cores=cores: cores)
        settings = Settings(examples=1, directory=once.parent / ".verify")
        campaign.run(
            resolve([f"{once}:TELL_{i}" for i in range(4)] + [f"{once}:ENERGY"]), settings, lambda *_: None
        )
    assert asked == [1, 2, 4]


# --- in this process --------------------------------------------------------------------------------------


def test_ctrl_c_leaves_what_is_known(tmp_path: Path):
    def press(label: str, done: int, total: int) -> None:
        assert total == 2
        raise KeyboardInterrupt

    settings = Settings(examples=2, dtypes=("float32",), directory=tmp_path)
    report = campaign.run([Target("moved", RIGHT)], settings, press)
    assert report.interrupted
    assert not report.good
    equations = report.derivations[0].equations
    assert [equation.verdict for equation in equations] == [
        Verdict.INCONCLUSIVE
    ] * 3  # one unit of two is not all
    assert all(equation.cut_short and equation.proof.points for equation in equations)


def test_an_internal_error_is_reported_and_the_other_units_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    judge = campaign.judge_unit

    def fail(derivation, unit):
        if unit.index == 1:
            raise KeyError("a rule")
        return judge(derivation, unit)

    monkeypatch.setattr(campaign, "judge_unit", fail)
    report, found = run(RIGHT, tmp_path)
    assert report.totals["points"] > 0
    for equation in found.values():
        assert equation.verdict is Verdict.INCONCLUSIVE
        assert "not judged with double, one: internal error: KeyError: 'a rule' (test_campaign.py" in str(
            equation.because
        )
