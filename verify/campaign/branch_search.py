"""Looks for the branches of a pair's programs that no case took, and judges what is found by the lanes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from verify.arithmetic.bounds.arithmetic import Bounds
from verify.branches.aiming import aimed
from verify.branches.coverage import Coverage
from verify.branches.decisions import Decisions, beside
from verify.generation.strategies import ladder
from verify.interpreter.observation import Observers
from verify.interpreter.walker import Sizes
from verify.programs.pair import Pair

ROUNDS = 3  # of aiming at what is unmet still
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

        The proof goes to a threshold only where the bounds met something new there, or if it is to be `thorough`.
        """
        smallest = ladder(self.pair.derivation)[-1]
        self._aim(smallest, prove, bound, thorough=thorough)
        for _ in range(ROUNDS):
            if not self.coverage.unmet or not self._aim(smallest, prove, bound, unmet=True):
                break
        for name in smallest:
            if self.coverage.unmet:
                sizes = {**dict.fromkeys(smallest, OTHERS), name: LARGER}
                prove(sizes)
                self._aim(sizes, prove, bound, unmet=True)

    def _aim(
        self, sizes: Sizes, prove: Lane, bound: Lane, *, unmet: bool = False, thorough: bool = True
    ) -> bool:
        """Whether there were points to judge."""
        self.watch(sizes)
        where = self.pair, self.coverage, sizes, self.rng
        leaves = self.isolated("the search for branches", aimed, *where, unmet=unmet)
        if leaves is None:
            return False
        decisions = Decisions(len(next(iter(leaves.values()))))
        arithmetic = Bounds(traced=self.pair.dtype, rounds_casts=self.pair.rounds_casts)
        known = self.coverage.outcomes
        arithmetic.observer = Observers(self.coverage, decisions)
        bound(sizes, beside(leaves, self.pair.specs(sizes)), arithmetic=arithmetic)
        steady = decisions.steady
        if steady.any() and (thorough or self.coverage.outcomes > known):
            floats = {name: np.repeat(leaf[steady], COPIES, axis=0) for name, leaf in leaves.items()}
            prove(sizes, floats=floats)
        return True
