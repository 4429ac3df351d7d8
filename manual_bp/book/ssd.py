r"""The book's chapter on single shot multibox detection: the losses of its exercises, smooth L1 and focal loss.

x (n,) are the differences of offsets and their labels, and $\sigma$ a parameter. p (n,) holds the predicted probability
of the true class, one an anchor box; $\gamma$ and $\alpha$ are the focal loss's parameters.
"""

from typing import Literal

import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation
from manual_bp.domains import interval, positive

SOURCE = "Dive into Deep Learning, 'Single Shot Multibox Detection', exercises"


def smooth_l1(x: Float[Array, " n"], sigma: Float[Array, ""]) -> Float[Array, ""]:
    r"""$L = \sum_x (\sigma x)^2/2$ if $|x| < 1/\sigma^2$, else $|x| - 0.5/\sigma^2$"""
    bent = jnp.square(sigma * x) / 2
    return jnp.sum(jnp.where(jnp.abs(sigma * (sigma * x)) < 1, bent, jnp.abs(x) - 0.5 / jnp.square(sigma)))


def dL_dx(x: Float[Array, " n"], sigma: Float[Array, ""]) -> Float[Array, " n"]:
    r"""$\frac{\partial L}{\partial x} = \mathrm{clip}(\sigma^2 x, -1, 1)$"""
    return jnp.clip(sigma * (sigma * x), -1, 1)


SMOOTH_L1 = Derivation(
    name="smooth-l1-loss",
    source=SOURCE,
    forward=dict(L=smooth_l1),
    backward=dict(dL_dx=dL_dx),
    domains=dict(sigma=interval(0.125, 8)),
)


def focal(p: Float[Array, " n"], alpha: Float[Array, ""], *, gamma: Literal[1, 2, 5]) -> Float[Array, ""]:
    r"""$L = -\sum \alpha (1 - p)^\gamma \log p$"""
    return -jnp.sum(alpha * (1 - p) ** gamma * jnp.log(p))


def dL_dp(p: Float[Array, " n"], alpha: Float[Array, ""], *, gamma: Literal[1, 2, 5]) -> Float[Array, " n"]:
    r"""$\frac{\partial L}{\partial p} = \alpha (1 - p)^{\gamma - 1} (\gamma \log p - \frac{1 - p}{p})$"""
    return alpha * (1 - p) ** (gamma - 1) * (gamma * jnp.log(p) - (1 - p) / p)


FOCAL = Derivation(
    name="focal-loss",
    source=SOURCE,
    forward=dict(L=focal),
    backward=dict(dL_dp=dL_dp),
    domains=dict(p=interval(0.0078125, 0.9921875), alpha=positive),
)
