r"""Rotary position embedding: pairs of coordinates turned by an angle that grows with the position."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation


def turn(x, angle, direction):
    cosine, sine = jnp.cos(angle), direction * jnp.sin(angle)
    return jnp.stack([x[:, 0] * cosine - x[:, 1] * sine, x[:, 0] * sine + x[:, 1] * cosine], axis=1)


def angles(x: Float[Array, "t 2 k"], f: Float[Array, " k"]) -> Float[Array, "t k"]:
    return jnp.arange(x.shape[0])[:, None] * f


def output(x, w) -> Float[Array, "t 2 k"]:
    return turn(x, w, 1)


def dJ_dx(dJ_dy, w):
    r"""$\partial J/\partial x = R(-w) \, \partial J/\partial y$"""
    return turn(dJ_dy, w, -1)


ROTARY = Derivation(
    name="rotary",
    source="Su et al. 2021",
    forward=dict(w=angles, y=output),
    backward=dict(dJ_dx=dJ_dx),
    cotangent="dJ_dy",
)
