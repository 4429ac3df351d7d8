"""What the optimisation chapters say of their gradients: where they vanish, and differences as limits of some order."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import jax
import numpy as np

from manual_bp.book import conv_layer, convexity, gradient_descent


def test_the_gradient_of_the_taylor_polynomial_vanishes_at_the_step_of_newton():
    H: Any = np.array([[4.0, 1.0], [1.0, 3.0]])
    g: Any = np.array([1.0, -2.0])
    with jax.enable_x64(True):
        step = gradient_descent.newton_step(H, g)
        np.testing.assert_allclose(gradient_descent.dT_de(g, H, step), [0, 0], atol=1e-15)
        diagonal: Any = np.diag(np.diag(H))
        step = gradient_descent.preconditioned_step(H, g)
        np.testing.assert_allclose(gradient_descent.dT_de(g, diagonal, step), [0, 0], atol=1e-15)


def orders(error: Callable[[Any], Any], epsilon: Fraction) -> Any:
    """2 to the order of an error, where it is a power of epsilon."""
    return error(epsilon) / error(epsilon / 2)


def test_the_second_difference_is_the_second_derivative_to_second_order():
    x: Any = Fraction(3, 2)

    def error(epsilon: Any) -> Any:
        return convexity.second_difference(lambda u: u**4, x, epsilon) - 12 * x**2

    assert error(Fraction(1, 8)) != 0 and orders(error, Fraction(1, 8)) == 4


def test_the_edge_detector_is_the_derivative_to_first_order():
    i: Any = Fraction(3, 2)
    j: Any = Fraction(5)

    def error(epsilon: Any) -> Any:
        return conv_layer.difference(lambda i, j: i**2 * j, i, j, epsilon) + 2 * i * j

    assert error(Fraction(1, 8)) != 0 and orders(error, Fraction(1, 8)) == 2
