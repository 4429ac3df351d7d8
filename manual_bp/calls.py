"""Checks what a user calls a derivation with: names, choices, dtypes and shapes; metadata only, so that tracers pass too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from manual_bp.domains import Domain, Index, real
from manual_bp.graph import Graph, Leaf
from manual_bp.signatures import Dims, Kind, show
from manual_bp.tables import choices_of, choose
from manual_bp.wiring import listed, nearest

Spec = tuple[Dims, Kind, Domain]
Choices = tuple[tuple[str, Any], ...]  # hashable, so that jit takes them as static

PYTHON = {"float": float, "int": int, "bool": bool}
DTYPES = {"float": jnp.floating, "int": jnp.integer, "bool": jnp.bool_}
REMEDIES = {"float": "; convert it with .astype(float)", "int": "; convert it with .astype(int)", "bool": ""}


def split(graph: Graph, given: Mapping[str, Any], cotangents: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """The leaves and the rows in `given`, in the derivation's order. Raises TypeError for missing and unknown names."""
    leaves = [*graph.leaves, *(graph.cotangents if cotangents else ())]
    for name in given:
        if name not in leaves and name not in graph.tables:
            known = [*leaves, *graph.tables]
            raise TypeError(f"{name}: is neither a leaf nor a choice ({listed(known)}){nearest(name, known)}")
    for name in leaves:
        if name not in given:
            raise TypeError(f"{name}: missing; give every leaf by keyword ({listed(leaves)})")
    for name, table in graph.tables.items():
        if name not in given:
            raise TypeError(f"{name}: missing; choose from {listed(choices_of(table))}")
    choices = {name: choose(name, table, given[name]) for name, table in graph.tables.items()}
    return {name: given[name] for name in leaves}, choices


def spec_of(leaf: Leaf, choices: Mapping[str, Any]) -> Spec:
    """Dims, kind and domain of a leaf; those of a target come from the loss that is chosen."""
    if leaf.choice is None or leaf.target_of is None:
        return leaf.dims, leaf.kind, leaf.domain
    loss = choices[leaf.choice]
    domain = loss.target
    if domain == Index(None):
        domain = Index(leaf.target_of[-1])
    return loss.target_shape(leaf.target_of), domain.kind, domain


def check(leaves: Mapping[str, Any], specs: Mapping[str, Spec], choices: Mapping[str, Any]) -> dict[str, Any]:
    """The leaves as arrays, tracers or Python scalars of the right kind. Raises TypeError for dtypes, ValueError for shapes."""
    checked, bound = {}, {}
    for name, (dims, kind, _) in specs.items():
        value = checked[name] = check_kind(name, leaves[name], specs[name], choices)
        shape = np.shape(value)
        sizes = [bound.get(dim, (size, None))[0] for dim, size in zip(dims, shape, strict=False)]
        if len(shape) != len(dims) or any(
            size != (dim if isinstance(dim, int) else known) for dim, size, known in zip(dims, shape, sizes, strict=True)
        ):
            raise ValueError(f"{name}: shape {shape}, expected {show(dims)}{sources(dims, bound)}")
        for dim, size in zip(dims, shape, strict=True):
            if isinstance(dim, str):
                bound.setdefault(dim, (size, f"{name} {show(dims)}"))
    return checked


def check_kind(name: str, value: Any, spec: Spec, choices: Mapping[str, Any]) -> Any:
    _, kind, domain = spec
    if isinstance(value, bool | int | float) and not isinstance(value, np.generic):
        right = isinstance(value, bool) == (kind == "bool") and not (kind == "int" and isinstance(value, float))
        found = f"Python {type(value).__name__} {value!r}"
    elif hasattr(value, "dtype") and hasattr(value, "shape"):
        right = jnp.issubdtype(value.dtype, DTYPES[kind])
        if kind == "float" and isinstance(value, np.integer):
            right, value = True, float(value)
        found = f"{value.dtype} array"
    else:
        right, found = False, type(value).__name__
    if not right:
        rows = "".join(f" for {choice} {row}" for choice, row in choices.items() if getattr(row, "target", None) is domain)
        raise TypeError(f"{name}: {found}, expected {kind}s ({domain}){rows}{REMEDIES[kind]}")
    return PYTHON[kind](value) if isinstance(value, bool | int | float) and not isinstance(value, np.generic) else value


def sources(dims: Dims, bound: Mapping[Any, tuple[Any, Any]]) -> str:
    """Where the sizes of these dims come from: ` with d = 4 from W1 (h, d)`."""
    known = [f"{dim} = {bound[dim][0]} from {bound[dim][1]}" for dim in dict.fromkeys(dims) if dim in bound]
    return " with " + ", ".join(known) if known else ""


def read(graph: Graph, given: Mapping[str, Any], cotangents: bool = True) -> tuple[Choices, dict[str, Any]]:
    """The choices, and the leaves (and cotangents), that a call gives, all checked."""
    leaves, choices = split(graph, given, cotangents)
    checked = check(leaves, {name: spec_of(leaf, choices) for name, leaf in graph.leaves.items()}, choices)
    for name in graph.cotangents if cotangents else ():
        checked[name] = check_kind(name, leaves[name], ((), "float", real), choices)  # its shape is that of a node
    return tuple(choices.items()), checked
