"""What the rules of the field share: operands of one rank, operations level by level, holes and degrees."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from verify.arithmetic.field.base import BaseField
from verify.arithmetic.field.quadratic import Level, linear
from verify.arithmetic.field.value import Degree, Residues, Tower
from verify.interpreter import movement

if TYPE_CHECKING:
    from verify.interpreter.steps import Step

Rule = Callable[..., Any]
Array = np.ndarray[Any, Any]


def aligned(step: Step, *values: Any) -> list[Any]:
    """The operands with the rank of the result, scalars included."""
    rank = len(step.outputs[0].shape) + 1

    def lift(array: Any) -> Any:
        return None if array is None else linear(lambda part: movement.align(step, part)[0], array)

    def tower(levels: Tower | None) -> Tower | None:
        return None if levels is None else tuple(map(lift, levels))

    return [
        value
        if value.x.ndim == rank
        else Residues(
            movement.align(step, value.x)[0],
            tower(value.r) or (),
            value.degree,
            tower(value.antilog),
            lift(value.hole),
            value.rational,
        )
        for value in values
    ]


def elementwise(function: Callable[..., Any]) -> Rule:
    """A rule of the field and its aligned operands."""

    @functools.wraps(function)
    def rule(field: BaseField, step: Step, *operands: Any) -> Any:
        return function(field, *aligned(step, *map(field.lifted, operands)))

    return rule


def hole_of(*values: Residues) -> Array | None:
    """Where any operand has no value."""
    holes = [value.hole for value in values if value.hole is not None]
    return functools.reduce(np.logical_or, holes) if holes else None


def and_hole(hole: Array | None, where: Array) -> Array | None:
    """A hole where there was one, and where `where` says so."""
    if not where.any():
        return hole
    return where if hole is None else hole | where


def levels(field: BaseField, function: Callable[..., Level], *towers: Tower) -> Tower:
    """The same operation at every level at which all operands exist; `function` takes the modulus last."""
    return tuple(
        None if any(level is None for level in levels) else function(*levels, modulus)
        for modulus, *levels in zip(field.moduli, *towers, strict=True)
    )


def plus(a: Degree, b: Degree) -> Degree:
    """The degree of a sum."""
    return max(a[0] + b[1], b[0] + a[1]), a[1] + b[1]


def times(degree: Degree, count: int) -> Degree:
    """The degree of a sum of `count` values of this degree."""
    return degree[0] + max(count - 1, 0) * degree[1], degree[1] * max(count, 1)


def one(field: BaseField) -> Residues:
    return field.constant(np.ones(1))


def steered(value: Residues, x: Array) -> Residues:
    """The value with floats that were computed in a better way."""
    value.x = x
    return value


def whole_hole(a: Residues) -> Array:
    """The holes of a value as an array of its own shape."""
    return np.zeros(a.x.shape, bool) if a.hole is None else np.broadcast_to(a.hole, a.x.shape)
