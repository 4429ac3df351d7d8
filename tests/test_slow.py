"""The mark `slow`: left out unless asked for, and then counted."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

MARKED = """import pytest


def test_fast():
    pass


@pytest.mark.slow
def test_slow():
    pass
"""


@pytest.mark.parametrize(
    "options, summary",
    [
        ([], "1 slow tests left out: --slow runs them\n1 passed, 1 skipped"),
        pytest.param(["--slow"], "2 passed", marks=pytest.mark.slow),
        pytest.param(["--only-slow"], "1 passed, 1 deselected", marks=pytest.mark.slow),
    ],
    ids=["neither", "slow", "only slow"],
)
def test_slow_tests_run_when_asked_for(tmp_path: Path, options: list[str], summary: str):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests/conftest.py", tmp_path / "tests")
    (tmp_path / "tests/test_marked.py").write_text(MARKED)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", *options]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert summary in done.stdout
