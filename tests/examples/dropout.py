r"""Dropout with its mask as an input, so that the backward pass cannot draw another one."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from manual_bp.derivation import Derivation
from manual_bp.domains import interval


def output(x: Float[Array, "n d"], m: Bool[Array, "n d"], keep: Float[Array, ""]) -> Float[Array, "n d"]:
    return jnp.where(m, x / keep, 0)


def dJ_dx(dJ_dy, m, keep):
    r"""$\partial J/\partial x = m \odot \partial J/\partial y / k$"""
    return jnp.where(m, dJ_dy / keep, 0)


DROPOUT = Derivation(
    name="dropout",
    source="lecture notes",
    forward=dict(y=output),
    backward=dict(dJ_dx=dJ_dx),
    domains=dict(keep=interval(0.25, 1.0)),
    cotangent="dJ_dy",
)
