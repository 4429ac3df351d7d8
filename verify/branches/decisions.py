"""Which points can steer a proof: where every decision is certain, and the same a little to either side.

Elsewhere the numbers beside a point belong to another branch, so that random residues say nothing of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from manual_bp import domains
from verify.branches.outcomes import OBSERVED, numbers
from verify.generation.data import CONTINUOUS, Leaves, Spec
from verify.interpreter import movement
from verify.interpreter.steps import Step

SHIFT = 1e-13  # by which a point is moved, relative, to see whether what it decides depends on that


def beside(leaves: Leaves, specs: Mapping[str, Spec]) -> Leaves:
    """The points, and behind them the same moved a little to either side."""
    every = [leaves]
    for by in (-SHIFT, SHIFT):
        every.append({name: _shifted(leaf, specs[name], by) for name, leaf in leaves.items()})
    return {name: np.concatenate([each[name] for each in every]) for name in leaves}


def _shifted(leaf: np.ndarray, spec: Spec, by: float) -> np.ndarray:
    """Every number whose residues range freely, a little further within its domain, and a count by one; a sign of its
    own each, so that sums do not stay.
    """
    signs = np.where(np.arange(leaf[0].size).reshape(leaf[0].shape) % 3 == 1, -1.0, 1.0)
    if isinstance(spec.domain, domains.Counts):
        return np.abs(leaf + (signs * np.sign(by)).astype(leaf.dtype))
    if not isinstance(spec.domain, CONTINUOUS):
        return leaf
    shifted = leaf + signs * by * np.where(leaf == 0, 1.0, np.abs(leaf))
    match spec.domain:
        case domains.Interval(low, high):
            return np.clip(shifted, low, high)
        case domains.Nonnegative():
            return np.abs(shifted)
        case _:
            return shifted


class Decisions:
    """As an observer of a walk: a number for all that each case decided, and whether any of it was in doubt."""

    def __init__(self, points: int):
        self.decided, self.doubtful = np.zeros(3 * points, np.uint64), np.zeros(3 * points, bool)
        self._turn = 0

    @property
    def steady(self) -> np.ndarray:
        """Of points with others `beside` them, those that can steer a proof."""
        decided, doubtful = self.decided.reshape(3, -1), self.doubtful.reshape(3, -1)
        return (decided == decided[0]).all(axis=0) & ~doubtful.any(axis=0)

    def begin(self) -> None:
        """Nothing depends on where a walk begins."""

    def enter(self, step: Step) -> None:
        """Nothing depends on what lies around an equation."""

    def leave(self, step: Step, operands: Sequence[Any], results: Sequence[Any]) -> None:
        if step.primitive not in OBSERVED and step.primitive not in ORDERS:
            return
        for decided in DECIDED.get(step.primitive, _results)(step, operands, results):
            array = numbers(decided)
            if len(array) == len(self.decided):
                self._turn += 1
                flat = array.reshape(len(array), -1).astype(np.uint64)
                weights = np.random.default_rng(self._turn).integers(1, 2**62, flat.shape[1], np.uint64)
                self.decided += (flat * weights).sum(axis=1, dtype=np.uint64)
            doubt = getattr(decided, "doubt", None)
            if doubt is not None and len(doubt) == len(self.doubtful):
                self.doubtful |= doubt.reshape(len(doubt), -1).any(axis=1)


ORDERS = ("argmax", "argmin")


def _results(step: Step, operands: Sequence[Any], results: Sequence[Any]) -> Sequence[Any]:
    return [result for result in results if numbers(result).dtype.kind in "biu"]


def _order(step: Step, operands: Sequence[Any], results: Sequence[Any]) -> Sequence[Any]:
    aligned = movement.align(step, *map(numbers, operands))
    return [a > b for a, b in itertools.pairwise(aligned)]


def _sign(step: Step, operands: Sequence[Any], results: Sequence[Any]) -> Sequence[Any]:
    return [numbers(operands[0]) > 0, numbers(operands[0]) < 0]


DECIDED: Mapping[str, Callable[[Step, Sequence[Any], Sequence[Any]], Sequence[Any]]] = {
    **dict.fromkeys(("max", "min", "clamp"), _order),
    **dict.fromkeys(("abs", "sign"), _sign),
}
