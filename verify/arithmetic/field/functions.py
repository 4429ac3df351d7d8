"""Exponentials, logarithms, roots and powers in the field, and the functions of which it knows less."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from verify.arithmetic.field.algebra import add, cumulative, integer_pow, mul, neg, reciprocal, sub
from verify.arithmetic.field.base import BaseField
from verify.arithmetic.field.modular import hashed, inverse, power, product
from verify.arithmetic.field.operands import Array, Rule, aligned, and_hole, hole_of, levels, one, steered
from verify.arithmetic.field.quadratic import Level, Quadratic
from verify.arithmetic.field.value import Degree, Residues, Tower

if TYPE_CHECKING:
    from verify.interpreter.steps import Step


# --- exponentials: exp(a) = g^a, one level up; log(b) remembers b -----------------------------------------------------


VARIABLE = (1, 1)  # the degree of an exponential, an unknown function, ...: one more variable, or its inverse


def exponential(field: BaseField, name: str, a: Residues, tower: Tower | None, x: Array) -> Residues:
    field.exponential = True
    if tower is None:
        field.exhausted = True
        tower = field.uninterpret(f"{name} of an exponential", a.top)
    return Residues(x, tower, VARIABLE if a.antilog is None else either(a.degree), hole=a.hole)


def either(degree: Degree) -> Degree:
    """The degree of what may stand upside down. A logarithm carries that of its exponential, which may come back."""
    top = max(1, *degree)
    return top, top


def exp(field: BaseField, step: Step, a: Residues) -> Residues:
    return exponential(field, "exp", a, field.antilog(a), np.exp(a.x))


def exp_neg_sq(field: BaseField, step: Step, a: Residues) -> Residues:
    """exp(-a^2)"""
    return exp(field, step, neg(field, step, mul(field, step, a, a)))


def exp2(field: BaseField, step: Step, a: Residues) -> Residues:
    return exponential(field, "exp2", a, field.climb(a.r, bases=(2, 49)), np.exp2(a.x))


def log(field: BaseField, step: Step, a: Residues) -> Residues:
    field.logged = field.exponential = True
    tower = field.descend(a.r) if field.descending else _hashed_logarithm(field, a)
    if tower is None:
        field.exhausted = True
        tower = _hashed_logarithm(field, a)
    return Residues(np.log(a.x), tower, either(a.degree), a.r, and_hole(a.hole, a.top == 0))


def _hashed_logarithm(field: BaseField, a: Residues) -> Tower:
    named = field.uninterpreted.copy()
    tower = tuple(
        None if level is None else np.where(a.top == 1, 0, level) for level in field.uninterpret("log", a.top)
    )
    field.uninterpreted = named  # what is asked of a logarithm is mostly its exponential, and that is known
    return tower


def log1p(field: BaseField, step: Step, a: Residues) -> Residues:
    return steered(log(field, step, add(field, step, one(field), a)), np.log1p(a.x))


def expm1(field: BaseField, step: Step, a: Residues) -> Residues:
    return steered(sub(field, step, exp(field, step, a), one(field)), np.expm1(a.x))


def cumlogsumexp(field: BaseField, step: Step, a: Residues) -> Residues:
    return log(field, step, cumulative(field, step, exp(field, step, a)))


def logistic(field: BaseField, step: Step, a: Residues) -> Residues:
    e = exp(field, step, neg(field, step, a))
    return reciprocal(field, step, add(field, step, one(field), e))


def hyperbolic(sign: int, over: int | None, function: Callable[[Array], Array]) -> Rule:
    """(e + sign / e) / 2, or its quotient by (e + over / e) / 2; e^2 serves for both."""

    def rule(field: BaseField, step: Step, a: Residues) -> Residues:
        e = exp(field, step, a)
        squares = levels(field, product, e.r, e.r)
        if over is None:
            below = levels(field, lambda e, m: 2 * e % m, e.r)
        else:
            below = levels(field, lambda e2, m: (e2 + over) % m, squares)
        tower = levels(field, lambda e2, b, m: product((e2 + sign) % m, inverse(b, m), m), squares, below)
        zero = functools.reduce(np.logical_or, [level == 0 for level in below if level is not None])
        return Residues(function(a.x), tower, (2, 2), hole=and_hole(a.hole, zero))

    return rule


# --- roots and powers: among the squares, where the laws of exponents hold --------------------------------------------


def root(exponent: Fraction, function: Callable[[Array], Array]) -> Rule:
    def rule(field: BaseField, step: Step, a: Residues) -> Residues:
        field.exponential = True
        tower, exists = field.root(a.r, exponent)
        if exponent < 0:
            exists = exists & (a.top != 0)
        top = (
            2 * max(1, abs(exponent.numerator)) * max(1, *a.degree)
        )  # s^2 = a: a root doubles the degree at most
        found = Residues(function(a.x), tower, (top, top), hole=and_hole(a.hole, ~exists))
        if not (field.either_root and exponent.denominator == 2):
            return found
        flipped = hashed(a.top, "sign", field.moduli[-1]) % 2 == 1
        other = neg(field, step, found)
        either = field.move(lambda one, other: np.where(flipped, other, one), found, other)
        return steered(either, found.x)

    return rule


def variable_power(field: BaseField, step: Step, a: Residues, b: Any) -> Residues:
    a, b = aligned(step, a, field.lifted(b))
    x = np.power(a.x, b.x)
    if b.rational is not None and b.rational.denominator == 1:
        return steered(integer_pow(field, step._replace(params={"y": int(b.rational)}), a), x)
    if b.rational is not None:
        return steered(root(b.rational, np.abs)(field, step, a), x)
    # a variable exponent, one level below the base. Only squares have a logarithm in the field: of b and -b one is a
    # square, and stands for both as long as that closes; else the others are holes
    exponents = (None, *b.r[:-1])
    quadratic = any(isinstance(level, Quadratic) for level in (*a.r, *b.r))
    square = None if quadratic else levels(field, lambda a, m: power(a, (m - 1) // 2, m) == 1, a.r)
    if square is None:
        tower: Tower = (None,)
    elif field.extended:
        field.rooted = True
        bases = levels(field, lambda a, square, m: np.where(square, a, -a % m), a.r, square)
        tower, square = levels(field, power_each, bases, exponents), None
    else:
        tower = levels(field, power_each, a.r, exponents)
    if all(level is None for level in tower):
        field.exhausted = True
        return Residues(x, field.uninterpret("pow", mixed(field, a, b)), VARIABLE, hole=hole_of(a, b))
    field.exponential = True
    if square is None:
        return Residues(x, tower, VARIABLE, hole=hole_of(a, b))
    climbed = [s for s, kept in zip(square, tower, strict=True) if kept is not None]
    return Residues(
        x, tower, VARIABLE, hole=and_hole(hole_of(a, b), ~functools.reduce(np.logical_and, climbed))
    )


def power_each(base: Array, exponent: Array, modulus: int) -> Array:
    """Squaring, with an exponent for each element."""
    result = np.ones(np.broadcast_shapes(base.shape, exponent.shape), np.int64)
    while exponent.any():
        result = np.where(exponent & 1, result * base % modulus, result)
        base, exponent = base * base % modulus, exponent >> 1
    return result


# --- uninterpreted functions, with the relations they have ------------------------------------------------------------


def unary(name: str, function: Callable[[Array], Array], *, odd: bool = False) -> Rule:
    """A function of which nothing is known, or that it is odd: erf, the inverse sine, ..."""

    def rule(field: BaseField, step: Step, a: Residues) -> Residues:
        mirrored = field.moduli[a.height] if odd else None
        return Residues(
            function(a.x), field.uninterpret(name, a.top, odd_modulo=mirrored), (1, 1), hole=a.hole
        )

    return rule


def vectorised(function: Callable[[float], float]) -> Callable[[Array], Array]:
    return np.vectorize(function, otypes=[np.float64])


_erfc_x = vectorised(math.erfc)
erf = unary("erf", vectorised(math.erf), odd=True)


def erfc(field: BaseField, step: Step, a: Residues) -> Residues:
    """erfc(a) = 1 - erf(a)"""
    return steered(sub(field, step, one(field), erf(field, step, a)), _erfc_x(a.x))


def circular(
    above: Callable[..., Array], below: Callable[[Array], Array], function: Callable[[Array], Array]
) -> Rule:
    """sin = 2t / (1 + t^2), cos = (1 - t^2) / (1 + t^2), t odd and otherwise unknown: sin^2 + cos^2 = 1, sin
    odd, cos even."""

    def rule(field: BaseField, step: Step, a: Residues) -> Residues:
        t = field.uninterpret("tan(a/2)", a.top, odd_modulo=field.moduli[a.height])
        field.uninterpreted.add(step.primitive)
        squares = levels(field, lambda t, m: t * t % m, t)
        tower = levels(field, lambda t, tt, m: above(t, tt) % m * inverse(below(tt) % m, m) % m, t, squares)
        return Residues(function(a.x), tower, (2, 2), hole=a.hole)

    return rule


def atan2(field: BaseField, step: Step, a: Residues, b: Residues) -> Residues:
    return Residues(
        np.arctan2(a.x, b.x), field.uninterpret("atan2", mixed(field, a, b)), (1, 1), hole=hole_of(a, b)
    )


def mixed(field: BaseField, a: Residues, b: Residues) -> Level:
    """One residue for a pair of arguments."""
    top = field.moduli[-1]
    return (hashed(a.top, "pair", top) * 3 + hashed(b.top, "pair", top)) % top


def log_gamma(x: float) -> float:
    return math.lgamma(x) if x > 0 or x != math.floor(x) else math.inf
