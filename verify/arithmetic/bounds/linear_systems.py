"""Factors and solutions of linear systems: estimates, and indeterminate where a device may divide by 0.

An estimate is of first order: it does not see that a pivot which may be off by all of itself may be 0 as well, as where
1 is added to a matrix of numbers so large that it is lost. Whatever was divided by that pivot is then anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from verify.arithmetic.bounds.value import Array, Bounded

if TYPE_CHECKING:
    from verify.arithmetic.bounds.arithmetic import Bounds
    from verify.interpreter.steps import Step


def factors(arithmetic: Bounds, step: Step, a: Any) -> list[Any]:
    """lu and cholesky: the pivots are the diagonal of what they give first."""
    results = arithmetic.unknown(step, a)
    return _indeterminate(results, _may_vanish(results[0]))


def solution(arithmetic: Bounds, step: Step, a: Any, b: Any) -> list[Any]:
    """triangular_solve: the pivots are the diagonal of its matrix, unless that is taken to be all ones."""
    results = arithmetic.unknown(step, a, b)
    if step.params["unit_diagonal"]:
        return [*results]
    return _indeterminate(results, _may_vanish(a))


def _may_vanish(matrices: Bounded) -> Array:
    """Of each matrix, whether a number on its diagonal may be 0 and is not for certain."""
    pivots, errors = (
        np.diagonal(np.broadcast_to(part, matrices.value.shape), axis1=-2, axis2=-1)
        for part in (matrices.value, matrices.errors)
    )
    return np.any((np.abs(pivots) <= errors) & (errors > 0), axis=-1)


def _indeterminate(results: Sequence[Any], where: Array) -> list[Any]:
    return [value.without_bound(where) if isinstance(value, Bounded) else value for value in results]
