r"""The chapter's network on a minibatch: examples are rows, and L is the mean of their losses.

Vector products become matrix products. x has shape (n, d), z and h (n, h), o (n, q), y n targets; n is at
least 1. Weights, penalty and objective are the chapter's. Source: Dive into Deep Learning, "Forward
Propagation, Backward Propagation, and Computational Graphs", for one example; the sum over examples is the
chain rule through $L = \frac1n \sum_i l(o_i, y_i)$.
"""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from manual_bp.activations import Activation
from manual_bp.book.backprop import chapter
from manual_bp.derivation import Derivation
from manual_bp.domains import nonnegative
from manual_bp.losses import Loss, Target


def preactivation(W1: Float[Array, "h d"], x: Float[Array, "n d"]) -> Float[Array, "n h"]:
    r"""$Z = X {W^{(1)}}^\top$"""
    return x @ W1.T


def dJ_dW1(
    dJ_dz: Float[Array, "n h"], x: Float[Array, "n d"], dJ_ds: Float[Array, ""], ds_dW1: Float[Array, "h d"]
) -> Float[Array, "h d"]:
    r"""$\frac{\partial J}{\partial W^{(1)}} = \frac{\partial J}{\partial Z}^\top X + \lambda W^{(1)}$"""
    return dJ_dz.T @ x + dJ_ds * ds_dW1


def hidden(z: Float[Array, "n h"], *, activation: Activation) -> Float[Array, "n h"]:
    r"""$H = \phi(Z)$"""
    return activation(z)


def dJ_dz(
    dJ_dh: Float[Array, "n h"], z: Float[Array, "n h"], *, activation: Activation
) -> Float[Array, "n h"]:
    r"""$\frac{\partial J}{\partial Z} = \frac{\partial J}{\partial H} \odot \phi'(Z)$"""
    return dJ_dh * activation.derivative(z)


def output(W2: Float[Array, "q h"], h: Float[Array, "n h"]) -> Float[Array, "n q"]:
    r"""$O = H {W^{(2)}}^\top$"""
    return h @ W2.T


def dJ_dW2(
    dJ_do: Float[Array, "n q"], h: Float[Array, "n h"], dJ_ds: Float[Array, ""], ds_dW2: Float[Array, "q h"]
) -> Float[Array, "q h"]:
    r"""$\frac{\partial J}{\partial W^{(2)}} = \frac{\partial J}{\partial O}^\top H + \lambda W^{(2)}$"""
    return dJ_do.T @ h + dJ_ds * ds_dW2


def dJ_dh(W2: Float[Array, "q h"], dJ_do: Float[Array, "n q"]) -> Float[Array, "n h"]:
    r"""$\frac{\partial J}{\partial H} = \frac{\partial J}{\partial O} W^{(2)}$"""
    return dJ_do @ W2


def loss_term(o: Float[Array, "n q"], y: Target, *, loss: Loss) -> Float[Array, ""]:
    r"""$L = \frac1n \sum_{i=1}^n l(o_i, y_i)$"""
    return jnp.mean(jax.vmap(loss.value)(o, y))


def dJ_do(dJ_dL: Float[Array, ""], o: Float[Array, "n q"], y: Target, *, loss: Loss) -> Float[Array, "n q"]:
    r"""$\frac{\partial J}{\partial o_i} = \frac1n \frac{\partial l(o_i, y_i)}{\partial o_i}$"""
    return dJ_dL * jax.vmap(loss.derivative)(o, y) / o.shape[0]


FORWARD = {**chapter.FORWARD, "z": preactivation, "h": hidden, "o": output, "L": loss_term}
BACKWARD = {
    **chapter.BACKWARD,
    "dJ_do": dJ_do,
    "dJ_dW2": dJ_dW2,
    "dJ_dh": dJ_dh,
    "dJ_dz": dJ_dz,
    "dJ_dW1": dJ_dW1,
}
DERIVATION = Derivation(
    name="backprop-minibatch",
    source=f"{chapter.SOURCE}, for a minibatch",
    forward=FORWARD,
    backward=BACKWARD,
    domains=dict(lam=nonnegative),
)
