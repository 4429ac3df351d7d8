"""Discrete logarithms, and the laws of logarithms that they bring to the field."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

import verify
from manual_bp.derivation import Derivation
from tests.verify.arithmetic.field.evaluation import POINTS, compared
from verify.arithmetic.field.discrete_logarithms import logarithm
from verify.arithmetic.field.modular import GENERATORS, MODULI, exponential
from verify.arithmetic.field.value import NoLevelLeft

e, ln = jnp.exp, jnp.log


@pytest.mark.parametrize("level", range(1, len(MODULI)))
def test_a_logarithm_undoes_an_exponential(level):
    rng = np.random.default_rng(level)
    exponents = rng.integers(0, MODULI[level - 1], (5, 3))
    powers = exponential(exponents, level, GENERATORS[0])
    np.testing.assert_array_equal(logarithm(powers, level), exponents)
    np.testing.assert_array_equal(logarithm(MODULI[level] - powers, level), exponents)


def test_the_logarithm_of_a_product_is_the_sum():
    a, b = np.random.default_rng(0).integers(1, MODULI[2], (2, 20))
    summed = (logarithm(a, 2) + logarithm(b, 2)) % MODULI[1]
    np.testing.assert_array_equal(logarithm(a * b % MODULI[2], 2), summed)


def descended(left, right, levels=3):
    """How two functions compare where logarithms descend the tower."""
    return compared(left, right, levels, descending=True)[0]


LAWS = {
    "product": (lambda x, y: x * ln(x * y), lambda x, y: x * ln(x) + x * ln(y)),
    "quotient": (lambda x, y: y * ln(x / y), lambda x, y: y * (ln(x) - ln(y))),
    "power": (lambda x, y: x * ln(y**3), lambda x, y: 3 * x * ln(y)),
    "root": (lambda x, y: y * ln(jnp.cbrt(x)), lambda x, y: y * ln(x) / 3),
    "softmax": (lambda x, y: x * ln(e(x) / (e(x) + e(y))), lambda x, y: x * (x - jnp.logaddexp(x, y))),
    "variable power": (lambda x, y: x**y, lambda x, y: e(y * ln(x))),
    "base": (lambda x, y: jnp.log2(x * y), lambda x, y: ln(x) / ln(2.0) + jnp.log2(y)),
    "tall": (lambda x, y: ln(ln(e(e(x) * y))) * y, lambda x, y: y * (x + ln(y))),
}


@pytest.mark.parametrize("name", LAWS)
def test_laws_of_logarithms(name):
    left, right = LAWS[name]
    levels = 4 if name == "tall" else 3
    agreement = descended(left, right, levels)
    assert agreement.mismatch is None and agreement.points > POINTS // 4
    assert agreement.log2_error < -20 * agreement.points
    with jax.enable_x64(True):
        np.testing.assert_allclose(left(0.7, 1.3), right(0.7, 1.3), rtol=1e-12)  # the law is a law
    wrong = descended(left, lambda x, y: (1 + 2.0**-50) * right(x, y), levels)
    assert wrong.mismatch is not None


def test_what_is_left_without_a_level_asks_for_a_higher_tower():
    with pytest.raises(NoLevelLeft):
        descended(lambda x, y: e(x) * ln(y), lambda x, y: ln(y) * e(x), levels=2)
    assert descended(lambda x, y: e(x) * ln(y), lambda x, y: ln(y) * e(x), levels=3).mismatch is None


def entropy(z: Float[Array, " q"]):
    p = jax.nn.softmax(z)
    return -jnp.sum(p * jnp.log(p))


def of_entropy(sign):
    def dJ_dz(z):
        p, log_p = jax.nn.softmax(z), jax.nn.log_softmax(z)
        return sign * p * (log_p - jnp.sum(p * log_p))

    return Derivation("entropy", "", forward={"J": entropy}, backward={"dJ_dz": dJ_dz})


def test_a_gradient_written_with_the_other_logarithm_is_proved():
    """log(softmax(z)) in the forward pass, log_softmax(z) by hand."""
    settings = {"examples": 4, "dtypes": ("float32",)}
    assert verify.check(of_entropy(-1), **settings).verdict == "proved"
    (wrong,) = verify.check(of_entropy(1), **settings).derivations
    assert [(each.name, each.verdict, each.diagnosis) for each in wrong.equations] == [
        ("dJ_dz", "refuted", "manual = -jax.grad"),
        ("gradient", "refuted", None),
    ]
