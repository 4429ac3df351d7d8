"""`require` in somebody's tests: however pytest is run, with a settings object, with a seed from outside."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import verify
from verify.settings import Settings
from verify.targets import discovery

FILE = """
import dataclasses

import my_layer
import verify

QUICK = verify.Settings(examples=1, dtypes=("float32",), only="*/dE_dx")
WRONG = dataclasses.replace(my_layer.ENERGY, backward={**my_layer.ENERGY.backward, "dE_dx": lambda dE_dv: dE_dv})


def test_right():
    report = verify.require(my_layer.ENERGY, settings=QUICK)
    print("seed", report.settings["seed"], "of", report.settings["examples"], "example")


def test_wrong():
    verify.require(WRONG, settings=QUICK, seed=3)
"""


@pytest.mark.slow
def test_right_passes_and_wrong_fails_with_the_story(layer: Path):
    """In two processes, without pytest's cache, with a seed, and where `assert` does nothing, at once."""
    (layer.parent / "test_layer.py").write_text(FILE)
    root = str(Path(verify.__file__).parents[1])
    command = [sys.executable, "-m", "pytest", "-rP", "--color=no", "--tb=short"]
    command += ["-n", "2", "-p", "no:cacheprovider", "--hypothesis-seed=7"]
    done = subprocess.run(
        command, cwd=layer.parent, env={**os.environ, "PYTHONOPTIMIZE": "1", "PYTHONPATH": root},
        capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, "1 failed, 1 passed" in done.stdout) == (1, True), done.stdout
    assert "seed 7 of 1 example" in done.stdout
    said = [line[4:] for line in done.stdout.splitlines() if line.startswith("E   ")]
    assert said[0] == "verify.Refuted: energy/dE_dx is refuted: it is not the derivative"
    story = [*said[1:], said[0].removeprefix("verify.Refuted: ")]
    assert max(map(len, story)) <= 80
    assert "\x1b" not in done.stdout
    (script,) = [line.split()[-1] for line in said if re.match(r" +python \S+\.py$", line)]
    assert (layer.parent / script).is_file()
    (token,) = [line.split()[-1] for line in said if "--replay" in line]
    assert re.fullmatch(r"energy/dE_dx@[0-9a-f]{6}", token)


@pytest.mark.parametrize(
    ("forced", "given", "start"),
    [
        (None, None, 0),
        (None, 5, 5),
        (7, None, 7),
        (7, 5, 5),  # as with Hypothesis, what stands in the code comes first
        (7, 0, 0),
        ("a word", None, 1360984149),
        (2**40, None, 1057089833),
    ],
)
def test_the_seed_of_hypothesis_is_taken_where_no_other_is_given(monkeypatch, forced, given, start):
    monkeypatch.setattr("hypothesis.core.global_force_seed", forced)
    settings = Settings(seed=given)
    assert (settings.start, settings.to_json()["seed"]) == (start, start)


def test_keywords_come_before_the_settings(layer: Path, tmp_path: Path):
    derivation = discovery.resolve([str(layer)])[0].derivation
    settings = Settings(seed=4, examples=1, dtypes=("float64",), directory=tmp_path, jobs=8, only="dE_dv")
    report = verify.check(derivation, settings=settings, dtypes=("float32",))
    assert report.settings == {**settings.to_json(), "dtypes": ["float32"]}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"exmples": 3},
            "exmples: is no setting (seed, examples, dtypes, platform, precision, kinks, only, jobs, directory)",
        ),
        ({"exmples": 3}, "; did you mean 'examples'?"),
        ({"settings": 3}, "settings: 3, expected verify.Settings(...)"),
    ],
)
def test_what_is_no_setting_is_named(layer: Path, given: dict, message: str):
    derivation = discovery.resolve([str(layer)])[0].derivation
    with pytest.raises(TypeError, match=re.escape(message)):
        verify.check(derivation, **given)
