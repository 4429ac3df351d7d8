"""A complex array as its two real parts, and the arithmetic of such pairs."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from verify.programs.complex_numbers.primitives import rounded_like


class Parts(NamedTuple):
    """re + i im, both of one shape and one real dtype."""

    re: Any
    im: Any


class NoRealProgram(Exception):
    """A primitive that computes with complex numbers and has no rule here."""


def is_complex(atom: Any) -> bool:
    """Whether the dtype of a variable, a literal or an aval is complex."""
    dtype = getattr(getattr(atom, "aval", atom), "dtype", None)
    return dtype is not None and jnp.issubdtype(dtype, jnp.complexfloating)


def real_dtype(dtype: Any) -> Any:
    """The dtype of the parts of a complex number."""
    return jnp.finfo(dtype).dtype


def as_parts(value: Any) -> Parts:
    """A real array as a complex one."""
    return value if isinstance(value, Parts) else Parts(value, jnp.zeros_like(value))


def plus(a: Parts, b: Parts) -> Parts:
    return Parts(a.re + b.re, a.im + b.im)


def minus(a: Parts, b: Parts) -> Parts:
    return Parts(a.re - b.re, a.im - b.im)


def times(a: Parts, b: Parts) -> Parts:
    """(a + bi)(c + di) = (ac - bd) + (ad + bc)i, as XLA computes it."""
    return Parts(a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re)


def over(a: Parts, b: Parts) -> Parts:
    """(a + bi) / (c + di) = ((ac + bd) + (bc - ad)i) / (c^2 + d^2)."""
    square = b.re * b.re + b.im * b.im
    straight, across = (a.re * b.re, a.im * b.im), (a.im * b.re, a.re * b.im)
    return Parts(
        rounded_like((straight[0] + straight[1]) / square, *(term / square for term in straight)),
        rounded_like((across[0] - across[1]) / square, *(term / square for term in across)),
    )


def modulus(a: Parts) -> jax.Array:
    """|x + yi| = sqrt(x^2 + y^2)"""
    size = lax.sqrt(a.re * a.re + a.im * a.im)
    return rounded_like(size, size)


def scaled(a: Parts, factor: Any) -> Parts:
    return Parts(a.re * factor, a.im * factor)


def constant(like: jax.Array, value: float) -> jax.Array:
    """A number as an array of this dtype and shape."""
    return jnp.full_like(like, value)
