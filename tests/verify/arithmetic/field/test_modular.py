"""Integers modulo the primes of the tower, against Python's integers; floats as the simplest rational."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from verify.arithmetic.field.modular import (
    GENERATORS,
    MODULI,
    exponential,
    hashed,
    inverse,
    matmul,
    power,
    rational_power,
    residue,
    simplest,
)

LEVELS = range(1, len(MODULI))
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def _prime(n: int) -> bool:
    """Miller and Rabin, with the bases that decide every n below 3,317,044,064,679,887,385,961,981."""
    odd, twos = n - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41):
        x = pow(base, odd, n)
        if x != 1 and n - 1 not in [pow(x, 2**i, n) for i in range(twos)]:
            return False
    return True


def test_the_moduli_are_a_tower_of_primes_whose_products_fit():
    assert all(map(_prime, MODULI))
    assert all(above == 2 * below + 1 for below, above in itertools.pairwise(MODULI))
    assert (MODULI[-1] - 1) ** 2 < 2**63 - 1
    assert not any(map(_prime, (2047, 3215031751, MODULI[0] * MODULI[1])))


def test_minus_one_is_no_square_and_two_is_one():
    assert all(modulus % 4 == 3 for modulus in MODULI)
    assert all(pow(2, below, modulus) == 1 for below, modulus in itertools.pairwise(MODULI))


@pytest.mark.parametrize("level", LEVELS)
def test_the_bases_of_exponentials_generate_all_squares(level):
    """The group of squares has a prime order, so every element but 1 generates it."""
    for base in GENERATORS:
        assert base % MODULI[level] > 2**16
        assert pow(base, MODULI[level - 1], MODULI[level]) == 1 != base % MODULI[level]
    assert GENERATORS[0] % MODULI[level] != GENERATORS[1] % MODULI[level]


@pytest.mark.parametrize("level", LEVELS)
def test_exponentials_turn_sums_into_products(level):
    below, modulus = MODULI[level - 1], MODULI[level]
    rng = np.random.default_rng(level)
    a, b = rng.integers(0, below, (2, 200))
    a[:4], b[:4] = (0, 1, below - 1, 1 << 16), (0, 0, 1, below - (1 << 16))
    for base in (*GENERATORS, 2):
        product = exponential(a, level, base) * exponential(b, level, base) % modulus
        assert np.array_equal(product, exponential((a + b) % below, level, base))
        assert exponential(a, level, base).tolist() == [pow(base, int(e), modulus) for e in a]


@pytest.mark.parametrize("modulus", MODULI)
def test_inverses_and_powers_are_those_of_integers(modulus):
    a = np.concatenate([[0, 1, modulus - 1], np.random.default_rng(1).integers(1, modulus, 200)])
    assert inverse(a, modulus).tolist() == [0, *(pow(int(e), -1, modulus) for e in a[1:])]
    for exponent in (0, 1, 2, 3, 17, modulus - 2, modulus - 1):
        assert np.asarray(power(a, exponent, modulus)).tolist() == [pow(int(e), exponent, modulus) for e in a]


@pytest.mark.parametrize("modulus", MODULI)
@pytest.mark.parametrize(
    "left, right",
    [
        ((3, 4), (4, 2)),
        ((2, 1, 3, 5), (1, 4, 5, 2)),
        ((1, 0), (0, 3)),
        ((2, 4097), (4097, 1)),
        ((0, 3), (3, 2)),
    ],
)
def test_products_of_matrices_are_exact(modulus, left, right):
    """Up to the largest residues, in sums longer than float64 holds at once."""
    rng = np.random.default_rng(2)
    for low in (0, modulus - 2):
        a, b = rng.integers(low, modulus, left), rng.integers(low, modulus, right)
        expected = np.matmul(a.astype(object), b.astype(object)) % modulus
        assert np.array_equal(matmul(a, b, modulus), expected)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    "exponent", [Fraction(n, d) for n, d in [(1, 2), (-1, 2), (3, 2), (1, 3), (-2, 3), (1, 4), (5, 6)]]
)
def test_roots_are_roots_and_obey_the_laws_of_exponents(level, exponent):
    modulus = MODULI[level]
    a, b = np.random.default_rng(level).integers(1, modulus, (2, 100))
    root, exists = rational_power(a, exponent, level, extended=False)
    root, exists = np.asarray(root), np.broadcast_to(exists, a.shape)
    squares = power(a, (modulus - 1) // 2, modulus) == 1
    assert np.array_equal(exists, squares if exponent.denominator % 2 == 0 else np.ones(100, bool))
    raised = power(root if exponent > 0 else inverse(root, modulus), exponent.denominator, modulus)
    assert np.array_equal(
        np.asarray(raised)[exists], np.asarray(power(a, abs(exponent.numerator), modulus))[exists]
    )
    a, b = a * a % modulus, b * b % modulus
    of_a, of_b, of_product = (
        np.asarray(rational_power(each, exponent, level, extended=False)[0])
        for each in (a, b, a * b % modulus)
    )
    assert np.array_equal(of_a * of_b % modulus, of_product)
    twice, _ = rational_power(a, 2 * exponent, level, extended=False)
    assert np.array_equal(of_a * of_a % modulus, twice)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    "exponent", [Fraction(n, d) for n, d in [(1, 2), (-1, 2), (3, 2), (-3, 2), (1, 6), (5, 6), (-5, 6)]]
)
def test_in_the_quadratic_extension_everything_has_its_square_root(level, exponent):
    modulus = MODULI[level]
    a = np.random.default_rng(level).integers(1, modulus, 100)
    root, exists = rational_power(a, exponent, level, extended=True)
    assert exists.all()
    raised = power(root if exponent > 0 else inverse(root, modulus), exponent.denominator, modulus)
    assert (raised == power(a, abs(exponent.numerator), modulus)).all()


# --- hashes -----------------------------------------------------------------------------------------------------------


def test_a_hash_depends_on_the_argument_and_on_the_whole_name():
    a = np.arange(20000)
    names = ("bessel_i0e", "bessel_i1e", "log", "triangular_solve lower=True", "triangular_solve lower=False")
    found = {name: hashed(a, name, MODULI[0]) for name in names}
    for name, values in found.items():
        assert np.array_equal(values, hashed(a.copy(), name, MODULI[0]))
        assert values.min() >= 0 and values.max() < MODULI[0]
        assert len(np.unique(values)) > 0.999 * len(a)
        assert abs(values.mean() / MODULI[0] - 0.5) < 0.01
    everything = np.concatenate(list(found.values()))
    assert len(np.unique(everything)) > 0.999 * everything.size


# --- numbers as residues ----------------------------------------------------------------------------------------------


@given(FINITE)
def test_the_simplest_rational_rounds_to_its_float(value):
    assert float(simplest(value)) == value
    assert simplest(-value) == -simplest(value)


@given(st.integers(-400, 400), st.integers(1, 400))
def test_small_fractions_are_recovered(numerator, denominator):
    assert simplest(numerator / denominator) == Fraction(numerator, denominator)


@given(st.floats(1e-9, 1e9))
def test_no_rational_with_a_smaller_denominator_rounds_to_that_float(value):
    found = simplest(value)
    for denominator in range(max(1, found.denominator - 200), found.denominator):
        nearest = Fraction(round(Fraction(value) * denominator), denominator)
        assert float(nearest) != value


@pytest.mark.parametrize(
    "value, expected",
    [
        (0.1, (1, 10)),
        (1 / 6, (1, 6)),
        (0.044715, (8943, 200000)),
        (0.0, (0, 1)),
        (-2.5, (-5, 2)),
        (1e22, (10**22, 1)),
    ],
)
def test_decimals_that_people_write(value, expected):
    assert simplest(value) == Fraction(*expected)


def test_neighbours_of_a_float_are_other_rationals():
    assert len({simplest(math.nextafter(1 / 3, side)) for side in (0, 1 / 3, 1)}) == 3


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**8), st.sampled_from(MODULI))
def test_the_residue_of_a_fraction_times_its_denominator_is_its_numerator(numerator, denominator, modulus):
    found = residue(Fraction(numerator, denominator), modulus)
    assert 0 <= found < modulus
    assert (found * denominator - numerator) % modulus == 0
