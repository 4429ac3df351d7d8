"""Integers modulo a prime, as vectorised NumPy: the machinery below the finite fields of the proof.

The moduli form a tower (a Cunningham chain): each prime is twice the one below, plus 1. So the squares modulo a
prime form a group whose order is the prime below, and what is known modulo that prime can stand in the
exponent: exp climbs one level. The lowest is near 2^28, and a product of two residues of any level fits an
int64. One more than any of them is divided by every whole number up to 16: `roots_of_unity` lives by that.
"""

from __future__ import annotations

import functools
import hashlib
import math
from fractions import Fraction

import numpy as np

from verify.arithmetic.field.quadratic import Level, Quadratic
from verify.arithmetic.literals import is_meant

MODULI = (273152879, 546305759, 1092611519, 2185223039)
# Of the squares, at every level but the lowest: any square other than 1 in a group of prime order. None that a program
# would name, or exp(1) would be that number. (2 is a square at every level: exp2 takes it, so that exp2(1) is 2.)
GENERATORS = (2718281828459045**2, 3141592653589793**2)
_HALF = 16  # bits: residues have up to 32, tables and matrix products work on halves
_MASK = (1 << _HALF) - 1


def product(a: Level, b: Level, modulus: int) -> Level:
    """a b: by NumPy's fast division by a constant where arrays are long enough to gain by it."""
    both = a * b
    if isinstance(both, Quadratic) or both.size < 4096:
        return both % modulus
    unsigned = both.view(np.uint64)
    return (unsigned - unsigned // np.uint64(modulus) * np.uint64(modulus)).view(np.int64)


def inverse(a: Level, modulus: int) -> Level:
    """1 / a; 0 where a is 0."""
    if isinstance(a, Quadratic):
        return a.conjugate * inverse(a.norm, modulus)
    return np.where(a == 0, 0, _inverses(np.where(a == 0, 1, a).ravel(), modulus).reshape(a.shape))


def _inverses(a: np.ndarray, modulus: int) -> np.ndarray:
    """The inverses of a list of units, by inverting one product of them all (Montgomery): 1 / a = b / (a b)."""
    if len(a) <= 1:
        return np.array([pow(int(each), -1, modulus) for each in a], np.int64)
    half = len(a) // 2
    left, right, odd = a[:half], a[half : 2 * half], a[2 * half :]
    both = _inverses(np.concatenate([left * right % modulus, odd]), modulus)
    products = both[:half]
    return np.concatenate([products * right % modulus, products * left % modulus, both[half:]])


def power(a: Level, exponent: int, modulus: int) -> Level:
    """a to a fixed exponent >= 0, by squaring."""
    result: Level = np.ones(a.shape, np.int64)
    while exponent:
        if exponent & 1:
            result = product(a, result, modulus)
        exponent >>= 1
        if exponent:
            a = product(a, a, modulus)
    return result


@functools.cache
def _tables(base: int, modulus: int) -> tuple[np.ndarray, np.ndarray]:
    """base^i and base^(i 2^16), for i < 2^16."""
    steps = []
    for step in (base, pow(base, 1 << _HALF, modulus)):
        table = np.ones(1 << _HALF, np.int64)
        for bit in range(_HALF):  # doubling: the upper half is the lower one times step^(2^bit)
            table[1 << bit : 2 << bit] = table[: 1 << bit] * pow(step, 1 << bit, modulus) % modulus
        steps.append(table)
    return steps[0], steps[1]


def exponential(exponent: np.ndarray, level: int, base: int) -> np.ndarray:
    """base^exponent at a level, of exponents at the level below: exponential(a + b) = exponential(a) exponential(b)."""
    low, high = _tables(base, MODULI[level])
    return product(low[exponent & _MASK], high[exponent >> _HALF], MODULI[level])


def rational_power(a: Level, exponent: Fraction, level: int, *, extended: bool) -> tuple[Level, np.ndarray]:
    """a^exponent at a level above the lowest, and where it exists.

    An odd denominator prime to the order of the whole group has one root of everything. Any other denominator
    has one root *among the squares* of every square, so that all laws of exponents hold there. What is no
    square has a square root in the `extended` field, where sqrt(a) sqrt(b) is sqrt(a b) up to its sign; else,
    and for higher roots, none.
    """
    numerator, denominator, modulus = exponent.numerator, exponent.denominator, MODULI[level]
    if isinstance(a, Quadratic):
        root, exists = rational_power(a.re, exponent, level, extended=extended)
        return root, exists & (a.im == 0)
    if denominator % 2 and math.gcd(denominator, modulus - 1) == 1:
        order = modulus - 1
        return power(a, numerator * pow(denominator, -1, order) % order, modulus), np.ones_like(a, dtype=bool)
    order = MODULI[level - 1]
    if not extended or denominator % 4 == 0:
        root = power(a, pow(denominator, -1, order), modulus)
        return power(root, numerator % order, modulus), power(root, denominator, modulus) == a
    square = power(a, order, modulus) == 1
    root = power(np.where(square, a, -a % modulus), numerator * pow(denominator, -1, order) % order, modulus)
    quarter = numerator * pow(denominator // 2, -1, 4) % 4  # (-1)^(n/2k) = i^(n/k)
    turned = root if quarter in (0, 1) else -root % modulus
    turned_re, turned_im = (turned, 0) if quarter % 2 == 0 else (0, turned)
    return Quadratic(
        np.where(square, root, turned_re), np.where(square, 0, turned_im), modulus
    ), np.ones_like(square)


def matmul(a: np.ndarray, b: np.ndarray, modulus: int) -> np.ndarray:
    """The product of stacks of matrices, exact: halves of `a` times `b` in float64, whose sums stay below 2^53."""
    inner = a.shape[-1]
    limit = 1 << (53 - _HALF - modulus.bit_length())
    if inner > limit:
        parts = [
            matmul(a[..., start : start + limit], b[..., start : start + limit, :], modulus)
            for start in range(0, inner, limit)
        ]
        return np.sum(parts, axis=0) % modulus
    halves = np.concatenate([a >> _HALF, a & _MASK], axis=-2).astype(np.float64)
    products = np.matmul(halves, b.astype(np.float64)).astype(np.int64)
    high, low = np.split(products, 2, axis=-2)
    return ((high % modulus << _HALF) + low) % modulus


def hashed(a: Level, name: str, modulus: int) -> np.ndarray:
    """An uninterpreted function of a residue: the same for the same argument, and otherwise as good as random."""
    if isinstance(a, Quadratic):
        a = np.where(a.im == 0, a.re, a.re + 3 * hashed(a.im, name, modulus))
    salt = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")
    mixed = a.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(salt)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return ((mixed ^ (mixed >> np.uint64(31))) % np.uint64(modulus)).astype(np.int64)


# --- numbers as residues ----------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=65536)
def simplest(value: float, bits: int = 53) -> Fraction:
    """The simplest rational that rounds to this float of so many bits: 0.1 is 1/10, and 1/6 is 1/6.

    Of few bits, a dyadic number that needs fewer still is itself: 2^-16 in bfloat16 is no 1/65400. Simplest is smallest
    denominator, then smallest numerator, of all rationals nearer to the float than to its
    neighbours: the walk down the Stern-Brocot tree, as a continued fraction.
    """
    if value < 0:
        return -simplest(-value, bits)
    exact = Fraction(value)
    if exact.denominator == 1 or (bits < 53 and is_meant(exact, bits)):
        return exact
    if bits == 53:
        above, below = math.nextafter(value, math.inf), math.nextafter(value, 0.0)
    else:
        fraction, exponent = math.frexp(value)
        ulp = math.ldexp(1.0, exponent - bits)
        above, below = value + ulp, value - (ulp / 2 if fraction == 0.5 else ulp)
    above, below = ((exact + Fraction(neighbour)) / 2 for neighbour in (above, below))
    return _between(below, above)


def _between(low: Fraction, high: Fraction) -> Fraction:
    """The simplest rational strictly between two positive ones."""
    whole = low.numerator // low.denominator
    if whole + 1 < high:
        return Fraction(whole + 1)
    if low == whole:  # high <= whole + 1: the simplest is whole + 1/k with the smallest k that is below high
        k = (high - whole).denominator // (high - whole).numerator + 1
        return whole + Fraction(1, k)
    return whole + 1 / _between(1 / (high - whole), 1 / (low - whole))


def residue(number: Fraction, modulus: int) -> int:
    """A rational number in the field."""
    return number.numerator * pow(number.denominator, -1, modulus) % modulus
