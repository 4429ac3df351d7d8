r"""An embedding: rows of a table by index, the same row as often as it is asked for."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from manual_bp.derivation import Derivation
from manual_bp.domains import index


def rows(E: Float[Array, "v d"], i: Int[Array, " t"]) -> Float[Array, "t d"]:
    return E[i]


def dJ_dE(dJ_dy, E, i):
    r"""$\partial J/\partial E_v = \sum_{t:\, i_t = v} \partial J/\partial y_t$"""
    return jnp.zeros_like(E).at[i].add(dJ_dy)


EMBEDDING = Derivation(
    name="embedding",
    source="lecture notes",
    forward=dict(y=rows),
    backward=dict(dJ_dE=dJ_dE),
    domains=dict(i=index("v")),
    cotangent="dJ_dy",
)
