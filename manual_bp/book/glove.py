r"""The book's chapter on word embedding with global vectors (GloVe): the gradients of its weighted squares.

x (V, V) counts how often word j stands in the context of word i. V and U (V, k) hold the vectors of words as center and
as context, b and c (V,) their biases. A pair that never occurs has no weight, whatever its logarithm.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation
from manual_bp.domains import counts

OFTEN, POWER = 100.0, 0.75  # as the book suggests


def weight(x: Float[Array, "w w"]) -> Float[Array, "w w"]:
    r"""$h(x) = (x/c)^\alpha$ if $x < c$, otherwise 1; with $\alpha = 0.75$ and $c = 100$"""
    return jnp.where(x < OFTEN, (x / OFTEN) ** POWER, 1.0)


def error(
    V: Float[Array, "w k"],
    U: Float[Array, "w k"],
    b: Float[Array, " w"],
    c: Float[Array, " w"],
    x: Float[Array, "w w"],
) -> Float[Array, "w w"]:
    r"""$r_{ij} = u_j^\top v_i + b_i + c_j - \log x_{ij}$, 0 where $x_{ij} = 0$"""
    found = V @ U.T + b[:, None] + c - jnp.log(jnp.where(x > 0, x, 1.0))
    return jnp.where(x > 0, found, 0.0)


def loss(h: Float[Array, "w w"], r: Float[Array, "w w"]) -> Float[Array, ""]:
    r"""$L = \sum_{ij} h(x_{ij}) (u_j^\top v_i + b_i + c_j - \log x_{ij})^2$, `eq_glove-loss`"""
    return jnp.sum(h * jnp.square(r))


def dL_dr(h: Float[Array, "w w"], r: Float[Array, "w w"]) -> Float[Array, "w w"]:
    r"""$2 e_{ij} = \frac{\partial L}{\partial r_{ij}} = 2 h(x_{ij}) r_{ij}$"""
    return 2 * h * r


def dL_dV(dL_dr: Float[Array, "w w"], U: Float[Array, "w k"], x: Float[Array, "w w"]) -> Float[Array, "w k"]:
    r"""$\frac{\partial L}{\partial v_i} = 2 \sum_j e_{ij} u_j$"""
    return jnp.where(x > 0, dL_dr, 0.0) @ U


def dL_dU(dL_dr: Float[Array, "w w"], V: Float[Array, "w k"], x: Float[Array, "w w"]) -> Float[Array, "w k"]:
    r"""$\frac{\partial L}{\partial u_j} = 2 \sum_i e_{ij} v_i$"""
    return jnp.where(x > 0, dL_dr, 0.0).T @ V


def dL_db(dL_dr: Float[Array, "w w"], x: Float[Array, "w w"]) -> Float[Array, " w"]:
    r"""$\frac{\partial L}{\partial b_i} = 2 \sum_j e_{ij}$"""
    return jnp.sum(jnp.where(x > 0, dL_dr, 0.0), axis=1)


def dL_dc(dL_dr: Float[Array, "w w"], x: Float[Array, "w w"]) -> Float[Array, " w"]:
    r"""$\frac{\partial L}{\partial c_j} = 2 \sum_i e_{ij}$"""
    return jnp.sum(jnp.where(x > 0, dL_dr, 0.0), axis=0)


DERIVATION = Derivation(
    name="glove",
    source="Dive into Deep Learning, 'Word Embedding with Global Vectors (GloVe)'",
    forward=dict(h=weight, r=error, L=loss),
    backward=dict(dL_dr=dL_dr, dL_dV=dL_dV, dL_dU=dL_dU, dL_db=dL_db, dL_dc=dL_dc),
    domains=dict(x=counts),
)
