r"""The book's chapter on transposed convolution: what a convolution does in the backward pass, and the reverse.

The kernel K has shape (2, 3), X (p + 1, r + 2), and the cross-correlation Y of the two (p, r). `corr2d` and
`trans_conv` take kernels of any shape.
"""

import itertools

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from manual_bp.derivation import Derivation

SOURCE = "Dive into Deep Learning, 'Transposed Convolution'"


def product(W: Float[Array, "m n"], x: Float[Array, " n"]) -> Float[Array, " m"]:
    r"""$y = W x$"""
    return W @ x


def dy_dx(W: Float[Array, "m n"]) -> Float[Array, "m n"]:
    r"""$\nabla_x y = W^\top$

    In the denominator layout, which is the transpose of `dy_dx`.
    """
    book = W.T
    return book.T


def dJ_dx(W: Float[Array, "m n"], dJ_dy: Float[Array, " m"]) -> Float[Array, " n"]:
    r"""$\frac{\partial J}{\partial x} = W^\top \frac{\partial J}{\partial y}$

    The backward pass of y = W x.
    """
    return W.T @ dJ_dy


MATRIX = Derivation(
    name="transposed-conv-matrix",
    source=f"{SOURCE}, connection to matrix transposition",
    forward=dict(y=product),
    backward=dict(dy_dx=dy_dx, dJ_dx=dJ_dx),
    cotangent="dJ_dy",
)


def corr2d(X: Array, K: Array) -> Array:
    r"""$Y_{ij} = \sum_{a, b} K_{ab} X_{i+a, j+b}$, where the kernel lies inside X"""
    rows, columns = X.shape[0] - K.shape[0] + 1, X.shape[1] - K.shape[1] + 1
    places = itertools.product(range(K.shape[0]), range(K.shape[1]))
    return sum(
        (K[a, b] * X[a : a + rows, b : b + columns] for a, b in places), jnp.zeros((rows, columns), X.dtype)
    )


def trans_conv(X: Array, K: Array) -> Array:
    r"""$Y_{ij} = \sum_{a, b} K_{ab} X_{i-a, j-b}$, where $X_{i-a, j-b}$ is 0 outside X"""
    rows, columns = K.shape[0] - 1, K.shape[1] - 1
    return corr2d(jnp.pad(X, ((rows, rows), (columns, columns))), K[::-1, ::-1])


def convolution(X: Float[Array, "p+1 r+2"], K: Float[Array, "2 3"]) -> Float[Array, "p r"]:
    r"""$Y_{ij} = \sum_{a, b} K_{ab} X_{i+a, j+b}$"""
    return corr2d(X, K)


def dJ_dX(dJ_dY: Float[Array, "p r"], K: Float[Array, "2 3"]) -> Float[Array, "p+1 r+2"]:
    r"""$\frac{\partial J}{\partial X} = \mathrm{trans\_conv}(\frac{\partial J}{\partial Y}, K)$"""
    return trans_conv(dJ_dY, K)


def dJ_dK(X: Float[Array, "p+1 r+2"], dJ_dY: Float[Array, "p r"]) -> Float[Array, "2 3"]:
    r"""$\frac{\partial J}{\partial K_{ab}} = \sum_{i, j} X_{i+a, j+b} \frac{\partial J}{\partial Y_{ij}}$"""
    p, r = dJ_dY.shape
    return jnp.stack(
        [jnp.stack([jnp.sum(X[a : a + p, b : b + r] * dJ_dY) for b in range(3)]) for a in range(2)]
    )


def transposed(Y: Float[Array, "p r"], K: Float[Array, "2 3"]) -> Float[Array, "p+1 r+2"]:
    r"""$X_{ij} = \sum_{a, b} K_{ab} Y_{i-a, j-b}$"""
    return trans_conv(Y, K)


def dJ_dY(dJ_dX: Float[Array, "p+1 r+2"], K: Float[Array, "2 3"]) -> Float[Array, "p r"]:
    r"""$\frac{\partial J}{\partial Y} = \mathrm{corr2d}(\frac{\partial J}{\partial X}, K)$"""
    return corr2d(dJ_dX, K)


CONVOLUTION = Derivation(
    name="transposed-conv-backward",
    source=SOURCE,
    forward=dict(Y=convolution),
    backward=dict(dJ_dX=dJ_dX, dJ_dK=dJ_dK),
    cotangent="dJ_dY",
)
DERIVATION = Derivation(
    name="transposed-conv",
    source=SOURCE,
    forward=dict(X=transposed),
    backward=dict(dJ_dY=dJ_dY),
    cotangent="dJ_dX",
)
