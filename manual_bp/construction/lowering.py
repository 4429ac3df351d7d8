"""Replaces the trees in the signatures of a derivation by their parts, each of which is a symbol from then on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_origin

import jax

from manual_bp.construction.signatures import EMPTY, Signature, read_shape, signature_of
from manual_bp.construction.trees import Names, branches, is_leaf, join, named, names_of, parts, read_tree
from manual_bp.construction.wiring import listed, splits
from manual_bp.losses import Target


@dataclass(frozen=True)
class Lowered:
    """Signatures without trees, and what the names of trees stand for."""

    ahead: list[Signature]
    back: list[Signature]
    cotangents: tuple[str, ...]
    trees: Mapping[str, Names]  # of symbols, of what is inside them, and of cotangents
    tops: Mapping[str, str]  # by part: the tree that is inside no other
    constants: frozenset[str]  # the parts that nothing is differentiated by
    closing: Names  # the cotangents, as the outputs that they belong to are handed out


def lower(ahead: list[Signature], back: list[Signature], cotangents: Sequence[str]) -> Lowered:
    """Raises TypeError for trees that do not agree, and for names that collide."""
    nodes = [signature.key for signature in ahead]
    spelling = read_trees(ahead, back)
    flat, flat_back = ([e for s in each for e in lowered(s, spelling)] for each in (ahead, back))
    check_once(flat_back)
    closed = {name: spelling(name) for name in cotangents}
    output = {name: next((s for _, s in splits(name) if s in nodes), name) for name in cotangents}
    closing = {output[name]: names for name, names in closed.items()}
    return Lowered(
        flat,
        flat_back,
        tuple(part for names in closed.values() for part in names_of(names)),
        {**spelling.trees, **{name: names for name, names in closed.items() if not is_leaf(names)}},
        {part: top for top in spelling.tops for part in names_of(spelling.trees[top])},
        spelling.constants,
        closing if len(closing) > 1 else next(iter(closing.values()), None),
    )


@dataclass(frozen=True)
class Spelling:
    """What each name stands for: the names of the parts of a tree, or itself."""

    symbols: frozenset[str]
    trees: Mapping[str, Names]
    tops: Sequence[str]
    constants: frozenset[str]

    def __call__(self, name: str) -> Names:
        """Of a derivative, the root's tree outside the symbol's; a part without a derivative has no name."""
        if name in self.trees or name in self.symbols:
            return self.trees.get(name, name)
        for root, symbol in splits(name):
            if symbol in self.trees or (root in self.trees and symbol in self.symbols):
                by = self.trees.get(symbol, symbol)
                return jax.tree.map(
                    lambda r, by=by: jax.tree.map(lambda s: self.derivative(r, s), by),
                    self.trees.get(root, root),
                )
        return name

    def derivative(self, root: str, symbol: str) -> str:
        return "" if {root, symbol} & self.constants else f"d{root}_d{symbol}"


def read_trees(ahead: list[Signature], back: list[Signature]) -> Spelling:
    nodes = [signature.key for signature in ahead]
    symbols = frozenset(nodes).union(*(signature.arrays for signature in ahead))
    first: dict[str, Names] = {}
    constants: set[str] = set()
    for signature in [*ahead, *back]:
        for name, annotation in {**signature.arrays, signature.key: signature.returns}.items():
            here = f"{signature.where}: {name}"
            if name not in symbols or (tree := read_tree(annotation, here)) is None:
                continue
            names = first.setdefault(name, named(name, tree))
            for part, what in parts(names, tree, f"{here}: is another tree than elsewhere").items():
                shape = read_shape(what, f"{here}: {part}")
                if what is Target or (shape is not None and shape.kind != "float"):
                    constants.add(part)
    inside = {branch for name, names in first.items() for branch, _ in [*branches(name, names)][1:]}
    tops = [name for name in first if name not in inside]
    check_names(tops, first, nodes)
    check_sizes(ahead, first)
    trees = {branch: names for top in tops for branch, names in branches(top, first[top])}
    return Spelling(symbols, trees, tops, frozenset(constants))


def check_names(tops: Sequence[str], trees: Mapping[str, Names], nodes: Sequence[str]) -> None:
    owners = dict.fromkeys(nodes, "a node")
    for top in tops:
        for part in [*[branch for branch, _ in branches(top, trees[top])][1:], *names_of(trees[top])]:
            if part in owners:
                raise TypeError(
                    f"{top}: {part!r} is a part of it, and {owners[part]} too; rename one of them"
                )
            owners[part] = f"a part of {top}"


def check_sizes(ahead: list[Signature], trees: Mapping[str, Names]) -> None:
    for signature in ahead:
        for name, annotation in signature.arrays.items():
            if name not in trees and get_origin(annotation) in (list, tuple, dict):
                raise TypeError(
                    f"{signature.where}: {name}: {annotation} does not say how many arrays there are; write it "
                    "out, as in [Layer, Layer, Layer] or [Layer] * depth"
                )


def check_once(back: list[Signature]) -> None:
    """No derivative is given twice, by an equation of a tree and by one of a part of it."""
    givers: dict[str, str] = {}
    for signature in back:
        giver = signature.function.whole.signature if isinstance(signature.function, Part) else signature
        if signature.key in givers:
            raise TypeError(
                f"{giver.where}: gives {signature.key}, and so does {givers[signature.key]}; drop one of them"
            )
        givers[signature.key] = giver.where


# --- functions --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Whole:
    """A function that takes or returns trees, as one that takes their parts."""

    signature: Signature
    takes: Sequence[Names]  # of each parameter
    gives: Names
    arrays: Sequence[str]

    def __call__(self, *arrays: Any, **choices: Any) -> dict[str, Any]:
        """What the function returns, by the names of its parts."""
        values = dict(zip(self.arrays, arrays, strict=True))
        result = self.signature.function(*(join(names, values) for names in self.takes), **choices)
        return parts(self.gives, result, f"{self.signature.where}: returned another tree")


class Part:
    """A function of parts that gives one part of what a function of trees returns."""

    def __init__(self, whole: Whole, signature: Signature):
        function, name = whole.signature.function, signature.key
        self.whole, self.name = whole, name
        self.__name__ = getattr(function, "__name__", repr(function))
        root, symbol = (splits(name) or [("", "")])[0]
        formula = rf"$\partial {root}/\partial {symbol}$".replace("_", r"\_")
        self.__doc__ = function.__doc__ if is_leaf(whole.gives) else formula
        self.__signature__ = signature_of(signature.arrays, signature.choices, signature.returns)

    def __call__(self, *arrays: Any, **choices: Any) -> Any:
        return self.whole(*arrays, **choices)[self.name]


def lowered(signature: Signature, spelling: Spelling) -> Iterator[Signature]:
    """The function itself where no tree is involved, or one for each part of what it returns."""
    takes, gives = [spelling(name) for name in signature.arrays], spelling(signature.key)
    if all(map(is_leaf, [*takes, gives])):
        yield signature
        return
    if jax.tree.leaves(gives) and not names_of(gives):
        raise TypeError(f"{signature.where}: no part of it holds floating-point numbers; drop the equation")
    arrays: dict[str, Any] = {}
    for names, (name, annotation) in zip(takes, signature.arrays.items(), strict=True):
        for part, what in annotations_of(names, annotation, f"{signature.where}: {name}").items():
            if arrays.setdefault(part, what) is EMPTY:
                arrays[part] = what
    whole = Whole(signature, takes, gives, [*arrays])
    for part, returns in annotations_of(gives, signature.returns, signature.where).items():
        flat = replace(signature, key=part, arrays=arrays, returns=returns)
        yield replace(flat, function=Part(whole, flat))


def annotations_of(names: Names, annotation: Any, here: str) -> dict[str, Any]:
    """What an annotation says of each part."""
    if is_leaf(names):
        return {names: annotation}
    tree = read_tree(annotation, here)
    if tree is not None:
        return parts(names, tree, f"{here}: is another tree than elsewhere")
    if (shape := read_shape(annotation, here)) is not None:
        raise TypeError(
            f"{here}: is {shape}, but elsewhere a tree of {listed(names_of(names))}; use one of them"
        )
    return dict.fromkeys(names_of(names), EMPTY)
