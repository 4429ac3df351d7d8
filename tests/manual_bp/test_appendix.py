"""Numbers that the appendix prints: its worked example of backpropagation, a gradient, and a change of variables."""

import math

import numpy as np

from manual_bp.book import integral_calculus, multivariable_calculus
from manual_bp.book.multivariable_calculus import examples


def test_backpropagation_at_the_point_of_the_book():
    value, gradient = multivariable_calculus.CHAIN_RULE.value_and_gradient("w", "x", "y", "z")(
        w=-1.0, x=0.0, y=-2.0, z=1.0
    )
    assert value == 1024 and {float(one) for one in gradient.values()} == {-4096}


def test_the_gradient_of_a_logarithm_of_exponentials_at_the_point_of_the_book():
    x, y = np.float64(0), np.float64(math.log(2))
    found = [float(d(x, y)) for d in (examples.dlogarithm_dx, examples.dlogarithm_dy)]  # type: ignore
    np.testing.assert_allclose(found, [1 / 3, 2 / 3], rtol=1e-6)


def test_polar_coordinates_stretch_areas_by_the_radius():
    r, angle = np.float32(2.5), np.float32(0.7)
    columns = integral_calculus.dpolar_dr(angle), integral_calculus.dpolar_dangle(r, angle)  # type: ignore
    np.testing.assert_allclose(integral_calculus.determinant(*columns), r, rtol=1e-6)
