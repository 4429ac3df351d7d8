"""Runs that end before they are complete: by Ctrl-C, which is answered at once, and by SIGKILL, at any moment."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import verify

ROOT = Path(verify.__file__).parent.parent
OPTIONS = ["--examples", "6", "--dtype", "float32"]
PATIENCE = 120.0  # seconds, on a machine that has much else to do
MOMENTS = 10

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")


@contextmanager
def running(file: Path, jobs: int) -> Iterator[subprocess.Popen[str]]:
    """The command line at work in a session of its own; nothing of it is left behind afterwards."""
    targets = [f"{file}:WRONG", f"{file}:RIGHT"]  # what has counterexamples comes first
    command = [sys.executable, "-m", "verify", *targets, *OPTIONS, "--jobs", str(jobs)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    process = subprocess.Popen(command, cwd=file.parent, env=environment, start_new_session=True, **pipes)
    signal.signal(signal.SIGINT, before)
    with process:
        try:
            yield process
        finally:
            for pid in session(process.pid):
                os.kill(pid, signal.SIGKILL)


def session(leader: int) -> list[int]:
    """The processes of a session that are still there, zombies not counted."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, _, _, its_session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            except OSError:  # it has just ended
                state, its_session = "Z", "0"
            if state != "Z" and int(its_session) == leader:
                found.append(int(entry.name))
    return found


def wait_for(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {seconds:g} s"
        time.sleep(0.01)


def judged(folder: Path) -> dict[Path, int]:
    """The units that are in the journal, and when they got there."""
    return {path: path.stat().st_mtime_ns for path in folder.glob(".verify/journal/*/*.pickle")}


def kept(folder: Path) -> set[Path]:
    """The counterexamples that are kept, each of them whole."""
    found = set(folder.glob(".verify/counterexamples/*/*.json"))
    assert all(json.loads(path.read_text())["quantity"] for path in found)
    return found


def report_of(folder: Path) -> dict:
    report = json.loads((folder / ".verify" / "report.json").read_text())
    for times in ("seconds", "timings"):
        report["totals"].pop(times)
    return report


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("moment", ["while processes start", "after the first unit"])
def test_ctrl_c_prints_and_saves_what_is_known(bent: Path, jobs: int, moment: str):
    with running(bent, jobs) as process:
        if moment == "after the first unit":
            wait_for(lambda: judged(bent.parent), "a unit that is judged")
        else:
            wait_for(lambda: len(session(process.pid)) > 1, "a process that judges")
        pressed = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: everybody hears it
        process.wait(PATIENCE)
        took = time.monotonic() - pressed
        out, err = process.communicate(
            timeout=PATIENCE
        )  # what imports for other processes may hold the pipes longer
        assert (process.returncode, besides_progress(err)) == (130, [])
        assert "interrupted: this is what was known by then" in out
        assert took < 2 or os.getloadavg()[0] > (os.cpu_count() or 1)  # a crowded machine answers when it can
        assert report_of(bent.parent)["interrupted"] is True
        wait_for(lambda: not session(process.pid), "the end of every process")


@pytest.mark.slow
def test_killed_at_ten_moments(bent: Path):
    """Each run takes up where the one before was killed, and the last one reports what an undisturbed one does."""
    folder = bent.parent
    for moment in range(MOMENTS):
        before, counterexamples = judged(folder), kept(folder)
        with running(bent, 1 + moment % 2) as process:
            wait_for(lambda run=process: len(session(run.pid)) > 3, "processes that judge")
            if moment % 2:
                wait_for(lambda known=before: judged(folder).keys() - known, "one more unit that is judged")
            time.sleep(moment % 5 * 0.1)
            process.kill()
            wait_for(lambda run=process: not session(run.pid), "the end of every process")
        assert before.items() <= judged(folder).items()  # what was judged before was not judged again
        assert counterexamples <= kept(folder)
        assert not (folder / ".verify" / "report.json").exists()  # there is none before it is complete
    assert len(judged(folder)) >= MOMENTS // 2
    assert kept(folder)
    report = complete(bent)
    assert "interrupted" not in report
    assert not judged(folder)
    shutil.rmtree(folder / ".verify" / "counterexamples")
    assert report == complete(bent)


REWRITING = """
import sys
from pathlib import Path
from verify.runtime import files
while True:
    for digit in "12":
        files.write(Path(sys.argv[1]), digit * 2_000_000)
"""


@pytest.mark.slow
def test_a_file_is_never_half_written(tmp_path: Path):
    path = tmp_path / "report.json"
    command = [sys.executable, "-c", REWRITING, str(path)]
    for moment in range(MOMENTS):
        with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
            wait_for(path.exists, "a first file")
            time.sleep(0.01 * moment)
            process.kill()
        text = path.read_text()
        assert text in ("1" * 2_000_000, "2" * 2_000_000)
        path.unlink()


def besides_progress(err: str) -> list[str]:
    """What a run said on standard error, but for how far it was."""
    return [line for line in err.splitlines() if not re.match(r"verify: \d+ of \d+ done", line)]


def complete(file: Path) -> dict:
    """The report of a run that is left alone."""
    with running(file, 2) as process:
        _, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, besides_progress(err)) == (1, [])
    return report_of(file.parent)
