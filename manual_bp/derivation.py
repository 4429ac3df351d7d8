"""A derivation as data: a graph of named forward functions and named equations, assembled into jitted gradients."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp

from manual_bp import calls, composition
from manual_bp.domains import Domain
from manual_bp.graph import Equation, Graph, Leaf, build
from manual_bp.tables import choices_of

__all__ = ["Derivation", "Equation", "Leaf"]

Choices = calls.Choices


@dataclass(frozen=True, eq=False)
class Derivation:
    r"""A computational graph, and the derivatives of its last node by its symbols, written by hand.

    `forward` maps each node to the function that computes it, `backward` each derivative `d<root>_d<symbol>` to its
    equation. Parameter names are the wiring: a function takes the values of the symbols (and, an equation, of the other
    derivatives) that its positional parameters name; keyword-only parameters are static choices, annotated with their table. A
    parameter that is no node is a leaf; one function that takes it states its shape. `domains` says where a leaf's values live.
    Where the outputs $v$ are no scalar, `cotangent` closes the graph: with "dJ_dv" the objective is
    $J = \sum_v \langle \partial J/\partial v, v \rangle$, and `dJ_dv` is given with the leaves.

    Raises TypeError where the wiring or the annotations do not fit.
    """

    name: str
    source: str
    forward: Mapping[str, Callable[..., Any]] = field(repr=False)
    backward: Mapping[str, Callable[..., Any]] = field(repr=False)
    domains: Mapping[str, Domain] = field(default_factory=dict, repr=False)
    cotangent: str | Sequence[str] = field(default=(), repr=False)
    graph: Graph = field(init=False, repr=False)

    def __post_init__(self) -> None:
        cotangents = (self.cotangent,) if isinstance(self.cotangent, str) else tuple(self.cotangent)
        for part in ("forward", "backward", "domains"):
            object.__setattr__(self, part, MappingProxyType(dict(getattr(self, part))))
        object.__setattr__(self, "graph", build(self.forward, self.backward, self.domains, cotangents))

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
        """The rows of each static choice, by name."""
        return {choice: choices_of(annotation) for choice, annotation in self.graph.tables.items()}

    @property
    def objective(self) -> str:
        """The last node, or the virtual root of a derivation closed by cotangents."""
        return self.graph.objective

    @property
    def cotangents(self) -> Mapping[str, str]:
        """The output that each cotangent belongs to."""
        return self.graph.cotangents

    @property
    def derivatives(self) -> Mapping[str, tuple[str, str]]:
        """Root and symbol of every derivative that is named: equations, cotangents, and what equations take but nobody gives."""
        return self.graph.derivatives

    def leaf_spec(self, name: str, choices: Mapping[str, Any]) -> calls.Spec:
        """Dims, kind and domain of a leaf; those of a target come from the row of its loss in `choices`."""
        return calls.spec_of(self.leaves[name], choices)

    def evaluate(
        self, leaves: Mapping[str, Any], choices: Mapping[str, Any], perturbations: Mapping[str, Any] = MappingProxyType({})
    ) -> dict[str, Any]:
        """The value of every leaf (cotangents with them) and node, and of the virtual objective, from rows as choices.

        `perturbations` are added to the nodes they name.
        """
        values = composition.forward_pass(self.graph, leaves, choices, perturbations)
        if self.cotangents:
            composition.check_cotangents(self.graph, values)
            values[self.objective] = composition.closing_sum(self.graph, values) + perturbations.get(self.objective, 0)
        return values

    def value(self, **given: Any) -> Any:
        """The objective, jitted, from leaves and choices by keyword."""
        return self._value(*calls.read(self.graph, given))

    def gradient(self, *symbols: str) -> Callable[..., dict[str, Any]]:
        """The derivatives of the objective by `symbols` (by every leaf that has an equation), as one jitted function.

        It takes leaves and choices by keyword, a choice as a row or by its name, and returns a dict from symbol to
        derivative, shaped like the symbol and in its dtype. Raises ValueError for what is no symbol, NotImplementedError
        naming the equation where one is missing.
        """
        assembled = self._assemble(symbols)

        @functools.partial(jax.jit, static_argnums=0)
        def compute(choices: Choices, leaves: dict[str, Any]) -> dict[str, Any]:
            return assembled(choices, leaves)[1]

        def gradient(**given: Any) -> dict[str, Any]:
            return compute(*calls.read(self.graph, given))

        return gradient

    def value_and_gradient(self, *symbols: str) -> Callable[..., tuple[Any, dict[str, Any]]]:
        """As `gradient`, with the objective before it: one forward pass for both."""
        compute = jax.jit(self._assemble(symbols), static_argnums=0)

        def value_and_gradient(**given: Any) -> tuple[Any, dict[str, Any]]:
            return compute(*calls.read(self.graph, given))

        return value_and_gradient

    def with_manual_vjp(self) -> Callable[..., Any]:
        """The objective as a function whose `jax.grad` runs the equations, under jit, vmap, scan and remat as well.

        It takes leaves and choices by keyword. A derivation closed by one cotangent gives its output, by several a dict from
        node to output. Differentiating by a leaf that has no equation raises NotImplementedError naming it.
        """
        manual = jax.jit(manual_vjp(self.graph), static_argnums=0)

        def objective(**given: Any) -> Any:
            return manual(*calls.read(self.graph, given, cotangents=False))

        return objective

    @functools.cached_property
    def _value(self) -> Callable[[Choices, dict[str, Any]], Any]:
        return jax.jit(lambda choices, leaves: self.evaluate(leaves, dict(choices))[self.objective], static_argnums=0)

    def _assemble(self, symbols: tuple[str, ...]) -> Callable[[Choices, dict[str, Any]], tuple[Any, dict[str, Any]]]:
        names = {leaf: f"d{self.objective}_d{leaf}" for leaf in self.leaves}
        symbols = symbols or tuple(leaf for leaf, name in names.items() if name in self.equations)
        equations = composition.plan(self.graph, symbols)

        def assembled(choices: Choices, leaves: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
            values = self.evaluate(leaves, dict(choices))
            derived = composition.derive(equations, values, composition.specs_of(values), dict(choices))
            derived.update({name: values[name] for name in self.cotangents})
            return values[self.objective], {symbol: derived[f"d{self.objective}_d{symbol}"] for symbol in symbols}

        return assembled


@functools.partial(jax.tree_util.register_dataclass, data_fields=["values"], meta_fields=["wanted", "specs"])
@dataclass(frozen=True)
class Residuals:
    """What the reverse pass keeps: the values that its equations take; of every other symbol, shape and dtype only."""

    values: dict[str, Any]
    wanted: tuple[str, ...]
    specs: tuple[tuple[str, jax.ShapeDtypeStruct], ...]


def manual_vjp(graph: Graph) -> Callable[[Choices, dict[str, Any]], Any]:
    """The forward pass, from (choices, leaves), whose reverse mode runs the equations."""

    def run(leaves: Mapping[str, Any], choices: Choices) -> tuple[Any, dict[str, Any]]:
        values = composition.forward_pass(graph, leaves, dict(choices), {})
        outputs = {node: values[node] for node in graph.cotangents.values()}
        return values[graph.objective] if not outputs else outputs if len(outputs) > 1 else [*outputs.values()][0], values

    @functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
    def manual(choices: Choices, leaves: dict[str, Any]) -> Any:
        return run(leaves, choices)[0]

    def forward(choices: Choices, leaves: dict[str, Any]) -> tuple[Any, Residuals]:
        wanted = tuple(
            name
            for name, leaf in leaves.items()
            if leaf.perturbed and jnp.issubdtype(leaf.value.dtype, jnp.floating)  # float0 belongs to the others
        )
        taken = {parameter for equation in composition.plan(graph, wanted) for parameter in equation.parameters}
        outputs, values = run({name: leaf.value for name, leaf in leaves.items()}, choices)
        kept = {name: value for name, value in values.items() if name in taken}
        return outputs, Residuals(kept, wanted, tuple(composition.specs_of(values).items()))

    def backward(choices: Choices, kept: Residuals, cotangent: Any) -> tuple[dict[str, Any]]:
        specs = dict(kept.specs)
        if graph.cotangents:
            of = cotangent if len(graph.cotangents) > 1 else dict.fromkeys(graph.cotangents.values(), cotangent)
            drawn = {name: instantiate(of[node]) for name, node in graph.cotangents.items()}
            scale = 1
        else:
            drawn, scale = {}, instantiate(cotangent)
        derived = composition.derive(
            composition.plan(graph, kept.wanted), {**kept.values, **drawn}, specs, dict(choices)
        )
        gradient = {
            symbol: (scale * derived[f"d{graph.objective}_d{symbol}"]).astype(specs[symbol].dtype) for symbol in kept.wanted
        }
        return ({**dict.fromkeys(graph.leaves), **gradient},)

    manual.defvjp(forward, backward, symbolic_zeros=True)
    return manual


def instantiate(cotangent: Any) -> Any:
    """An output that nothing depends on comes with a symbolic zero."""
    if isinstance(cotangent, jax.custom_derivatives.SymbolicZero):
        return jnp.zeros(cotangent.shape, cotangent.dtype)
    return cotangent
