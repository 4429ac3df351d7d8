"""Checks what a derivation is called with: names, choices, dtypes, shapes; never values, so tracers pass."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from manual_bp.construction.axes import Dims, is_open, split
from manual_bp.construction.graph import Graph
from manual_bp.construction.signatures import Kind, names_in, show, size_of
from manual_bp.construction.symbols import Leaf
from manual_bp.construction.tables import choices_of, choose
from manual_bp.construction.trees import spread
from manual_bp.construction.wiring import listed, nearest
from manual_bp.domains import Domain, Index

Spec = tuple[Dims, Kind, Domain]
Choices = tuple[tuple[str, Any], ...]  # hashable, so that jit takes them as static
Bound = tuple[Any, str, Dims]  # the size of a dimension, of open axes all of them, and the leaf that gave it

DTYPES: Mapping[Kind, Any] = {"float": jnp.floating, "int": jnp.integer, "bool": jnp.bool_}
PYTHON: Mapping[Kind, tuple[type, ...]] = {"float": (float, int), "int": (int,), "bool": (bool,)}


def read(
    graph: Graph, given: Mapping[str, Any], *, cotangents: bool = True
) -> tuple[Choices, dict[str, Any]]:
    """The choices and the leaves (the cotangents too, where wanted) that a call gives, trees part by part.

    Raises TypeError for missing and unknown names and for dtypes, ValueError for shapes and unknown rows.
    """
    drawn = [*graph.cotangents] if cotangents else []
    given = spread(graph.trees, given)
    check_names(given, graph, drawn)
    rows = {name: choose(name, table, given[name]) for name, table in graph.tables.items()}
    choices = tuple(rows.items())
    values: dict[str, Any] = {}
    bound: dict[str, Bound] = {}
    for name, ((dims, kind, _), reason) in describe(graph, choices).items():
        value = values[name] = check_kind(name, given[name], kind, reason)
        bind(name, np.shape(value), dims, bound)
    for name in drawn:  # shaped like a node, which is checked where that is computed
        values[name] = check_kind(name, given[name], "float", f"the derivative by {graph.cotangents[name]}")
    return choices, values


@functools.lru_cache
def describe(graph: Graph, choices: Choices) -> dict[str, tuple[Spec, str]]:
    """What each leaf must be once the rows are chosen, and the reason in words."""
    rows = dict(choices)
    described = {}
    for name, leaf in graph.leaves.items():
        spec = spec_of(leaf, rows)
        loss = f", for {leaf.choice} {rows[leaf.choice]}" if leaf.choice else ""
        described[name] = spec, f"{spec[2]}{loss}"
    return described


def check_names(given: Mapping[str, Any], graph: Graph, drawn: list[str]) -> None:
    arguments, tables = [*graph.arguments, *drawn], graph.tables
    known = [*arguments, *tables]
    for name in given:
        if name not in known and name not in graph.leaves:
            raise TypeError(f"{name}: is neither a leaf nor a choice ({listed(known)}){nearest(name, known)}")
    for name in [*graph.leaves, *drawn]:
        if name not in given:
            raise TypeError(f"{name}: is missing; give every leaf by keyword ({listed(arguments)})")
    for name, table in tables.items():
        if name not in given:
            raise TypeError(f"{name}: is missing; choose one of {listed(choices_of(table))}")


def spec_of(leaf: Leaf, choices: Mapping[str, Any]) -> Spec:
    """Dims, kind and domain of a leaf; those of a target come from the loss that is chosen."""
    if leaf.choice is None or leaf.target_of is None:
        return leaf.dims, leaf.kind, leaf.domain
    loss = choices[leaf.choice]
    domain = Index(leaf.target_of[-1]) if loss.target == Index(None) else loss.target
    return loss.target_shape(leaf.target_of), domain.kind, domain


def check_kind(name: str, value: Any, kind: Kind, reason: str) -> Any:
    """The value, if it is an array, a tracer or a number of this kind; an integer passes for a float."""
    if kind == "float" and isinstance(value, np.integer):
        value = int(value)
    if type(value) in PYTHON[kind]:
        return PYTHON[kind][0](value)
    is_array = hasattr(value, "dtype") and hasattr(value, "shape")
    if is_array and is_kind(value.dtype, kind):
        return value
    found = f"{value.dtype} array" if is_array else f"Python {type(value).__name__}"
    remedy = f"; convert it with .astype({kind})" if is_array else ""
    raise TypeError(f"{name}: {found}, expected {kind}s ({reason}){remedy}")


@functools.lru_cache
def is_kind(dtype: Any, kind: Kind) -> bool:
    return jnp.issubdtype(dtype, DTYPES[kind])


def bind(name: str, shape: tuple[Any, ...], dims: Dims, bound: dict[str, Bound]) -> None:
    """Gives each named dimension its size. Raises ValueError for another rank, or another size than given."""
    found = {dim: size for dim, size in zip(dims, split(shape, dims), strict=False) if isinstance(dim, str)}
    sizes = {dim: size for dim, size in found.items() if dim.isidentifier() or is_open(dim)}
    named = {**sizes, **{dim: size for dim, (size, *_) in bound.items()}}
    each = [size_of(dim, named) if named.keys() >= {*names_in(dim)} else found.get(str(dim)) for dim in dims]
    expected = tuple(size for one in each for size in (one if isinstance(one, tuple) else (one,)))
    if shape != expected:
        names = dict.fromkeys(each for dim in dims for each in names_in(dim))
        known = [(dim, *bound[dim]) for dim in names if dim in bound]
        sources = ", ".join(f"{dim} = {size} from {leaf} {show(axes)}" for dim, size, leaf, axes in known)
        raise ValueError(f"{name}: shape {shape}, expected {show(dims)}{' with ' if known else ''}{sources}")
    for dim, size in sizes.items():
        bound.setdefault(dim, (size, name, dims))
