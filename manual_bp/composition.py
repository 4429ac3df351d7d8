"""Runs a graph: the forward pass, the plan of equations that a gradient needs, and the derivatives that they give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from manual_bp.graph import Equation, Graph, Step
from manual_bp.signatures import title
from manual_bp.wiring import in_order, listed, nearest

Specs = Mapping[str, jax.ShapeDtypeStruct]


def forward_pass(
    graph: Graph, leaves: Mapping[str, Any], choices: Mapping[str, Any], perturbations: Mapping[str, Any]
) -> dict[str, Any]:
    """The value of every leaf and node. `perturbations` are added to the nodes they name."""
    values = dict(leaves)
    for node, step in graph.steps.items():
        value = one_array(step, step(values, choices))
        values[node] = value + perturbations[node] if node in perturbations else value
    return values


def one_array(step: Step, value: Any) -> Any:
    if isinstance(value, bool | int | float):
        return jnp.asarray(value)
    if not hasattr(value, "shape") or not hasattr(value, "dtype"):
        raise TypeError(f"{title(step.function)}: node {step.name} is of type {type(value).__name__}; return one array")
    return value


def closing_sum(graph: Graph, values: Mapping[str, Any]) -> Any:
    r"""$J = \sum_v \langle \partial J/\partial v, v \rangle$ over the outputs v of a derivation closed by cotangents."""
    return sum(jnp.sum(values[cotangent] * values[node]) for cotangent, node in graph.cotangents.items())


def check_cotangents(graph: Graph, values: Mapping[str, Any]) -> None:
    for cotangent, node in graph.cotangents.items():
        shape, expected = jnp.shape(values[cotangent]), jnp.shape(values[node])
        if shape != expected:
            raise ValueError(f"{cotangent}: shape {shape}, expected {expected}, the shape of {node}")


def plan(graph: Graph, symbols: Sequence[str]) -> tuple[Equation, ...]:
    """The equations that the derivatives of the objective by `symbols` need, in order.

    Raises ValueError for what is no symbol, NotImplementedError naming the equation where one is missing.
    """
    known = [*graph.leaves, *graph.steps]
    takers: dict[str, str] = {}
    for symbol in symbols:
        if symbol not in known:
            raise ValueError(f"{symbol!r} is no symbol ({listed(known)}){nearest(symbol, known)}")
        takers[f"d{graph.objective}_d{symbol}"] = f"the gradient by {symbol}"
    wanted, needed = [*takers], {}
    while wanted:
        name = wanted.pop()
        if name in needed or name in graph.cotangents:
            continue
        if name not in graph.equations:
            have = listed(graph.equations)
            raise NotImplementedError(f"{takers[name]} needs the equation {name}, which is missing; backward has {have}")
        needed[name] = [p for p in graph.equations[name].parameters if p in graph.derivatives]
        takers.update((parameter, name) for parameter in needed[name])
        wanted.extend(needed[name])
    order = in_order({name: needed[name] for name in graph.equations if name in needed}, "backward")
    return tuple(graph.equations[name] for name in order)


def specs_of(values: Mapping[str, Any]) -> dict[str, jax.ShapeDtypeStruct]:
    return {name: jax.ShapeDtypeStruct(jnp.shape(value), jnp.result_type(value)) for name, value in values.items()}


def derive(
    equations: Sequence[Equation], values: Mapping[str, Any], specs: Specs, choices: Mapping[str, Any]
) -> dict[str, jax.Array]:
    """What the equations of a plan give. `values` holds what they take, `specs` describes every symbol."""
    known, derived = dict(values), {}
    for equation in equations:
        derived[equation.name] = known[equation.name] = like_symbol(equation, equation(known, choices), specs)
    return derived


def like_symbol(equation: Equation, value: Any, specs: Specs) -> jax.Array:
    """What an equation returned, in the dtype of its symbol. Raises TypeError or ValueError where it is not shaped so."""
    if not isinstance(value, bool | int | float) and not (hasattr(value, "shape") and hasattr(value, "dtype")):
        raise TypeError(f"{equation.name}: returned {type(value).__name__}; an equation returns one array")
    root = specs[equation.root].shape if equation.root in specs else ()  # the virtual root is a scalar
    symbol = specs[equation.symbol]
    if jnp.shape(value) != root + symbol.shape:
        like = f"{equation.root} and of {equation.symbol}" if root else equation.symbol
        raise ValueError(
            f"{equation.name}: returned shape {jnp.shape(value)}, expected {root + symbol.shape}, the shape of {like}"
        )
    return jnp.asarray(value, symbol.dtype)
