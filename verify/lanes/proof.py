"""The proof lane: both sides over finite fields, at random points of one shape, or at the very values of a case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from verify.arithmetic.field.arithmetic import Field
from verify.arithmetic.field.modular import MODULI
from verify.arithmetic.field.value import Agreement, NoLevelLeft
from verify.generation.data import generic, kinks_of
from verify.generation.kinks import pieces, sites
from verify.generation.residues import Points
from verify.interpreter.walker import Sizes
from verify.programs.pair import Pair
from verify.programs.tracing import GRADIENT, Programs, Traced, WalkError


@dataclass
class Outcome:
    """What one shape's points said of one equation."""

    agreements: dict[str, Agreement]  # by compared quantity
    theorem: str
    uninterpreted: frozenset[str]
    patterns: frozenset[int]  # the branch patterns met

    @property
    def equal(self) -> bool:
        return all(agreement.mismatch is None for agreement in self.agreements.values())

    @property
    def points(self) -> int:
        return min(agreement.points for agreement in self.agreements.values())

    @property
    def first_mismatch(self) -> int:
        """The first point at which the two sides differ."""
        return min(a.mismatch[0] for a in self.agreements.values() if a.mismatch is not None)

    @property
    def log2_error(self) -> float:
        return max(agreement.log2_error for agreement in self.agreements.values())


@dataclass
class Proof:
    """What one shape's points said."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    pieces: dict[tuple[str, str, int], int] = field(default_factory=dict)  # table, row, piece: elements there
    floats: Mapping[str, np.ndarray] = field(default_factory=dict)  # what steered: the points as cases


def prove(
    pair: Pair,
    sizes: Sizes,
    rng: np.random.Generator,
    points: int,
    *,
    concrete: bool = False,
    whole: bool = True,
    floats: Mapping[str, np.ndarray] | None = None,
) -> Proof:
    """Evaluates everything at random points: generic floats steer, or those given; independent random residues decide.

    The gradient whole is left out where `whole` says so: it takes as long as all equations together.
    """
    specs, programs = pair.specs(sizes), pair.programs(sizes, concrete=concrete)
    if not whole:
        programs = replace(programs, composed=None)
    if floats is None:
        floats = generic(rng, sizes, specs, points, kinks=kinks_of(pair.choices))
    points_drawn = Points.random(rng, specs, floats)
    proof = _climb(pair, lambda *how: _walk(pair, programs, sizes, points_drawn, *how))
    proof.floats = floats
    return proof


def prove_at(pair: Pair, sizes: Sizes, leaves: Mapping[str, np.ndarray], *, concrete: bool = False) -> Proof:
    """Evaluates everything at these very values: kinks and ties, where no random point lies."""
    programs = pair.programs(sizes, concrete=concrete)
    points = Points.exact(pair.specs(sizes), leaves)
    return _climb(pair, lambda *how: _walk(pair, programs, sizes, points, *how))


@dataclass
class Tower:
    """What is remembered of the fields that a proof needs; a pair remembers its own."""

    levels: int = 2
    descent: int = 0
    differing: set[str] = field(default_factory=set)


def prove_equal(
    tower: Tower, both: Traced, sizes: Sizes, points: Points, name: str, *, either_root: bool = False
) -> Outcome | None:
    """Evaluates a program that gives two results at these points, and compares the two; None where no field is tall
    enough. With `either_root` square roots have a sign of their own at every point.
    """

    def walk(height: int, way: Capability) -> tuple[Proof, list[Field]]:
        arithmetic = Field(len(points), height, extended=way.extended, descending=way.descending)
        arithmetic.either_root = either_root
        compared = both(arithmetic, sizes, points.leaves(height))
        return Proof({name: _outcome({name: compared}, arithmetic)}), [arithmetic]

    return _climb(tower, walk).outcomes.get(name)


class Capability(NamedTuple):
    """How much a field knows of roots and of logarithms."""

    extended: bool  # roots are found in quadratic extensions; else among the squares, where their laws hold
    descending: bool  # logarithms are discrete logarithms; else hashes


Walk = Callable[[int, Capability], tuple[Proof, list[Field]]]  # in a tower of a height
WAYS = tuple(Capability(extended, descending) for descending in (False, True) for extended in (True, False))


def _climb(pair: Pair | Tower, walk: Walk) -> Proof:
    """Walks the quickest way, and again on those that know more of roots and logarithms, where the sides differ.

    The pair remembers how high a tower it needs, whether discrete logarithms, which then come first, and which
    equations differ every way: for these alone no other way is tried again.
    """
    proof, fields = Proof(), list[Field]()
    for way in sorted(WAYS, key=lambda way: way.descending is not bool(pair.descent)):
        if fields and all(
            name in pair.differing for name, outcome in proof.outcomes.items() if not outcome.equal
        ):
            break
        rooted, logged = (any(getattr(field, name) for field in fields) for name in ("rooted", "logged"))
        if fields and not ((way.extended or rooted) and (logged or not way.descending)):
            continue
        another, more, height = _tall_enough(pair, walk, way)
        fields += more
        for name, outcome in another.outcomes.items():
            known = proof.outcomes.get(name)
            if known is None or not known.equal:
                proof.outcomes[name] = outcome
            if way.descending and outcome.equal and known is not None and not known.equal:
                pair.descent = height - pair.levels
        proof.pieces = proof.pieces or another.pieces
    pair.differing.update(name for name, outcome in proof.outcomes.items() if not outcome.equal)
    return proof


def _tall_enough(pair: Pair | Tower, walk: Walk, way: Capability) -> tuple[Proof, list[Field], int]:
    """Walks in the lowest tower that has a level for every exponential and logarithm, and says how high it is.

    Nothing comes of it where none is so high.
    """
    height = min(pair.levels + max(pair.descent, 1), len(MODULI)) if way.descending else pair.levels
    while True:
        try:
            proof, fields = walk(height, way)
            exhausted = any(field.exhausted for field in fields)
        except (WalkError, NoLevelLeft) as error:
            if not isinstance(getattr(error, "error", error), NoLevelLeft):
                raise
            proof, fields, exhausted = Proof(), [], True
        if not exhausted or height == len(MODULI):
            break
        height += 1
    if not way.descending:
        pair.levels = height
    return proof, fields, height


def _walk(
    pair: Pair, programs: Programs, sizes: Sizes, points: Points, height: int, way: Capability
) -> tuple[Proof, list[Field]]:
    fields: list[Field] = []

    def new() -> Field:
        fields.append(Field(len(points), height, extended=way.extended, descending=way.descending))
        return fields[-1]

    base, leaves = new(), points.leaves(height)
    values = programs.reference(base, sizes, leaves)
    proof = Proof()
    for name, equation in programs.equations.items():
        if isinstance(equation, Traced):
            field = new()
            manual = equation(field, sizes, values)
            proof.outcomes[name] = _outcome({name: (manual, values[name])}, base, field)
    if isinstance(programs.composed, Traced) and programs.autodiff is not None:
        ours, theirs = new(), new()
        manual, autodiff = programs.composed(ours, sizes, leaves), programs.autodiff(theirs, sizes, leaves)
        proof.outcomes[GRADIENT] = _outcome(
            {key: (manual[key], autodiff[key]) for key in autodiff}, ours, theirs
        )
    plain = {name: base.steer(value) for name, value in values.items()}
    for site in sites(pair.derivation, pair.choices, plain):
        for piece, count in pieces(site).items():
            key = (site.choice, site.row.name, piece)
            proof.pieces[key] = proof.pieces.get(key, 0) + count
    return proof, fields


def _outcome(compared: Mapping[str, tuple[Any, Any]], *fields: Field) -> Outcome:
    field = fields[-1]
    return Outcome(
        {
            key: field.compare(field.lifted(ours), field.lifted(theirs))
            for key, (ours, theirs) in compared.items()
        },
        "exponential" if any(each.exponential for each in fields) else "rational",
        frozenset().union(*(each.uninterpreted for each in fields)),
        frozenset(np.bitwise_xor.reduce([each.patterns for each in fields]).tolist()),
    )
