"""Bounds of the primitives that stand in the real program of a complex one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from verify.arithmetic.bounds.rounding import rounded
from verify.arithmetic.bounds.units import HOST
from verify.arithmetic.bounds.value import Bounded
from verify.arithmetic.turns import cosines_and_sines

if TYPE_CHECKING:
    from verify.arithmetic.bounds.base import BaseBounds
    from verify.interpreter.steps import Step

# Of another formula for the same, more than of the one that is walked; of a transform, in each stage.
ROUNDINGS = 4


def rounded_like(arithmetic: BaseBounds, step: Step, x: Bounded, *terms: Bounded) -> Bounded:
    """x, with as many roundings more as XLA's own formula may have, of numbers as large as these terms.

    Of n numbers that are transformed each result is a sum of all of them, each of which has gone through log2 n stages
    of products with roots of unity and sums; by Bluestein's way, through three transforms of up to 4 n.
    """
    axis, count = step.params["axis"], max(int(step.params["count"]), 1)
    size = np.zeros(())
    for term in terms:
        magnitude = np.abs(term.value) + term.errors
        size = size + (magnitude if axis is None else magnitude.sum(axis=axis + 1, keepdims=True))
    stages = 1 if count == 1 else 3 * (math.ceil(math.log2(count)) + 2)
    error = x.errors + ROUNDINGS * stages * arithmetic.unit(step).u * size
    return Bounded(x.value, np.where(np.isnan(error), np.inf, error) + np.zeros_like(x.value))


def roots_of_unity(arithmetic: BaseBounds, step: Step) -> list[Bounded]:
    """The parts of roots of unity, each rounded once, and exact at the quarter turns."""
    unit = arithmetic.unit(step)
    results = []
    for part in cosines_and_sines(int(step.params["length"])):
        exact = (part == 0) | (np.abs(part) == 1)
        results.append(rounded(unit, part[None], None, (), exact[None], relative=unit.u + 4 * HOST))
    return results
