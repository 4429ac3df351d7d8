r"""The examples of the appendix on multivariable calculus, and of its matrix calculus.

x and y are numbers, v and $\beta$ have n, q has two; X has shape (n, m), U (n, r), V (r, m).
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation

SOURCE = "Dive into Deep Learning, appendix, 'Multivariable Calculus'"
Number = Float[Array, ""]


def logarithm(x: Number, y: Number) -> Number:
    r"""$f(x, y) = \log(e^x + e^y)$"""
    return jnp.logaddexp(x, y)


def dlogarithm_dx(x: Number, y: Number) -> Number:
    r"""$\frac{\partial f}{\partial x} = \frac{e^x}{e^x + e^y}$

    Divided by $e^x$, so that nothing overflows.
    """
    return 1 / (1 + jnp.exp(y - x))


def dlogarithm_dy(x: Number, y: Number) -> Number:
    r"""$\frac{\partial f}{\partial y} = \frac{e^y}{e^x + e^y}$"""
    return 1 / (1 + jnp.exp(x - y))


def quartic(x: Number) -> Number:
    """$f(x) = 3x^4 - 4x^3 - 12x^2$"""
    return 3 * x**4 - 4 * x**3 - 12 * x**2


def dquartic_dx(x: Number) -> Number:
    r"""$\frac{df}{dx} = 12x^3 - 12x^2 - 24x = 12x (x - 2)(x + 1)$"""
    return 12 * x * (x - 2) * (x + 1)


def quadratic(q: Float[Array, "2"], a: Number, b: Float[Array, "2"], c: Float[Array, "3"]) -> Number:
    """$f(x) = a + b_1 x_1 + b_2 x_2 + c_{11} x_1^2 + c_{12} x_1 x_2 + c_{22} x_2^2$"""
    return a + b @ q + c[0] * q[0] ** 2 + c[1] * q[0] * q[1] + c[2] * q[1] ** 2


def dquadratic_dq(q: Float[Array, "2"], b: Float[Array, "2"], c: Float[Array, "3"]) -> Float[Array, "2"]:
    r"""$\nabla f(x) = [b_1 + 2 c_{11} x_1 + c_{12} x_2, b_2 + c_{12} x_1 + 2 c_{22} x_2]^\top$

    At 0 it is b.
    """
    return b + jnp.stack([2 * c[0] * q[0] + c[1] * q[1], c[1] * q[0] + 2 * c[2] * q[1]])


def bump(q: Float[Array, "2"]) -> Number:
    r"""$f(x, y) = x e^{-x^2 - y^2}$"""
    return q[0] * jnp.exp(-jnp.square(q[0]) - jnp.square(q[1]))


def dbump_dq(q: Float[Array, "2"]) -> Float[Array, "2"]:
    r"""$\nabla f(x, y) = e^{-x^2 - y^2} [1 - 2x^2, -2xy]^\top$"""
    return jnp.exp(-jnp.square(q[0]) - jnp.square(q[1])) * jnp.stack([1 - 2 * q[0] ** 2, -2 * q[0] * q[1]])


def product(beta: Float[Array, " n"], v: Float[Array, " n"]) -> Number:
    r"""$f(x) = \beta^\top x$"""
    return beta @ v


def dproduct_dv(beta: Float[Array, " n"]) -> Float[Array, " n"]:
    r"""$\frac{d}{dx} \beta^\top x = \beta$"""
    return beta


def square_of_sum(v: Float[Array, " n"]) -> Number:
    r"""$f(x) = (\sum_i x_i)^2$"""
    return jnp.sum(v) ** 2


def dsquare_of_sum_dv(v: Float[Array, " n"]) -> Float[Array, " n"]:
    r"""$\frac{\partial f}{\partial x_1} = 2 \sum_i x_i$

    And so for each of them.
    """
    return jnp.full_like(v, 2 * jnp.sum(v))


def error(X: Float[Array, "n m"], U: Float[Array, "n r"], V: Float[Array, "r m"]) -> Number:
    r"""$f(V) = \|X - U V\|_2^2$"""
    return jnp.sum(jnp.square(X - U @ V))


def derror_dV(X: Float[Array, "n m"], U: Float[Array, "n r"], V: Float[Array, "r m"]) -> Float[Array, "r m"]:
    r"""$\frac{d}{dV} \|X - U V\|_2^2 = -2 U^\top (X - U V)$

    `eq_mat_goal_2`.
    """
    return -2 * (U.T @ (X - U @ V))


def derror_dU(X: Float[Array, "n m"], U: Float[Array, "n r"], V: Float[Array, "r m"]) -> Float[Array, "n r"]:
    r"""$\frac{d}{dU} \|X - U V\|_2^2 = -2 (X - U V) V^\top$"""
    return -2 * ((X - U @ V) @ V.T)


def exercise(q: Float[Array, "2"]) -> Number:
    r"""$f(x, y) = x^2 y + x y^2$"""
    return q[0] ** 2 * q[1] + q[0] * q[1] ** 2


def dexercise_dq(q: Float[Array, "2"]) -> Float[Array, "2"]:
    r"""$\nabla f(x, y) = [2xy + y^2, x^2 + 2xy]^\top$"""
    x, y = q
    return jnp.stack([2 * x * y + y**2, x**2 + 2 * x * y])


def total(logarithm, quartic, quadratic, bump, product, square_of_sum, error, exercise) -> Number:
    """$J$, the sum of all."""
    return logarithm + quartic + quadratic + bump + product + square_of_sum + error + exercise


GRADIENTS = Derivation(
    name="multivariable-calculus",
    source=SOURCE,
    forward=dict(
        logarithm=logarithm, quartic=quartic, quadratic=quadratic, bump=bump, product=product,
        square_of_sum=square_of_sum, error=error, exercise=exercise, J=total,
    ),
    backward=dict(
        dlogarithm_dx=dlogarithm_dx, dlogarithm_dy=dlogarithm_dy, dquartic_dx=dquartic_dx,
        dquadratic_dq=dquadratic_dq, dbump_dq=dbump_dq, dproduct_dv=dproduct_dv,
        dsquare_of_sum_dv=dsquare_of_sum_dv, derror_dV=derror_dV, derror_dU=derror_dU, dexercise_dq=dexercise_dq,
    ),
)  # fmt: skip


def hessian_of_quadratic(c: Float[Array, "3"]) -> Float[Array, "2 2"]:
    r"""$H_f = [[2 c_{11}, c_{12}], [c_{12}, 2 c_{22}]]$

    `eq_hess_def`.
    """
    return jnp.stack([jnp.stack([2 * c[0], c[1]]), jnp.stack([c[1], 2 * c[2]])])


def hessian_of_bump(q: Float[Array, "2"]) -> Float[Array, "2 2"]:
    r"""$H_f = e^{-x^2 - y^2} [[4x^3 - 6x, 4x^2 y - 2y], [4x^2 y - 2y, 4x y^2 - 2x]]$"""
    x, y = q[0], q[1]
    small = jnp.exp(-jnp.square(x) - jnp.square(y))  # before the cubes, which overflow
    mixed = (y * small) * (4 * x**2 - 2)
    rows = [(x * small) * (4 * x**2 - 6), mixed], [mixed, (x * small) * (4 * y**2 - 2)]
    return jnp.stack([jnp.stack(row) for row in rows])


def total_of_gradients(slope: Float[Array, "2"], bump_slope: Float[Array, "2"]) -> Number:
    """$J$, the sum of both."""
    return jnp.sum(slope) + jnp.sum(bump_slope)


HESSIANS = Derivation(
    name="multivariable-hessians",
    source=f"{SOURCE}, Hessians",
    forward=dict(slope=dquadratic_dq, bump_slope=dbump_dq, J=total_of_gradients),
    backward=dict(dslope_dq=hessian_of_quadratic, dbump_slope_dq=hessian_of_bump),
)
