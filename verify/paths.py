"""Which nodes of a graph lie before a node, or between a symbol and a root."""

from __future__ import annotations

from collections.abc import Iterable

from manual_bp.graph import Graph


def ends(graph: Graph, root: str) -> list[str]:
    """The node itself; of the virtual root, the outputs that its cotangents belong to."""
    return [root] if root in graph.steps else [*graph.cotangents.values()]


def before(graph: Graph, names: Iterable[str]) -> set[str]:
    """The nodes among these, and all that they are computed from."""
    found: set[str] = set()
    waiting = [*names]
    while waiting:
        name = waiting.pop()
        if name in graph.steps and name not in found:
            found.add(name)
            waiting += graph.steps[name].parameters
    return found


def between(graph: Graph, root: str, symbol: str) -> set[str]:
    """The nodes that a symbol moves, and that a root is computed from."""
    moved = {symbol}
    for node, step in graph.steps.items():
        if moved.intersection(step.parameters):
            moved.add(node)
    return (moved - {symbol}) & before(graph, ends(graph, root))
