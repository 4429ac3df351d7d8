r"""Derivatives along drawn directions, $\langle \partial R/\partial s, v \rangle$, got without reverse mode.

Each function here is to be traced. It takes the leaves, and for each symbol s a direction under the name that
`along(s)` gives; what it returns has a root's shape for each derivative of a derivation, under its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from manual_bp.construction.graph import Step
from manual_bp.derivation import Derivation
from manual_bp.prod import prod
from verify.programs.reference import split_floats

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
    """`jax.jvp` by one symbol after the other, batched. Raises TypeError where a custom_vjp has no forward mode."""
    derivatives = wanted(derivation)
    symbols = symbols_of(derivation)

    def run(**given: Any) -> dict[str, Any]:
        leaves, directions = _split(given, symbols)
        shapes = jax.eval_shape(lambda: derivation.evaluate(leaves, choices))
        floats, others = split_floats(leaves)
        zeros = {
            name: jnp.zeros(aval.shape, aval.dtype) for name, aval in shapes.items() if name not in leaves
        }

        def perturbed(zeros: dict[str, Any], floats: dict[str, Any]) -> dict[str, Any]:
            values = derivation.evaluate({**others, **floats}, choices, zeros)
            return {root: values[root] for root, _ in derivatives.values()}

        def tangents(primals: Mapping[str, Any]) -> dict[str, Any]:
            return {
                name: jnp.stack([directions[s] if s == name else jnp.zeros_like(primal) for s in symbols])
                for name, primal in primals.items()
            }

        def pushed(*tangents: Any) -> dict[str, Any]:
            return jax.jvp(perturbed, (zeros, floats), tangents)[1]

        roots = jax.vmap(pushed)(tangents(zeros), tangents(floats))
        return {name: roots[root][symbols.index(symbol)] for name, (root, symbol) in derivatives.items()}

    return run


def explicit_jacobians(derivation: Derivation, choices: Rows) -> Callable[..., dict[str, Any]]:
    """The chain rule as the book writes it, `prod` of the Jacobian of every node by each of its parameters."""
    derivatives = wanted(derivation)
    symbols = symbols_of(derivation)

    def run(**given: Any) -> dict[str, Any]:
        leaves, directions = _split(given, symbols)
        values = derivation.evaluate(leaves, choices)
        local = {node: _jacobians(step, values, choices) for node, step in derivation.graph.steps.items()}
        by_root = {}
        for root in {root for root, _ in derivatives.values()}:
            known = {node: values[name] for name, node in derivation.cotangents.items()}
            if root in local:
                size, shape = values[root].size, values[root].shape
                known = {root: jnp.eye(size, dtype=values[root].dtype).reshape(*shape, *shape)}
            for node in reversed(list(derivation.graph.steps)):
                for parameter, jacobian in (local[node] if node in known else {}).items():
                    through = prod(known[node], jacobian, ndim=values[node].ndim)
                    known[parameter] = known[parameter] + through if parameter in known else through
            by_root[root] = {**known, **({} if root in local else {root: jnp.ones(())})}
        zero = jnp.zeros(())
        return {
            name: _paired(by_root[root][symbol], directions[symbol]) if symbol in by_root[root] else zero
            for name, (root, symbol) in derivatives.items()
        }

    return run


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


def _jacobians(step: Step, values: Mapping[str, Any], choices: Rows) -> dict[str, Any]:
    """One Jacobian for each parameter that is differentiable, by forward mode where there is one."""
    floats, _ = split_floats({name: values[name] for name in step.parameters})

    def node(floats: Mapping[str, Any]) -> Any:
        return step({**values, **floats}, choices)

    try:
        return jax.jacfwd(node)(floats)
    except TypeError:  # a custom_vjp has no forward mode
        return jax.jacrev(node)(floats)
