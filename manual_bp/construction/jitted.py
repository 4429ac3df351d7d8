"""Functions of leaves and choices by keyword, jitted; what is given is read and checked once for each kind of call."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from manual_bp.construction.calls import Choices, read
from manual_bp.construction.graph import Graph
from manual_bp.construction.tables import Row

MOST = 1024  # kinds of calls that are remembered
STAGES = ("lower", "trace", "eval_shape")


def jitted(
    function: Callable[[Choices, dict[str, Any]], Any], graph: Graph, *, name: str, cotangents: bool = True
) -> Callable[..., Any]:
    """A function of keyword arguments that reads choices and leaves from them and calls `function`, compiled.

    It has `lower`, `trace` and `eval_shape` as a function has that `jax.jit` gives; they take arrays or
    `jax.ShapeDtypeStruct`s by keyword. Raises what `calls.read` raises.
    """
    compiled: dict[Choices, Any] = {}
    known: dict[Hashable, tuple[Any, tuple[str, ...]]] = {}

    def compile_for(choices: Choices) -> Any:
        if choices not in compiled:

            def run(leaves: dict[str, Any]) -> Any:
                return function(choices, leaves)

            run.__name__ = run.__qualname__ = name
            compiled[choices] = jax.jit(run)
        return compiled[choices]

    def prepare(given: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        kind = kind_of(given)
        if kind is not None and kind in known:
            program, names = known[kind]
            return program, {name: given[name] for name in names}
        choices, leaves = read(graph, given, cotangents=cotangents)
        program = compile_for(choices)
        if kind is not None and all(given.get(name) is leaf for name, leaf in leaves.items()):
            if len(known) >= MOST:
                known.clear()
            known[kind] = program, tuple(leaves)
        return program, leaves

    def call(**given: Any) -> Any:
        program, leaves = prepare(given)
        return program(leaves)

    def stage(name: str) -> Callable[..., Any]:
        def staged(**given: Any) -> Any:
            program, leaves = prepare(given)
            return getattr(program, name)(leaves)

        staged.__name__ = name
        return staged

    for each in STAGES:
        setattr(call, each, stage(each))
    call.__name__ = name
    return call


def kind_of(given: Mapping[str, Any]) -> Hashable | None:
    """Names, shapes, dtypes and choices of a call, equal where they are read alike; None where that cannot be told."""
    found: list[Hashable] = []
    for name, value in given.items():
        cls = type(value)
        if cls is str:
            found.append((name, value))
        elif cls is np.ndarray or (isinstance(value, jax.Array) and not isinstance(value, Tracer)):
            found.append((name, value.shape, value.dtype))
        elif cls in (float, int, bool):
            found.append((name, cls))
        elif isinstance(value, Row):
            found.append((name, value))
        else:
            return None
    return tuple(found)
