"""Discrete logarithms: the exponent of a power of the generator, by baby steps and giant steps (Shanks 1971).

The squares modulo a prime of the tower are the powers of its generator, and their exponents are numbers modulo the
prime below. So what exp climbs, log descends: logarithm(a b) = logarithm(a) + logarithm(b), exactly.
"""

from __future__ import annotations

import functools

import numpy as np

from verify.arithmetic.field.modular import GENERATORS, MODULI, product

BABY = 1 << 20  # powers in the table: a giant step is so many of them
FILTER = (1 << 24) - 1  # the bits of a power by which most others are told apart from those in the table


@functools.cache
def _table(level: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The powers of the generator up to BABY, sorted; their exponents; and which low bits occur among them."""
    modulus, base = MODULI[level], GENERATORS[0] % MODULI[level]
    powers, done = np.ones(BABY, np.int64), 1
    while done < BABY:  # doubling: the next powers are those there are, times one of them
        powers[done : 2 * done] = product(powers[:done], np.int64(pow(base, done, modulus)), modulus)
        done *= 2
    exponents = np.argsort(powers)
    powers = powers[exponents]
    seen = np.zeros(FILTER + 1, bool)
    seen[powers & FILTER] = True
    return powers, exponents, seen


def logarithm(a: np.ndarray, level: int) -> np.ndarray:
    """The exponent, modulo the prime below, of a or of -a, whichever is a square: it is log |a|. 0 where a is 0."""
    modulus, order = MODULI[level], MODULI[level - 1]
    squares, positions = np.unique(np.where(a == 0, 1, product(a, a, modulus)), return_inverse=True)
    halved = _logarithms(squares, level) * pow(2, -1, order) % order
    return halved[positions].reshape(a.shape)


def _logarithms(powers: np.ndarray, level: int) -> np.ndarray:
    """The exponents of a list of powers: each is moved back by giant steps until it meets the table."""
    table, exponents, seen = _table(level)
    modulus = MODULI[level]
    back = np.int64(pow(GENERATORS[0], -BABY, modulus))
    found, left = np.zeros(len(powers), np.int64), np.arange(len(powers))
    for start in range(0, MODULI[level - 1], BABY):
        likely = np.flatnonzero(seen[powers & FILTER])
        places = np.minimum(np.searchsorted(table, powers[likely]), BABY - 1)
        met = table[places] == powers[likely]
        if met.any():
            found[left[likely[met]]] = start + exponents[places[met]]
            others = np.ones(len(powers), bool)
            others[likely[met]] = False
            powers, left = powers[others], left[others]
        if not len(left):
            return found
        powers = product(powers, back, modulus)
    raise AssertionError(f"{len(left)} numbers are no powers of the generator of level {level}")
