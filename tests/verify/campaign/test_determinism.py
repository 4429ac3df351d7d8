"""The same seed gives the same report, byte for byte but for times, whoever judges and in whatever order."""

import os
import re
import subprocess
import sys
import types
from pathlib import Path

import hypothesis
import pytest

import verify
from verify.generation.strategies import Case, cases
from verify.targets.discovery import resolve

ROOT = Path(verify.__file__).parent.parent


# The command line with so many choices of rows for each derivation: all of the book's would take a minute.
FEW = """
import sys
from verify import cli
from verify.campaign import campaign
rotation = campaign.rotation
campaign.rotation = lambda *arguments: rotation(*arguments)[:2]
sys.exit(cli.main(sys.argv[1:]))
"""


def report(
    folder: Path, target: str, jobs: int, hash_seed: int, start: tuple[str, ...] = ("-m", "verify")
) -> bytes:
    """What a run saves, times aside."""
    path = folder / "a folder" / "report.json"
    options = ["--examples", "4", "--dtype", "float32", "--jobs", str(jobs), "--report", str(path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": str(hash_seed)}
    command = [sys.executable, *start, target, *options]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True)
    assert done.returncode in (0, 1)
    assert all(re.match(rb"verify: \d+ of \d+ done", line) for line in done.stderr.splitlines()), done.stderr
    return re.sub(rb'"(seconds": [0-9.]+|timings": {[^}]*})', b"", path.read_bytes())


@pytest.mark.slow
def test_same_report(bent: Path):
    """Also where counterexamples that the first run kept are replayed in the second."""
    first = report(bent.parent, f"{bent}:WRONG", jobs=1, hash_seed=1)
    assert first == report(bent.parent, f"{bent}:WRONG", jobs=2, hash_seed=2)
    assert (
        first.count(b'"refuted"') == 4
    )  # the run, the derivation, the equation and the gradient composed of it


@pytest.mark.slow
def test_same_report_of_the_book(tmp_path: Path):
    reports = []
    for jobs, hash_seed in ((2, 3), (1, 4)):
        folder = tmp_path / str(hash_seed)
        folder.mkdir()
        reports.append(report(folder, "backprop", jobs, hash_seed, ("-c", FEW)))
    assert reports[0] == reports[1]
    assert reports[0].count(b'"proved"') == 12  # the run, the derivation, nine equations and their gradient


def drawn(derivation, seed: int) -> list[Case]:
    found: list[Case] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(max_examples=60, database=None, phases=[hypothesis.Phase.generate])
    @hypothesis.given(cases(derivation))
    def draw(case: Case) -> None:
        found.append(case)

    draw()
    return found


def test_what_is_drawn_does_not_depend_on_the_source_files_that_are_loaded(
    layer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    ((_, derivation),) = resolve([str(layer)])
    before = [drawn(derivation, seed) for seed in range(3)]
    path = tmp_path / "full_of_numbers.py"
    path.write_text("NUMBERS = [" + ", ".join(str(1000 + 37 * i) for i in range(500)) + "]\n")
    loaded = types.ModuleType("full_of_numbers")
    loaded.__file__ = str(path)
    monkeypatch.setitem(sys.modules, "full_of_numbers", loaded)
    assert [drawn(derivation, seed) for seed in range(3)] == before
    assert len({case.seed for case in before[0]}) > 30
