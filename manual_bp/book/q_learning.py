r"""The book's chapter on Q-learning: the gradient step for one entry of the table Q, as printed and as it is.

q is the entry $Q(s, a)$, `q_next` (a,) the row $Q(s', \cdot)$, r the reward, $\gamma$ the discount, and `terminal`
is 1 where s' ends the episode, else 0. The target is held constant. The step with the learning rate $\alpha$ is
the gradient of $P = \frac12 q^2 - \alpha \ell$ by q.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation
from manual_bp.domains import binary, interval

SOURCE = "Dive into Deep Learning, 'Q-Learning'"


def target(
    r: Float[Array, ""], gamma: Float[Array, ""], terminal: Float[Array, ""], q_next: Float[Array, " a"]
) -> Float[Array, ""]:
    r"""$t = r + \gamma (1 - 1_{\mathrm{terminal}}) \max_{a'} Q(s', a')$, held constant"""
    return jax.lax.stop_gradient(r + gamma * (1 - terminal) * jnp.max(q_next))


def loss_of_entry(q: Float[Array, ""], t: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\ell = \frac12 (Q(s, a) - t)^2$"""
    return jnp.square(q - t) / 2


def dloss_dq(q: Float[Array, ""], t: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\nabla_{Q(s, a)} \ell = Q(s, a) - t$"""
    return q - t


def potential(q: Float[Array, ""], alpha: Float[Array, ""], loss: Float[Array, ""]) -> Float[Array, ""]:
    r"""$P = \frac12 Q(s, a)^2 - \alpha \ell$"""
    return jnp.square(q) / 2 - alpha * loss


def dP_dq_as_printed(alpha: Float[Array, ""], q: Float[Array, ""], t: Float[Array, ""]) -> Float[Array, ""]:
    r"""$Q(s, a) - \alpha \nabla_{Q(s, a)} \ell = (1 - \alpha) Q(s, a) - \alpha t$

    `q_learning`.
    """
    return (1 - alpha) * q - alpha * t


def dP_dq(alpha: Float[Array, ""], q: Float[Array, ""], t: Float[Array, ""]) -> Float[Array, ""]:
    r"""$Q(s, a) - \alpha \nabla_{Q(s, a)} \ell = (1 - \alpha) Q(s, a) + \alpha t$"""
    return (1 - alpha) * q + alpha * t


FORWARD = dict(t=target, loss=loss_of_entry, P=potential)
DOMAINS = dict(terminal=binary, gamma=interval(0, 1), alpha=interval(0, 1))
DERIVATION = Derivation(
    name="q-learning",
    source=SOURCE,
    forward=FORWARD,
    backward=dict(dloss_dq=dloss_dq, dP_dq=dP_dq),
    domains=DOMAINS,
)
PRINTED = Derivation(
    name="q-learning-as-printed",
    source=SOURCE,
    forward=FORWARD,
    backward=dict(dP_dq=dP_dq_as_printed),
    domains=DOMAINS,
    printed_wrong=dict(dP_dq="the sign before the target"),
)
