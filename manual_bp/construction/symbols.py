"""Reads from the annotations what symbols and static choices are: shapes, domains and tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from manual_bp.construction.axes import Dims, at_ranks, is_open
from manual_bp.construction.signatures import EMPTY, Kind, Shape, Signature, read_shape, show
from manual_bp.construction.tables import choices_of
from manual_bp.construction.wiring import listed, nearest
from manual_bp.domains import Domain, Index, mask, real
from manual_bp.losses import Loss, Target

Stated = Mapping[str, tuple[Shape, str]]  # a symbol's shape, and which function states it


@dataclass(frozen=True)
class Leaf:
    """A parameter of forward functions that is no node.

    A `Target` belongs to the symbol `output`, whose dims are `target_of`, and takes dims, kind and domain
    from the loss that is chosen as `choice`; the ones that stand here are then those of a scalar.
    """

    name: str
    dims: Dims
    kind: Kind
    domain: Domain
    output: str | None = None
    target_of: Dims | None = None
    choice: str | None = None

    def at(self, ranks: Mapping[str, int]) -> Leaf:
        """The leaf with so many axes in the place of each word that has a rank."""
        of = None if self.target_of is None else at_ranks(self.target_of, ranks)
        return replace(self, dims=at_ranks(self.dims, ranks), target_of=of)


def read_tables(signatures: Iterable[Signature], arrays: Iterable[str]) -> dict[str, Any]:
    """The annotation of each static choice, stated at least once and the same everywhere."""
    tables: dict[str, Any] = {}
    there: dict[str, str] = {}
    bare: dict[str, str] = {}
    for signature in signatures:
        here = signature.where
        for choice, annotation in signature.choices.items():
            if choice in arrays:
                raise TypeError(f"{here}: {choice!r} is an array, no static choice; put it before the '*'")
            if annotation is EMPTY:
                bare[choice] = here
                continue
            try:
                choices_of(annotation)
            except TypeError as error:
                raise TypeError(f"{here}: static choice {choice!r}: {error}") from None
            if tables.setdefault(choice, annotation) != annotation:
                one, other = named(tables[choice]), named(annotation)
                raise TypeError(
                    f"{here}: {choice} is a choice of {other}, but of {one} in {there[choice]}; use one table"
                )
            there.setdefault(choice, here)
    for choice, here in bare.items():
        if choice not in tables:
            raise TypeError(
                f"{here}: static choice {choice!r} has no table; annotate it once, as in "
                f"{choice}: Activation; choices known: {listed(tables)}{nearest(choice, tables)}"
            )
    return tables


def named(annotation: Any) -> str:
    return getattr(annotation, "__name__", str(annotation))


def read_shapes(ahead: list[Signature], back: list[Signature], derivatives: Mapping[str, Any]) -> Stated:
    """The shape of each symbol that any function annotates, the same wherever it is annotated."""
    stated: dict[str, tuple[Shape, str]] = {}

    def state(symbol: str, annotation: Any, here: str) -> None:
        shape = read_shape(annotation, f"{here}: {symbol}")
        if shape is not None:
            first, there = stated.setdefault(symbol, (shape, here))
            if shape != first:
                raise TypeError(
                    f"{here}: {symbol} is {shape}, but {first} in {there}; a symbol has one shape"
                )

    for signature in [*ahead, *back]:
        for symbol in (name for name in signature.arrays if name not in derivatives):
            state(symbol, signature.arrays[symbol], signature.where)
    for signature in ahead:
        state(signature.key, signature.returns, signature.where)
    return stated


def check_derivatives(
    back: list[Signature], derivatives: Mapping[str, tuple[str, str]], stated: Stated
) -> None:
    """Every annotated derivative is shaped like its symbol, after the axes of its root."""
    for signature in back:
        for name, annotation in {**signature.arrays, signature.key: signature.returns}.items():
            if name not in derivatives:
                continue
            root, symbol = derivatives[name]
            shape = read_shape(annotation, f"{signature.where}: {name}")
            if shape is None or root not in stated or symbol not in stated:
                continue
            axes = stated[root][0].dims
            expected = Shape(axes + stated[symbol][0].dims, "float")
            if shape != expected:
                like = f"{root} and of {symbol}" if axes else symbol
                raise TypeError(
                    f"{signature.where}: {name} is {shape}, expected {expected}, the shape of {like}"
                )


def read_leaf(
    name: str, ahead: list[Signature], stated: Stated, domains: Mapping[str, Domain], symbols: Iterable[str]
) -> Leaf:
    """What is known of a leaf. Raises TypeError where no function says its shape."""
    takers = [signature for signature in ahead if name in signature.arrays]
    for taker in takers:
        if taker.arrays[name] is Target:
            return read_target(name, taker, stated)
    if name not in stated:
        others = [symbol for symbol in symbols if symbol != name]
        given = next(
            (a for taker in takers if isinstance(a := taker.arrays[name], type) and a is not EMPTY), None
        )
        no_shape = "has no shape" if given is None else f"{given.__name__.rpartition('.')[2]} says no shape"
        raise TypeError(
            f"{takers[0].where}: parameter {name!r} is no node, so it is a leaf, and {no_shape}; "
            f"annotate it once, as in {name}: Float[Array, 'n d']; other symbols: "
            f"{listed(others)}{nearest(name, others)}"
        )
    shape, here = stated[name]
    domain = domains.get(name, mask if shape.kind == "bool" else real)
    if not isinstance(domain, Domain):
        raise TypeError(
            f"domains: {name!r} has {domain!r}; give one of manual_bp.domains, such as nonnegative"
        )
    if domain.kind != shape.kind:
        raise TypeError(
            f"{here}: leaf {name!r} holds {shape.kind}s, but its domain {domain.kind}s ({domain}); "
            f"give another annotation, or another domain, as in domains=dict({name}=index(10))"
        )
    return Leaf(name, shape.dims, shape.kind, domain)


def read_target(name: str, taker: Signature, stated: Stated) -> Leaf:
    here = taker.where
    output = next(iter(taker.arrays))
    choice = next((choice for choice, annotation in taker.choices.items() if annotation is Loss), None)
    if choice is None:
        raise TypeError(
            f"{here}: {name!r} is a Target; take the loss that it belongs to too, as in '*, loss: Loss'"
        )
    if output not in stated:
        raise TypeError(
            f"{here}: {name!r} is a Target; take the output that it belongs to first, and annotate that"
        )
    if name in stated:
        raise TypeError(
            f"{stated[name][1]}: {name!r} is a Target in {here}, so the loss says its shape; drop this one"
        )
    of, there = stated[output]
    if of.dims and is_open(of.dims[-1]):
        raise TypeError(
            f"{there}: {output} has shape {show(of.dims)}, but a loss runs along the last axis, and there may be "
            f"none; end it with a name, as in '{of.dims[-1]} q', or annotate {name!r} as an array"
        )
    return Leaf(name, (), "float", real, output, of.dims, choice)


def dims_of(leaves: Mapping[str, Leaf]) -> Dims:
    """Every dimension of every leaf, and of the outputs that targets belong to, each once."""
    return tuple(dict.fromkeys(d for leaf in leaves.values() for d in (*leaf.dims, *(leaf.target_of or ()))))


def check_domains(domains: Mapping[str, Domain], leaves: Mapping[str, Leaf], nodes: Iterable[str]) -> None:
    sizes = [str(dim) for dim in dims_of(leaves) if not is_open(dim)]
    for name, domain in domains.items():
        if name in nodes:
            raise TypeError(f"domains: {name!r} is a node; only leaves have a domain ({listed(leaves)})")
        if name not in leaves:
            raise TypeError(f"domains: {name!r} is no leaf ({listed(leaves)}){nearest(name, leaves)}")
        if leaves[name].output is not None:
            raise TypeError(f"domains: {name!r} is a Target, so the loss says its domain; drop this one")
        if isinstance(domain, Index) and (
            domain.size is None or (isinstance(domain.size, str) and domain.size not in sizes)
        ):
            raise TypeError(
                f"domains: {name!r} is an index below {domain.size!r}, which is no dimension "
                f"({listed(sizes)})"
            )


def check_differentiable(derivatives: Mapping[str, tuple[str, str]], leaves: Mapping[str, Leaf]) -> None:
    for name, (_, symbol) in derivatives.items():
        if symbol in leaves and leaves[symbol].kind != "float":
            raise TypeError(
                f"{name}: {symbol} holds {leaves[symbol].kind}s, and has no derivative; drop the equation"
            )


def check_scalar(objective: str, stated: Stated) -> None:
    if objective in stated and stated[objective][0].dims:
        shape, here = stated[objective]
        raise TypeError(
            f"{here}: {objective}, the last node, has shape {show(shape.dims)}; make it a scalar, "
            f"or close the derivation with cotangent='dJ_d{objective}'"
        )
