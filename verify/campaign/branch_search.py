"""Looks for the branches of a pair's programs that no case took, and judges what is found by the lanes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from verify.arithmetic.bounds.arithmetic import Bounds
from verify.branches.aiming import BASES, Goal, aimed, at_thresholds, for_outcomes, generic_bases
from verify.branches.coverage import Coverage
from verify.branches.decisions import Decisions, beside
from verify.branches.outcomes import RELATED
from verify.generation.data import Leaves, kinks_of
from verify.generation.strategies import ladder
from verify.interpreter.observation import Observers
from verify.interpreter.walker import Sizes
from verify.programs.pair import Pair

ROUNDS = 3  # of aiming at what is unmet still
ATTEMPTS = 4  # at each threshold, then
WILD = 24  # points of any magnitude that each of them adds
LARGER = 64  # a dimension that is made larger, so that an index, or a sum of many terms, reaches a threshold
OTHERS = 2  # what the other dimensions are then
COPIES = 2  # of each point that steers a proof, with other residues
Lane = Callable[..., None]


class BranchSearch:
    """What is known of the branches of a pair's programs, if they are watched. Called, it aims at their thresholds."""

    def __init__(self, pair: Pair, isolated: Callable[..., Any], rng: np.random.Generator):
        self.pair, self.isolated, self.rng = pair, isolated, rng
        self.coverage = Coverage(pair)

    def watch(self, sizes: Sizes, *, concrete: bool = False) -> None:
        """Notes from now on what comes of the branches of the programs at these sizes."""
        self.coverage.watch(self.pair.programs(sizes, concrete=concrete))

    def __call__(self, prove: Lane, bound: Lane, *, thorough: bool) -> None:
        """Has the lanes judge data at every threshold, and then what may reach the outcomes that were not met.

        Outcomes that other data had not met are aimed at again from where others of them are, so that several are met
        together. The proof goes to a threshold only where the bounds met something new there, or if it is to
        be `thorough`.
        """
        sizes = ladder(self.pair.derivation)[-1]
        self.watch(sizes)
        rare = self._missing(sizes)
        paths = self.coverage.paths(self.pair.programs(sizes))
        found = self._aim(sizes, at_thresholds(self.coverage, paths), prove, bound, thorough=thorough)
        for turn in range(ROUNDS):
            if not (missing := self._missing(sizes)):
                break
            again = turn > 0  # where a first guess has not reached it
            goals = at_thresholds(self.coverage, paths) * ATTEMPTS if again else for_outcomes(missing)
            found = self._aim(sizes, goals, prove, bound, wild=WILD, refine=again) or found
        together = sum(self.coverage.sites[path].primitive in RELATED for path, _ in rare)
        for _ in range(min(together - 1, ROUNDS)):
            if found is None:
                break
            cases = self.rng.integers(len(next(iter(found.values()))), size=BASES)
            bases = {name: leaf[cases] for name, leaf in found.items()}
            found = self._aim(sizes, for_outcomes(rare), prove, bound, bases=bases) or found
        for name in sizes:
            if self.coverage.unmet:
                larger = {**dict.fromkeys(sizes, OTHERS), name: LARGER}
                prove(larger)
                self._aim(larger, for_outcomes(self._missing(larger)), prove, bound, wild=WILD)

    def _missing(self, sizes: Sizes) -> list[tuple[Any, int]]:
        """The branches of the programs at these sizes with outcomes that were not met, and which."""
        paths = self.coverage.paths(self.pair.programs(sizes))
        return [(path, missing) for path in paths if (missing := self.coverage.missing(path))]

    def _aim(
        self,
        sizes: Sizes,
        goals: Sequence[Goal],
        prove: Lane,
        bound: Lane,
        *,
        bases: Leaves | None = None,
        wild: int = 0,
        refine: bool = False,
        thorough: bool = True,
    ) -> Leaves | None:
        """Judges the points that reach goals, and returns them."""
        specs = self.pair.specs(sizes)
        if not goals:
            return None
        if bases is None:
            bases = generic_bases(sizes, specs, kinks_of(self.pair.choices), self.rng)
        programs = self.pair.programs(sizes)
        where = programs, self.coverage, goals, bases, specs, sizes, self.rng
        leaves = self.isolated("the search for branches", aimed, *where, wild=wild, refine=refine)
        if leaves is None:
            return None
        decisions = Decisions(len(next(iter(leaves.values()))))
        arithmetic = Bounds(traced=self.pair.dtype, rounds_casts=self.pair.rounds_casts)
        known = self.coverage.outcomes
        arithmetic.observer = Observers(self.coverage, decisions)
        bound(sizes, beside(leaves, specs), arithmetic=arithmetic)
        steady = decisions.steady
        if steady.any() and (thorough or self.coverage.outcomes > known):
            floats = {name: np.repeat(leaf[steady], COPIES, axis=0) for name, leaf in leaves.items()}
            prove(sizes, floats=floats)
        return leaves
