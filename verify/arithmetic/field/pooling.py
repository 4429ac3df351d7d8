"""Pooling in the field: sums and extremes over windows, and how an extreme is differentiated."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from verify.arithmetic.field.base import BaseField
from verify.arithmetic.field.operands import Array, levels, times, whole_hole
from verify.arithmetic.field.quadratic import linear
from verify.arithmetic.field.value import Residues
from verify.interpreter.windows import gather_winners, scatter_winners, windows, winners

if TYPE_CHECKING:
    from verify.interpreter.steps import Step


def window_sum(field: BaseField, step: Step, a: Residues) -> Residues:
    def total(array: Array) -> Array:
        return windows(step, array).sum(axis=-1)

    hole = None if a.hole is None else total(whole_hole(a) * 1) > 0
    degree = times(a.degree, math.prod(step.params["window_dimensions"]))
    return Residues(total(a.x), levels(field, lambda r, m: linear(total, r) % m, a.r), degree, hole=hole)


def window_extremum(field: BaseField, step: Step, a: Residues) -> Residues:
    """reduce_window_max and reduce_window_min: a window moves the entry that its floats choose."""
    chosen = field.branch(winners(step, a.x))
    return field.move(lambda array: gather_winners(array, chosen), a)


def scatter_winner(field: BaseField, step: Step, source: Residues, operand: Residues) -> Residues:
    """select_and_scatter_add: what comes back to a window goes to the entry that it chose."""
    chosen = field.branch(winners(step, operand.x))

    def scatter(array: Array) -> Array:
        return scatter_winners(step, array, chosen)

    hole = None if source.hole is None else scatter(whole_hole(source) * 1) > 0
    degree = times(source.degree, math.prod(step.params["window_dimensions"]))
    return Residues(
        scatter(source.x), levels(field, lambda r, m: linear(scatter, r) % m, source.r), degree, hole=hole
    )


def gather_winner(field: BaseField, step: Step, tangents: Residues, operand: Residues) -> Residues:
    """select_and_gather_add: of each window the tangent of the entry that it chose."""
    chosen = field.branch(winners(step, operand.x))
    return field.move(lambda array: gather_winners(array, chosen), tangents)
