r"""Grouped-query attention: r query heads share each of g heads of keys and values."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation


def scores(Q: Float[Array, "g r t d"], K: Float[Array, "g t d"]) -> Float[Array, "g r t t"]:
    return jnp.einsum("grtd,gsd->grts", Q, K)


def weights(S):
    return jax.nn.softmax(S, axis=-1)


def output(P, V: Float[Array, "g t d"]) -> Float[Array, "g r t d"]:
    return jnp.einsum("grts,gsd->grtd", P, V)


def dJ_dV(dJ_dy, P):
    r"""$\partial J/\partial V_g = \sum_r P_{gr}^\top \, \partial J/\partial y_{gr}$"""
    return jnp.einsum("grts,grtd->gsd", P, dJ_dy)


def dJ_dS(dJ_dy, P, V, y):
    r"""$\partial J/\partial S = P \odot (\partial J/\partial y \, V^\top - \sum_d \partial J/\partial y_d \, y_d)$"""
    return P * (jnp.einsum("grtd,gsd->grts", dJ_dy, V) - (dJ_dy * y).sum(-1, keepdims=True))


def dJ_dQ(dJ_dS, K):
    r"""$\partial J/\partial Q_{gr} = \partial J/\partial S_{gr} \, K_g$"""
    return jnp.einsum("grts,gsd->grtd", dJ_dS, K)


def dJ_dK(dJ_dS, Q):
    r"""$\partial J/\partial K_g = \sum_r (\partial J/\partial S_{gr})^\top Q_{gr}$"""
    return jnp.einsum("grts,grtd->gsd", dJ_dS, Q)


GROUPED_QUERY = Derivation(
    name="grouped-query",
    source="Ainslie et al. 2023",
    forward=dict(S=scores, P=weights, y=output),
    backward=dict(dJ_dV=dJ_dV, dJ_dS=dJ_dS, dJ_dQ=dJ_dQ, dJ_dK=dJ_dK),
    cotangent="dJ_dy",
)
