"""The graph of a derivation: leaves, nodes and equations, wired by parameter names and checked."""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from manual_bp.construction import symbols as about
from manual_bp.construction.axes import read_axes
from manual_bp.construction.lowering import Part, lower
from manual_bp.construction.signatures import Function, Shape, Signature, read_signatures
from manual_bp.construction.symbols import Leaf
from manual_bp.construction.trees import Names, names_of, spread_domains
from manual_bp.construction.wiring import (
    closed_by,
    derivative,
    in_order,
    listed,
    nearest,
    upstream,
    why_no_derivative,
)

Reading = tuple[str, str]  # the root and the symbol of a derivative


@dataclass(frozen=True)
class Step:
    """A function wired by name: it takes the values of `parameters`, and rows as `choices`."""

    name: str
    function: Function
    parameters: tuple[str, ...]
    choices: tuple[str, ...]

    def __call__(
        self, values: Mapping[str, Any], choices: Mapping[str, Any], made: dict[Any, Any] | None = None
    ) -> Any:
        """What the function gives. In `made` it keeps a tree that it gives one part of, for the others."""
        arrays, rows = [values[p] for p in self.parameters], {c: choices[c] for c in self.choices}
        if made is None or not isinstance(self.function, Part):
            return self.function(*arrays, **rows)
        whole = self.function.whole
        if whole not in made:
            made[whole] = whole(*arrays, **rows)
        return made[whole][self.function.name]


@dataclass(frozen=True)
class Equation(Step):
    """The derivative of `root` by `symbol`; `tex` is the first line of its docstring, without the dollars.

    `label` is what the book calls it, if its docstring says so: `eq_backprop-J-h`.
    """

    root: str
    symbol: str
    tex: str
    label: str = ""


@dataclass(frozen=True, eq=False)
class Graph:
    """What construction finds out. All mappings are read-only."""

    leaves: Mapping[str, Leaf]
    stated: about.Stated  # the shapes that annotations state, and in which function
    steps: Mapping[str, Step]  # the nodes, in evaluation order
    equations: Mapping[str, Equation]  # in the order given
    tables: Mapping[str, Any]  # the annotation of each static choice
    objective: str
    cotangents: Mapping[str, str]  # name to node
    derivatives: Mapping[str, Reading]  # every derivative that is named, missing equations among them
    arguments: tuple[str, ...]  # the leaves, parts of trees as one
    trees: Mapping[str, Names]  # what the name of a tree stands for
    constants: frozenset[str]  # the parts of trees that nothing is differentiated by
    closing: Names  # the cotangents, as the outputs that they belong to are handed out
    axes: tuple[str, ...]  # the words in shapes that stand for any number of axes

    def parts(self, symbol: str) -> list[str]:
        """The symbols to differentiate by where one is named that may be a tree."""
        if symbol not in self.trees:
            return [symbol]
        return [part for part in names_of(self.trees[symbol]) if part not in self.constants]


def build(
    forward: Mapping[str, Function],
    backward: Mapping[str, Function],
    domains: Mapping[str, Any],
    cotangents: tuple[str, ...],
    ranks: Mapping[str, int],
) -> Graph:
    """Wires and checks. Raises TypeError that names the function, the parameter and what is in scope."""
    if not forward:
        raise TypeError("forward: is empty; give at least one node, as in forward=dict(J=objective)")
    lowered = lower(read_signatures(forward), read_signatures(backward), cotangents)
    ahead, back = lowered.ahead, lowered.back
    domains = spread_domains(domains)
    takes = {signature.key: tuple(signature.arrays) for signature in ahead}
    order = in_order(takes, "forward")
    leaves = list(dict.fromkeys(name for names in takes.values() for name in names if name not in takes))
    symbols = [*leaves, *takes]
    closed = {name: closed_by(name, takes, symbols) for name in lowered.cotangents}
    objective = root_of(closed) if closed else last_of(takes)
    if not closed and (last := [*forward][-1]) in lowered.trees:
        raise TypeError(
            f"forward: {last!r} stands last, and is a tree; make the last node a scalar, or close the "
            f"derivation with cotangent='dJ_d{last}'"
        )
    check_names(ahead, {signature.key for signature in back}, closed)

    reach = upstream(takes, order)
    if closed:
        reach[objective] = {objective}.union(*(reach[node] for _, node in closed.values()))
    derivatives = read_derivatives(back, reach, symbols, closed)
    in_order({signature.key: signature.arrays for signature in back}, "backward")

    tables = about.read_tables([*ahead, *back], {*symbols, *derivatives})
    stated = about.read_shapes(ahead, back, derivatives)
    virtual = {objective: (Shape((), "float"), "cotangent")} if closed else {}
    about.check_derivatives(back, derivatives, {**stated, **virtual})
    described = {name: about.read_leaf(name, ahead, stated, domains, symbols) for name in leaves}
    about.check_domains(domains, described, takes)
    axes = read_axes(about.dims_of(described), ranks)
    about.check_differentiable(derivatives, described)
    if not closed:
        about.check_scalar(objective, stated)

    steps = {signature.key: Step(*wired(signature)) for signature in ahead}
    equations = {s.key: Equation(*wired(s), *derivatives[s.key], *printed(s.function)) for s in back}
    return Graph(
        leaves=MappingProxyType({name: leaf.at(ranks) for name, leaf in described.items()}),
        stated=MappingProxyType({name: (shape.at(ranks), there) for name, (shape, there) in stated.items()}),
        steps=MappingProxyType({name: steps[name] for name in order}),
        equations=MappingProxyType(equations),
        tables=MappingProxyType(tables),
        objective=objective,
        cotangents=MappingProxyType({name: node for name, (_, node) in closed.items()}),
        derivatives=MappingProxyType(derivatives),
        arguments=tuple(dict.fromkeys(lowered.tops.get(name, name) for name in leaves)),
        trees=MappingProxyType(lowered.trees),
        constants=lowered.constants,
        closing=lowered.closing,
        axes=axes,
    )


def wired(signature: Signature) -> tuple[str, Function, tuple[str, ...], tuple[str, ...]]:
    return signature.key, signature.function, tuple(signature.arrays), tuple(signature.choices)


def printed(function: Function) -> tuple[str, str]:
    """The equation as a book prints it, from the docstring: its TeX and its label."""
    text = inspect.getdoc(function) or ""
    first, _, _ = text.partition("\n")
    label = re.search(r"`(eq_[\w-]+)`", text)
    tex = re.sub(r",?\s*`eq_[\w-]+`\.?$", "", first.strip())
    return tex.strip("$").strip(), label[1] if label else ""


def root_of(closed: Mapping[str, Reading]) -> str:
    roots = sorted({root for root, _ in closed.values()})
    if len(roots) > 1:
        raise TypeError(f"cotangents {listed(closed)}: have the roots {listed(roots)}; name them after one")
    return roots[0]


def last_of(takes: Mapping[str, Iterable[str]]) -> str:
    last = [*takes][-1]
    takers = [node for node, names in takes.items() if last in names]
    if takers:
        raise TypeError(
            f"forward: {last!r} stands last, but {listed(takers)} takes it; write the objective last"
        )
    return last


def check_names(ahead: list[Signature], backward: Collection[str], closed: Mapping[str, Reading]) -> None:
    for name in backward:
        if name in closed:
            raise TypeError(
                f"{name}: is the cotangent that closes the derivation, which is given; drop the equation"
            )
    for signature in ahead:
        if signature.key in backward:
            raise TypeError(f"{signature.where}: is a node and an equation too; rename one of them")
        for name in signature.arrays:
            if name in backward or name in closed:
                raise TypeError(
                    f"{signature.where}: parameter {name!r} is a derivative; forward takes symbols only"
                )


def read_derivatives(
    back: list[Signature], reach: Mapping[str, set[str]], symbols: list[str], closed: Mapping[str, Reading]
) -> dict[str, Reading]:
    """What each equation, and each derivative that an equation takes, is the derivative of, and by what."""
    known = [*symbols, *(root for root in reach if root not in symbols)]  # dJ_dJ = 1 too, for a virtual root
    derivatives = dict(closed)
    for signature in back:
        reading = derivative(signature.key, reach, known)
        if reading is None:
            raise TypeError(f"{signature.where}: {why_no_derivative(signature.key, reach, symbols)}")
        derivatives[signature.key] = depends(signature.where, signature.key, reading, reach, known)
    for signature in back:
        for name in (name for name in signature.arrays if name not in symbols and name not in derivatives):
            reading = derivative(name, reach, known)
            if reading is None:
                raise TypeError(
                    f"{signature.where}: parameter {name!r} is neither a symbol ({listed(symbols)}) "
                    f"nor an equation ({listed(derivatives)}){nearest(name, [*symbols, *derivatives])}"
                )
            derivatives[name] = depends(signature.where, name, reading, reach, known)
    return derivatives


def depends(
    here: str, name: str, reading: Reading, reach: Mapping[str, set[str]], known: list[str]
) -> Reading:
    root, symbol = reading
    if symbol not in reach[root]:
        comes_from = listed(other for other in known if other in reach[root] and other != root)
        raise TypeError(f"{here}: {name}: {root} does not depend on {symbol}, only on {comes_from}")
    return reading
