r"""Scaled dot-product attention with a causal mask, one head."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation


def scores(Q: Float[Array, "t d"], K: Float[Array, "t d"]) -> Float[Array, "t t"]:
    return Q @ K.T * Q.shape[1] ** -0.5


def weights(S: Float[Array, "t t"]) -> Float[Array, "t t"]:
    seen = jnp.arange(S.shape[0])[:, None] >= jnp.arange(S.shape[0])
    return jax.nn.softmax(S, axis=-1, where=seen)


def output(P, V: Float[Array, "t e"]) -> Float[Array, "t e"]:
    return P @ V


def dJ_dV(dJ_dO, P):
    r"""$\partial J/\partial V = P^\top \, \partial J/\partial O$"""
    return P.T @ dJ_dO


def dJ_dP(dJ_dO, V):
    r"""$\partial J/\partial P = \partial J/\partial O \, V^\top$"""
    return dJ_dO @ V.T


def dJ_dS(dJ_dP, P):
    r"""$\partial J/\partial S = P \odot (\partial J/\partial P - \sum_j P_j \, \partial J/\partial P_j)$"""
    return P * (dJ_dP - (P * dJ_dP).sum(-1, keepdims=True))


def dJ_dQ(dJ_dS, K):
    r"""$\partial J/\partial Q = \partial J/\partial S \, K / \sqrt d$"""
    return dJ_dS @ K * K.shape[1] ** -0.5


def dJ_dK(dJ_dS, Q):
    r"""$\partial J/\partial K = (\partial J/\partial S)^\top Q / \sqrt d$"""
    return dJ_dS.T @ Q * Q.shape[1] ** -0.5


ATTENTION = Derivation(
    name="attention",
    source="Vaswani et al. 2017",
    forward=dict(S=scores, P=weights, O=output),
    backward=dict(dJ_dV=dJ_dV, dJ_dP=dJ_dP, dJ_dS=dJ_dS, dJ_dQ=dJ_dQ, dJ_dK=dJ_dK),
    cotangent="dJ_dO",
)
