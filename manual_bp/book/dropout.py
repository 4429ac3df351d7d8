r"""The book's chapter on dropout: the gradient passes where the mask does, scaled as the activation is."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from manual_bp.derivation import Derivation
from manual_bp.domains import interval


def dropped(
    h: Float[Array, "*batch d"], kept: Bool[Array, "*batch d"], p: Float[Array, ""]
) -> Float[Array, "*batch d"]:
    r"""$h' = 0$ with probability $p$, otherwise $\frac{h}{1 - p}$"""
    return jnp.where(kept, h / (1 - p), 0)


def dJ_dh(
    dJ_dh_dropped: Float[Array, "*batch d"], kept: Bool[Array, "*batch d"], p: Float[Array, ""]
) -> Float[Array, "*batch d"]:
    r"""$\frac{\partial J}{\partial h} = \frac{\partial J}{\partial h'} \odot \frac{\text{mask}}{1 - p}$"""
    return jnp.where(kept, dJ_dh_dropped / (1 - p), 0)


DERIVATION = Derivation(
    name="dropout",
    source="Dive into Deep Learning, 'Dropout'",
    forward=dict(h_dropped=dropped),
    backward=dict(dJ_dh=dJ_dh),
    cotangent="dJ_dh_dropped",
    domains=dict(p=interval(0.0, 0.9375)),
)

dropout = DERIVATION.with_manual_vjp()
