"""What `--doctor` shows: what is here, what it rounds, and how to report a bug."""

import jax
import pytest

from verify import cli, doctor
from verify.lanes.device import calibration
from verify.settings import Settings


def test_versions_device_and_the_two_commands(capsys: pytest.CaptureFixture[str], tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["--doctor"]) == 0
    printed = capsys.readouterr().out
    assert f"jax              {jax.__version__}" in printed
    assert jax.devices()[0].device_kind in printed
    assert ".verify (not made yet)" in printed and not (tmp_path / ".verify").exists()
    assert "--replay TOKEN" in printed


def test_what_a_device_rounds_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path):
    monkeypatch.setattr(doctor, "rounded_claims", lambda dtype, platform: {"exp", "tanh"})
    said = dict(doctor.rows(Settings(directory=tmp_path, dtypes=("float32",))))
    assert said["float32"] == "rounded, and exact elsewhere: exp, tanh"
    assert "table" in said["rounding"] and "products" not in said


def test_a_platform_without_a_table_is_measured(monkeypatch: pytest.MonkeyPatch, tmp_path):
    monkeypatch.setattr(doctor, "PLATFORMS", ("gpu", "tpu"))
    said = dict(doctor.rows(Settings(directory=tmp_path)))
    kept = calibration.measured_products("highest", None).input_bits
    assert "measured here" in said["rounding"] and f"keep {kept} bits" in said["products"]


def test_what_is_kept_is_counted(tmp_path, monkeypatch: pytest.MonkeyPatch):
    for name in ("counterexamples/layer/dJ_dW.json", "xla/program", "journal/one/unit.pickle"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(bytes(2**20))
    said = dict(doctor.rows(Settings(directory=tmp_path)))
    assert said["counterexamples"].startswith("1 kept") and said["compiled"].startswith("1 files, 1 MB")
    assert "taken up" in said["journal"]


def test_targets_are_refused(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["--doctor", "backprop"]) == 2
    assert "--doctor: judges nothing; leave out backprop" in capsys.readouterr().err
