r"""The book's chapter on convexity: second derivatives along a line, and as the limit of a difference.

The function is $f(u) = \sum_i \sin u_i$ of u (n,), whose Hessian is diagonal, and q(u) a quadratic form with any
Hessian $R + R^\top$. The line through x and y is $g(z) = f(z x + (1 - z) y)$.
"""

from collections.abc import Callable

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from manual_bp.derivation import Derivation

SOURCE = "Dive into Deep Learning, 'Convexity'"


def point(z: Float[Array, ""], x: Float[Array, " n"], y: Float[Array, " n"]) -> Float[Array, " n"]:
    r"""$u = z x + (1 - z) y$"""
    return z * x + (1 - z) * y


def slope(
    u: Float[Array, " n"], x: Float[Array, " n"], y: Float[Array, " n"], R: Float[Array, "n n"]
) -> Float[Array, ""]:
    r"""$g'(z) = (x - y)^\top \nabla f(u)$ with $\nabla f(u) = \cos u + (R + R^\top) u$"""
    return (x - y) @ (jnp.cos(u) + (R + R.T) @ u)


def hessian(u: Float[Array, " n"], R: Float[Array, "n n"]) -> Float[Array, "n n"]:
    r"""$H = -\mathrm{diag}(\sin u) + R + R^\top$"""
    return R + R.T - jnp.diag(jnp.sin(u))


def dslope_dz(
    u: Float[Array, " n"], x: Float[Array, " n"], y: Float[Array, " n"], R: Float[Array, "n n"]
) -> Float[Array, ""]:
    r"""$g''(z) = (x - y)^\top H (x - y)$"""
    return (x - y) @ hessian(u, R) @ (x - y)


def half_norm_gradient(w: Float[Array, " m"]) -> Float[Array, " m"]:
    r"""$\nabla \frac12 \|w\|^2 = w$"""
    return w


def dhalf_dw(w: Float[Array, " m"]) -> Float[Array, "m m"]:
    r"""$\nabla^2 \frac12 \|w\|^2 = \mathbf{1}$"""
    return jnp.eye(w.shape[0], dtype=w.dtype)


def total(slope: Float[Array, ""], half: Float[Array, " m"]) -> Float[Array, ""]:
    """$J$, the sum of both."""
    return slope + jnp.sum(half)


DERIVATION = Derivation(
    name="convexity",
    source=SOURCE,
    forward=dict(u=point, slope=slope, half=half_norm_gradient, J=total),
    backward=dict(dslope_dz=dslope_dz, dhalf_dw=dhalf_dw),
)


def second_difference(f: Callable[[Array], Array], x: Array, epsilon: Array) -> Array:
    r"""$\frac{f(x + \epsilon) + f(x - \epsilon) - 2 f(x)}{\epsilon^2}$, which is $f''(x) + O(\epsilon^2)$"""
    return (f(x + epsilon) + f(x - epsilon) - 2 * f(x)) / epsilon**2
