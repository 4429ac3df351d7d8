r"""The mean of each group of rows, scaled: groups may be empty, and are 0 then."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from manual_bp.derivation import Derivation
from manual_bp.domains import index


def sizes(i, groups, dtype):
    """How many rows each group has, at least 1."""
    return jnp.maximum(jnp.zeros(groups, dtype).at[i].add(1), 1)[:, None]


def means(x: Float[Array, "n d"], i: Int[Array, " n"], a: Float[Array, " g"]) -> Float[Array, "g d"]:
    sums = jnp.zeros((a.shape[0], x.shape[1]), x.dtype).at[i].add(x)
    return sums / sizes(i, a.shape[0], x.dtype)


def output(m, a) -> Float[Array, "g d"]:
    return a[:, None] * m


def dJ_da(dJ_dy, m):
    r"""$\partial J/\partial a_g = \langle \partial J/\partial y_g, m_g \rangle$"""
    return (dJ_dy * m).sum(axis=1)


def dJ_dm(dJ_dy, a):
    r"""$\partial J/\partial m_g = a_g \, \partial J/\partial y_g$"""
    return a[:, None] * dJ_dy


def dJ_dx(dJ_dm, i, x):
    r"""$\partial J/\partial x_n = \partial J/\partial m_{i_n} / |\{k : i_k = i_n\}|$"""
    return (dJ_dm / sizes(i, dJ_dm.shape[0], x.dtype))[i]


SEGMENT_MEAN = Derivation(
    name="segment-mean",
    source="lecture notes",
    forward=dict(m=means, y=output),
    backward=dict(dJ_da=dJ_da, dJ_dm=dJ_dm, dJ_dx=dJ_dx),
    domains=dict(i=index("g")),
    cotangent="dJ_dy",
)
