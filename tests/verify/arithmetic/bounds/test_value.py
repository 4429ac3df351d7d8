"""Numbers with bounds: the lowest bit, and the one criterion."""

import numpy as np
import pytest

from verify.arithmetic.bounds.value import Bounded, Doubtful, differs, lowest_bit, plainly, power


def test_the_lowest_bit_divides_every_number_and_its_double_does_not():
    rng = np.random.default_rng(0)
    short = rng.integers(1, 1000, 500) * 2.0 ** rng.integers(-60, 60, 500)
    values = np.concatenate([short, -short, rng.normal(size=500), 2.0 ** np.arange(-1022, 1023)])
    bits = lowest_bit(values)
    assert (np.frexp(bits)[0] == 0.5).all()
    quotient = np.abs(values) / bits
    assert (quotient == np.floor(quotient)).all() and (quotient % 2 == 1).all()


def test_zero_has_no_lowest_bit():
    assert (lowest_bit(np.array([0.0, -0.0])) == np.inf).all()


def _pair(a: float, b: float, e: float = 0.0, f: float = 0.0) -> tuple[Bounded, Bounded]:
    return Bounded(np.array([a]), np.array([e])), Bounded(np.array([b]), np.array([f]))


@pytest.mark.parametrize(
    ("a", "b", "e", "f", "different"),
    [
        (1.0, 1.0, 0.0, 0.0, False),
        (1.0, 1.0 + 2**-52, 0.0, 0.0, True),
        (1.0, 1.25, 0.125, 0.125, False),
        (1.0, 1.26, 0.125, 0.125, True),
        (1.0, 9.0, np.inf, 0.0, False),  # indeterminate
        (np.nan, 1.0, 0.0, 0.1, True),  # certainly NaN, against a number
        (np.nan, 1.0, np.inf, 0.1, False),
        (np.inf, 1.0, 0.0, 0.0, True),
        (np.inf, -np.inf, 0.0, 0.0, False),  # the sign of a zero is not tracked
        (np.nan, np.nan, 0.0, 0.0, False),
    ],
)
def test_the_criterion(a: float, b: float, e: float, f: float, different: bool):
    for pair in (_pair(a, b, e, f), _pair(b, a, f, e)):
        mask, ratio = differs(*pair)
        assert mask.tolist() == [different]
        assert np.isnan(ratio[0]) == (not np.isfinite(e))


def test_the_ratio_is_the_difference_over_both_bounds():
    _, ratio = differs(*_pair(1.0, 1.5, 0.5, 0.5))
    assert ratio[0] == pytest.approx(0.5, rel=2e-6)


def test_power_is_the_smallest_relative_error_that_shows():
    a = Bounded(np.array([2.0, 4.0, 0.0, 1.0]), np.array([0.5, 0.5, 0.0, np.inf]))
    b = Bounded(a.value, np.array([0.5, 0.5, 0.0, 0.0]))
    assert power(a, b) == 0.25
    assert power(a, Bounded(a.value, np.full(4, 10.0))) is None


def test_nothing_in_doubt_is_a_plain_array():
    value = np.array([True, False])
    assert plainly(value, np.zeros(2, bool)) is value
    assert isinstance(plainly(value, value), Doubtful)
