"""Points brought closer to a threshold, along the line from where they were to where a first guess has put them.

A guess is near and no more where a leaf enters by several ways, or through a function that is not undone. The secant
method finds the rest: a walk for each step, all points at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from verify.branches.analysis import Path
from verify.branches.inversion import Drawn, Index, element, fit
from verify.branches.tape import Tape
from verify.generation.data import Leaves

STEPS = 6
SIDES = {"<": -1.0, "=": 0.0, ">": 1.0}


class Guess(NamedTuple):
    """A point: the case that it is made of, what is changed, and the relation that is to hold then."""

    case: int
    targets: Mapping[tuple[str, Index], float]
    path: Path | None = None  # of a comparison; None where nothing is refined
    turn: int = 0  # of its evaluations in a walk
    index: Index = ()
    relation: str = ""
    distance: float = 0.0

    def missing(self, tape: Tape, case: int) -> float:
        """By how much the first number that is compared differs from what it is to be."""
        entries = tape.entries.get(self.path or (), ())
        if self.turn >= len(entries):
            return np.nan
        operands = entries[self.turn].operands
        one = element(operands[0], self.index, case)
        other = element(operands[1], self.index, case) if len(operands) > 1 else 0.0
        return one - (other + SIDES[self.relation] * self.distance * (abs(other) or 1.0))


def placed(
    guesses: Sequence[Guess], bases: Leaves, drawn: Mapping[str, Drawn], along: np.ndarray | None = None
) -> Leaves:
    """The points as leaves; `along` says how far each lies on the way to its guess, where that is not 1."""
    leaves = {name: base[[guess.case for guess in guesses]].copy() for name, base in bases.items()}
    for point, guess in enumerate(guesses):
        for (leaf, index), target in guess.targets.items():
            at = (point, *index)
            if along is not None and along[point] != 1:
                start = float(leaves[leaf][at])
                number = fit(drawn[leaf], start + along[point] * (target - start))
                target = start if number is None else number
            leaves[leaf][at] = target
    return leaves


def refined(
    guesses: Sequence[Guess],
    bases: Leaves,
    drawn: Mapping[str, Drawn],
    first: Tape,
    walk: Callable[[Leaves], Tape],
) -> Leaves:
    """The points after some steps; `first` is the walk through the bases."""
    count = range(len(guesses))
    before, here = np.zeros(len(guesses)), np.ones(len(guesses))
    was = np.array([guess.missing(first, guess.case) for guess in guesses])
    best, least = here.copy(), np.full(len(guesses), np.inf)
    for _ in range(STEPS):
        tape = walk(placed(guesses, bases, drawn, here))
        now = np.array([guesses[point].missing(tape, point) for point in count])
        closer = np.abs(now) < least
        best, least = np.where(closer, here, best), np.where(closer, np.abs(now), least)
        with np.errstate(all="ignore"):
            step = here - now * (here - before) / (now - was)
        moving = np.isfinite(step) & (now != 0)
        if not moving.any():
            break
        before, was, here = here, now, np.where(moving, step, here)
    return placed(guesses, bases, drawn, best)
