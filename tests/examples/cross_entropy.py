r"""Softmax and cross-entropy fused, one loss a row, as the kernels of large vocabularies compute it."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from manual_bp.derivation import Derivation
from manual_bp.domains import index


def losses(z: Float[Array, "n v"], y: Int[Array, " n"]) -> Float[Array, " n"]:
    return jax.nn.logsumexp(z, axis=-1) - jnp.take_along_axis(z, y[:, None], axis=-1)[:, 0]


def dJ_dz(dJ_dL, z, y):
    r"""$\partial J/\partial z_n = \partial J/\partial L_n \, (\mathrm{softmax}(z_n) - e_{y_n})$"""
    p = jnp.exp(z - jax.nn.logsumexp(z, axis=-1, keepdims=True))
    return dJ_dL[:, None] * (p - (y[:, None] == jnp.arange(z.shape[1])))


CROSS_ENTROPY = Derivation(
    name="cross-entropy",
    source="lecture notes",
    forward=dict(L=losses),
    backward=dict(dJ_dz=dJ_dz),
    domains=dict(y=index("v")),
    cotangent="dJ_dL",
)
