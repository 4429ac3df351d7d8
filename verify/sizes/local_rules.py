r"""The local rule of an equation: what it must be, given the derivatives it takes, whatever they are.

An equation for $\partial R/\partial s$ that takes $\partial R/\partial c$ for some nodes c is held to the chain rule
between s and these: the derivative by s of $\sum_c \langle \partial R/\partial c, c \rangle$, where every path stops at
the first such node it meets, and of R itself where a path meets none. The derivatives are free, and so is every symbol
that nothing else which is needed determines; the rest is computed from those by the forward functions. Derivatives of
other roots are what autodiff says of these.

More is free than in the whole graph, so an equation that holds here holds there. One that does not may still be right:
it may rely on something that the cut loses.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from manual_bp.construction.composition import one_array
from manual_bp.construction.graph import Equation, Graph
from manual_bp.construction.wiring import upstream
from manual_bp.derivation import Derivation
from verify.programs.reachability import before, ends
from verify.programs.tails import downstream

Rows = Mapping[str, Any]


class NoLocalRule(Exception):
    """Why an equation has no local rule; it is judged as part of the whole graph."""


@dataclass(frozen=True)
class LocalRule:
    """What an equation is held to between its symbol and the derivatives that it takes."""

    derivation: Derivation
    equation: Equation
    frontier: tuple[str, ...]  # the nodes whose derivative it takes, downstream of its symbol
    others: tuple[str, ...]  # derivatives that it takes of other roots
    between: frozenset[str]  # the nodes on the paths from the symbol to the frontier, or to the root
    free: tuple[str, ...]  # the symbols that are free
    given: tuple[str, ...]  # the derivatives that are free

    @property
    def choices(self) -> tuple[str, ...]:
        """The static choices of every function that takes part."""
        graph = self.derivation.graph
        steps = [self.equation, *(graph.steps[node] for node in self._computed())]
        return tuple(dict.fromkeys(choice for step in steps for choice in step.choices))

    def _computed(self) -> list[str]:
        """The nodes whose functions are called, in order."""
        graph = self.derivation.graph
        wanted = before(graph, {*_symbols(graph, self.equation), *self.between, *self._between_others()})
        known, found = {*self.free}, []
        for node, step in graph.steps.items():
            if node in wanted and node not in known and known.issuperset(step.parameters):
                known.add(node)
                found.append(node)
        return found

    def _between_others(self) -> set[str]:
        graph = self.derivation.graph
        found: set[str] = set()
        for name in self.others:
            root, symbol = self.derivation.derivatives[name]
            found |= _paths(graph, symbol, ends(graph, root))
        return found

    def values(self, choices: Rows, free: Mapping[str, Any]) -> dict[str, Any]:
        """All that the equation takes, and under its own name what it must be.

        The root is there as a placeholder: an equation asks it for its shape alone.
        """
        known = {name: free[name] for name in (*self.free, *self.given)}
        made: dict[Any, Any] = {}
        for node in self._computed():
            step = self.derivation.graph.steps[node]
            known[node] = one_array(step, step(known, choices, made))
        root, symbol = self.equation.root, self.equation.symbol
        for name in self.others:
            start, by = self.derivation.derivatives[name]
            known[name] = self._derivative(start, by, (), known, choices)
        known[self.equation.name] = self._derivative(root, symbol, self.frontier, known, choices)
        wanted, by = known[self.equation.name], known[symbol]
        known.setdefault(root, jnp.zeros(wanted.shape[: wanted.ndim - by.ndim], by.dtype))
        return known

    def _derivative(
        self, root: str, symbol: str, frontier: Iterable[str], known: Mapping[str, Any], choices: Rows
    ) -> Any:
        """The derivative of a root by a symbol, root axes first, with what `known` says of the frontier's."""
        graph = self.derivation.graph
        stops = {node: f"d{root}_d{node}" for node in frontier}
        through = _paths(graph, symbol, [*stops, *ends(graph, root)], stops)
        direct = [end for end in ends(graph, root) if end in through and end not in stops]
        cotangents = {node: name for name, node in graph.cotangents.items()}

        def objective(value: Any) -> Any:
            values, made = {**known, symbol: value}, {}
            terms = []
            for node, step in graph.steps.items():
                if node not in through:
                    continue
                values[node] = one_array(step, step(values, choices, made))
                if node in stops:
                    terms.append(jnp.tensordot(known[stops[node]], values[node], values[node].ndim))
                    values[node] = jax.lax.stop_gradient(values[node])
            for end in direct:  # the root itself, or the outputs that a virtual one closes
                terms.append(values[end] if end == root else jnp.sum(values[cotangents[end]] * values[end]))
            return functools.reduce(jnp.add, terms)

        return _jacobian(objective, known[symbol])


def _jacobian(function: Callable[[Any], Any], value: Any) -> Any:
    """The derivative of an array by an array: pulled back from a basis, one axis of the result after the other."""
    result, pullback = jax.vjp(function, value)

    def along(axis: int, cotangent: Any) -> Any:
        if axis == result.ndim:
            return pullback(cotangent.astype(result.dtype))[0]
        rows = jnp.eye(result.shape[axis], dtype=result.dtype)
        shape = [1] * result.ndim
        shape[axis] = result.shape[axis]
        return jax.vmap(lambda row: along(axis + 1, cotangent * row.reshape(shape)))(rows)

    return along(0, jnp.ones(result.shape, result.dtype))


def local_rule(derivation: Derivation, equation: Equation) -> LocalRule:
    """The local rule of an equation. Raises NoLocalRule, with the reason."""
    graph = derivation.graph
    root, symbol = equation.root, equation.symbol
    if root == symbol:
        raise NoLocalRule(f"{root} by itself")
    after = downstream(graph, [symbol])
    taken = [
        name
        for name in equation.parameters
        if name in derivation.derivatives and name not in graph.cotangents
    ]
    same = {
        derivation.derivatives[name][1]: name for name in taken if derivation.derivatives[name][0] == root
    }
    frontier = tuple(node for node in graph.steps if node in same and node in after)
    if root in frontier:
        raise NoLocalRule(f"takes the derivative of {root} by itself")
    others = tuple(name for name in taken if derivation.derivatives[name][0] != root)
    between = frozenset(_paths(graph, symbol, [*frontier, *ends(graph, root)], frontier))
    if not between:
        raise NoLocalRule(f"{root} does not depend on {symbol}")
    rule = LocalRule(derivation, equation, frontier, others, between, (), ())
    needed = _needed(graph, {*_symbols(graph, equation), symbol}, between | rule._between_others())
    free = _free(graph, {*_symbols(graph, equation), symbol}, needed)
    met = (between | rule._between_others()) - {*frontier}
    cotangents = [n for n, node in graph.cotangents.items() if n in equation.parameters or node in met]
    given = tuple(dict.fromkeys([*same.values(), *cotangents]))
    return LocalRule(derivation, equation, frontier, others, between, free, given)


def _symbols(graph: Graph, equation: Equation) -> list[str]:
    """The symbols that an equation takes."""
    return [name for name in equation.parameters if name in graph.leaves or name in graph.steps]


def _paths(graph: Graph, symbol: str, targets: Iterable[str], stops: Iterable[str] = ()) -> set[str]:
    """The nodes on the paths from a symbol to any of the targets that go through none of the stops."""
    targets, stops = {*targets}, {*stops}
    moved = {symbol}
    for node, step in graph.steps.items():
        if (moved - stops).intersection(step.parameters):
            moved.add(node)
    found: set[str] = set()
    for node in reversed([*graph.steps]):
        step = graph.steps[node]
        if node in moved and node != symbol and (node in targets or node in found):
            found |= {node, *(p for p in step.parameters if p in moved - stops and p != symbol)}
    return found & graph.steps.keys()


def _needed(graph: Graph, taken: set[str], between: Iterable[str]) -> set[str]:
    """The symbols whose values are needed: those that are taken, and what the functions between are computed from."""
    between = {*between}
    inputs = {parameter for node in between for parameter in graph.steps[node].parameters}
    return taken | inputs | between


def _free(graph: Graph, taken: set[str], needed: set[str]) -> tuple[str, ...]:
    """Of the symbols taken those with no ancestor among them, and of the rest what those do not determine."""
    reach = upstream({node: step.parameters for node, step in graph.steps.items()}, graph.steps)

    def ancestors(name: str) -> set[str]:
        return {*reach.get(name, ())} - {name}

    first = {name for name in taken if not ancestors(name) & taken}
    found, todo = set(first), [*(needed - first)]
    while todo:
        name = todo.pop()
        if name in found:
            continue
        if name in graph.leaves or not ancestors(name) & first:
            found.add(name)
        else:
            todo += graph.steps[name].parameters
    order = [*graph.leaves, *graph.steps]
    return tuple(name for name in order if name in found)
