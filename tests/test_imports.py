"""The architecture as imports: no circle, none against the order of packages, none put off without a reason."""

import ast
import graphlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("manual_bp", "verify")
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}


def order() -> list[str]:
    """The packages of `verify` from the ground up, as the architecture page lists them."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    listed = re.search(r"<!-- order of imports -->\n```text\n(.*?)```", page, re.DOTALL)
    assert listed is not None, "docs/architecture.md: no list headed <!-- order of imports -->"
    return [line.split()[0] for line in listed.group(1).strip().splitlines()]


class Imports(ast.NodeVisitor):
    """The modules of the project that a module imports, with the line, and whether inside a function.

    What stands under TYPE_CHECKING is no import: it is not there when the program runs.
    """

    def __init__(self, tree: ast.AST):
        self.found: list[tuple[str, int, bool]] = []
        self._depth = 0
        self.visit(tree)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_If(self, node: ast.If) -> None:
        for part in node.orelse if "TYPE_CHECKING" in ast.unparse(node.test) else [*node.body, *node.orelse]:
            self.visit(part)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._enter(alias.name, node.lineno)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            module = f"{node.module}.{alias.name}"
            self._enter(module if module in MODULES else str(node.module), node.lineno)

    def _enter(self, module: str, line: int) -> None:
        if module.split(".")[0] in PACKAGES:
            self.found.append((module, line, self._depth > 0))


# A report shows itself, so what holds it names what shows it, once it is asked to: against the order, and on purpose.
ON_PURPOSE = {("verify.verdict", "verify.report.terminal"), ("verify.verdict", "verify.report.html")}
IMPORTS = {name: Imports(ast.parse(path.read_text(encoding="utf-8"))).found for name, path in MODULES.items()}


def room(module: str) -> str:
    """The package of `verify` that a module lies in, or the module itself where it lies in none."""
    return module.split(".")[1] if "." in module else "__init__"


def arrows() -> Iterator[tuple[str, str, int]]:
    for module, found in IMPORTS.items():
        for imported, line, _ in found:
            yield module, imported, line


def test_no_circles():
    graph = {
        module: {imported for imported, _, _ in found if (module, imported) not in ON_PURPOSE}
        for module, found in IMPORTS.items()
    }
    del graph["verify"]  # the public face: it imports what it offers only when it is called
    graphlib.TopologicalSorter(graph).prepare()


def test_a_circle_would_be_found():
    with pytest.raises(graphlib.CycleError):
        graphlib.TopologicalSorter({"a": {"b"}, "b": {"c"}, "c": {"a"}}).prepare()


def test_imports_follow_the_order_of_packages():
    place = {name: rank for rank, name in enumerate(order())}
    against = [
        f"{module}:{line} imports {imported}"
        for module, imported, line in arrows()
        if module.startswith("verify.") and imported.startswith("verify.")
        if place[room(imported)] > place[room(module)] and (module, imported) not in ON_PURPOSE
    ]
    assert against == []


def test_what_is_on_purpose_is_put_off_and_still_there():
    put_off = {(module, imported) for module in MODULES for imported, _, inside in IMPORTS[module] if inside}
    assert put_off >= ON_PURPOSE


def test_every_package_has_its_place():
    assert sorted(order()) == sorted({room(module) for module in MODULES if module.split(".")[0] == "verify"})


def test_manual_bp_imports_nothing_from_verify():
    assert [a for a in arrows() if a[0].startswith("manual_bp") and a[1].startswith("verify")] == []


def test_imports_inside_functions_have_their_reason_beside_them():
    """What is put off is slow or optional: `verify` and its command line, whose help must not wait for jax."""
    late = {module for module, found in IMPORTS.items() for _, _, inside in found if inside}
    for module in late - {"verify", "verify.cli"}:
        lines = MODULES[module].read_text(encoding="utf-8").splitlines()
        for _, line, inside in IMPORTS[module]:
            assert not inside or "#" in lines[line - 1], f"{module}:{line}: put off without a reason"


@pytest.mark.parametrize("name", sorted(name for name, path in MODULES.items() if path.name == "__init__.py"))
def test_packages_say_what_they_are_for(name: str):
    assert ast.get_docstring(ast.parse(MODULES[name].read_text(encoding="utf-8"))), f"{name}: no docstring"
