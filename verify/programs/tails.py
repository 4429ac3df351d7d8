"""The part of a graph that some symbols move, as a function of these symbols alone.

Everything else keeps the value that it has. So a derivative is taken by what was asked for and by nothing
beside it: a square root of 0 has no tangent, not even along 0, and a loop that runs until something has
converged has no reverse mode; neither matters where nobody differentiates by what goes into it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from manual_bp.construction.composition import closing_sum, one_array
from manual_bp.construction.graph import Graph
from manual_bp.derivation import Derivation
from verify.programs.reachability import before, ends

Rows = Mapping[str, Any]
Tail = Callable[[Mapping[str, Any]], tuple[dict[str, Any], dict[str, Any]]]


def downstream(graph: Graph, symbols: Collection[str]) -> set[str]:
    """The nodes that are computed from any of these symbols."""
    moved = set[str]()
    for node, step in graph.steps.items():
        if (moved | {*symbols}).intersection(step.parameters):
            moved.add(node)
    return moved


def complete(
    derivation: Derivation, choices: Rows, values: Mapping[str, Any], without: Collection[str] = ()
) -> dict[str, Any]:
    """The values, and those of all nodes that have none yet, but for the nodes to be left out."""
    known, made, graph = dict(values), {}, derivation.graph
    for node, step in graph.steps.items():
        if node not in known and node not in without:
            known[node] = one_array(step, step(known, choices, made))
    closed = {*derivation.cotangents.values()}
    if closed and derivation.objective not in known and not closed.intersection(without):
        known[derivation.objective] = closing_sum(graph, known)
    return known


def tail(
    derivation: Derivation,
    choices: Rows,
    values: Mapping[str, Any],
    roots: Collection[str],
    symbols: Collection[str],
) -> Tail:
    """What the roots are as functions of the symbols, given by name: a leaf's own value, of a node what is added to it.

    `values` holds all that no symbol moves. The function returns the roots, and every node that it computed.
    """
    graph = derivation.graph
    moved = downstream(graph, symbols) & before(graph, [end for root in roots for end in ends(graph, root)])

    def run(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        known, made = dict(values), {}
        known |= {name: value for name, value in given.items() if name in graph.leaves}
        for node, step in graph.steps.items():
            if node in moved:
                known[node] = one_array(step, step(known, choices, made))
            if node in given:
                known[node] = known[node] + given[node]
        computed = {node: known[node] for node in moved}
        for root in roots:
            if root not in graph.steps:  # the virtual root of a derivation that cotangents close
                computed[root] = known[root] = closing_sum(graph, known) + given.get(root, 0)
        return {root: known[root] for root in roots}, computed

    return run


def origin(
    derivation: Derivation, values: Mapping[str, Any], shapes: Mapping[str, Any], symbols: Collection[str]
) -> dict[str, Any]:
    """Where a tail is differentiated: at the values of leaves, and at nothing added to nodes."""
    return {
        symbol: values[symbol]
        if symbol in derivation.leaves
        else jnp.zeros(shapes[symbol].shape, shapes[symbol].dtype)
        for symbol in symbols
    }


def shapes_of(derivation: Derivation, choices: Rows, leaves: Mapping[str, Any]) -> dict[str, Any]:
    """Shape and dtype of every symbol. Raises what the forward pass raises."""
    return jax.eval_shape(lambda: derivation.evaluate(leaves, choices))
