"""Cosines and sines of the parts of a full turn, exact: parts of roots of unity in a prime's quadratic extension.

Modulo a prime p with p = 3 modulo 4 the numbers a + bi with a^2 + b^2 = 1 are a cyclic group of order p + 1. Where n
divides that, its element w of order n stands for e^(2 pi i / n), and a and b of its powers for their cosines and
sines: every algebraic relation between those holds, for both fields are images of the ring of integers of one
cyclotomic field. Where n divides the order at no level the matrix is uninterpreted, but for its symmetries.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from verify.arithmetic.field.base import BaseField
from verify.arithmetic.field.modular import hashed
from verify.arithmetic.field.value import Residues, Tower
from verify.arithmetic.turns import cosines_and_sines

if TYPE_CHECKING:
    from verify.interpreter.steps import Step

Pair = tuple[int, int]  # a + bi


def roots_of_unity(field: BaseField, step: Step) -> list[Residues]:
    """Two matrices, cos(2 pi j k / n) and sin(2 pi j k / n)."""
    length = int(step.params["length"])
    places = np.arange(length)
    turns = np.outer(places, places)[None] % max(length, 1)
    powers = [_powers(modulus, length) for modulus in field.moduli]
    if all(power is None for power in powers):
        field.uninterpreted.add(f"roots of unity of order {length}")
        powers = [_unknown(modulus, length) for modulus in field.moduli]
    results = []
    for part, floats in enumerate(cosines_and_sines(length)):
        tower: Tower = tuple(None if power is None else power[part][turns] for power in powers)
        results.append(Residues(floats[None], tower, (0, 0)))
    return results


@functools.lru_cache(maxsize=256)
def _powers(modulus: int, length: int) -> tuple[np.ndarray, np.ndarray] | None:
    """The parts of all powers of the root of this order, or None where there is none."""
    if length == 0 or (modulus + 1) % length:
        return None
    root = _power(generator(modulus), (modulus + 1) // length, modulus)
    powers: list[Pair] = [(1, 0)]
    while len(powers) < length:
        powers.append(_times(powers[-1], root, modulus))
    re, im = np.array(powers, np.int64).T
    return re, im


def _unknown(modulus: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of which no more is known than that cosines are even and sines odd."""
    places = np.arange(length)
    folded = np.minimum(places, length - places)
    names = (f"cos of turns of {length}", f"sin of turns of {length}")
    cosines, sines = (hashed(folded, name, modulus) for name in names)
    sines = np.where(2 * places == length, 0, np.where(2 * places > length, modulus - sines, sines))
    return np.where(places == 0, 1, cosines), np.where(places == 0, 0, sines % modulus)


@functools.cache
def generator(modulus: int) -> Pair:
    """An element of order p + 1 whose quarter turn is i."""
    order = modulus + 1
    factors = _prime_factors(order)
    for number in range(2, order):
        # (number + i)^(p - 1) is conjugate / itself
        norm = pow(number * number + 1, -1, modulus)
        element = ((number * number - 1) * norm % modulus, -2 * number * norm % modulus)
        if all(_power(element, order // factor, modulus) != (1, 0) for factor in factors):
            quarter = _power(element, order // 4, modulus)
            return element if quarter == (0, 1) else (element[0], -element[1] % modulus)
    raise AssertionError(f"{modulus}: expected a prime that is 3 modulo 4")


def _times(a: Pair, b: Pair, modulus: int) -> Pair:
    return (a[0] * b[0] - a[1] * b[1]) % modulus, (a[0] * b[1] + a[1] * b[0]) % modulus


def _power(a: Pair, exponent: int, modulus: int) -> Pair:
    result = (1, 0)
    while exponent:
        if exponent & 1:
            result = _times(result, a, modulus)
        a, exponent = _times(a, a, modulus), exponent >> 1
    return result


def _prime_factors(number: int) -> set[int]:
    factors, divisor = set(), 2
    while divisor * divisor <= number:
        while number % divisor == 0:
            factors.add(divisor)
            number //= divisor
        divisor += 1
    return factors | ({number} if number > 1 else set())
