"""Around the packages: the ban on autodiff bites, the README tells the truth, and CI runs what it says."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
AUTODIFF = ["grad", "value_and_grad", "vjp", "jvp", "jacfwd", "jacrev", "jacobian", "hessian", "linearize"]


def banned(tmp_path: Path, file: str, code: str) -> bool:
    """Whether ruff, configured as here, refuses `code` in `file` for a banned name."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(code)
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--select", "TID251", file]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout, done.stderr  # ruff ran, and said one thing or the other
    return "TID251" in done.stdout


@pytest.mark.parametrize("name", [*AUTODIFF, "custom_jvp"])
@pytest.mark.parametrize(
    "code",
    [
        "import jax\n\ng = jax.{name}\n",
        "from jax import {name}\n\ng = {name}\n",
        "import jax as j\n\n\ndef f(x):\n    return j.{name}(x)\n",
    ],
)
def test_manual_bp_cannot_call_autodiff(tmp_path: Path, code: str, name: str):
    assert banned(tmp_path, "manual_bp/book/chapter.py", code.format(name=name))


@pytest.mark.parametrize("file", ["manual_bp/derivation.py", "manual_bp/book/deep/chapter.py"])
def test_the_ban_holds_everywhere_in_manual_bp(tmp_path: Path, file: str):
    assert banned(tmp_path, file, "import jax\n\ng = jax.grad\n")
    assert banned(tmp_path, file, "import jax\n\ng = jax.custom_vjp\n")


@pytest.mark.parametrize("file", ["verify/oracle.py", "tests/test_oracle.py", "benchmarks/walker.py"])
def test_elsewhere_autodiff_is_the_oracle(tmp_path: Path, file: str):
    assert not banned(tmp_path, file, "import jax\n\ng = jax.grad\n")


def test_one_line_alone_is_excused_from_the_ban():
    sources = {path: path.read_text(encoding="utf-8") for path in (ROOT / "manual_bp").rglob("*.py")}
    excused = {
        path.name: line for path, text in sources.items() for line in text.splitlines() if "TID251" in line
    }
    assert list(excused) == ["manual_vjp.py"]
    assert "jax.custom_vjp" in excused["manual_vjp.py"]


def test_ci_runs_the_commands_of_the_readme():
    block = re.search(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert block is not None
    assert block[1].splitlines() == [
        "python3 -m venv .venv && .venv/bin/pip install -q nox && .venv/bin/nox -s verify",
        ".venv/bin/nox -s tests",
    ]
    script = (ROOT / ".ci/run").read_text()
    (extract,) = re.findall(r"^commands=\$\((awk .*)\)$", script, re.MULTILINE)
    done = subprocess.run(["bash", "-c", extract], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == block[1]
    assert 'bash -euxo pipefail -c "$commands"' in script


@pytest.mark.parametrize("folder", ["manual_bp", "verify", "tests", "benchmarks"])
def test_no_file_is_longer_than_300_lines(folder: str):
    lengths = {str(path): path.read_text("utf-8").count("\n") for path in (ROOT / folder).rglob("*.py")}
    assert lengths and {path: length for path, length in lengths.items() if length > 300} == {}


def test_ci_can_be_executed():
    assert (ROOT / ".ci/run").stat().st_mode & 0o111


def test_the_sessions_of_the_readme_exist():
    sessions = set(re.findall(r"@nox\.session\ndef (\w+)", (ROOT / "noxfile.py").read_text()))
    named = {
        name
        for line in re.findall(r"nox -s ([\w ]+)", README + (ROOT / ".ci/run").read_text())
        for name in line.split()
    }
    assert named == sessions


def test_the_example_of_the_readme_trains(capsys):
    (example,) = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    names: dict = {}
    exec(compile(example, "README.md", "exec"), names)
    assert 0 < names["J"] < 0.05
