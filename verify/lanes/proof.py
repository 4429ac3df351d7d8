"""The proof lane: both sides over finite fields, at random points of one shape, or at the very values of a case."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from verify.arithmetic.field import Agreement, Field, Residues
from verify.arithmetic.modular import MODULI
from verify.data import generic, kinks_of
from verify.interpret import Sizes
from verify.kinks import pieces, sites
from verify.programs import GRADIENT, Fault, Pair, Programs, Traced
from verify.residues import exact_residues, residues


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
) -> Proof:
    """Evaluates everything at random points: generic floats steer, independent random residues decide.

    The gradient whole is left out where `whole` says so: it takes as long as all equations together.
    """
    specs, programs = pair.specs(sizes), pair.programs(sizes, concrete=concrete)
    if not whole:
        programs = replace(programs, composed=None)
    floats = generic(rng, sizes, specs, points, kinks=kinks_of(pair.choices))
    proof = _climb(pair, programs, sizes, floats, lambda modulus: residues(rng, floats, specs, modulus))
    proof.floats = floats
    return proof


def prove_at(pair: Pair, sizes: Sizes, leaves: Mapping[str, np.ndarray], *, concrete: bool = False) -> Proof:
    """Evaluates everything at these very values: kinks and ties, where no random point lies."""
    programs = pair.programs(sizes, concrete=concrete)
    return _climb(pair, programs, sizes, leaves, lambda modulus: exact_residues(leaves, modulus))


def _climb(
    pair: Pair,
    programs: Programs,
    sizes: Sizes,
    floats: Mapping[str, np.ndarray],
    draw: Callable[[int], Mapping[str, np.ndarray]],
) -> Proof:
    """Walks in the lowest tower that reaches every exponential of the program; the pair remembers how high that is.

    Where roots were found in quadratic extensions and the sides differ, it walks again among the squares.
    """
    drawn = [draw(modulus) for modulus in MODULI[: pair.levels]]
    while True:
        proof, fields = _walk(pair, programs, sizes, floats, drawn, extended=True)
        if not any(field.exhausted for field in fields) or pair.levels == len(MODULI):
            break
        drawn.append(draw(MODULI[pair.levels]))
        pair.levels += 1
    if any(field.rooted for field in fields) and not all(
        outcome.equal for outcome in proof.outcomes.values()
    ):
        among_squares, _ = _walk(pair, programs, sizes, floats, drawn, extended=False)
        for name, outcome in among_squares.outcomes.items():
            if not proof.outcomes[name].equal:
                proof.outcomes[name] = outcome
    return proof


def _walk(
    pair: Pair,
    programs: Programs,
    sizes: Sizes,
    floats: Mapping[str, np.ndarray],
    drawn: Sequence[Mapping[str, np.ndarray]],
    *,
    extended: bool,
) -> tuple[Proof, list[Field]]:
    points = len(next(iter(floats.values())))
    fields: list[Field] = []

    def new() -> Field:
        fields.append(Field(points, len(drawn), extended=extended))
        return fields[-1]

    base = new()
    leaves = {
        name: Residues(floats[name], tuple(level[name] for level in drawn))
        if spec.kind == "float"
        else floats[name]
        for name, spec in pair.specs(sizes).items()
    }
    values = programs.reference(base, sizes, leaves)
    proof = Proof()
    for name, equation in programs.equations.items():
        if not isinstance(equation, Fault):
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
