"""The graph of a derivation: leaves, nodes and equations wired by parameter names, and every check that needs no numbers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from manual_bp.domains import Domain, mask, real
from manual_bp.losses import Loss, Target
from manual_bp.signatures import EMPTY, Dims, Kind, Shape, Signature, read_shape, read_signature, show, title
from manual_bp.tables import choices_of
from manual_bp.wiring import closed_by, derivative, in_order, listed, nearest, no_derivative, upstream

Function = Callable[..., Any]


@dataclass(frozen=True)
class Leaf:
    """A parameter that no forward function defines.

    A `Target` belongs to the symbol `output`, whose dims are `target_of`, and takes its own dims, kind and domain from the
    loss chosen as `choice`; until then they stand for a scalar.
    """

    name: str
    dims: Dims
    kind: Kind
    domain: Domain
    output: str | None = None
    target_of: Dims | None = None
    choice: str | None = None


@dataclass(frozen=True)
class Step:
    """A function wired by name: it takes the values of `parameters` and the rows of `choices`."""

    name: str
    function: Function
    parameters: tuple[str, ...]
    choices: tuple[str, ...]

    def __call__(self, values: Mapping[str, Any], choices: Mapping[str, Any]) -> Any:
        return self.function(*(values[p] for p in self.parameters), **{c: choices[c] for c in self.choices})


@dataclass(frozen=True)
class Equation(Step):
    """The derivative of `root` with respect to `symbol`; `tex` is the first line of its docstring."""

    root: str
    symbol: str
    tex: str


@dataclass(frozen=True)
class Graph:
    """What construction finds out. All mappings are read-only."""

    leaves: Mapping[str, Leaf]
    steps: Mapping[str, Step]  # the nodes, in evaluation order
    equations: Mapping[str, Equation]  # in the order given
    tables: Mapping[str, Any]  # the annotation of each choice
    objective: str
    cotangents: Mapping[str, str]
    derivatives: Mapping[str, tuple[str, str]]  # root and symbol of every derivative named, missing equations too


@dataclass(frozen=True)
class Read:
    """A function, the name it is given in forward or backward, and its signature."""

    name: str
    where: str
    function: Function
    signature: Signature

    @classmethod
    def all(cls, functions: Mapping[str, Function]) -> list[Read]:
        return [cls(name, title(function), function, read_signature(function)) for name, function in functions.items()]


def build(
    forward: Mapping[str, Function],
    backward: Mapping[str, Function],
    domains: Mapping[str, Domain],
    cotangents: tuple[str, ...],
) -> Graph:
    """Wires and checks. Raises TypeError that names the function, the parameter and what is in scope."""
    if not forward:
        raise TypeError("forward is empty; give at least one node, as in forward=dict(J=objective)")
    ahead, back = Read.all(forward), Read.all(backward)
    parameters = {read.name: tuple(read.signature.arrays) for read in ahead}
    order = in_order(parameters, "forward")
    leaves = list(dict.fromkeys(p for names in parameters.values() for p in names if p not in parameters))
    symbols = [*leaves, *parameters]
    closed = {name: closed_by(name, parameters, symbols) for name in cotangents}
    objective = find_objective(parameters, closed)
    check_names(leaves, symbols, backward, closed, ahead)

    reach = upstream(parameters, order)
    if closed:
        reach[objective] = {objective}.union(*(reach[node] for _, node in closed.values()))
    derivatives = dict(closed)
    for name in backward:
        derivatives[name] = read_equation(name, reach, symbols)
    for read in back:
        for parameter in read.signature.arrays:
            if parameter not in symbols and parameter not in derivatives:
                derivatives[parameter] = read_missing(read.where, parameter, reach, symbols, derivatives)
    in_order({read.name: read.signature.arrays for read in back}, "backward")

    tables = read_tables([*ahead, *back], {*symbols, *derivatives})
    shapes = read_shapes(ahead, back, derivatives, closed)
    described = {name: describe(name, ahead, shapes, domains, symbols) for name in leaves}
    check_domains(domains, described, parameters)
    for name, (_, symbol) in derivatives.items():
        if symbol in described and described[symbol].kind != "float":
            raise TypeError(f"{name}: leaf {symbol!r} is an array of {described[symbol].kind}s, which has no derivative")
    if not closed and objective in shapes and shapes[objective][0].dims:
        raise TypeError(
            f"{objective}, the last node, has shape {show(shapes[objective][0].dims)} in {shapes[objective][1]}; "
            f"make it a scalar, or close the derivation with cotangent='dJ_d{objective}'"
        )
    steps = {read.name: Step(*wired(read)) for read in ahead}
    return Graph(
        MappingProxyType(described),
        MappingProxyType({name: steps[name] for name in order}),
        MappingProxyType(
            {read.name: Equation(*wired(read), *derivatives[read.name], tex(read.function)) for read in back}
        ),
        MappingProxyType(tables),
        objective,
        MappingProxyType({name: node for name, (_, node) in closed.items()}),
        MappingProxyType(derivatives),
    )


def wired(read: Read) -> tuple[str, Function, tuple[str, ...], tuple[str, ...]]:
    return read.name, read.function, tuple(read.signature.arrays), tuple(read.signature.choices)


def tex(function: Function) -> str:
    first, _, _ = (inspect.getdoc(function) or "").partition("\n")
    return first.strip().strip("$").strip()


def find_objective(parameters: Mapping[str, tuple[str, ...]], closed: Mapping[str, tuple[str, str]]) -> str:
    roots = sorted({root for root, _ in closed.values()})
    if len(roots) > 1:
        raise TypeError(f"cotangents {listed(closed)}: of {len(roots)} roots, {listed(roots)}; name them all d{roots[0]}_d...")
    if closed:
        return roots[0]
    last = [*parameters][-1]
    takers = [node for node, names in parameters.items() if last in names]
    if takers:
        raise TypeError(f"forward: {last!r}, the last node, is taken by {listed(takers)}; write the objective last")
    return last


def check_names(
    leaves: list[str],
    symbols: list[str],
    backward: Mapping[str, Function],
    closed: Mapping[str, tuple[str, str]],
    ahead: list[Read],
) -> None:
    for name in backward:
        if name in closed:
            raise TypeError(f"{name}: is the cotangent that closes the derivation; drop the equation")
        if name in symbols and name not in leaves:
            raise TypeError(f"{name}: is both a node and an equation; rename one of them")
    for read in ahead:
        for parameter in read.signature.arrays:
            if parameter in backward or parameter in closed:
                raise TypeError(f"{read.where}: parameter {parameter!r} is an equation; forward functions take symbols only")


def read_equation(name: str, reach: Mapping[str, set[str]], symbols: list[str]) -> tuple[str, str]:
    reading = derivative(name, reach, [*symbols, *reach])
    if reading is None:
        raise TypeError(f"{name}: {no_derivative(name, reach, symbols)}")
    root, symbol = reading
    if symbol not in reach[root]:
        raise TypeError(
            f"{name}: {root} does not depend on {symbol}; it is computed from {listed(s for s in symbols if s in reach[root] - {root})}"
        )
    return reading


def read_missing(
    where: str, parameter: str, reach: Mapping[str, set[str]], symbols: list[str], derivatives: Mapping[str, Any]
) -> tuple[str, str]:
    """A parameter that is no symbol and no equation: the derivative it asks for, since a derivation may be incomplete."""
    reading = derivative(parameter, reach, [*symbols, *reach])
    if reading is None:
        raise TypeError(
            f"{where}: parameter {parameter!r} is neither a symbol ({listed(symbols)}) nor an equation "
            f"({listed(derivatives)}){nearest(parameter, [*symbols, *derivatives])}"
        )
    return reading


def read_tables(reads: list[Read], taken: set[str]) -> dict[str, Any]:
    """The annotation that says which table each choice comes from, stated at least once, the same everywhere."""
    tables: dict[str, Any] = {}
    stated: dict[str, str] = {}
    for read in reads:
        for choice, annotation in read.signature.choices.items():
            if choice in taken:
                raise TypeError(
                    f"{read.where}: {choice!r} is an array and cannot be keyword-only; put it before the '*'"
                )
            if annotation is EMPTY:
                continue
            try:
                choices_of(annotation)
            except TypeError as error:
                raise TypeError(f"{read.where}: choice {choice!r}: {error}") from None
            if tables.setdefault(choice, annotation) != annotation:
                raise TypeError(
                    f"{read.where}: choice {choice!r} is annotated {annotation!r}, and {tables[choice]!r} in {stated[choice]}"
                )
            stated.setdefault(choice, read.where)
    for read in reads:
        for choice in read.signature.choices:
            if choice not in tables:
                raise TypeError(
                    f"{read.where}: keyword-only parameter {choice!r} has no annotation that says which table it comes "
                    f"from, as in '{choice}: Activation'; choices known: {listed(tables)}{nearest(choice, tables)}"
                )
    return tables


def read_shapes(
    ahead: list[Read],
    back: list[Read],
    derivatives: Mapping[str, tuple[str, str]],
    closed: Mapping[str, tuple[str, str]],
) -> dict[str, tuple[Shape, str]]:
    """The shape of every symbol that states one, with the function that states it; the same wherever it is stated."""
    shapes: dict[str, tuple[Shape, str]] = {}

    def state(name: str, shape: Shape | None, where: str) -> None:
        if shape is None:
            return
        first, there = shapes.setdefault(name, (shape, where))
        if first != shape:
            raise TypeError(f"{where}: {name} is {shape}, but {first} in {there}; a symbol has one shape")

    for read in [*ahead, *back]:
        for parameter, annotation in read.signature.arrays.items():
            if parameter not in derivatives:
                state(parameter, read_shape(annotation, f"{read.where}: parameter {parameter!r}"), read.where)
    for read in ahead:
        state(read.name, read_shape(read.signature.returns, f"{read.where}: what it returns"), read.where)

    roots = {root for root, _ in closed.values()}
    for read in back:
        stated = {**read.signature.arrays, read.name: read.signature.returns}
        for name in (name for name in stated if name in derivatives):
            root, symbol = derivatives[name]
            shape = read_shape(stated[name], f"{read.where}: {name}")
            if shape is None or symbol not in shapes or not (root in roots or root in shapes):
                continue
            dims = (() if root in roots else shapes[root][0].dims) + shapes[symbol][0].dims
            if shape != Shape(dims, "float"):
                raise TypeError(
                    f"{read.where}: {name} is {shape}, expected float {show(dims)}, the shape of "
                    f"{symbol if root in roots or not shapes[root][0].dims else f'{root} and of {symbol}'}"
                )
    return shapes


def describe(
    name: str, ahead: list[Read], shapes: Mapping[str, tuple[Shape, str]], domains: Mapping[str, Domain], symbols: list[str]
) -> Leaf:
    """What is known of a leaf. Raises TypeError where no function annotates it."""
    takers = [read for read in ahead if name in read.signature.arrays]
    for read in takers:
        if read.signature.arrays[name] is Target:
            return describe_target(name, read, shapes)
    if name not in shapes:
        others = [symbol for symbol in symbols if symbol != name]
        raise TypeError(
            f"{takers[0].where}: parameter {name!r} is no node, so it is a leaf, and it has no shape; annotate it once, "
            f"as in {name}: Float[Array, 'n d']; symbols: {listed(others)}{nearest(name, others)}"
        )
    shape, where = shapes[name]
    domain = domains.get(name, mask if shape.kind == "bool" else real)
    if domain.kind != shape.kind:
        raise TypeError(
            f"{where}: leaf {name!r} is an array of {shape.kind}s, its domain is {domain}; "
            f"give domains=dict({name}=...) one of the same kind" + (", such as index('q')" if shape.kind == "int" else "")
        )
    return Leaf(name, shape.dims, shape.kind, domain)


def describe_target(name: str, read: Read, shapes: Mapping[str, tuple[Shape, str]]) -> Leaf:
    output = next(iter(read.signature.arrays))
    choice = next((c for c, annotation in read.signature.choices.items() if annotation is Loss), None)
    if choice is None:
        raise TypeError(f"{read.where}: {name!r} is a Target; take the loss that it is a target of, '*, loss: Loss'")
    if output == name or output not in shapes:
        raise TypeError(f"{read.where}: {name!r} is a Target; annotate the output it belongs to, and take it first")
    if name in shapes:
        raise TypeError(f"{shapes[name][1]}: {name!r} is a Target in {read.where}, the loss says its shape; drop the annotation")
    return Leaf(name, (), "float", real, output, shapes[output][0].dims, choice)


def check_domains(domains: Mapping[str, Domain], leaves: Mapping[str, Leaf], nodes: Mapping[str, Any]) -> None:
    sizes = {dim for leaf in leaves.values() for dim in (*leaf.dims, *(leaf.target_of or ()))}
    for name, domain in domains.items():
        if name not in leaves:
            raise TypeError(
                f"domains: {name!r} is " + ("a node; only leaves have a domain" if name in nodes else "no leaf")
                + f" ({listed(leaves)}){nearest(name, leaves)}"
            )
        if leaves[name].output is not None:
            raise TypeError(f"domains: {name!r} is a Target, the loss says its domain; drop it here")
        size = getattr(domain, "size", 1)
        if not isinstance(size, int) and size not in sizes:
            raise TypeError(f"domains: {name!r} is below {size!r}, which is no dimension of a leaf ({listed(map(str, sizes))})")
