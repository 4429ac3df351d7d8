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
from verify.strategies import Case, cases
from verify.targets import resolve

ROOT = Path(verify.__file__).parent.parent


def report(file: Path, jobs: int, hash_seed: int, seed: int = 0) -> bytes:
    """What a run saves, times aside."""
    options = ["--examples", "8", "--dtype", "float32", "--jobs", str(jobs), "--seed", str(seed)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": str(hash_seed)}
    command = [sys.executable, "-m", "verify", f"{file}:WRONG", *options]
    done = subprocess.run(command, cwd=file.parent, env=environment, capture_output=True)
    assert (done.returncode, done.stderr) == (1, b"")
    return re.sub(rb'"seconds": [0-9.]+', b"", (file.parent / ".verify" / "report.json").read_bytes())


def test_same_report(bent: Path):
    """Also where counterexamples that the first run kept are replayed in the second."""
    first = report(bent, jobs=1, hash_seed=1)
    assert first == report(bent, jobs=2, hash_seed=2)
    assert (
        first.count(b'"refuted"') == 4
    )  # the run, the derivation, the equation and the gradient composed of it


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
