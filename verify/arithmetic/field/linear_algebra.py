"""Linear algebra in the field, through the equations that define it: a triangular solve and an LU are rational.

The floats choose the pivots; the residues are eliminated in the same order. A Cholesky factor needs a root a column.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from verify.arithmetic.field.base import BaseField
from verify.arithmetic.field.modular import inverse, product
from verify.arithmetic.field.operands import Array, levels
from verify.arithmetic.field.quadratic import Level, linear
from verify.arithmetic.field.value import Degree, Residues

if TYPE_CHECKING:
    from verify.interpreter.steps import Step

Divide = Callable[[Level, Level], Level]
Multiply = Callable[[Level, Level], Level]


def _holes(*values: Residues) -> Array | None:
    """A hole anywhere in a case is one everywhere: every entry depends on every other."""
    cases = [v.hole.reshape(len(v.hole), -1).any(axis=1) for v in values if v.hole is not None]
    if not cases:
        return None
    together = functools.reduce(np.logical_or, cases)
    return together.reshape(-1, *(1,) * (values[0].x.ndim - 1))


def _degree(size: int, *degrees: Degree) -> Degree:
    """By Cramer's rule: sums of products of `size` entries, over products of `size` entries and all denominators."""
    above = sum(degree[0] for degree in degrees) + size * size * sum(degree[1] for degree in degrees)
    return size * above, size * above


def _modulo(modulus: int) -> tuple[Multiply, Divide]:
    return (
        lambda a, b: product(a, b, modulus),
        lambda a, b: product(a, inverse(b, modulus), modulus),
    )


def triangular_solve(field: BaseField, step: Step, a: Residues, b: Residues) -> Residues:
    """X with op(A) X = B, or X op(A) = B, by substitution."""
    params, size = step.params, step.inputs[0].shape[-1]

    def turned(array: Level) -> Level:
        return linear(lambda part: np.swapaxes(part, -1, -2), array)

    def solve(a: Level, b: Level, multiply: Multiply, divide: Divide) -> Level:
        lower = params["lower"]
        if bool(params["transpose_a"]) == bool(
            params["left_side"]
        ):  # op(A) stands on the left as it is, or turned
            a, lower = turned(a), not lower
        left, rows = b if params["left_side"] else turned(b), {}
        for i in range(size) if lower else reversed(range(size)):
            row = left[..., i, :]
            rows[i] = row if params["unit_diagonal"] else divide(row, a[..., i, i, None])
            left = left + -multiply(a[..., :, i, None], rows[i][..., None, :])
        solved = linear(
            lambda *parts: np.stack(np.broadcast_arrays(*parts), axis=-2), *(rows[i] for i in range(size))
        )
        return solved if params["left_side"] else turned(solved)

    tower = levels(field, lambda a, b, m: solve(a, b, *_modulo(m)) % m, a.r, b.r)
    x = solve(a.x, b.x, np.multiply, np.divide)
    return Residues(x, tower, _degree(size, a.degree, b.degree), hole=_holes(a, b))


def lu(field: BaseField, step: Step, a: Residues) -> list[Any]:
    """P A = L U with partial pivoting: the factors in one matrix, the pivots and the permutation."""
    rows, columns = step.inputs[0].shape[-2:]
    pivots = min(rows, columns)
    chosen: list[Array] = []

    def swapped(matrix: Level, i: int) -> Level:
        order = np.broadcast_to(np.arange(rows), (*chosen[i].shape, rows)).copy()
        np.put_along_axis(order, chosen[i][..., None], i, axis=-1)
        order[..., i] = chosen[i]
        return linear(lambda part: np.take_along_axis(part, order[..., None], axis=-2), matrix)

    def eliminate(matrix: Level, multiply: Multiply, divide: Divide) -> Level:
        for i in range(pivots):
            if len(chosen) == i:  # the floats come first, and choose
                chosen.append(i + np.abs(matrix[..., i:, i]).argmax(axis=-1))
            matrix = swapped(matrix, i)
            factors = divide(matrix[..., i + 1 :, i], matrix[..., i, i, None])
            rest = matrix[..., i + 1 :, i + 1 :] + -multiply(
                factors[..., None], matrix[..., i, None, i + 1 :]
            )
            matrix = linear(functools.partial(_patched, i), matrix, factors, rest)
        return matrix

    x = eliminate(np.array(a.x), np.multiply, np.divide)
    tower = levels(field, lambda a, m: eliminate(a, *_modulo(m)) % m, a.r)
    places = np.stack([np.broadcast_to(c, x.shape[:-2]) for c in chosen], axis=-1).astype(np.int32)
    permutation = np.broadcast_to(np.arange(rows, dtype=np.int32), (*places.shape[:-1], rows)).copy()
    for i in range(pivots):
        other = np.take_along_axis(permutation, places[..., i, None], axis=-1)
        np.put_along_axis(permutation, places[..., i, None], permutation[..., i, None], axis=-1)
        permutation[..., i, None] = other
    field.branch(permutation)
    return [Residues(x, tower, _degree(pivots, a.degree), hole=_holes(a)), places, permutation]


def _patched(i: int, matrix: Array, factors: Array, rest: Array) -> Array:
    matrix = np.array(matrix)
    matrix[..., i + 1 :, i], matrix[..., i + 1 :, i + 1 :] = factors, rest
    return matrix


def _factors(matrices: Array) -> Array:
    """The Cholesky factor of each matrix, NaN where one is not positive definite: NumPy raises for all then."""
    try:
        return np.linalg.cholesky(matrices)
    except np.linalg.LinAlgError:
        if matrices.ndim == 2:
            return np.full_like(matrices, np.nan)
        return np.stack([_factors(matrix) for matrix in matrices])


def cholesky(field: BaseField, step: Step, a: Residues) -> Residues:
    """A = L L^T with L lower triangular, column by column; what is above the diagonal of A is not looked at."""
    size = step.inputs[0].shape[-1]
    field.exponential = True
    x, tower, exists = a.x, a.r, np.ones((), bool)
    below = np.arange(size)[:, None] >= np.arange(size)
    with np.errstate(all="ignore"):
        x = np.where(below, _factors(np.tril(x) + np.swapaxes(np.tril(x, -1), -1, -2)), 0.0)
    exists = exists & ~np.isnan(x).any(axis=(-2, -1))
    columns = []
    for _ in range(size):  # what is left of A gives one column: its own, over the root of its first entry
        diagonal, here = field.root(tuple(None if r is None else r[..., 0, 0] for r in tower), Fraction(1, 2))
        exists = exists & here
        column = levels(
            field, lambda r, d, m: product(r[..., :, 0], inverse(d, m)[..., None], m), tower, diagonal
        )
        columns.append(column)
        tower = levels(
            field,
            lambda r, c, m: (r + -product(c[..., :, None], c[..., None, :], m))[..., 1:, 1:] % m,
            tower,
            column,
        )
    stacked = tuple(
        None if any(c[level] is None for c in columns) else _triangle([c[level] for c in columns])
        for level in range(len(a.r))
    )
    cases = np.broadcast_to(exists, x.shape[:-2]).reshape(len(x), -1).all(axis=1)
    hole, none = _holes(a), ~cases.reshape(-1, *(1,) * (x.ndim - 1))
    top, _ = _degree(size, a.degree)
    return Residues(
        x, stacked, (2 * top, 2 * top), hole=(none if hole is None else hole | none) if none.any() else hole
    )


def _triangle(columns: list[Level]) -> Level:
    """Columns of falling length as a lower triangular matrix."""
    size = len(columns)

    def stack(*parts: Array) -> Array:
        padded = [np.pad(part, [(0, 0)] * (part.ndim - 1) + [(size - part.shape[-1], 0)]) for part in parts]
        return np.stack(padded, axis=-1)

    return linear(stack, *columns)
