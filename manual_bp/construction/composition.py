"""Runs a graph: the forward pass, the equations that a gradient needs in order, the derivatives they give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from manual_bp.construction.graph import Equation, Graph, Step
from manual_bp.construction.signatures import where
from manual_bp.construction.wiring import in_order, listed, nearest

Specs = Mapping[str, jax.ShapeDtypeStruct]


def forward_pass(
    graph: Graph, leaves: Mapping[str, Any], choices: Mapping[str, Any], perturbations: Mapping[str, Any]
) -> dict[str, Any]:
    """The value of every leaf and node. `perturbations` are added to the nodes they name."""
    values, made = dict(leaves), {}
    for node, step in graph.steps.items():
        value = one_array(step, step(values, choices, made))
        values[node] = value + perturbations[node] if node in perturbations else value
    shape = jnp.shape(values.get(graph.objective, 0.0))  # a virtual root is a scalar
    if shape:
        raise ValueError(
            f"{graph.objective}: stands last, so it is the objective, and has shape {shape}; "
            f"make it a scalar, or close the derivation with cotangent='dJ_d{graph.objective}'"
        )
    return values


def one_array(step: Step, value: Any) -> Any:
    if is_number(value):
        return jnp.asarray(value)
    if not is_array(value):
        here = where(step.name, step.function)
        raise TypeError(
            f"{here}: returned {type(value).__name__}; a node is one array, or a tree that its annotation describes"
        )
    return value


def is_number(value: Any) -> bool:
    return type(value) in (bool, int, float)


def is_array(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype")


def closing_sum(graph: Graph, values: Mapping[str, Any]) -> Any:
    r"""$J = \sum_v \langle \partial J/\partial v, v \rangle$ over the outputs v."""
    return sum(jnp.sum(values[name] * values[node]) for name, node in graph.cotangents.items())


def check_cotangents(graph: Graph, values: Mapping[str, Any]) -> None:
    for name, node in graph.cotangents.items():
        shape, expected = jnp.shape(values[name]), jnp.shape(values[node])
        if shape != expected:
            raise ValueError(f"{name}: shape {shape}, expected {expected}, the shape of {node}")


def plan(graph: Graph, symbols: Sequence[str]) -> tuple[Equation, ...]:
    """The equations that the derivatives of the objective by `symbols` need, in order.

    Raises ValueError for what is no symbol, NotImplementedError naming the equation where one is missing.
    """
    known = [*graph.leaves, *graph.steps]
    for symbol in symbols:
        if symbol not in known:
            raise ValueError(f"{symbol!r} is no symbol ({listed(known)}){nearest(symbol, known)}")
    needed, missing = needs(graph, symbols)
    for name, takers in missing.items():
        taker = takers[-1] if takers else f"the gradient by {name.removeprefix(f'd{graph.objective}_d')}"
        raise NotImplementedError(
            f"{taker} needs the equation {name}; add it to backward, which has {listed(graph.equations)}"
        )
    order = in_order({name: needed[name] for name in graph.equations if name in needed}, "backward")
    return tuple(graph.equations[name] for name in order)


def needs(graph: Graph, symbols: Sequence[str]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """What the derivatives of the objective by `symbols` are composed of.

    Each equation with the derivatives that it takes; and each derivative that nobody gives, with the equations that
    take it.
    """
    wanted = [f"d{graph.objective}_d{symbol}" for symbol in symbols]
    needed: dict[str, list[str]] = {}
    missing: dict[str, list[str]] = {name: [] for name in wanted if name not in graph.equations}
    while wanted:
        name = wanted.pop()
        if name in needed or name not in graph.equations:
            continue
        needed[name] = [p for p in graph.equations[name].parameters if p in graph.derivatives]
        for taken in needed[name]:
            if taken not in graph.equations and taken not in graph.cotangents:
                missing.setdefault(taken, []).append(name)
        wanted.extend(needed[name])
    return needed, {name: takers for name, takers in missing.items() if name not in graph.cotangents}


def specs_of(values: Mapping[str, Any]) -> dict[str, jax.ShapeDtypeStruct]:
    return {
        name: jax.ShapeDtypeStruct(jnp.shape(value), jnp.result_type(value)) for name, value in values.items()
    }


def derive(
    equations: Sequence[Equation], values: Mapping[str, Any], specs: Specs, choices: Mapping[str, Any]
) -> dict[str, Any]:
    """The values, and what the equations of a plan give on them. `specs` describes every symbol."""
    known, made = dict(values), {}
    for equation in equations:
        known[equation.name] = like_symbol(equation, equation(known, choices, made), specs)
    return known


def like_symbol(equation: Equation, value: Any, specs: Specs) -> jax.Array:
    """What an equation returned, in its symbol's dtype. Raises TypeError or ValueError for another shape."""
    if not is_number(value) and not is_array(value):
        raise TypeError(f"{equation.name}: returned {type(value).__name__}; an equation returns one array")
    root = specs[equation.root].shape if equation.root in specs else ()
    symbol = specs[equation.symbol]
    expected = root + symbol.shape
    if jnp.shape(value) != expected:
        like = f"{equation.root} and of {equation.symbol}" if root else equation.symbol
        raise ValueError(
            f"{equation.name}: returned shape {jnp.shape(value)}, expected {expected}, the shape of {like}"
        )
    return jnp.asarray(value, symbol.dtype)
