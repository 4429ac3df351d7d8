r"""RMS norm along the last axis, $y = \gamma \odot x / r$ with $r^2 = \overline{x^2} + \epsilon$, of any batch."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation

EPS = 1e-6


def inverse(x: Float[Array, "*batch d"]) -> Float[Array, "*batch 1"]:
    return jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + EPS)


def output(x, r: Float[Array, "*batch 1"], gamma: Float[Array, " d"]) -> Float[Array, "*batch d"]:
    return gamma * x * r


def dJ_dgamma(dJ_dy, x, r):
    r"""$\partial J/\partial \gamma = \sum_n \partial J/\partial y_n \odot x_n r_n$, n over all axes of the batch"""
    return (dJ_dy * x * r).sum(tuple(range(x.ndim - 1)))


def dJ_dx(dJ_dy, x, r, gamma):
    r"""$\partial J/\partial x = r(g - x r^2 \overline{g \odot x}), \quad g = \gamma \odot \partial J/\partial y$"""
    g = gamma * dJ_dy
    return r * (g - x * r**2 * (g * x).mean(-1, keepdims=True))


RMS_NORM = Derivation(
    name="rms-norm",
    source="lecture notes",
    forward=dict(r=inverse, y=output),
    backward=dict(dJ_dgamma=dJ_dgamma, dJ_dx=dJ_dx),
    cotangent="dJ_dy",
)
