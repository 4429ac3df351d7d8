r"""Layer normalisation over the last axis, $y = \gamma \odot \hat x + \beta$."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation

EPS = 1e-5


def spread(x: Float[Array, "n d"]) -> Float[Array, "n 1"]:
    return jnp.sqrt(jnp.mean((x - x.mean(-1, keepdims=True)) ** 2, -1, keepdims=True) + EPS)


def normalised(x: Float[Array, "n d"], s: Float[Array, "n 1"]) -> Float[Array, "n d"]:
    return (x - x.mean(-1, keepdims=True)) / s


def output(u, gamma: Float[Array, " d"], beta: Float[Array, " d"]) -> Float[Array, "n d"]:
    return gamma * u + beta


def dJ_dgamma(dJ_dy, u):
    r"""$\partial J/\partial \gamma = \sum_n \partial J/\partial y_n \odot u_n$"""
    return (dJ_dy * u).sum(0)


def dJ_dbeta(dJ_dy):
    r"""$\partial J/\partial \beta = \sum_n \partial J/\partial y_n$"""
    return dJ_dy.sum(0)


def dJ_du(dJ_dy, gamma):
    r"""$\partial J/\partial u = \gamma \odot \partial J/\partial y$"""
    return gamma * dJ_dy


def dJ_dx(dJ_du, u, s):
    r"""$\partial J/\partial x = (g - \bar g - u \, \overline{g \odot u})/s, \quad g = \partial J/\partial u$"""
    mean = dJ_du.mean(-1, keepdims=True)
    along = (dJ_du * u).mean(-1, keepdims=True)
    return (dJ_du - mean - u * along) / s


LAYER_NORM = Derivation(
    name="layer-norm",
    source="llm.c, doc/layernorm",
    forward=dict(s=spread, u=normalised, y=output),
    backward=dict(dJ_dgamma=dJ_dgamma, dJ_dbeta=dJ_dbeta, dJ_du=dJ_du, dJ_dx=dJ_dx),
    cotangent="dJ_dy",
)
