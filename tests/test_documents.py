"""What documents and docstrings name exists: files, modules, functions, tests, sessions of nox."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ARCHITECTURE = "docs/architecture.md"
PAGES = tuple(
    f"docs/{page}.md"
    for page in ("ci", "commands", "index", "start", "tutorial", "howto", "proof", "comparison")
)
DOCUMENTS = ("README.md", "CONTRIBUTING.md", ARCHITECTURE, *PAGES)
FILE = re.compile(r"[\w-]+(?:/[\w.-]+)+")
DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.\w+)+")
SOURCES = sorted(path for package in ("manual_bp", "verify") for path in (ROOT / package).rglob("*.py"))
TEXT = {name: (ROOT / name).read_text(encoding="utf-8") for name in (*DOCUMENTS, "CHANGELOG.md")}


def quoted(text: str) -> Iterator[str]:
    """What stands in backticks, blocks of code left out."""
    return iter(re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)))


def blocks(document: str) -> str:
    """All shell commands of a document."""
    return "".join(re.findall(r"^```sh\n(.*?)^```$", TEXT[document], re.MULTILINE | re.DOTALL))


def is_file(name: str) -> bool:
    """Whether a path is one of the project's, seen from its root, `verify` or `docs`; `.py` may be left out."""
    bases = (ROOT, ROOT / "verify", ROOT / "docs")
    return any((base / f"{name}{end}").exists() for base in bases for end in ("", ".py"))


def defined(path: Path) -> set[str]:
    """The names that a module or a package has: what it defines and imports, and the modules inside."""
    module = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    names = {inside.stem for inside in path.iterdir()} if path.is_dir() else set[str]()
    for node in ast.parse(module.read_text(encoding="utf-8")).body if module.is_file() else ():
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {
                each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)
            }
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
    return names


def resolves(name: str, base: Path) -> bool | None:
    """Whether a dotted name leads from a folder to something in a module; None where its first word is not there."""
    place, words = base, name.split(".")
    for position, word in enumerate(words):
        inside = place / word
        if not (inside.is_dir() or inside.with_suffix(".py").is_file()):
            return None if position == 0 else word in defined(place)
        place = inside
        if not place.is_dir():
            rest = words[position + 1 :]
            return not rest or rest[0] in defined(place)  # what a class has is not looked at
    return True


def is_known(name: str, *bases: Path) -> bool:
    """Whether a dotted name exists, seen from any of these folders; names of other projects count as known."""
    if name.endswith((".py", ".json")):  # a file
        return True
    seen = {resolves(name, base) for base in bases}
    return True in seen or False not in seen


def test_names_that_exist_are_told_from_those_that_do_not():
    assert is_file("campaign/conclusion") and is_file("tests/test_documents.py")
    assert not is_file("campaign/missing")
    assert resolves("campaign.conclusion.conclude", ROOT / "verify")
    assert resolves("verify.lanes.device.lane.Compiled", ROOT)
    assert resolves("campaign.conclusion.missing", ROOT / "verify") is False
    assert resolves("verify.missing", ROOT) is False
    assert resolves("jax.grad", ROOT) is None


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_that_a_document_names_exist(document: str):
    named = [name for name in quoted(TEXT[document]) if FILE.fullmatch(name)]
    links = re.findall(r"\]\(([^)#:]+)\)", TEXT[document])
    commands = [
        word for word in blocks(document).split() if re.fullmatch(r"(?:tests|manual_bp)/[\w./]+", word)
    ]
    assert [name for name in (*named, *links, *commands) if not is_file(name)] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_modules_and_functions_that_a_document_names_exist(document: str):
    named = [name for name in quoted(TEXT[document]) if DOTTED.fullmatch(name)]
    assert [name for name in named if not is_known(name, ROOT, ROOT / "verify")] == []


def test_the_picture_of_the_architecture_is_drawn_with_packages():
    picture = re.search(r"^```text\n(.*?)^```$", TEXT[ARCHITECTURE], re.MULTILINE | re.DOTALL)
    assert picture is not None
    words = set(re.findall(r"[\w/]+", picture[1]))
    assert [word for word in words if "/" in word and not is_file(f"verify/{word}")] == []
    flow = "targets generation programs interpreter arithmetic lanes verdict counterexamples diagnosis campaign report"
    assert set(flow.split()) <= {word.partition("/")[0] for word in words}
    assert [name for name in flow.split() if not is_file(f"verify/{name}")] == []


def test_the_architecture_names_every_package():
    packages = {path.name for path in (ROOT / "verify").iterdir() if (path / "__init__.py").is_file()}
    assert set(re.findall(r"^\*\*(\w+)\*\*", TEXT[ARCHITECTURE], re.MULTILINE)) == packages


def test_modules_that_docstrings_name_exist():
    places = (ast.Module, ast.ClassDef, ast.FunctionDef)
    missing = []
    for path in SOURCES:
        bases = (ROOT, ROOT / path.relative_to(ROOT).parts[0], path.parent)
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        text = "\n".join(ast.get_docstring(node) or "" for node in nodes if isinstance(node, places))
        named = [name for name in quoted(text) if DOTTED.fullmatch(name)]
        missing += [(str(path.relative_to(ROOT)), name) for name in named if not is_known(name, *bases)]
    assert missing == []


def test_what_the_recipes_name_is_in_the_files_that_they_name():
    files = [name for name in quoted(TEXT["CONTRIBUTING.md"]) if name.endswith(".py") and "/" in name]
    known = set[str]().union(*(defined(ROOT / name) for name in files))
    named = {
        name for name in quoted(TEXT["CONTRIBUTING.md"]) if re.fullmatch(r"_\w+|test_\w+|[A-Z_]{3,}", name)
    }
    assert {"ACTIVATIONS", "RULES", "ELEMENTARY", "ULPS"} <= named
    assert named - known == set()


def test_the_changelog_keeps_its_form():
    text = TEXT["CHANGELOG.md"]
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert text.startswith("# Changelog\n")
    releases = re.findall(r"^## \[([^]]+)\](?: - \d{4}-\d\d-\d\d)?$", text, re.MULTILINE)
    assert releases[0] == "Unreleased" and releases[1:2] in ([], [version])
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= kinds
