"""Docstrings of the functions that a derivation hands out: the formulas they run, what they take and return."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from manual_bp.construction.graph import Equation, Graph, Step
from manual_bp.construction.lowering import Part
from manual_bp.construction.signatures import Function, show
from manual_bp.construction.tables import choices_of
from manual_bp.construction.trees import names_of
from manual_bp.construction.wiring import listed
from manual_bp.description.formula import to_unicode
from manual_bp.description.signatures import annotations_of, dims_of, signature
from manual_bp.domains import real

WIDTH = 88
INDENT = "    "
RAISES = (
    "Raises TypeError for a name that is missing or unknown and for another dtype, ValueError for another shape and "
    "for an unknown row."
)

Lines = list[tuple[str, ...]]  # rows of a table, cell by cell


def describe(
    function: Function,
    graph: Graph,
    summary: str,
    *,
    source: str,
    equations: Sequence[Equation],
    cotangents: Sequence[str],
    returns: str,
    annotation: str,
    shapes: Sequence[str] = (),
) -> Function:
    """The function itself, with the docstring, signature and annotations that `help` and editors show."""
    function.__doc__ = documentation(
        graph, summary, forward=graph.steps.values(), backward=equations, cotangents=cotangents, returns=returns,
        shapes=shapes, source=source,
    )  # fmt: skip
    function.__qualname__ = function.__name__
    function.__signature__ = signature(graph, cotangents, annotation)
    function.__annotations__ = annotations_of(graph, cotangents)
    return function


def documentation(
    graph: Graph,
    summary: str,
    *,
    forward: Iterable[Step] = (),
    backward: Sequence[Equation] = (),
    cotangents: Sequence[str] = (),
    returns: str,
    shapes: Sequence[str] = (),
    source: str,
) -> str:
    """The whole docstring; `shapes` are the symbols whose shapes stand below `returns`."""
    sections = [
        filled(summary),
        section("Forward:", formulas(forward)),
        section("Backward, each after those that it takes:", formulas(backward)),
        section("Takes arrays, by keyword:", takes(graph, cotangents)),
        section("and choices, each as a row of its table or by its name:", choices(graph)),
        section(filled(returns), [(name, shape(graph, name)) for name in tree_parts(graph, shapes)]),
        filled(RAISES),
        filled(f"Source: {source}") if source else "",
    ]
    return "\n\n".join(filter(None, sections))


def section(heading: str, lines: Lines) -> str:
    """A heading over a table, whose first column is as wide as its widest name; "" without lines under a colon."""
    if not lines:
        return "" if heading.endswith(":") else heading
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rows = []
    for line in lines:
        before = INDENT + "".join(f"{cell:{width}}  " for cell, width in zip(line[:-1], widths, strict=False))
        more = " " * min(len(before), WIDTH // 2)
        rows.append(
            textwrap.fill(line[-1], WIDTH, initial_indent=before, subsequent_indent=more).rstrip() or before
        )
    return "\n".join([heading, *(row.rstrip() for row in rows)])


def formulas(steps: Iterable[Step]) -> Lines:
    """Each step by name with its formula; a function that gives several parts of a tree stands once."""
    lines: dict[str, str] = {}
    for step in steps:
        name, function = step.name, step.function
        if isinstance(function, Part):
            name, function = function.whole.signature.key, function.whole.signature.function
        lines.setdefault(name, formula(name, function, step.parameters))
    return [*lines.items()]


def formula(name: str, function: Any, parameters: Sequence[str]) -> str:
    """The first line of a docstring in Unicode, as words where there is no TeX in it; else what it is computed of."""
    first, _, _ = (inspect.getdoc(function) or "").partition("\n")
    if not first:
        return f"{name}({', '.join(parameters)})"
    return to_unicode(first) if "$" in first or "\\" in first else first.strip()


def takes(graph: Graph, cotangents: Sequence[str]) -> Lines:
    """Every array: its shape, and where its values live."""
    lines: Lines = []
    for name in tree_parts(graph, graph.arguments):
        leaf = graph.leaves[name]
        domain = "" if leaf.domain == real else str(leaf.domain)
        lines.append((name, shape(graph, name), domain))
    for name in tree_parts(graph, cotangents):
        lines.append((name, shape(graph, name), f"shaped like {graph.cotangents[name]}"))
    return lines


def choices(graph: Graph) -> Lines:
    return [(name, listed(choices_of(annotation))) for name, annotation in graph.tables.items()]


def shape(graph: Graph, name: str) -> str:
    """`(h, d)`; of a target, whose loss says it, what it belongs to."""
    leaf = graph.leaves.get(name)
    if leaf is not None and leaf.choice and leaf.target_of is not None:
        return f"as {leaf.choice} says, for {leaf.output} {show(leaf.target_of)}"
    dims = dims_of(graph, name)
    return "" if dims is None else show(dims)


def tree_parts(graph: Graph, names: Iterable[str]) -> list[str]:
    return [part for name in names for part in names_of(graph.trees.get(name, name))]


def filled(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


# --- a derivation -----------------------------------------------------------------------------------------------------


def representation(name: str, graph: Graph, cotangents: Sequence[str]) -> str:
    """Several lines: the leaves, choices and nodes with their shapes, and the equations."""
    leaves = [f"{leaf} {shape(graph, leaf)}".rstrip() for leaf in graph.leaves]
    nodes = [f"{node} {shape(graph, node)}".rstrip() for node in graph.steps]
    sections: Mapping[str, Iterable[str]] = {
        "leaves": leaves,
        "choices": graph.tables,
        "nodes": nodes,
        "closed by": tree_parts(graph, cotangents),
        "equations": graph.equations or ["none"],
    }
    lines = [f"Derivation {name!r}"]
    for heading, names in sections.items():
        lines += wrapped(f"  {heading:<11}", list(names))
    return "\n".join(lines)


def wrapped(heading: str, names: Sequence[str]) -> list[str]:
    """The names after the heading, in lines that end between two of them; none without names."""
    lines: list[str] = []
    for name in names:
        if lines and len(lines[-1]) + len(name) + 2 <= WIDTH:
            lines[-1] += f", {name}"
        else:
            lines = [*lines[:-1], f"{lines[-1]},"] if lines else []
            lines.append((" " * len(heading) if lines else heading) + name)
    return lines
