"""The elementary functions of complex numbers by those of real ones: one rule a primitive."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from jax import lax

from verify.programs.complex_numbers.parts import (
    NoRealProgram,
    Parts,
    constant,
    minus,
    modulus,
    over,
    plus,
    scaled,
    times,
)
from verify.programs.complex_numbers.primitives import rounded_like

Unary = Callable[[Parts], Any]
LOG_ROUNDINGS = 32.0


def one(a: Parts) -> Parts:
    return Parts(constant(a.re, 1.0), constant(a.im, 0.0))


def exp(a: Parts) -> Parts:
    """e^(x + yi) = e^x (cos y + i sin y)"""
    size = lax.exp(a.re)
    return Parts(*(rounded_like(part, part) for part in (size * lax.cos(a.im), size * lax.sin(a.im))))


def expm1(a: Parts) -> Parts:
    """e^z - 1, which XLA computes as (e^x - 1) e^(iy) and the distance of e^(iy) from 1"""
    size, turned, result = lax.exp(a.re), lax.sin(a.im), minus(exp(a), one(a))
    return Parts(
        rounded_like(result.re, size, constant(size, 1.0)), rounded_like(result.im, turned, turned * size)
    )


def log(a: Parts) -> Parts:
    """log(x + yi) = log(x^2 + y^2) / 2 + i atan2(y, x), which XLA computes to 64 roundings of 1 in float64 on a CPU"""
    size = lax.log(a.re * a.re + a.im * a.im) * 0.5
    return Parts(rounded_like(size, size, constant(size, LOG_ROUNDINGS)), lax.atan2(a.im, a.re))


def sin(a: Parts) -> Parts:
    """sin(x + yi) = sin x cosh y + i cos x sinh y"""
    return _both(lax.sin(a.re) * lax.cosh(a.im), lax.cos(a.re) * lax.sinh(a.im))


def cos(a: Parts) -> Parts:
    """cos(x + yi) = cos x cosh y - i sin x sinh y"""
    return _both(lax.cos(a.re) * lax.cosh(a.im), -(lax.sin(a.re) * lax.sinh(a.im)))


def sinh(a: Parts) -> Parts:
    """sinh z = (e^z - e^-z) / 2"""
    up, down = _exponentials(a)
    return _rounded_as_exponentials(minus(up, down), a, up, down)


def cosh(a: Parts) -> Parts:
    """cosh z = (e^z + e^-z) / 2"""
    up, down = _exponentials(a)
    return _rounded_as_exponentials(plus(up, down), a, up, down)


def _exponentials(a: Parts) -> tuple[Parts, Parts]:
    """e^z / 2 and e^-z / 2"""
    return scaled(exp(a), 0.5), scaled(exp(Parts(-a.re, -a.im)), 0.5)


def _rounded_as_exponentials(value: Parts, a: Parts, *terms: Parts) -> Parts:
    """XLA adds log 1/2 to the exponents, which are rounded then."""
    rounded = (tuple(factor * term[i] for term in terms for factor in (1.0, a.re)) for i in (0, 1))
    return Parts(*(rounded_like(part, *scale) for part, scale in zip(value, rounded, strict=True)))


def tanh(a: Parts) -> Parts:
    """tanh(x + yi) = (t + iT) / (1 + itT), where t = tanh x and T = tan y"""
    t, turn = lax.tanh(a.re), lax.tan(a.im)
    return over(Parts(t, turn), Parts(constant(t, 1.0), t * turn))


def tan(a: Parts) -> Parts:
    """tan z = -i tanh(iz)"""
    inner = tanh(Parts(-a.im, a.re))
    return Parts(inner.im, -inner.re)


def sqrt(a: Parts) -> Parts:
    """The root in the right half plane: sqrt((|z| + x) / 2) + i sign(y) sqrt((|z| - x) / 2)."""
    size = modulus(a)
    re, im = lax.sqrt((size + a.re) * 0.5), lax.sqrt((size - a.re) * 0.5)
    return _both(re, lax.select(a.im < 0, -im, im))


def sign(a: Parts) -> Parts:
    """z / |z|, and 0 at 0"""
    size = modulus(a)
    zero = size == 0
    unit = over(a, Parts(lax.select(zero, constant(size, 1.0), size), constant(size, 0.0)))
    return Parts(*(lax.select(zero, constant(size, 0.0), part) for part in unit))


def _both(re: Any, im: Any) -> Parts:
    return Parts(rounded_like(re, re), rounded_like(im, im))


def integer_power(a: Parts, exponent: int) -> Parts:
    """z^n by squaring; of a negative n, of its reciprocal."""
    if exponent < 0:
        return over(one(a), integer_power(a, -exponent))
    result: Parts | None = None
    while exponent:
        if exponent & 1:
            result = a if result is None else times(result, a)
        exponent >>= 1
        if exponent:
            a = times(a, a)
    return one(a) if result is None else result


UNARY: Mapping[str, Unary] = {
    "neg": lambda a: Parts(-a.re, -a.im),
    "real": lambda a: a.re,
    "imag": lambda a: a.im,
    "conj": lambda a: Parts(a.re, -a.im),
    "abs": modulus,
    "sign": sign,
    "square": lambda a: times(a, a),
    "exp": exp,
    "exp2": lambda a: exp(scaled(a, math.log(2.0))),
    "expm1": expm1,
    "log": log,
    "log1p": lambda a: log(plus(one(a), a)),
    "sqrt": sqrt,
    "rsqrt": lambda a: over(one(a), sqrt(a)),
    "logistic": lambda a: over(one(a), plus(one(a), exp(Parts(-a.re, -a.im)))),
    "sin": sin,
    "cos": cos,
    "tan": tan,
    "sinh": sinh,
    "cosh": cosh,
    "tanh": tanh,
    "is_finite": lambda a: lax.is_finite(a.re) & lax.is_finite(a.im),
}
BINARY: Mapping[str, Callable[[Parts, Parts], Any]] = {
    "add": plus,
    "add_any": plus,
    "sub": minus,
    "mul": times,
    "div": over,
    "pow": lambda a, b: exp(times(b, log(a))),
    "eq": lambda a, b: (a.re == b.re) & (a.im == b.im),
    "ne": lambda a, b: (a.re != b.re) | (a.im != b.im),
}


def rule_of(name: str) -> Callable[..., Any]:
    """The rule of an elementwise primitive, as a function of its parameters and of its operands in parts."""
    if name in UNARY:
        return lambda params, a: UNARY[name](a)
    if name in BINARY:
        return lambda params, a, b: BINARY[name](a, b)
    if name == "integer_pow":
        return lambda params, a: integer_power(a, params["y"])
    raise NoRealProgram(name)
