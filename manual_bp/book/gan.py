r"""The book's chapter on generative adversarial networks: the losses of the discriminator and of the generator.

o (n,) are the logits of the discriminator, with $D = \sigma(o)$. Its labels y are 1 for real examples and 0 for
generated ones; the losses of the generator take the logits of generated examples alone.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation
from manual_bp.domains import binary

SOURCE = "Dive into Deep Learning, 'Generative Adversarial Networks'"
Logits = Float[Array, " n"]


def discriminator_loss(o: Logits, y: Float[Array, " n"]) -> Float[Array, ""]:
    r"""$L = -\sum (y \log D(x) + (1 - y) \log (1 - D(x)))$"""
    return -jnp.sum(y * jax.nn.log_sigmoid(o) + (1 - y) * jax.nn.log_sigmoid(-o))


def dL_do_of_discriminator(o: Logits, y: Float[Array, " n"]) -> Logits:
    r"""$\frac{\partial L}{\partial o} = \sigma(o) - y = (1 - y) \sigma(o) - y \sigma(-o)$"""
    return (1 - y) * jax.nn.sigmoid(o) - y * jax.nn.sigmoid(-o)


def generator_loss(o: Logits) -> Float[Array, ""]:
    r"""$L = -\sum \log D(G(z))$"""
    return -jnp.sum(jax.nn.log_sigmoid(o))


def dL_do_of_generator(o: Logits) -> Logits:
    r"""$\frac{\partial L}{\partial o} = \sigma(o) - 1 = -\sigma(-o)$"""
    return -jax.nn.sigmoid(-o)


def saturating_loss(o: Logits) -> Float[Array, ""]:
    r"""$L = \sum \log (1 - D(G(z)))$, which the generator minimizes in the game as it is first written"""
    return jnp.sum(jax.nn.log_sigmoid(-o))


def dL_do_saturating(o: Logits) -> Logits:
    r"""$\frac{\partial L}{\partial o} = -\sigma(o)$

    It vanishes where the discriminator is sure that an example is generated.
    """
    return -jax.nn.sigmoid(o)


DISCRIMINATOR = Derivation(
    name="gan-discriminator",
    source=f"{SOURCE}, the discriminator",
    forward=dict(L=discriminator_loss),
    backward=dict(dL_do=dL_do_of_discriminator),
    domains=dict(y=binary),
)
GENERATOR = Derivation(
    name="gan-generator",
    source=f"{SOURCE}, the generator",
    forward=dict(L=generator_loss),
    backward=dict(dL_do=dL_do_of_generator),
)
SATURATING = Derivation(
    name="gan-generator-saturating",
    source=f"{SOURCE}, the minimax game",
    forward=dict(L=saturating_loss),
    backward=dict(dL_do=dL_do_saturating),
)
