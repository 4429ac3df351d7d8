"""Rational functions, sums and products in the field: exact at every level."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from verify.arithmetic.field.base import BaseField
from verify.arithmetic.field.modular import inverse, matmul, power, product
from verify.arithmetic.field.operands import (
    Array,
    Rule,
    and_hole,
    elementwise,
    hole_of,
    levels,
    one,
    plus,
    steered,
    times,
    whole_hole,
)
from verify.arithmetic.field.quadratic import Level, Quadratic, bilinear, linear
from verify.arithmetic.field.value import Degree, Residues, Tower
from verify.interpreter import movement
from verify.interpreter.contraction import contract
from verify.interpreter.indexing import scatter_add, scatter_with
from verify.interpreter.integers import iota

if TYPE_CHECKING:
    from verify.interpreter.steps import Step


# --- rational functions: exact at every level -------------------------------------------------------------------------


@elementwise
def add(field: BaseField, a: Residues, b: Residues) -> Residues:
    logs = field.antilogs([a, b])
    return Residues(
        a.x + b.x,
        levels(field, lambda a, b, m: (a + b) % m, a.r, b.r),
        plus(a.degree, b.degree),
        None if logs is None else levels(field, lambda a, b, m: a * b % m, *logs),
        hole_of(a, b),
    )


@elementwise
def neg(field: BaseField, a: Residues) -> Residues:
    antilog = None if a.antilog is None else levels(field, inverse, a.antilog)
    rational = None if a.rational is None else -a.rational
    return Residues(-a.x, levels(field, lambda a, m: -a % m, a.r), a.degree, antilog, a.hole, rational)


def sub(field: BaseField, step: Step, a: Residues, b: Residues) -> Residues:
    return add(field, step, a, neg(field, step, b))


@elementwise
def mul(field: BaseField, a: Residues, b: Residues) -> Residues:
    hole, antilog = hole_of(a, b), None
    log, constant = (a, b.rational) if a.antilog is not None else (b, a.rational)
    degree = a.degree[0] + b.degree[0], a.degree[1] + b.degree[1]
    if log.antilog is not None and constant is not None:  # exp(c log b) = b^c
        antilog, exists = constant_power(field, log.antilog, constant)
        antilog = antilog if exists.all() else None
        degree = max(1, abs(constant.numerator)) * degree[0], max(1, abs(constant.numerator)) * degree[1]
    tower = levels(field, product, a.r, b.r)
    return Residues(a.x * b.x, tower, degree, antilog, hole)


def constant_power(field: BaseField, tower: Tower, exponent: Fraction) -> tuple[Tower, Array]:
    """A constant power: at every level if it is a whole one, else as a root."""
    if exponent.denominator != 1:
        return field.root(tower, exponent)
    whole = abs(int(exponent))
    tower = levels(field, lambda a, m: power(a, whole, m), tower)
    if exponent < 0:
        tower = levels(field, inverse, tower)
    return tower, np.ones((), bool)


@elementwise
def reciprocal(field: BaseField, a: Residues) -> Residues:
    x, degree = 1 / a.x, (a.degree[1], a.degree[0])
    if a.rational:
        return Residues(
            x, field.everywhere(1 / a.rational, a.x.shape), degree, hole=a.hole, rational=1 / a.rational
        )
    zero = functools.reduce(np.logical_or, [level == 0 for level in a.r if level is not None])
    return Residues(x, levels(field, inverse, a.r), degree, hole=and_hole(a.hole, zero))


def div(field: BaseField, step: Step, a: Residues, b: Residues) -> Residues:
    quotient = mul(field, step, a, reciprocal(field, step, b))
    quotient.x = np.divide(*movement.align(step, field.steer(a), field.steer(b)))
    return quotient


def integer_pow(field: BaseField, step: Step, a: Residues) -> Residues:
    y = step.params["y"]
    if y < 0:
        return integer_pow(field, step._replace(params={"y": -y}), reciprocal(field, step, a))
    tower = levels(field, lambda a, m: power(a, y, m), a.r)
    return Residues(a.x**y, tower, (a.degree[0] * y, a.degree[1] * y), hole=a.hole)


def one_minus_square(field: BaseField, step: Step, a: Residues) -> Residues:
    return steered(sub(field, step, one(field), mul(field, step, a, a)), (1 - a.x) * (1 + a.x))


def polynomial(field: BaseField, step: Step, x: Residues, *coefficients: Residues) -> Residues:
    """Coefficients from the lowest power on, by Horner's rule."""
    result = coefficients[-1]
    for coefficient in reversed(coefficients[:-1]):
        result = add(field, step, mul(field, step, result, x), coefficient)
    return result


def convert(field: BaseField, step: Step, a: Any) -> Any:
    """A cast: the identity on numbers. To integers, the number that steers."""
    to = step.outputs[0].dtype
    return field.lifted(a) if jnp.issubdtype(to, jnp.inexact) else np.trunc(field.steer(a)).astype(to)


def bitcast(field: BaseField, step: Step, a: Any) -> Any:
    """The bits of plain integers are floats as good as literals, as where numbers are drawn by a key."""
    to = np.dtype(step.outputs[0].dtype)
    if isinstance(a, np.ndarray) and jnp.issubdtype(to, jnp.inexact) and a.dtype.itemsize == to.itemsize:
        return field.constant(a.view(to))
    return field.unknown(step, a)[0]


def counted(field: BaseField, step: Step, *sizes: Array) -> Residues:
    """iota, as floats"""
    return field.integers(iota(step))


# --- sums and products ------------------------------------------------------------------------------------------------


def reduce(
    combine: Callable[[Array, int], Array], function: Callable[..., Array], degree: Callable[..., Degree]
) -> Rule:
    """A sum or product over axes; `combine` takes rows of residues and the modulus."""

    def rule(field: BaseField, step: Step, a: Residues) -> Residues:
        count = math.prod(step.inputs[0].shape[axis] for axis in step.params["axes"])
        hole = None if a.hole is None else np.asarray(movement.reduced(step, whole_hole(a)).any(axis=-1))
        tower = levels(field, lambda r, m: combine(linear(lambda r: movement.reduced(step, r), r), m), a.r)
        antilog = None
        if a.antilog is not None and combine is row_sum:
            antilog = levels(
                field, lambda r, m: row_product(linear(lambda r: movement.reduced(step, r), r), m), a.antilog
            )
        return Residues(
            function(movement.reduced(step, a.x), axis=-1), tower, degree(a.degree, count), antilog, hole
        )

    return rule


def row_sum(rows: Level, modulus: int) -> Level:
    return linear(lambda rows: rows.sum(axis=-1), rows) % modulus


def row_product(rows: Level, modulus: int) -> Level:
    """The product of each row, halving it until one factor is left."""
    while rows.shape[-1] > 1:
        half = rows.shape[-1] // 2
        pairs = rows[..., :half] * rows[..., half : 2 * half] % modulus
        rows = linear(lambda *parts: np.concatenate(parts, axis=-1), pairs, rows[..., 2 * half :])
    return rows[..., 0] if rows.shape[-1] else np.ones(rows.shape[:-1], np.int64)


def dot_general(field: BaseField, step: Step, a: Residues, b: Residues) -> Residues:
    """dot_general and conv_general_dilated: sums of products."""
    a, b = field.lifted(a), field.lifted(b)

    def contracted(a: Level, b: Level, modulus: int) -> Level:
        return bilinear(
            lambda a, b: contract(step, a, b, lambda rows, columns: matmul(rows, columns, modulus)), a, b
        )

    tower = levels(field, contracted, a.r, b.r)
    hole = None
    if a.hole is not None or b.hole is not None:
        (holes_a, ones_a), (holes_b, ones_b) = ((whole_hole(v) * 1.0, np.ones(v.x.shape)) for v in (a, b))
        hole = contract(step, holes_a, ones_b) + contract(step, ones_a, holes_b) > 0
    term = (a.degree[0] + b.degree[0], a.degree[1] + b.degree[1])
    terms = math.prod(step.inputs[1].shape)  # of no output are there more
    return Residues(contract(step, a.x, b.x), tower, times(term, terms), hole=hole)


def cumulative(field: BaseField, step: Step, a: Residues) -> Residues:
    """cumsum"""

    def along(r: Array) -> Array:
        return movement.cumulative(step, r, np.add.accumulate)

    hole = None if a.hole is None else along(whole_hole(a) * 1) > 0
    tower = levels(field, lambda r, m: linear(along, r) % m, a.r)
    return Residues(along(a.x), tower, times(a.degree, step.inputs[0].shape[step.params["axis"]]), hole=hole)


def cumulative_product(field: BaseField, step: Step, a: Residues) -> Residues:
    axis, count = step.params["axis"] + 1, step.inputs[0].shape[step.params["axis"]]

    def along(r: Level, modulus: int) -> Level:
        places = reversed(range(count)) if step.params["reverse"] else range(count)
        done: dict[int, Level] = {}
        last: Level = None
        for place in places:
            factor = r[(slice(None),) * axis + (place,)]
            last = factor if last is None else last * factor % modulus
            done[place] = last
        return (
            linear(lambda *parts: np.stack(parts, axis), *(done[place] for place in sorted(done)))
            if done
            else r
        )

    hole = None if a.hole is None else movement.cumulative(step, whole_hole(a) * 1, np.add.accumulate) > 0
    x = movement.cumulative(step, a.x, np.multiply.accumulate)
    return Residues(x, levels(field, along, a.r), (a.degree[0] * count, a.degree[1] * count), hole=hole)


def scattered(field: BaseField, step: Step, operand: Residues, indices: Array, updates: Residues) -> Residues:
    def add(a: Array, b: Array) -> Array:
        return scatter_add(step, a, indices, b)

    tower = levels(field, lambda a, b, m: linear(add, a, b) % m, operand.r, updates.r)
    hole = None
    if operand.hole is not None or updates.hole is not None:
        hole = add(whole_hole(operand) * 1, whole_hole(updates) * 1) > 0
    both = (max(operand.degree[0], updates.degree[0]), max(operand.degree[1], updates.degree[1]))
    degree = times(both, 1 + math.prod(step.inputs[2].shape))
    return Residues(add(operand.x, updates.x), tower, degree, hole=hole)


def multiplied(
    field: BaseField, step: Step, operand: Residues, indices: Array, updates: Residues
) -> Residues:
    """scatter-mul: each entry times all the updates that meet it."""
    if any(isinstance(level, Quadratic) for level in updates.r):
        return field.unknown(step, operand, indices, updates)[0]

    def times_all(a: Level, b: Array, modulus: int) -> Level:
        combine = functools.partial(_multiply_at, modulus=modulus)
        ones = np.ones((1, *step.inputs[0].shape), np.int64)
        return product(a, scatter_with(combine, step, ones, indices, b), modulus)

    x = scatter_with(np.multiply.at, step, operand.x, indices, updates.x)
    hole = None
    if operand.hole is not None or updates.hole is not None:
        hole = scatter_add(step, whole_hole(operand) * 1, indices, whole_hole(updates) * 1) > 0
    count = math.prod(step.inputs[2].shape)
    degree = operand.degree[0] + count * updates.degree[0], operand.degree[1] + count * updates.degree[1]
    return Residues(x, levels(field, times_all, operand.r, updates.r), degree, hole=hole)


def _multiply_at(flat: Array, positions: Array, factors: Array, *, modulus: int) -> None:
    """As np.multiply.at, modulo a prime: of several factors at a position one in each turn."""
    while len(positions):
        places, first = np.unique(positions, return_index=True)
        flat[places] = flat[places] * factors[first] % modulus
        positions, factors = np.delete(positions, first), np.delete(factors, first)
