"""What runs by itself, and what asks for information: workflows, hooks, issue forms, the citation."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted(
    path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml"
)
SESSIONS = set(re.findall(r"@nox\.session\ndef (\w+)", (ROOT / "noxfile.py").read_text(encoding="utf-8")))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def loaded(path: Path) -> dict[Any, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    return loaded(path)["jobs"]


def commands(path: Path) -> list[str]:
    """The shell commands of a workflow, line by line."""
    steps = (step for job in jobs(path).values() for step in job["steps"])
    return [line.strip() for step in steps for line in step.get("run", "").splitlines()]


def sessions(text: str) -> Iterator[tuple[list[str], list[str]]]:
    """Of each call of nox its sessions, and the arguments that go to them."""
    for call in re.findall(r"\bnox (?:-R )?-s ([^\n#`]+)", text):
        names, _, arguments = call.partition(" -- ")
        yield names.split(), arguments.split()


def named(name: str) -> Path:
    return next(path for path in WORKFLOWS if path.stem == name)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_what_a_workflow_calls_exists(path: Path):
    lines = commands(path)
    assert lines
    for line in lines:
        assert line == ".ci/run" or line.startswith(("nox -s ", "python -m pip install "))
    assert {name for names, _ in sessions("\n".join(lines)) for name in names} <= SESSIONS


def test_what_contributing_calls_exists():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found = {name for names, _ in sessions(text) for name in names}
    assert found and found <= SESSIONS


def test_ci_runs_what_the_readme_says_on_linux_and_macos_with_the_oldest_and_the_newest_python():
    (job,) = jobs(named("ci")).values()
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    systems, pythons = job["strategy"]["matrix"]["os"], job["strategy"]["matrix"]["python"]
    assert {system.partition("-")[0] for system in systems} == {"ubuntu", "macos"}
    assert PROJECT["requires-python"] == f">={pythons[0]}" and pythons[1:] == ["3.x"]


def test_ci_installs_a_browser_where_there_is_none():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert re.search(r"command -v chromium .*\n.*apt-get install -y -q chromium", script)


def test_every_night_a_bounded_soak_and_the_mutants():
    path = named("nightly")
    called = {name: given for names, given in sessions("\n".join(commands(path))) for name in names}
    assert set(called) == {"soak", "mutants"}
    known = re.findall(
        r'add_argument\("(--\w+)"', (ROOT / "benchmarks" / "soak.py").read_text(encoding="utf-8")
    )
    given = [word for word in called["soak"] if word.startswith("--")]
    assert "--cases" in given and set(given) <= set(known)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_end_and_may_only_read(path: Path):
    assert loaded(path)["permissions"] == {"contents": "read"}
    assert all(job["timeout-minutes"] <= 180 for job in jobs(path).values())
    used = [step["uses"] for job in jobs(path).values() for step in job["steps"] if "uses" in step]
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", action) for action in used)


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_issue_forms_ask_for_token_report_and_versions(path: Path):
    form = loaded(path)
    assert form["name"] and form["description"]
    fields = {field["id"]: field for field in form["body"] if field["type"] != "markdown"}
    assert {"replay", "report", "versions"} <= set(fields)
    assert all(field["attributes"]["label"] for field in fields.values())
    assert "--replay" in fields["replay"]["attributes"]["description"]


def test_a_wrong_verdict_is_not_reported_without_them():
    form = loaded(ROOT / ".github" / "ISSUE_TEMPLATE" / "wrong-verdict.yml")
    required = {field["id"] for field in form["body"] if field.get("validations", {}).get("required")}
    assert {"replay", "report", "versions"} <= required


def test_hooks_are_pinned():
    repositories = loaded(ROOT / ".pre-commit-config.yaml")["repos"]
    assert all(re.fullmatch(r"v\d+\.\d+\.\d+", repository["rev"]) for repository in repositories)
    hooks = {hook["id"] for repository in repositories for hook in repository["hooks"]}
    assert {"ruff-check", "ruff-format", "end-of-file-fixer"} <= hooks


def test_the_citation_is_of_this_project():
    citation = loaded(ROOT / "CITATION.cff")
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["authors"] == [{"name": "The manual-bp contributors"}]
    assert (citation["version"], citation["license"]) == (PROJECT["version"], PROJECT["license"])
