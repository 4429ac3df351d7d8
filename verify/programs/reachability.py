"""Which nodes of a graph lie before a node, or between a symbol and a root."""

from __future__ import annotations

from collections.abc import Iterable

from manual_bp.construction.graph import Graph
from manual_bp.construction.wiring import upstream


def ends(graph: Graph, root: str) -> list[str]:
    """The node itself; of the virtual root, the outputs that its cotangents belong to."""
    return [root] if root in graph.steps else [*graph.cotangents.values()]


def before(graph: Graph, names: Iterable[str]) -> set[str]:
    """The nodes among these, and all that they are computed from."""
    reach = upstream({node: step.parameters for node, step in graph.steps.items()}, graph.steps)
    return graph.steps.keys() & set[str]().union(*(reach.get(name, ()) for name in names))


def between(graph: Graph, root: str, symbol: str) -> set[str]:
    """The nodes that a symbol moves, and that a root is computed from."""
    moved = {symbol}
    for node, step in graph.steps.items():
        if moved.intersection(step.parameters):
            moved.add(node)
    return (moved - {symbol}) & before(graph, ends(graph, root))
