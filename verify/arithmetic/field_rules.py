"""What each primitive does to residues: the table of the proof, one line a primitive.

Grouped from simple to tricky; the laws of each group stand above it. `x` is always the plain float that steers.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from verify.arithmetic import movement
from verify.arithmetic.contraction import contract
from verify.arithmetic.field import Degree, Field, Residues, Tower
from verify.arithmetic.indexing import scatter_add
from verify.arithmetic.integers import INTEGER_RULES
from verify.arithmetic.modular import hashed, inverse, matmul, power, product
from verify.arithmetic.ordering import sort_order, take_order, top_k_order
from verify.arithmetic.quadratic import Level, Quadratic, bilinear, linear

if TYPE_CHECKING:
    from verify.interpret import Step

Rule = Callable[..., Any]
Array = np.ndarray[Any, Any]


# --- plumbing ---------------------------------------------------------------------------------------------------------


def _aligned(step: Step, *values: Any) -> list[Any]:
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


def _elementwise(function: Callable[..., Any]) -> Rule:
    """A rule of the field and its aligned operands."""

    @functools.wraps(function)
    def rule(field: Field, step: Step, *operands: Any) -> Any:
        return function(field, *_aligned(step, *map(field.lifted, operands)))

    return rule


def _hole(*values: Residues) -> Array | None:
    """Where any operand has no value."""
    holes = [value.hole for value in values if value.hole is not None]
    return functools.reduce(np.logical_or, holes) if holes else None


def _and_hole(hole: Array | None, where: Array) -> Array | None:
    """A hole where there was one, and where `where` says so."""
    if not where.any():
        return hole
    return where if hole is None else hole | where


def _levels(field: Field, function: Callable[..., Level], *towers: Tower) -> Tower:
    """The same operation at every level at which all operands exist; `function` takes the modulus last."""
    return tuple(
        None if any(level is None for level in levels) else function(*levels, modulus)
        for modulus, *levels in zip(field.moduli, *towers, strict=True)
    )


def _plus(a: Degree, b: Degree) -> Degree:
    """The degree of a sum."""
    return max(a[0] + b[1], b[0] + a[1]), a[1] + b[1]


def _times(degree: Degree, count: int) -> Degree:
    """The degree of a sum of `count` values of this degree."""
    return degree[0] + max(count - 1, 0) * degree[1], degree[1] * max(count, 1)


# --- rational functions: exact at every level -------------------------------------------------------------------------


@_elementwise
def _add(field: Field, a: Residues, b: Residues) -> Residues:
    logs = field.antilogs([a, b])
    return Residues(
        a.x + b.x,
        _levels(field, lambda a, b, m: (a + b) % m, a.r, b.r),
        _plus(a.degree, b.degree),
        None if logs is None else _levels(field, lambda a, b, m: a * b % m, *logs),
        _hole(a, b),
    )


@_elementwise
def _neg(field: Field, a: Residues) -> Residues:
    antilog = None if a.antilog is None else _levels(field, inverse, a.antilog)
    rational = None if a.rational is None else -a.rational
    return Residues(-a.x, _levels(field, lambda a, m: -a % m, a.r), a.degree, antilog, a.hole, rational)


def _sub(field: Field, step: Step, a: Residues, b: Residues) -> Residues:
    return _add(field, step, a, _neg(field, step, b))


@_elementwise
def _mul(field: Field, a: Residues, b: Residues) -> Residues:
    hole, antilog = _hole(a, b), None
    log, constant = (a, b.rational) if a.antilog is not None else (b, a.rational)
    degree = a.degree[0] + b.degree[0], a.degree[1] + b.degree[1]
    if log.antilog is not None and constant is not None:  # exp(c log b) = b^c
        antilog, exists = _power(field, log.antilog, constant)
        antilog = antilog if exists.all() else None
        degree = max(1, abs(constant.numerator)) * degree[0], max(1, abs(constant.numerator)) * degree[1]
    tower = _levels(field, product, a.r, b.r)
    return Residues(a.x * b.x, tower, degree, antilog, hole)


def _power(field: Field, tower: Tower, exponent: Fraction) -> tuple[Tower, Array]:
    """A constant power: at every level if it is a whole one, else as a root."""
    if exponent.denominator != 1:
        return field.root(tower, exponent)
    whole = abs(int(exponent))
    tower = _levels(field, lambda a, m: power(a, whole, m), tower)
    if exponent < 0:
        tower = _levels(field, inverse, tower)
    return tower, np.ones((), bool)


@_elementwise
def _reciprocal(field: Field, a: Residues) -> Residues:
    x, degree = 1 / a.x, (a.degree[1], a.degree[0])
    if a.rational:
        return Residues(
            x, field.everywhere(1 / a.rational, a.x.shape), degree, hole=a.hole, rational=1 / a.rational
        )
    zero = functools.reduce(np.logical_or, [level == 0 for level in a.r if level is not None])
    return Residues(x, _levels(field, inverse, a.r), degree, hole=_and_hole(a.hole, zero))


def _div(field: Field, step: Step, a: Residues, b: Residues) -> Residues:
    quotient = _mul(field, step, a, _reciprocal(field, step, b))
    quotient.x = np.divide(*movement.align(step, field.steer(a), field.steer(b)))
    return quotient


def _integer_pow(field: Field, step: Step, a: Residues) -> Residues:
    y = step.params["y"]
    if y < 0:
        return _integer_pow(field, step._replace(params={"y": -y}), _reciprocal(field, step, a))
    tower = _levels(field, lambda a, m: power(a, y, m), a.r)
    return Residues(a.x**y, tower, (a.degree[0] * y, a.degree[1] * y), hole=a.hole)


def _polynomial(field: Field, step: Step, x: Residues, *coefficients: Residues) -> Residues:
    """Coefficients from the lowest power on, by Horner's rule."""
    result = coefficients[-1]
    for coefficient in reversed(coefficients[:-1]):
        result = _add(field, step, _mul(field, step, result, x), coefficient)
    return result


def _convert(field: Field, step: Step, a: Any) -> Any:
    """A cast: the identity on numbers. To integers, the number that steers."""
    to = step.outputs[0].dtype
    return field.lifted(a) if jnp.issubdtype(to, jnp.inexact) else np.trunc(field.steer(a)).astype(to)


# --- sums and products ------------------------------------------------------------------------------------------------


def _whole_hole(a: Residues) -> Array:
    """The holes of a value as an array of its own shape."""
    return np.zeros(a.x.shape, bool) if a.hole is None else np.broadcast_to(a.hole, a.x.shape)


def _reduce(
    combine: Callable[[Array, int], Array], function: Callable[..., Array], degree: Callable[..., Degree]
) -> Rule:
    """A sum or product over axes; `combine` takes rows of residues and the modulus."""

    def rule(field: Field, step: Step, a: Residues) -> Residues:
        count = math.prod(step.inputs[0].shape[axis] for axis in step.params["axes"])
        hole = None if a.hole is None else movement.reduced(step, _whole_hole(a)).any(axis=-1)
        tower = _levels(field, lambda r, m: combine(linear(lambda r: movement.reduced(step, r), r), m), a.r)
        antilog = None
        if a.antilog is not None and combine is _sum:
            antilog = _levels(
                field, lambda r, m: _product(linear(lambda r: movement.reduced(step, r), r), m), a.antilog
            )
        return Residues(
            function(movement.reduced(step, a.x), axis=-1), tower, degree(a.degree, count), antilog, hole
        )

    return rule


def _sum(rows: Level, modulus: int) -> Level:
    return linear(lambda rows: rows.sum(axis=-1), rows) % modulus


def _product(rows: Level, modulus: int) -> Level:
    """The product of each row, halving it until one factor is left."""
    while rows.shape[-1] > 1:
        half = rows.shape[-1] // 2
        pairs = rows[..., :half] * rows[..., half : 2 * half] % modulus
        rows = linear(lambda *parts: np.concatenate(parts, axis=-1), pairs, rows[..., 2 * half :])
    return rows[..., 0] if rows.shape[-1] else np.ones(rows.shape[:-1], np.int64)


def _dot_general(field: Field, step: Step, a: Residues, b: Residues) -> Residues:
    """dot_general and conv_general_dilated: sums of products."""
    a, b = field.lifted(a), field.lifted(b)

    def contracted(a: Level, b: Level, modulus: int) -> Level:
        return bilinear(
            lambda a, b: contract(step, a, b, lambda rows, columns: matmul(rows, columns, modulus)), a, b
        )

    tower = _levels(field, contracted, a.r, b.r)
    hole = None
    if a.hole is not None or b.hole is not None:
        (holes_a, ones_a), (holes_b, ones_b) = ((_whole_hole(v) * 1.0, np.ones(v.x.shape)) for v in (a, b))
        hole = contract(step, holes_a, ones_b) + contract(step, ones_a, holes_b) > 0
    term = (a.degree[0] + b.degree[0], a.degree[1] + b.degree[1])
    terms = math.prod(step.inputs[1].shape)  # of no output are there more
    return Residues(contract(step, a.x, b.x), tower, _times(term, terms), hole=hole)


def _cumulative(field: Field, step: Step, a: Residues) -> Residues:
    """cumsum"""

    def along(r: Array) -> Array:
        return movement.cumulative(step, r, np.add.accumulate)

    hole = None if a.hole is None else along(_whole_hole(a) * 1) > 0
    tower = _levels(field, lambda r, m: linear(along, r) % m, a.r)
    return Residues(along(a.x), tower, _times(a.degree, step.inputs[0].shape[step.params["axis"]]), hole=hole)


def _cumulative_product(field: Field, step: Step, a: Residues) -> Residues:
    def along(r: Array, modulus: int) -> Array:
        def accumulate(r: Array, axis: int) -> Array:
            r = np.moveaxis(r.copy(), axis, 0)
            for i in range(1, len(r)):
                r[i] = r[i] * r[i - 1] % modulus
            return np.moveaxis(r, 0, axis)

        return movement.cumulative(step, r, accumulate)

    count = step.inputs[0].shape[step.params["axis"]]
    hole = None if a.hole is None else movement.cumulative(step, _whole_hole(a) * 1, np.add.accumulate) > 0
    x = movement.cumulative(step, a.x, np.multiply.accumulate)
    return Residues(x, _levels(field, along, a.r), (a.degree[0] * count, a.degree[1] * count), hole=hole)


def _cumlogsumexp(field: Field, step: Step, a: Residues) -> Residues:
    return _log(field, step, _cumulative(field, step, _exp(field, step, a)))


def _scatter_add(field: Field, step: Step, operand: Residues, indices: Array, updates: Residues) -> Residues:
    def add(a: Array, b: Array) -> Array:
        return scatter_add(step, a, indices, b)

    tower = _levels(field, lambda a, b, m: linear(add, a, b) % m, operand.r, updates.r)
    hole = None
    if operand.hole is not None or updates.hole is not None:
        hole = add(_whole_hole(operand) * 1, _whole_hole(updates) * 1) > 0
    both = (max(operand.degree[0], updates.degree[0]), max(operand.degree[1], updates.degree[1]))
    degree = _times(both, 1 + math.prod(step.inputs[2].shape))
    return Residues(add(operand.x, updates.x), tower, degree, hole=hole)


# --- exponentials: exp(a) = g^a, one level up; log(b) remembers b -----------------------------------------------------


VARIABLE = (1, 1)  # the degree of an exponential, a logarithm, ...: one more variable, or its inverse


def _exponential(field: Field, name: str, a: Residues, tower: Tower | None, x: Array) -> Residues:
    field.exponential = True
    if tower is None:
        field.exhausted = True
        tower = field.uninterpret(f"{name} of an exponential", a.top)
    return Residues(x, tower, VARIABLE, hole=a.hole)


def _exp(field: Field, step: Step, a: Residues) -> Residues:
    return _exponential(field, "exp", a, field.antilog(a), np.exp(a.x))


def _exp_neg_sq(field: Field, step: Step, a: Residues) -> Residues:
    """exp(-a^2)"""
    return _exp(field, step, _neg(field, step, _mul(field, step, a, a)))


def _one_minus_square(field: Field, step: Step, a: Residues) -> Residues:
    return _steered(_sub(field, step, _one(field), _mul(field, step, a, a)), (1 - a.x) * (1 + a.x))


def _exp2(field: Field, step: Step, a: Residues) -> Residues:
    return _exponential(field, "exp2", a, field.climb(a.r, bases=(2, 49)), np.exp2(a.x))


def _log(field: Field, step: Step, a: Residues) -> Residues:
    named = field.uninterpreted.copy()
    tower = tuple(
        None if level is None else np.where(a.top == 1, 0, level) for level in field.uninterpret("log", a.top)
    )
    field.uninterpreted = named  # what is asked of a logarithm is mostly its exponential, and that is known
    return Residues(np.log(a.x), tower, VARIABLE, a.r, _and_hole(a.hole, a.top == 0))


def _one(field: Field) -> Residues:
    return field.constant(np.ones(1))


def _steered(value: Residues, x: Array) -> Residues:
    """The value with floats that were computed in a better way."""
    value.x = x
    return value


def _log1p(field: Field, step: Step, a: Residues) -> Residues:
    return _steered(_log(field, step, _add(field, step, _one(field), a)), np.log1p(a.x))


def _expm1(field: Field, step: Step, a: Residues) -> Residues:
    return _steered(_sub(field, step, _exp(field, step, a), _one(field)), np.expm1(a.x))


def _logistic(field: Field, step: Step, a: Residues) -> Residues:
    e = _exp(field, step, _neg(field, step, a))
    return _reciprocal(field, step, _add(field, step, _one(field), e))


def _hyperbolic(sign: int, over: int | None, function: Callable[[Array], Array]) -> Rule:
    """(e + sign / e) / 2, or its quotient by (e + over / e) / 2."""

    def rule(field: Field, step: Step, a: Residues) -> Residues:
        e = _exp(field, step, a)

        def half(sign: int) -> Tower:
            return _levels(field, lambda e, m: (e + sign * inverse(e, m)) % m, e.r)

        below = field.everywhere(Fraction(2), (1,) * a.x.ndim) if over is None else half(over)
        tower = _levels(field, lambda a, b, m: a * inverse(b, m) % m, half(sign), below)
        zero = functools.reduce(np.logical_or, [level == 0 for level in below if level is not None])
        return Residues(
            function(a.x), tower, (2 * e.degree[0], 2 * e.degree[1]), hole=_and_hole(a.hole, zero)
        )

    return rule


# --- roots and powers: among the squares, where the laws of exponents hold --------------------------------------------


def _root(exponent: Fraction, function: Callable[[Array], Array]) -> Rule:
    def rule(field: Field, step: Step, a: Residues) -> Residues:
        field.exponential = True
        tower, exists = field.root(a.r, exponent)
        if exponent < 0:
            exists = exists & (a.top != 0)
        top = (
            2 * max(1, abs(exponent.numerator)) * max(1, *a.degree)
        )  # s^2 = a: a root doubles the degree at most
        return Residues(function(a.x), tower, (top, top), hole=_and_hole(a.hole, ~exists))

    return rule


def _pow(field: Field, step: Step, a: Residues, b: Any) -> Residues:
    a, b = _aligned(step, a, field.lifted(b))
    x = np.power(a.x, b.x)
    if b.rational is not None and b.rational.denominator == 1:
        return _steered(_integer_pow(field, step._replace(params={"y": int(b.rational)}), a), x)
    if b.rational is not None:
        return _steered(_root(b.rational, np.abs)(field, step, a), x)
    # a variable exponent, one level below the base; of a square, for others have no real logarithm in the field
    exponents = (None, *b.r[:-1])
    quadratic = any(isinstance(level, Quadratic) for level in (*a.r, *b.r))
    tower = (None,) if quadratic else _levels(field, _power_each, a.r, exponents)
    if tower[-1] is None:
        field.exhausted = True
        return Residues(x, field.uninterpret("pow", _mixed(field, a, b)), VARIABLE, hole=_hole(a, b))
    field.exponential = True
    square = _levels(field, lambda a, m: power(a, (m - 1) // 2, m) == 1, a.r)
    exists = functools.reduce(
        np.logical_and, [s for s, kept in zip(square, tower, strict=True) if kept is not None]
    )
    return Residues(x, tower, VARIABLE, hole=_and_hole(_hole(a, b), ~exists))


def _power_each(base: Array, exponent: Array, modulus: int) -> Array:
    """Squaring, with an exponent for each element."""
    result = np.ones(np.broadcast_shapes(base.shape, exponent.shape), np.int64)
    while exponent.any():
        result = np.where(exponent & 1, result * base % modulus, result)
        base, exponent = base * base % modulus, exponent >> 1
    return result


# --- uninterpreted functions, with the relations they have ------------------------------------------------------------


def _unary(name: str, function: Callable[[Array], Array], *, odd: bool = False) -> Rule:
    """A function of which nothing is known, or that it is odd: erf, the inverse sine, ..."""

    def rule(field: Field, step: Step, a: Residues) -> Residues:
        return Residues(function(a.x), field.uninterpret(name, a.top, odd=odd), (1, 1), hole=a.hole)

    return rule


def _erfc(field: Field, step: Step, a: Residues) -> Residues:
    """erfc(a) = 1 - erf(a)"""
    return _steered(_sub(field, step, _one(field), RULES["erf"](field, step, a)), _erfc_x(a.x))


def _circular(
    above: Callable[..., Array], below: Callable[[Array], Array], function: Callable[[Array], Array]
) -> Rule:
    """sin = 2t / (1 + t^2), cos = (1 - t^2) / (1 + t^2), t odd and otherwise unknown: sin^2 + cos^2 = 1, sin
    odd, cos even."""

    def rule(field: Field, step: Step, a: Residues) -> Residues:
        t = field.uninterpret("tan(a/2)", a.top, odd=True)
        field.uninterpreted.add(step.primitive)
        squares = _levels(field, lambda t, m: t * t % m, t)
        tower = _levels(field, lambda t, tt, m: above(t, tt) % m * inverse(below(tt) % m, m) % m, t, squares)
        return Residues(function(a.x), tower, (2, 2), hole=a.hole)

    return rule


def _atan2(field: Field, step: Step, a: Residues, b: Residues) -> Residues:
    return Residues(
        np.arctan2(a.x, b.x), field.uninterpret("atan2", _mixed(field, a, b)), (1, 1), hole=_hole(a, b)
    )


def _mixed(field: Field, a: Residues, b: Residues) -> Level:
    """One residue for a pair of arguments."""
    top = field.moduli[-1]
    return (hashed(a.top, "pair", top) * 3 + hashed(b.top, "pair", top)) % top


def _vectorised(function: Callable[[float], float]) -> Callable[[Array], Array]:
    return np.vectorize(function, otypes=[np.float64])


def _log_gamma(x: float) -> float:
    return math.lgamma(x) if x > 0 or x != math.floor(x) else math.inf


_erfc_x = _vectorised(math.erfc)


# --- branches: the floats choose --------------------------------------------------------------------------------------


def _compare(field: Field, step: Step, a: Any, b: Any) -> Array:
    return field.branch(INTEGER_RULES[step.primitive](step, field.steer(a), field.steer(b)))


def _select(field: Field, step: Step, which: Array, *cases: Any) -> Residues:
    return field.move(lambda *arrays: movement.select(step, which, *arrays), *cases)


def _extremum(better: Callable[..., Array]) -> Rule:
    """max or min; of equal floats the first."""

    def rule(field: Field, step: Step, a: Residues, b: Residues) -> Residues:
        a, b = _aligned(step, a, b)
        return _select(field, step, ~field.branch(better(a.x, b.x) | np.isnan(a.x)), a, b)

    return rule


def _clamp(field: Field, step: Step, low: Any, a: Residues, high: Any) -> Residues:
    return RULES["min"](field, step, RULES["max"](field, step, a, low), high)


def _abs(field: Field, step: Step, a: Residues) -> Residues:
    return _select(field, step, field.branch(a.x < 0), a, _neg(field, step, a))


def _piecewise_constant(function: Callable[[Array], Array]) -> Rule:
    """sign, floor, ...: a whole number, which the float decides."""

    def rule(field: Field, step: Step, a: Residues) -> Residues:
        x = function(a.x)
        whole = np.where(np.isfinite(x), x, 0)
        field.branch(whole > 0)
        result = field.integers(np.clip(whole, -(2.0**62), 2.0**62).astype(np.int64))
        return Residues(x, result.r, (0, 0), hole=a.hole)

    return rule


def _round(field: Field, step: Step, a: Residues) -> Residues:
    away = int(step.params.get("rounding_method", 0)) == 0
    nearest = (lambda x: np.trunc(x + np.copysign(0.5, x))) if away else np.rint
    return _piecewise_constant(nearest)(field, step, a)


def _rem(field: Field, step: Step, a: Residues, b: Residues) -> Residues:
    """a - b trunc(a / b)"""
    whole = _piecewise_constant(np.trunc)(field, step, _div(field, step, a, b))
    return _sub(field, step, a, _mul(field, step, b, whole))


def _reduce_extremum(choose: Callable[..., Array]) -> Rule:
    def rule(field: Field, step: Step, a: Residues) -> Residues:
        best = field.branch(choose(movement.reduced(step, a.x), axis=-1))[..., None]

        def take(array: Array) -> Array:
            return np.take_along_axis(
                movement.reduced(step, np.broadcast_to(array, a.x.shape)), best, axis=-1
            )[..., 0]

        return field.move(take, a)

    return rule


def _argument(field: Field, step: Step, a: Residues) -> Array:
    """argmax and argmin."""
    return field.branch(INTEGER_RULES[step.primitive](step, a.x))


def _cumulative_extremum(better: np.ufunc) -> Rule:
    def rule(field: Field, step: Step, a: Residues) -> Residues:
        axis = step.params["axis"] + 1
        best = movement.cumulative(step, a.x, better.accumulate)
        where = np.arange(a.x.shape[axis]).reshape(-1, *(1,) * (a.x.ndim - axis - 1))
        last = a.x.shape[axis] - 1
        if step.params["reverse"]:
            where = last - where
        order = movement.cumulative(step, np.where(a.x == best, where, 0), np.maximum.accumulate)
        order = last - order if step.params["reverse"] else order
        field.branch(order)
        return field.move(lambda array: np.take_along_axis(np.broadcast_to(array, a.x.shape), order, axis), a)

    return rule


def _sort(field: Field, step: Step, *operands: Any) -> list[Any]:
    order = field.branch(sort_order(step, *[field.steer(o) for o in operands[: step.params["num_keys"]]]))

    def take(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return take_order(step, value, order)
        return field.move(lambda array: take_order(step, array, order), value)

    return [take(operand) for operand in operands]


def _top_k(field: Field, step: Step, a: Residues) -> list[Any]:
    order = field.branch(top_k_order(step, a.x))
    return [field.move(lambda array: take_order(step, array, order), a), order.astype(step.outputs[1].dtype)]


def _is_finite(field: Field, step: Step, a: Residues) -> Array:
    return np.isfinite(a.x)


def _same(field: Field, step: Step, a: Any) -> Any:
    return a


RULES: Mapping[str, Rule] = {
    "add": _add,
    "add_any": _add,
    "sub": _sub,
    "mul": _mul,
    "div": _div,
    "neg": _neg,
    "integer_pow": _integer_pow,
    "square": lambda field, step, a: _mul(field, step, a, a),
    "one_minus_square": _one_minus_square,
    "polynomial": _polynomial,
    "convert_element_type": _convert,
    "reduce_precision": _same,
    "reduce_sum": _reduce(_sum, np.sum, _times),
    "reduce_prod": _reduce(_product, np.prod, lambda degree, count: (degree[0] * count, degree[1] * count)),
    "dot_general": _dot_general,
    "conv_general_dilated": _dot_general,
    "cumsum": _cumulative,
    "cumprod": _cumulative_product,
    "cumlogsumexp": _cumlogsumexp,
    "scatter-add": _scatter_add,
    "scatter_add": _scatter_add,
    "exp": _exp,
    "exp2": _exp2,
    "exp_neg_sq": _exp_neg_sq,
    "log": _log,
    "log1p": _log1p,
    "expm1": _expm1,
    "logistic": _logistic,
    "tanh": _hyperbolic(-1, 1, np.tanh),
    "sinh": _hyperbolic(-1, None, np.sinh),
    "cosh": _hyperbolic(1, None, np.cosh),
    "sqrt": _root(Fraction(1, 2), np.sqrt),
    "rsqrt": _root(Fraction(-1, 2), lambda x: 1 / np.sqrt(x)),
    "cbrt": _root(Fraction(1, 3), np.cbrt),
    "pow": _pow,
    "erf": _unary("erf", _vectorised(math.erf), odd=True),
    "erfc": _erfc,
    "sin": _circular(lambda t, tt: 2 * t, lambda tt: 1 + tt, np.sin),
    "cos": _circular(lambda t, tt: 1 - tt, lambda tt: 1 + tt, np.cos),
    "tan": _circular(lambda t, tt: 2 * t, lambda tt: 1 - tt, np.tan),
    "asin": _unary("asin", np.arcsin, odd=True),
    "acos": _unary("acos", np.arccos),
    "atan": _unary("atan", np.arctan, odd=True),
    "atan2": _atan2,
    "asinh": _unary("asinh", np.arcsinh, odd=True),
    "acosh": _unary("acosh", np.arccosh),
    "atanh": _unary("atanh", np.arctanh, odd=True),
    "lgamma": _unary("lgamma", _vectorised(_log_gamma)),
    "max": _extremum(np.greater_equal),
    "min": _extremum(np.less_equal),
    "clamp": _clamp,
    "abs": _abs,
    "sign": _piecewise_constant(np.sign),
    "floor": _piecewise_constant(np.floor),
    "ceil": _piecewise_constant(np.ceil),
    "round": _round,
    "rem": _rem,
    "eq": _compare,
    "ne": _compare,
    "lt": _compare,
    "le": _compare,
    "gt": _compare,
    "ge": _compare,
    "is_finite": _is_finite,
    "select_n": _select,
    "reduce_max": _reduce_extremum(np.argmax),
    "reduce_min": _reduce_extremum(np.argmin),
    "argmax": _argument,
    "argmin": _argument,
    "cummax": _cumulative_extremum(np.maximum),
    "cummin": _cumulative_extremum(np.minimum),
    "sort": _sort,
    "top_k": _top_k,
}
