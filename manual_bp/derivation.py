"""A derivation as data: named forward functions and named equations, assembled into jitted gradients."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp

from manual_bp.construction import calls
from manual_bp.construction.calls import Choices
from manual_bp.construction.composition import (
    check_cotangents,
    closing_sum,
    derive,
    forward_pass,
    plan,
    specs_of,
)
from manual_bp.construction.graph import Equation, Graph, build
from manual_bp.construction.signatures import Function
from manual_bp.construction.symbols import Leaf
from manual_bp.construction.tables import choices_of
from manual_bp.construction.trees import join, parts

__all__ = ["Derivation", "Equation", "Leaf"]

NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Derivation:
    r"""A computational graph, and derivatives of its nodes by its symbols, written by hand.

    `forward` maps each node to the function that computes it, `backward` each derivative `d<root>_d<symbol>`
    to its equation; the node written last is the objective. Parameter names are the wiring: positional
    parameters name symbols (and, in equations, other derivatives), keyword-only ones are static choices,
    annotated with their table. A parameter that is no node is a leaf; one of the functions that take it
    annotates its shape. `domains` says where the values of leaves live. Where outputs v are no scalars,
    `cotangent` (one name "dJ_dv", or several) closes the graph: the objective is then $J = \sum_v \langle
    \partial J/\partial v, v \rangle$, and `dJ_dv` is given with the leaves.

    A parameter, or what a forward function returns, may be annotated as a tree (`manual_bp.construction.trees`
    says how). Its name then stands for all its parts, and each part is a symbol with a name of its own: `params`
    is a tree, and `params_layers_0_W` an array in it, which may be taken, given and differentiated by alone too.
    `dJ_dparams` is built like `params`, with None for a part that holds integers, booleans or a target; what an
    equation returns there is not looked at. The parts of a node come out together: a derivative by one holds the
    others fixed. Domains of parts are given by name, or in a tree: `domains=dict(params={"ids": index("v")})`.

    A shape may leave axes open, one word of it: `"*batch d"` has any number of them before the last, none too.
    The same word stands for the same axes in all of a derivation; so does `...`, as if it were a name. `ranks`
    fixes how many they are, as in `{"*batch": 2}`.

    Raises TypeError where wiring or annotations do not fit.
    """

    name: str
    source: str
    forward: Mapping[str, Function] = field(repr=False)
    backward: Mapping[str, Function] = field(repr=False)
    domains: Mapping[str, Any] = field(default_factory=dict, repr=False)
    cotangent: str | Sequence[str] = field(default=(), repr=False)
    ranks: Mapping[str, int] = field(default_factory=dict, repr=False)
    graph: Graph = field(init=False, repr=False)

    def __post_init__(self) -> None:
        cotangents = (self.cotangent,) if isinstance(self.cotangent, str) else tuple(self.cotangent)
        for name in ("forward", "backward", "domains", "ranks"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        try:
            graph = build(self.forward, self.backward, self.domains, cotangents, self.ranks)
        except TypeError as error:
            raise TypeError(f"{self.name}: {error}") from error.__cause__
        object.__setattr__(self, "graph", graph)

    @property
    def leaves(self) -> Mapping[str, Leaf]:
        return self.graph.leaves

    @property
    def nodes(self) -> tuple[str, ...]:
        """In evaluation order."""
        return tuple(self.graph.steps)

    @property
    def equations(self) -> Mapping[str, Equation]:
        """In the order given."""
        return self.graph.equations

    @functools.cached_property
    def choices(self) -> Mapping[str, Mapping[str, Any]]:
        """The table of each static choice."""
        tables = self.graph.tables
        return MappingProxyType({choice: choices_of(annotation) for choice, annotation in tables.items()})

    @property
    def objective(self) -> str:
        """The node written last, or the virtual root of a derivation that cotangents close."""
        return self.graph.objective

    @property
    def cotangents(self) -> Mapping[str, str]:
        """The node that each cotangent belongs to."""
        return self.graph.cotangents

    @property
    def axes(self) -> tuple[str, ...]:
        """The words in shapes that stand for any number of axes, or for as many as `ranks` says."""
        return self.graph.axes

    @property
    def derivatives(self) -> Mapping[str, tuple[str, str]]:
        """Root and symbol of every derivative named, also of those that equations take but nobody gives."""
        return self.graph.derivatives

    def leaf_spec(self, name: str, choices: Mapping[str, Any]) -> calls.Spec:
        """Dims, kind and domain of a leaf; those of a target come from the row of its loss in `choices`."""
        return calls.spec_of(self.leaves[name], choices)

    def evaluate(
        self,
        leaves: Mapping[str, Any],
        choices: Mapping[str, Any],
        perturbations: Mapping[str, Any] = NOTHING,
    ) -> dict[str, Any]:
        """The value of every leaf, cotangent and node, parts by name, and of the virtual root; pure, and not jitted.

        `choices` are rows; `perturbations` are added to the nodes they name. Raises ValueError for an
        objective that is no scalar, and for a cotangent that is not shaped like its node.
        """
        values = forward_pass(self.graph, leaves, choices, perturbations)
        if self.cotangents:
            check_cotangents(self.graph, values)
            values[self.objective] = closing_sum(self.graph, values) + perturbations.get(self.objective, 0)
        return values

    def value(self, **given: Any) -> Any:
        """The objective, jitted, from leaves and choices by keyword."""
        return self._value(*calls.read(self.graph, given))

    def gradient(self, *symbols: str) -> Callable[..., dict[str, Any]]:
        """The derivatives of the objective by `symbols`, by default all leaves with an equation; jitted.

        It takes leaves and choices by keyword, a choice as a row or by its name, and returns a dict from
        symbol to derivative, which has the symbol's structure, shape and dtype. Raises ValueError for what is no
        symbol, and NotImplementedError naming the equation where one is missing.
        """
        assembled = self._assemble(symbols)
        compute = jax.jit(lambda choices, leaves: assembled(choices, leaves)[1], static_argnums=0)

        def gradient(**given: Any) -> dict[str, Any]:
            return compute(*calls.read(self.graph, given))

        return gradient

    def value_and_gradient(self, *symbols: str) -> Callable[..., tuple[Any, dict[str, Any]]]:
        """As `gradient`, with the objective before it, in one forward pass."""
        compute = jax.jit(self._assemble(symbols), static_argnums=0)

        def value_and_gradient(**given: Any) -> tuple[Any, dict[str, Any]]:
            return compute(*calls.read(self.graph, given))

        return value_and_gradient

    def with_manual_vjp(self) -> Callable[..., Any]:
        """The objective as a function whose `jax.grad` runs the equations, under any transformation.

        It takes leaves and choices by keyword. A derivation closed by one cotangent gives its output, by
        several a dict from node to output. Differentiating by a leaf without an equation raises
        NotImplementedError naming it.
        """

        def objective(**given: Any) -> Any:
            return self._manual(*calls.read(self.graph, given, cotangents=False))

        return objective

    @functools.cached_property
    def _value(self) -> Callable[[Choices, dict[str, Any]], Any]:
        return jax.jit(
            lambda choices, leaves: self.evaluate(leaves, dict(choices))[self.objective], static_argnums=0
        )

    @functools.cached_property
    def _manual(self) -> Callable[[Choices, dict[str, Any]], Any]:
        return jax.jit(manual_vjp(self.graph), static_argnums=0)

    def _assemble(
        self, symbols: tuple[str, ...]
    ) -> Callable[[Choices, dict[str, Any]], tuple[Any, dict[str, Any]]]:
        key, graph = f"d{self.objective}_d".__add__, self.graph
        symbols = symbols or tuple(self._with_equations(key))
        names = {symbol: jax.tree.map(key, graph.trees.get(symbol, symbol)) for symbol in symbols}
        equations = plan(graph, [part for symbol in symbols for part in graph.parts(symbol)])

        def assembled(choices: Choices, leaves: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
            values = self.evaluate(leaves, dict(choices))
            known = derive(equations, values, specs_of(values), dict(choices))
            return values[self.objective], {symbol: join(tree, known) for symbol, tree in names.items()}

        return assembled

    def _with_equations(self, key: Callable[[str], str]) -> Iterator[str]:
        """The leaves that have an equation, as trees where every part of one has."""
        for name in self.graph.arguments:
            parts = self.graph.parts(name)
            given = [part for part in parts if key(part) in self.equations]
            yield from [name] if given and given == parts else given


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
