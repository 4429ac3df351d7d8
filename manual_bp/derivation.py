"""A derivation as data: named forward functions and named equations, assembled into jitted gradients."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import jax

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
from manual_bp.construction.jitted import jitted
from manual_bp.construction.manual_vjp import NOTHING, manual_vjp
from manual_bp.construction.signatures import Function
from manual_bp.construction.symbols import Leaf
from manual_bp.construction.tables import choices_of
from manual_bp.construction.trees import join
from manual_bp.construction.wiring import listed, nearest
from manual_bp.description.documentation import describe, representation
from manual_bp.description.signatures import returned

__all__ = ["Derivation", "Equation", "Leaf"]


@dataclass(frozen=True, eq=False, repr=False)
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

    `printed_wrong` names equations that stand here as a book prints them though they are wrong, each with what is
    wrong: the run fails where one of them is not refuted.

    Raises TypeError where wiring or annotations do not fit.
    """

    name: str
    source: str
    forward: Mapping[str, Function] = field(repr=False)
    backward: Mapping[str, Function] = field(repr=False)
    domains: Mapping[str, Any] = field(default_factory=dict, repr=False)
    cotangent: str | Sequence[str] = field(default=(), repr=False)
    ranks: Mapping[str, int] = field(default_factory=dict, repr=False)
    printed_wrong: Mapping[str, str] = field(default_factory=dict, repr=False)
    graph: Graph = field(init=False, repr=False)
    _made: dict[Any, Callable[..., Any]] = field(init=False, default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        cotangents = (self.cotangent,) if isinstance(self.cotangent, str) else tuple(self.cotangent)
        for name in ("forward", "backward", "domains", "ranks", "printed_wrong"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        for name in self.printed_wrong:
            if name not in self.backward:
                known = f"({listed(self.backward)}){nearest(name, self.backward)}"
                raise TypeError(f"{self.name}: printed_wrong: {name!r} is no equation {known}")
        try:
            graph = build(self.forward, self.backward, self.domains, cotangents, self.ranks)
        except TypeError as error:
            raise TypeError(f"{self.name}: {error}") from error.__cause__
        object.__setattr__(self, "graph", graph)

    def __repr__(self) -> str:
        return representation(self.name, self.graph, tuple(self.cotangents))

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

    @functools.cached_property
    def value(self) -> Callable[..., Any]:
        """The objective, jitted, from leaves and choices by keyword."""
        value = jitted(
            lambda choices, leaves: self.evaluate(leaves, dict(choices))[self.objective],
            self.graph,
            name="value",
        )
        return describe(
            value, self.graph, f"The objective {self.objective}.", source=self.source, equations=(),
            cotangents=tuple(self.cotangents), returns=f"Returns {self.objective}, a scalar.", annotation="Array",
        )  # fmt: skip

    def gradient(self, *symbols: str | Sequence[str]) -> Callable[..., dict[str, Any]]:
        """The derivatives of the objective by `symbols`, one by one or as a list, by default all leaves with an
        equation; jitted.

        It takes leaves and choices by keyword, a choice as a row or by its name, and returns a dict from
        symbol to derivative, which has the symbol's structure, shape and dtype. Raises ValueError for what is no
        symbol, and NotImplementedError naming the equation where one is missing.
        """
        return self._derivatives(symbols, valued=False)

    def value_and_gradient(self, *symbols: str | Sequence[str]) -> Callable[..., tuple[Any, dict[str, Any]]]:
        """As `gradient`, with the objective before it, in one forward pass."""
        return self._derivatives(symbols, valued=True)

    def with_manual_vjp(self) -> Callable[..., Any]:
        """The objective as a function whose `jax.grad` runs the equations, under any transformation.

        It takes leaves and choices by keyword. A derivation closed by one cotangent gives its output, by
        several a dict from node to output. Differentiating by a leaf without an equation raises
        NotImplementedError naming it.
        """
        return self._differentiable

    @functools.cached_property
    def _differentiable(self) -> Callable[..., Any]:
        objective = jitted(manual_vjp(self.graph), self.graph, name="objective", cotangents=False)
        outputs = tuple(self.cotangents.values()) or (self.objective,)
        return describe(
            objective, self.graph, f"{', '.join(outputs)}, whose derivatives under jax.grad are the equations below.",
            source=self.source, equations=tuple(self.equations.values()), cotangents=(), shapes=outputs,
            returns="Returns the output:" if len(outputs) == 1 else "Returns a dict of outputs:",
            annotation="Array" if len(outputs) == 1 else "dict[str, Array]",
        )  # fmt: skip

    def _derivatives(self, given: Iterable[str | Sequence[str]], *, valued: bool) -> Callable[..., Any]:
        """Made once for the same symbols, so that it is compiled once."""
        listed = ([each] if isinstance(each, str) else each for each in given)
        symbols = tuple(itertools.chain.from_iterable(listed)) or tuple(self._with_equations())
        if (symbols, valued) in self._made:
            return self._made[symbols, valued]
        equations = plan(self.graph, [part for symbol in symbols for part in self.graph.parts(symbol)])
        assembled = self._assemble(symbols, equations)
        gradient = jitted(
            assembled if valued else lambda choices, leaves: assembled(choices, leaves)[1],
            self.graph,
            name="value_and_gradient" if valued else "gradient",
        )
        by, annotation = ", ".join(symbols), returned(self.graph, symbols)
        summary = (
            f"{self.objective} and its derivatives" if valued else f"The derivatives of {self.objective}"
        )
        before = f"{self.objective} and " if valued else ""
        self._made[symbols, valued] = describe(
            gradient, self.graph, f"{summary} by {by}.", source=self.source, equations=equations,
            cotangents=tuple(self.cotangents), shapes=symbols,
            returns=f"Returns {before}a dict with the derivative by each symbol, shaped like it:",
            annotation=f"tuple[Array, {annotation}]" if valued else annotation,
        )  # fmt: skip
        return self._made[symbols, valued]

    def _assemble(
        self, symbols: tuple[str, ...], equations: Sequence[Equation]
    ) -> Callable[[Choices, dict[str, Any]], tuple[Any, dict[str, Any]]]:
        key, graph = self._key, self.graph
        names = {symbol: jax.tree.map(key, graph.trees.get(symbol, symbol)) for symbol in symbols}

        def assembled(choices: Choices, leaves: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
            values = self.evaluate(leaves, dict(choices))
            known = derive(equations, values, specs_of(values), dict(choices))
            return values[self.objective], {symbol: join(tree, known) for symbol, tree in names.items()}

        return assembled

    def _key(self, symbol: str) -> str:
        return f"d{self.objective}_d{symbol}"

    def _with_equations(self) -> Iterator[str]:
        """The leaves that have an equation, as trees where every part of one has."""
        for name in self.graph.arguments:
            parts = self.graph.parts(name)
            given = [part for part in parts if self._key(part) in self.equations]
            yield from [name] if given and given == parts else given
