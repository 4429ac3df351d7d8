"""Residues of the form a + b i with i^2 = -1: where numbers that are no squares have their roots.

Every prime of the tower is 3 modulo 4, so -1 is no square, and adjoining i gives a field in which everything
that the prime knows has a square root: that of a square, or i times that of its opposite.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


class Quadratic:
    """Arrays re + im i modulo a prime, with the operators that residues as plain arrays have; always reduced."""

    __slots__ = ("im", "modulus", "re")
    __array_ufunc__ = None  # a NumPy array on the left leaves the operation to this class
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, re: Array, im: Array, modulus: int):
        self.re, self.im, self.modulus = re, im, modulus

    @classmethod
    def of(cls, value: Level, modulus: int) -> Quadratic:
        return value if isinstance(value, Quadratic) else cls(value, np.zeros_like(value), modulus)

    def map(self, function: Callable[[Array], Array]) -> Quadratic:
        """A function that acts on both parts alike."""
        return Quadratic(function(self.re), function(self.im), self.modulus)

    def __add__(self, other: Any) -> Quadratic:
        other = Quadratic.of(np.asarray(other) if isinstance(other, int) else other, self.modulus)
        return Quadratic(
            (self.re + other.re) % self.modulus, (self.im + other.im) % self.modulus, self.modulus
        )

    def __mul__(self, other: Any) -> Quadratic:
        m = self.modulus
        if not isinstance(other, Quadratic):
            return Quadratic(self.re * other % m, self.im * other % m, m)
        re = self.re * other.re % m - self.im * other.im % m
        return Quadratic(re % m, (self.re * other.im % m + self.im * other.re % m) % m, m)

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self) -> Quadratic:
        return Quadratic(-self.re % self.modulus, -self.im % self.modulus, self.modulus)

    def __mod__(self, modulus: int) -> Quadratic:
        return self

    def __eq__(self, other: Any) -> Any:
        other = Quadratic.of(np.asarray(other) if isinstance(other, int) else other, self.modulus)
        return (self.re == other.re) & (self.im == other.im)

    def __getitem__(self, key: Any) -> Quadratic:
        return self.map(lambda part: part[key])

    @property
    def shape(self) -> tuple[int, ...]:
        return np.broadcast_shapes(self.re.shape, self.im.shape)

    @property
    def conjugate(self) -> Quadratic:
        return Quadratic(self.re, -self.im % self.modulus, self.modulus)

    @property
    def norm(self) -> Array:
        """(a + b i)(a - b i) = a^2 + b^2, which is 0 for 0 alone."""
        return (self.re * self.re % self.modulus + self.im * self.im % self.modulus) % self.modulus


Level = Any  # the residues of one level: an array, or Quadratic; both know the same operators


def linear(function: Callable[..., Any], *values: Level) -> Any:
    """A function that acts on the parts of its operands alike: a sum, a move, a scatter."""
    first = next((value for value in values if isinstance(value, Quadratic)), None)
    if first is None:
        return function(*values)
    parts = [Quadratic.of(value, first.modulus) for value in values]
    re, im = function(*[part.re for part in parts]), function(*[part.im for part in parts])
    if isinstance(re, (list, tuple)):
        return [
            Quadratic(a % first.modulus, b % first.modulus, first.modulus)
            for a, b in zip(re, im, strict=True)
        ]
    return Quadratic(re % first.modulus, im % first.modulus, first.modulus)


def chosen(where: Array, yes: Level, no: Level) -> Level:
    """Element by element one of two values."""
    return linear(lambda yes, no: np.where(where, yes, no), yes, no)


def bilinear(product: Callable[[Array, Array], Array], a: Level, b: Level) -> Level:
    """A function that is linear in each of two operands: a product of matrices."""
    if isinstance(a, Quadratic):
        m = a.modulus
        if not isinstance(b, Quadratic):
            return a.map(lambda part: product(part, b))
        re = product(a.re, b.re) - product(a.im, b.im)
        return Quadratic(re % m, (product(a.re, b.im) + product(a.im, b.re)) % m, m)
    return b.map(lambda part: product(a, part)) if isinstance(b, Quadratic) else product(a, b)
