r"""Derivatives by vectors and matrices, and the chain rule for them.

A has shape (m, n) and B (n, m), S is square, x has n numbers, X is a matrix. The book writes derivatives by
vectors in the denominator layout: of a tensor y by x it has shape `x.shape + y.shape`. `dy_dx` here has
`y.shape + x.shape`; the equations compute the book's matrix and transpose it.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.book.calculus.table import SOURCE
from manual_bp.derivation import Derivation


def Ax(A: Float[Array, "m n"], x: Float[Array, " n"]) -> Float[Array, " m"]:
    """$A x$"""
    return A @ x


def dAx_dx(A: Float[Array, "m n"]) -> Float[Array, "m n"]:
    r"""$\nabla_x A x = A^\top$"""
    book = A.T
    return book.T


def xB(x: Float[Array, " n"], B: Float[Array, "n m"]) -> Float[Array, " m"]:
    r"""$x^\top B$"""
    return x @ B


def dxB_dx(B: Float[Array, "n m"]) -> Float[Array, "m n"]:
    r"""$\nabla_x x^\top B = B$"""
    book = B
    return book.T


def form(S: Float[Array, "n n"], x: Float[Array, " n"]) -> Float[Array, ""]:
    r"""$x^\top S x$"""
    return x @ S @ x


def dform_dx(S: Float[Array, "n n"], x: Float[Array, " n"]) -> Float[Array, " n"]:
    r"""$\nabla_x x^\top S x = (S + S^\top) x$

    `eq_mat_goal_1` in the appendix, 'Multivariable Calculus'.
    """
    return (S + S.T) @ x


def norm(x: Float[Array, " n"]) -> Float[Array, ""]:
    r"""$\|x\|^2 = x^\top x$"""
    return x @ x


def dnorm_dx(x: Float[Array, " n"]) -> Float[Array, " n"]:
    r"""$\nabla_x \|x\|^2 = \nabla_x x^\top x = 2x$"""
    return 2 * x


def frobenius(X: Float[Array, "m k"]) -> Float[Array, ""]:
    r"""$\|X\|_F^2$"""
    return jnp.sum(jnp.square(X))


def dfrobenius_dX(X: Float[Array, "m k"]) -> Float[Array, "m k"]:
    r"""$\nabla_X \|X\|_F^2 = 2X$"""
    return 2 * X


def inner(x: Float[Array, " n"], V: Float[Array, "m n"]) -> Float[Array, " m"]:
    r"""$u = \sin(V x)$, with $u_j = \sin \sum_i V_{ji} x_i$"""
    return jnp.sin(V @ x)


def du_dx(V: Float[Array, "m n"], x: Float[Array, " n"]) -> Float[Array, "m n"]:
    r"""$A_{ij} = \frac{\partial u_j}{\partial x_i}$"""
    book = V.T * jnp.cos(V @ x)
    return book.T


def outer(u: Float[Array, " m"]) -> Float[Array, ""]:
    r"""$y = f(u_1, \ldots, u_m) = \sum_j u_j^2$"""
    return jnp.sum(jnp.square(u))


def dy_du(u: Float[Array, " m"]) -> Float[Array, " m"]:
    r"""$\nabla_u y = 2u$"""
    return 2 * u


def dy_dx(du_dx: Float[Array, "m n"], dy_du: Float[Array, " m"]) -> Float[Array, " n"]:
    r"""$\nabla_x y = A \nabla_u y$"""
    A = du_dx.T
    return A @ dy_du


def gradients(Ax, xB, form, norm, frobenius, y) -> Float[Array, ""]:
    """$J$, the sum of the functions of this section."""
    return jnp.sum(Ax) + jnp.sum(xB) + form + norm + frobenius + y


GRADIENTS = Derivation(
    name="calculus-gradients",
    source=f"{SOURCE}, partial derivatives and gradients, and the chain rule",
    forward=dict(
        Ax=Ax, xB=xB, form=form, norm=norm, frobenius=frobenius, u=inner, y=outer, J=gradients
    ),
    backward=dict(
        dAx_dx=dAx_dx, dxB_dx=dxB_dx, dform_dx=dform_dx, dnorm_dx=dnorm_dx, dfrobenius_dX=dfrobenius_dX,
        du_dx=du_dx, dy_du=dy_du, dy_dx=dy_dx,
    ),
)  # fmt: skip
