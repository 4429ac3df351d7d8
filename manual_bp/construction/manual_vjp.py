"""The forward pass as a function whose reverse mode runs the equations: `jax.custom_vjp` around a graph."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp

from manual_bp.construction.calls import Choices
from manual_bp.construction.composition import derive, forward_pass, plan, specs_of
from manual_bp.construction.graph import Graph
from manual_bp.construction.trees import join, parts

NOTHING: Mapping[str, Any] = MappingProxyType({})


@functools.partial(jax.tree_util.register_dataclass, data_fields=["values"], meta_fields=["wanted", "specs"])
@dataclass(frozen=True)
class Residuals:
    """What the reverse pass keeps: the values that its equations take; of other symbols shape and dtype."""

    values: dict[str, Any]
    wanted: tuple[str, ...]
    specs: tuple[tuple[str, jax.ShapeDtypeStruct], ...]


def manual_vjp(graph: Graph) -> Callable[[Choices, dict[str, Any]], Any]:
    """The forward pass, from (choices, leaves), whose reverse mode runs the equations."""

    def outputs(values: Mapping[str, Any]) -> Any:
        if graph.closing is None:
            return values[graph.objective]
        return join(graph.closing, {name: values[node] for name, node in graph.cotangents.items()})

    @functools.partial(jax.custom_vjp, nondiff_argnums=(0,))  # noqa: TID251
    def manual(choices: Choices, leaves: dict[str, Any]) -> Any:
        return outputs(forward_pass(graph, leaves, dict(choices), NOTHING))

    def forward(choices: Choices, leaves: dict[str, Any]) -> tuple[Any, Residuals]:
        perturbed = (name for name, leaf in leaves.items() if leaf.perturbed)
        # An integer leaf counts as perturbed where its tangent is of dtype float0, and gets none.
        wanted = tuple(name for name in perturbed if jnp.issubdtype(leaves[name].value.dtype, jnp.floating))
        taken = {parameter for equation in plan(graph, wanted) for parameter in equation.parameters}
        values = forward_pass(
            graph, {name: leaf.value for name, leaf in leaves.items()}, dict(choices), NOTHING
        )
        kept = {name: value for name, value in values.items() if name in taken}
        return outputs(values), Residuals(kept, wanted, tuple(specs_of(values).items()))

    def backward(choices: Choices, kept: Residuals, cotangent: Any) -> tuple[dict[str, Any]]:
        specs, values, scale = dict(kept.specs), dict(kept.values), 1
        if graph.closing is None:
            scale = instantiate(cotangent)  # the equations give the derivative of the objective itself
        else:
            given = parts(graph.closing, cotangent, "cotangent")
            values.update({name: instantiate(each) for name, each in given.items()})
        known = derive(plan(graph, kept.wanted), values, specs, dict(choices))
        gradient: dict[str, Any] = dict.fromkeys(graph.leaves)
        for leaf in kept.wanted:
            gradient[leaf] = (scale * known[f"d{graph.objective}_d{leaf}"]).astype(specs[leaf].dtype)
        return (gradient,)

    manual.defvjp(forward, backward, symbolic_zeros=True)
    return manual


def instantiate(cotangent: Any) -> jax.Array:
    """The cotangent as an array: that of an output which nothing depends on comes as a symbolic zero."""
    if isinstance(cotangent, jax.custom_derivatives.SymbolicZero):
        aval: Any = cotangent.aval
        return jnp.zeros(aval.shape, aval.dtype)
    return cotangent
