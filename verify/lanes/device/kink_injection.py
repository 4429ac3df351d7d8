"""Sets the inputs of equations alone exactly at kinks and ties, where data behind smooth functions hardly lies.

What an equation takes alone is free. So where a node $h = f(z)$ applies a row with kinks, and an equation gives
the derivative by z from the one by h, z is put on the kinks (or $z - y$ on the ties), and the equation must
give what `jax.vjp` of f gives there for the same cotangent.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from manual_bp.construction.graph import Equation, Step
from manual_bp.domains import Real
from verify.arithmetic.bounds.arithmetic import Bounds
from verify.interpreter.walker import Arithmetic, Sizes
from verify.programs.pair import Pair
from verify.programs.tracing import Traced

ROWS = 128  # injected cases: every element of every one lies at a kink
COTANGENTS = (1.0, -2.0, 3.0, -1.0, 2.0, -3.0)
SECOND = (0.0, 1.0, -2.0, 2.0, -1.0)  # what a tie is a tie with


class Place(NamedTuple):
    """An equation that gives the derivative through one node that applies a row with kinks."""

    equation: Equation
    step: Step
    choice: str
    row: Any
    cotangent: str | None  # the name of the derivative by the node; None where that is 1

    @property
    def argument(self) -> str:
        return self.step.parameters[0]

    @property
    def decides(self) -> tuple[str, ...]:
        """All that the derivative there depends on."""
        return (*self.step.parameters, *filter(None, [self.cotangent]))


class Injected(NamedTuple):
    """Cases for one place: what the equation is given, and how many elements lie at each kink."""

    place: Place
    values: dict[str, np.ndarray]
    hits: dict[float, int]


def places(pair: Pair) -> list[Place]:
    """Every equation whose kinks can be reached this way; the others meet theirs on lattice data."""
    graph, found = pair.derivation.graph, []
    for node, step in graph.steps.items():
        for choice in step.choices:
            row = pair.choices[choice]
            if not getattr(row, "kinks", ()) or not step.parameters:
                continue
            takers = [other for other in graph.steps.values() if step.parameters[0] in other.parameters]
            for equation in pair.derivation.equations.values():
                if equation.symbol != step.parameters[0] or len(takers) > 1 or choice not in equation.choices:
                    continue
                cotangent = next(
                    (n for n, read in graph.derivatives.items() if read == (equation.root, node)), None
                )
                known = {node, *step.parameters, cotangent}
                given = cotangent in equation.parameters or equation.root == node
                if given and known.issuperset(equation.parameters) and _free(pair, step):
                    found.append(Place(equation, step, choice, row, cotangent))
    return found


def _free(pair: Pair, step: Step) -> bool:
    """Whether the argument, and what it is compared with, may be any real numbers."""
    compared = [name for name in step.parameters[:2] if name in pair.leaves]
    return all(isinstance(pair.leaves[name].domain, Real) for name in compared)


class Injection:
    """The places of one pair, and their references."""

    def __init__(self, pair: Pair):
        self.pair, self.places = pair, places(pair)
        self._traced: dict[tuple, Traced] = {}

    def cases(self, sizes: Sizes, values: Mapping[str, np.ndarray]) -> list[Injected]:
        """For each place a set of cases like those of `values`, but for what lies at the kinks."""
        return [self._inject(place, sizes, values) for place in self.places]

    def _inject(self, place: Place, sizes: Sizes, values: Mapping[str, np.ndarray]) -> Injected:
        given = {name: array[np.arange(ROWS) % len(array)] for name, array in values.items()}

        def laid(name: str, numbers: Any) -> np.ndarray:
            return np.resize(np.asarray(numbers, np.float64), given[name].shape)

        at = laid(place.argument, place.row.kinks)
        if len(place.step.parameters) > 1:
            second = place.step.parameters[1]
            given[second] = laid(second, SECOND)
            given[place.argument] = given[second] + at
        else:
            given[place.argument] = at
        if place.cotangent is not None:
            given[place.cotangent] = laid(place.cotangent, COTANGENTS)
        exact = Bounds(traced=self.pair.dtype)
        lifted = {
            name: exact.exact(array) if array.dtype.kind == "f" else array for name, array in given.items()
        }
        given[place.step.name] = np.asarray(exact.steer(self.reference(place, exact, sizes, lifted)[1]))
        return Injected(place, given, {kink: int((at == kink).sum()) for kink in place.row.kinks})

    def reference(
        self, place: Place, arithmetic: Arithmetic, sizes: Sizes, values: Mapping[str, Any]
    ) -> tuple[Any, Any]:
        """What `jax.vjp` of the node's function gives, and the node itself, in this arithmetic."""
        programs = self.pair.programs(sizes)
        key = (place.equation.name, id(programs))
        if key not in self._traced:
            names = dict.fromkeys(place.decides)
            shapes = {name: programs.reference.results[name] for name in names}
            self._traced[key] = Traced(functools.partial(_pulled, place, self.pair.choices), shapes)
        return self._traced[key](arithmetic, sizes, values)


def _pulled(place: Place, choices: Mapping[str, Any], **values: Any) -> tuple[Any, Any]:
    node, pull = jax.vjp(
        lambda argument: place.step({**values, place.argument: argument}, choices), values[place.argument]
    )
    cotangent = jnp.ones_like(node) if place.cotangent is None else values[place.cotangent].astype(node.dtype)
    return pull(cotangent)[0], node
