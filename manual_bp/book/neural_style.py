r"""The book's chapter on neural style transfer: the content loss, the style loss of Gram matrices, and total variation.

X (c, n) holds the c channels of a layer's output at n places, Y (c, n) those of the content image, and A (c, c), which
is symmetric, the Gram matrix of the style image: $A = B + B^\top$. The losses are means, as in the book's code. Total
variation is that of one channel P (h + 1, w + 1) of the image, a sum.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation

Features = Float[Array, "c n"]
Square = Float[Array, "c c"]


def content(X: Features, Y: Features) -> Float[Array, ""]:
    r"""$L_c = \frac{1}{c n} \sum_{ij} (X_{ij} - Y_{ij})^2$"""
    return jnp.mean(jnp.square(X - Y))


def dcontent_dX(X: Features, Y: Features) -> Features:
    r"""$\frac{\partial L_c}{\partial X} = \frac{2}{c n} (X - Y)$"""
    return 2 * ((X - Y) / X.size)


def gram(X: Features) -> Square:
    r"""$\mathrm{Gram}(X) = \frac{X X^\top}{c n}$"""
    return X @ X.T / X.size


def style(G: Square, B: Square) -> Float[Array, ""]:
    r"""$L_s = \frac{1}{c^2} \sum_{ij} (\mathrm{Gram}(X)_{ij} - A_{ij})^2$ with $A = B + B^\top$"""
    return jnp.mean(jnp.square(G - (B + B.T)))


def dstyle_dG(G: Square, B: Square) -> Square:
    r"""$\frac{\partial L_s}{\partial \mathrm{Gram}} = \frac{2}{c^2} (\mathrm{Gram}(X) - A)$"""
    return 2 * ((G - (B + B.T)) / G.size)


def dstyle_dX(dstyle_dG: Square, X: Features) -> Features:
    r"""$\frac{\partial L_s}{\partial X} = \frac{4}{c^2 \, c n} (\mathrm{Gram}(X) - A) X$

    It takes for granted that A is symmetric, as Gram matrices are.
    """
    return 2 * (dstyle_dG @ X / X.size)


def weighted(
    content: Float[Array, ""], style: Float[Array, ""], w_c: Float[Array, ""], w_s: Float[Array, ""]
) -> Float[Array, ""]:
    r"""$J = w_c L_c + w_s L_s$"""
    return w_c * content + w_s * style


def dJ_dX(
    dcontent_dX: Features, dstyle_dX: Features, w_c: Float[Array, ""], w_s: Float[Array, ""]
) -> Features:
    r"""$\frac{\partial J}{\partial X} = w_c \frac{\partial L_c}{\partial X} + w_s \frac{\partial L_s}{\partial X}$"""
    return w_c * dcontent_dX + w_s * dstyle_dX


STYLE = Derivation(
    name="neural-style",
    source="Dive into Deep Learning, 'Neural Style Transfer'",
    forward=dict(content=content, G=gram, style=style, J=weighted),
    backward=dict(dcontent_dX=dcontent_dX, dstyle_dG=dstyle_dG, dstyle_dX=dstyle_dX, dJ_dX=dJ_dX),
)


def total_variation(P: Float[Array, "h+1 w+1"]) -> Float[Array, ""]:
    r"""$L_{tv} = \sum_{ij} |P_{i+1,j} - P_{ij}| + |P_{i,j+1} - P_{ij}|$"""
    return jnp.sum(jnp.abs(P[1:] - P[:-1])) + jnp.sum(jnp.abs(P[:, 1:] - P[:, :-1]))


def sign(x: Array) -> Array:
    """1 where x is positive or 0, as `jax.grad` of the absolute value has it, else -1."""
    return jnp.where(x >= 0, jnp.ones_like(x), -1)


def dL_dP(P: Float[Array, "h+1 w+1"]) -> Float[Array, "h+1 w+1"]:
    r"""$\frac{\partial L_{tv}}{\partial P_{ij}} = d_{i-1,j} - d_{ij} + r_{i,j-1} - r_{ij}$

    Here $d_{ij} = \mathrm{sgn}(P_{i+1,j} - P_{ij})$ and $r_{ij} = \mathrm{sgn}(P_{i,j+1} - P_{ij})$, and 0 outside.
    """
    d, r = sign(P[1:] - P[:-1]), sign(P[:, 1:] - P[:, :-1])
    down = jnp.pad(d, ((1, 0), (0, 0))) - jnp.pad(d, ((0, 1), (0, 0)))
    right = jnp.pad(r, ((0, 0), (1, 0))) - jnp.pad(r, ((0, 0), (0, 1)))
    return down + right


VARIATION = Derivation(
    name="total-variation",
    source="Dive into Deep Learning, 'Neural Style Transfer', total variation loss",
    forward=dict(L=total_variation),
    backward=dict(dL_dP=dL_dP),
)
