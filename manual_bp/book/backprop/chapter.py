r"""The chapter's own network: one hidden layer without biases, one example, weight decay.

x has shape (d,), W1 (h, d), z and h (h,), W2 (q, h), o (q,); the loss L, the penalty s and the objective J
are scalars. Below each forward function stand the equations of what goes into it, so that they read upwards
from the last. Source of every equation: Dive into Deep Learning, "Forward Propagation, Backward Propagation,
and Computational Graphs".
"""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from manual_bp.activations import Activation
from manual_bp.derivation import Derivation
from manual_bp.domains import nonnegative
from manual_bp.losses import Loss, Target

SOURCE = "Dive into Deep Learning, 'Forward Propagation, Backward Propagation, and Computational Graphs'"


def preactivation(W1: Float[Array, "h d"], x: Float[Array, " d"]) -> Float[Array, " h"]:
    r"""$z = W^{(1)} x$"""
    return W1 @ x


def dJ_dW1(
    dJ_dz: Float[Array, " h"], x: Float[Array, " d"], dJ_ds: Float[Array, ""], ds_dW1: Float[Array, "h d"]
) -> Float[Array, "h d"]:
    r"""$\frac{\partial J}{\partial W^{(1)}} = \frac{\partial J}{\partial z} x^\top + \lambda W^{(1)}$

    The last term is $\mathrm{prod}(\partial J/\partial s,\; \partial s/\partial W^{(1)})$.
    """
    return jnp.outer(dJ_dz, x) + dJ_ds * ds_dW1


def hidden(z: Float[Array, " h"], *, activation: Activation) -> Float[Array, " h"]:
    r"""$h = \phi(z)$"""
    return activation(z)


def dJ_dz(dJ_dh: Float[Array, " h"], z: Float[Array, " h"], *, activation: Activation) -> Float[Array, " h"]:
    r"""$\frac{\partial J}{\partial z} = \frac{\partial J}{\partial h} \odot \phi'(z)$"""
    return dJ_dh * activation.derivative(z)


def output(W2: Float[Array, "q h"], h: Float[Array, " h"]) -> Float[Array, " q"]:
    r"""$o = W^{(2)} h$"""
    return W2 @ h


def dJ_dW2(
    dJ_do: Float[Array, " q"], h: Float[Array, " h"], dJ_ds: Float[Array, ""], ds_dW2: Float[Array, "q h"]
) -> Float[Array, "q h"]:
    r"""$\frac{\partial J}{\partial W^{(2)}} = \frac{\partial J}{\partial o} h^\top + \lambda W^{(2)}$

    `eq_backprop-J-h`. The last term is $\mathrm{prod}(\partial J/\partial s,\; \partial s/\partial W^{(2)})$.
    """
    return jnp.outer(dJ_do, h) + dJ_ds * ds_dW2


def dJ_dh(W2: Float[Array, "q h"], dJ_do: Float[Array, " q"]) -> Float[Array, " h"]:
    r"""$\frac{\partial J}{\partial h} = {W^{(2)}}^\top \frac{\partial J}{\partial o}$"""
    return dJ_do @ W2  # from the left: XLA compiles W2.T @ v for a CPU as a loop that strides through W2


def loss_term(o: Float[Array, " q"], y: Target, *, loss: Loss) -> Float[Array, ""]:
    r"""$L = l(o, y)$"""
    return loss.value(o, y)


def dJ_do(dJ_dL: Float[Array, ""], o: Float[Array, " q"], y: Target, *, loss: Loss) -> Float[Array, " q"]:
    r"""$\frac{\partial J}{\partial o} = \frac{\partial L}{\partial o}$

    It is $\mathrm{prod}(\partial J/\partial L,\; \partial L/\partial o)$, and $\partial J/\partial L = 1$.
    """
    return dJ_dL * loss.derivative(o, y)


def penalty(lam: Float[Array, ""], W1: Float[Array, "h d"], W2: Float[Array, "q h"]) -> Float[Array, ""]:
    r"""$s = \frac{\lambda}{2} \left(\|W^{(1)}\|_F^2 + \|W^{(2)}\|_F^2\right)$"""
    return lam / 2 * (jnp.sum(W1**2) + jnp.sum(W2**2))


def ds_dW1(lam: Float[Array, ""], W1: Float[Array, "h d"]) -> Float[Array, "h d"]:
    r"""$\frac{\partial s}{\partial W^{(1)}} = \lambda W^{(1)}$"""
    return lam * W1


def ds_dW2(lam: Float[Array, ""], W2: Float[Array, "q h"]) -> Float[Array, "q h"]:
    r"""$\frac{\partial s}{\partial W^{(2)}} = \lambda W^{(2)}$"""
    return lam * W2


def objective(L: Float[Array, ""], s: Float[Array, ""]) -> Float[Array, ""]:
    r"""$J = L + s$"""
    return L + s


def dJ_dL() -> float:
    r"""$\frac{\partial J}{\partial L} = 1$"""
    return 1.0


def dJ_ds() -> float:
    r"""$\frac{\partial J}{\partial s} = 1$"""
    return 1.0


FORWARD = dict(z=preactivation, h=hidden, o=output, L=loss_term, s=penalty, J=objective)
BACKWARD = dict(
    dJ_dL=dJ_dL,
    dJ_ds=dJ_ds,
    dJ_do=dJ_do,
    ds_dW1=ds_dW1,
    ds_dW2=ds_dW2,
    dJ_dW2=dJ_dW2,
    dJ_dh=dJ_dh,
    dJ_dz=dJ_dz,
    dJ_dW1=dJ_dW1,
)
DERIVATION = Derivation(
    name="backprop", source=SOURCE, forward=FORWARD, backward=BACKWARD, domains=dict(lam=nonnegative)
)
