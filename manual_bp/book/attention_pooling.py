r"""The book's chapters on queries, keys and values, and on attention pooling by similarity.

Softmax attention with the keys as values is the mean of the keys under the weights; its derivative by the query is
their covariance. k holds n keys of length d as rows. Nadaraya-Watson regression at x weights the n outputs y by a
Gaussian kernel of the inputs, whose width is 1/w.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation


def weights(q: Float[Array, " d"], k: Float[Array, "n d"]) -> Float[Array, " n"]:
    r"""$p_i = \mathrm{softmax}(q^\top k_i)$"""
    return jax.nn.softmax(k @ q)


def mean_key(p: Float[Array, " n"], k: Float[Array, "n d"]) -> Float[Array, " d"]:
    r"""$f(q) = \sum_i p_i k_i$"""
    return p @ k


def df_dq(p: Float[Array, " n"], k: Float[Array, "n d"], f: Float[Array, " d"]) -> Float[Array, "d d"]:
    r"""$\nabla_q f = \mathrm{Cov}_p[k] = \sum_i p_i (k_i - f)(k_i - f)^\top$"""
    return (k - f).T @ (p[:, None] * (k - f))


def total(f: Float[Array, " d"]) -> Float[Array, ""]:
    """$J$, the sum of it."""
    return jnp.sum(f)


KEYS = Derivation(
    name="attention-covariance",
    source="Dive into Deep Learning, 'Queries, Keys, and Values', exercises",
    forward=dict(p=weights, f=mean_key, J=total),
    backward=dict(df_dq=df_dq),
)


def kernel_weights(
    x: Float[Array, ""], inputs: Float[Array, " n"], w: Float[Array, ""]
) -> Float[Array, " n"]:
    r"""$p_i = \mathrm{softmax}\left(-\frac12 ((x - x_i) w)^2\right)$"""
    return jax.nn.softmax(-jnp.square((x - inputs) * w) / 2)


def regression(p: Float[Array, " n"], y: Float[Array, " n"]) -> Float[Array, ""]:
    r"""$f(x) = \sum_i p_i y_i$"""
    return p @ y


def df_dw(
    w: Float[Array, ""],
    p: Float[Array, " n"],
    x: Float[Array, ""],
    inputs: Float[Array, " n"],
    y: Float[Array, " n"],
    f: Float[Array, ""],
) -> Float[Array, ""]:
    r"""$\frac{\partial f}{\partial w} = -w \sum_i p_i (x - x_i)^2 (y_i - f)$"""
    return -jnp.sum(p * (w * jnp.square(x - inputs)) * (y - f))


def df_dy(p: Float[Array, " n"]) -> Float[Array, " n"]:
    r"""$\frac{\partial f}{\partial y_i} = p_i$"""
    return p


WIDTH = Derivation(
    name="kernel-width",
    source="Dive into Deep Learning, 'Attention Pooling by Similarity', with a width that is learned",
    forward=dict(p=kernel_weights, f=regression),
    backward=dict(df_dw=df_dw, df_dy=df_dy),
)
