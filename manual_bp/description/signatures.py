"""Signatures and annotations of the functions that a derivation hands out, as an editor and `help` show them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from jaxtyping import Array, Bool, Float, Int

from manual_bp.construction.axes import Dims
from manual_bp.construction.graph import Graph
from manual_bp.construction.signatures import Kind
from manual_bp.losses import Target

KINDS: Mapping[Kind, Any] = {"float": Float, "int": Int, "bool": Bool}


class Words(str):
    """An annotation as it is written in source code: a signature shows it without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def annotations_of(graph: Graph, cotangents: Sequence[str]) -> dict[str, Any]:
    """What every parameter is annotated as: jaxtyping's arrays, classes of trees, and tables of choices."""
    arrays = {name: _annotation(graph, name) for name in (*graph.arguments, *cotangents)}
    return {**arrays, **{name: _or_name(table) for name, table in graph.tables.items()}}


def signature(graph: Graph, cotangents: Sequence[str], returns: str) -> inspect.Signature:
    """The same in words, all by keyword: `(*, W: Float[Array, "h d"], activation: Activation | str)`."""
    said = {name: _words(graph, graph.trees.get(name, name)) for name in (*graph.arguments, *cotangents)}
    said |= {name: _table(annotation) for name, annotation in graph.tables.items()}
    parameters = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=Words(annotation))
        for name, annotation in said.items()
    ]
    return inspect.Signature(parameters, return_annotation=Words(returns))


def returned(graph: Graph, symbols: Sequence[str]) -> str:
    """The dict that a gradient comes as."""
    return f"dict[str, {'Any' if any(symbol in graph.trees for symbol in symbols) else 'Array'}]"


def array(dims: Dims | None, kind: Kind = "float") -> str:
    """`Float[Array, "h d"]`; a dimension alone is written " n", as linters want it."""
    if dims is None:
        return "Array"
    shape = " ".join(map(str, dims))
    return f'{KINDS[kind].__name__}[Array, "{" " * shape.isidentifier()}{shape}"]'


def dims_of(graph: Graph, symbol: str) -> Dims | None:
    """The shape of a leaf, a node, a cotangent or a root; None where nothing states it."""
    if symbol in graph.leaves:
        return graph.leaves[symbol].dims
    node = graph.cotangents.get(symbol, symbol)
    if node in graph.stated:
        return graph.stated[node][0].dims
    return () if node == graph.objective else None


def _words(graph: Graph, tree: Any) -> str:
    """A part as the array it is; dicts, lists and tuples of them as Python writes these, other trees as their class."""
    if isinstance(tree, str):
        leaf = graph.leaves.get(tree)
        if leaf is not None and leaf.choice:
            return "Target"
        return array(dims_of(graph, tree), leaf.kind if leaf else "float")
    if type(tree) is dict:
        return repr({key: Words(_words(graph, each)) for key, each in tree.items()})
    if type(tree) in (list, tuple):
        return repr(type(tree)(Words(_words(graph, each)) for each in tree))
    return type(tree).__name__


def _annotation(graph: Graph, name: str) -> Any:
    if name in graph.trees:
        return type(graph.trees[name])
    leaf, dims = graph.leaves.get(name), dims_of(graph, name)
    if leaf is not None and leaf.choice:
        return Target
    return Array if dims is None else KINDS[leaf.kind if leaf else "float"][Array, " ".join(map(str, dims))]


def _or_name(annotation: Any) -> Any:
    """A row may be given by its name, too."""
    return annotation | str if isinstance(annotation, type) and annotation is not bool else annotation


def _table(annotation: Any) -> str:
    if annotation is bool:
        return "bool"
    return (
        f"{annotation.__name__} | str"
        if isinstance(annotation, type)
        else str(annotation).removeprefix("typing.")
    )
