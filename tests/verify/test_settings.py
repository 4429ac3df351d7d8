"""Settings: defaults, and errors that name the thing, its value and what was expected."""

import dataclasses
from pathlib import Path

import pytest

from verify.settings import Settings


def test_defaults_are_good_settings():
    settings = Settings()
    assert settings.dtypes == ("float32", "bfloat16")
    assert settings.precision == "highest"
    assert settings.directory == Path(".verify")


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"seed": -1}, ValueError, "seed: -1, expected a whole number from 0 to 4294967295"),
        ({"seed": 2**32}, ValueError, "seed: 4294967296, expected a whole number from 0 to 4294967295"),
        ({"seed": "1"}, TypeError, "seed: '1', expected a whole number from 0 to 4294967295"),
        ({"examples": 0}, ValueError, "examples: 0, expected a whole number of at least 1"),
        ({"examples": 1.5}, TypeError, "examples: 1.5, expected a whole number of at least 1"),
        ({"examples": True}, TypeError, "examples: True, expected a whole number of at least 1"),
        ({"jobs": 0}, ValueError, "jobs: 0, expected a whole number of at least 1"),
        (
            {"dtypes": ("float8",)},
            ValueError,
            "dtype: 'float8', expected float64, float32, bfloat16 or float16",
        ),
        ({"dtypes": "float32"}, TypeError, "dtypes: 'float32', expected at least one of"),
        ({"dtypes": ()}, TypeError, "dtypes: (), expected at least one of"),
        ({"platform": "cuda"}, ValueError, "platform: 'cuda', expected cpu, gpu or tpu"),
        ({"precision": "tf32"}, ValueError, "precision: 'tf32', expected default, high or highest"),
        ({"only": ""}, TypeError, "only: '', expected a glob such as 'dJ_dW*' or 'backprop/*'"),
    ],
)
def test_a_value_without_sense_is_named(given, error, message):
    with pytest.raises(error) as raised:
        Settings(**given)
    assert str(raised.value).startswith(message)


def test_dtypes_are_a_tuple_each_once():
    assert Settings(dtypes=["float64", "float16", "float64"]).dtypes == ("float64", "float16")


def test_settings_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().seed = 1  # type: ignore[misc]


def test_a_shared_device_gets_one_process_unless_told():
    assert Settings().jobs_on("gpu") == 1
    assert 1 <= Settings().jobs_on("cpu") <= 4
    assert Settings(jobs=7).jobs_on("gpu") == 7


@pytest.mark.parametrize(
    ("only", "selected"),
    [
        (None, {"a/dJ_dW1", "a/gradient", "ab/dJ_dW1"}),
        ("a", {"a/dJ_dW1", "a/gradient"}),
        ("a/*", {"a/dJ_dW1", "a/gradient"}),
        ("dJ_dW?", {"a/dJ_dW1", "ab/dJ_dW1"}),
        ("ab/gradient", set()),
        ("DJ_DW1", set()),
    ],
)
def test_only_matches_derivations_and_equations(only, selected):
    names = [("a", "dJ_dW1"), ("a", "gradient"), ("ab", "dJ_dW1")]
    settings = Settings(only=only)
    assert {
        f"{derivation}/{name}" for derivation, name in names if settings.selects(derivation, name)
    } == selected


def test_json_has_what_decides_the_report_and_nothing_else():
    one, other = Settings(jobs=1).to_json(), Settings(jobs=2, directory=Path("elsewhere")).to_json()
    assert one == other
    assert one["dtypes"] == ["float32", "bfloat16"]
