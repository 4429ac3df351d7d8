r"""Derivatives along drawn directions, $\langle \partial R/\partial s, v \rangle$, got without reverse mode.

Each function here is to be traced. It takes the leaves, and for each symbol s a direction under the name that
`along(s)` gives; what it returns has a root's shape for each derivative of a derivation, under its name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from manual_bp.construction.graph import Step
from manual_bp.derivation import Derivation
from manual_bp.prod import prod
from verify.programs.tails import complete, downstream, origin, shapes_of, tail

Rows = Mapping[str, Any]
Wanted = Mapping[str, tuple[str, str]]  # name of a derivative -> its root and its symbol


def along(symbol: str) -> str:
    """The name under which the direction of a symbol is given."""
    return f"along {symbol}"


def wanted(derivation: Derivation) -> dict[str, tuple[str, str]]:
    """The derivatives that any equation gives or takes, the drawn cotangents aside."""
    return {name: read for name, read in derivation.derivatives.items() if name not in derivation.cotangents}


def symbols_of(derivation: Derivation) -> list[str]:
    """What these are derivatives by."""
    return sorted({symbol for _, symbol in wanted(derivation).values()})


def contraction(derivatives: Wanted) -> Callable[..., dict[str, Any]]:
    """What any derivatives, given by name, say of the directions."""

    def run(**given: Any) -> dict[str, Any]:
        return {name: _paired(given[name], given[along(symbol)]) for name, (_, symbol) in derivatives.items()}

    return run


def forward_mode(derivation: Derivation, choices: Rows) -> Callable[..., dict[str, Any]]:
    """`jax.jvp` by one symbol after the other. Raises TypeError where a custom_vjp has no forward mode."""
    derivatives = wanted(derivation)
    symbols = symbols_of(derivation)

    def run(**given: Any) -> dict[str, Any]:
        leaves, directions = _split(given, symbols)
        shapes = shapes_of(derivation, choices, leaves)
        values = complete(derivation, choices, leaves)
        pushed = {}
        for symbol in symbols:
            roots = sorted({root for root, by in derivatives.values() if by == symbol})
            function = tail(derivation, choices, values, roots, [symbol])
            at = origin(derivation, values, shapes, [symbol])
            along_it = {symbol: directions[symbol].astype(at[symbol].dtype)}
            _, tangents = jax.jvp(lambda moved, function=function: function(moved)[0], (at,), (along_it,))
            pushed |= {(root, symbol): tangents[root] for root in roots}
        return {name: pushed[read] for name, read in derivatives.items()}

    return run


def explicit_jacobians(derivation: Derivation, choices: Rows) -> Callable[..., dict[str, Any]]:
    """The chain rule as the book writes it, `prod` of the Jacobian of every node by each of its parameters."""
    derivatives = wanted(derivation)
    symbols = symbols_of(derivation)

    def run(**given: Any) -> dict[str, Any]:
        leaves, directions = _split(given, symbols)
        values = complete(derivation, choices, leaves)
        by_root = {
            root: _by_symbols(
                derivation, choices, values, root, {s for r, s in derivatives.values() if r == root}
            )
            for root in sorted({root for root, _ in derivatives.values()})
        }
        zero = jnp.zeros(())
        return {
            name: _paired(by_root[root][symbol], directions[symbol]) if symbol in by_root[root] else zero
            for name, (root, symbol) in derivatives.items()
        }

    return run


def _by_symbols(
    derivation: Derivation, choices: Rows, values: Mapping[str, Any], root: str, symbols: Collection[str]
) -> dict[str, Any]:
    """The derivative of a root by whatever lies between it and these symbols."""
    graph = derivation.graph
    moved = {*symbols, *downstream(graph, symbols)}
    if root in graph.steps:
        size, shape = values[root].size, values[root].shape
        known = {root: jnp.eye(size, dtype=values[root].dtype).reshape(*shape, *shape)}
    else:
        known = {root: jnp.ones(())} | {node: values[name] for name, node in derivation.cotangents.items()}
    for node, step in reversed([*graph.steps.items()]):
        by = moved.intersection(step.parameters)
        for parameter, jacobian in (
            _jacobians(step, values, choices, by) if node in known and by else {}
        ).items():
            through = prod(known[node], jacobian, ndim=values[node].ndim)
            known[parameter] = known[parameter] + through if parameter in known else through
    return known


def shifted(derivation: Derivation, choices: Rows) -> Callable[..., dict[str, Any]]:
    """The roots, at leaves and nodes that have been moved along their directions already."""
    derivatives = wanted(derivation)
    symbols = symbols_of(derivation)

    def run(**given: Any) -> dict[str, Any]:
        leaves, directions = _split(given, symbols)
        moved = {
            name: leaf + directions[name] if name in directions else leaf for name, leaf in leaves.items()
        }
        shifts = {name: shift for name, shift in directions.items() if name not in leaves}
        values = derivation.evaluate(moved, choices, shifts)
        return {root: values[root] for root in sorted({root for root, _ in derivatives.values()})}

    return run


def _split(given: Mapping[str, Any], symbols: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    directions = {symbol: given[along(symbol)] for symbol in symbols}
    names = {along(symbol) for symbol in symbols}
    return {name: value for name, value in given.items() if name not in names}, directions


def _paired(derivative: Any, direction: Any) -> Any:
    return jnp.tensordot(derivative, direction, axes=direction.ndim)


def _jacobians(
    step: Step, values: Mapping[str, Any], choices: Rows, parameters: Collection[str]
) -> dict[str, Any]:
    """One Jacobian for each of these parameters, by forward mode where there is one."""

    def node(moved: Mapping[str, Any]) -> Any:
        return step({**values, **moved}, choices)

    at = {name: values[name] for name in step.parameters if name in parameters}
    try:
        return jax.jacfwd(node)(at)
    except TypeError:  # a custom_vjp has no forward mode
        return jax.jacrev(node)(at)
