"""The file that `--new` writes: it runs as it stands, from any folder, and nothing is overwritten."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import verify
from verify import cli
from verify.targets import discovery, template
from verify.verdict import Verdict


def test_the_template_runs_as_it_stands_and_is_proved(tmp_path: Path):
    """As a user types it, in a folder that knows nothing of the project but that it can be imported."""
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "JAX_PLATFORMS": "cpu"}
    env.pop("PYTHONSAFEPATH", None)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "verify", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )

    written = run("--new", "my_layer.py")
    assert (written.returncode, written.stderr) == (0, "")
    assert written.stdout == "my_layer.py is written; judge it with: python -m verify my_layer.py\n"
    judged = run("my_layer.py", "--examples", "2", "--dtype", "float32")
    assert judged.returncode == 0, judged.stdout + judged.stderr
    report = json.loads((tmp_path / ".verify/report.json").read_text())
    (derivation,) = report["derivations"]
    assert derivation["name"] == "my-layer"
    assert [equation["name"] for equation in derivation["equations"]] == [
        "dJ_dz", "dJ_dW", "dJ_dx", "dJ_db", "gradient",
    ]  # fmt: skip
    assert {equation["verdict"] for equation in derivation["equations"]} == {"proved"}


def test_the_template_is_short_enough_to_read_at_once():
    assert len(template.TEMPLATE.splitlines()) <= 60
    assert max(map(len, template.TEMPLATE.splitlines())) <= 120


def test_a_mistake_in_the_template_is_named(tmp_path: Path):
    path = tmp_path / "my_layer.py"
    template.write(path)
    path.write_text(path.read_text().replace("dJ_dy * (1 - y * y)", "dJ_dy * (1 - y)"))
    (target,) = discovery.resolve([str(path)])
    report = verify.check(target.derivation, examples=1, dtypes=("float32",), directory=tmp_path / ".verify")
    verdicts = {equation.name: equation.verdict for equation in report.derivations[0].equations}
    wrong, right = Verdict.REFUTED, Verdict.PROVED
    assert verdicts == {"dJ_dz": wrong, "dJ_dW": right, "dJ_dx": right, "dJ_db": right, "gradient": wrong}


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("kept.py", "--new kept.py: exists already, and is not overwritten; choose another name"),
        ("layer", "--new layer: expected the name of a Python file, such as layer.py"),
        ("nowhere/layer.py", "--new nowhere/layer.py: there is no folder nowhere; make it first"),
        ("verify.py", "--new verify.py: a file of that name hides the package verify; choose another"),
        ("new.py backprop", "--new new.py: writes one file and judges nothing; leave out backprop"),
    ],
)
def test_what_cannot_be_written_is_one_line_and_exit_2(tmp_path: Path, monkeypatch, capsys, name, line):
    monkeypatch.chdir(tmp_path)
    Path("kept.py").write_text("mine")
    assert cli.main(["--new", *name.split()]) == 2
    assert capsys.readouterr() == ("", f"verify: {line}\n")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"kept.py": "mine"}
