"""One layer with an activation, as the tests of construction write it: functions to build derivations from."""

from typing import Any

from jax import Array
from jaxtyping import Float

from manual_bp.activations import Activation
from manual_bp.losses import Loss, Target


def affine(W: Float[Array, "q d"], x: Float[Array, " d"]) -> Float[Array, " q"]:
    return W @ x


def bend(z: Float[Array, " q"], *, activation: Activation) -> Float[Array, " q"]:
    return activation(z)


def total(h: Float[Array, " q"]) -> Float[Array, ""]:
    return h.sum()


def score(h: Float[Array, " q"], y: Target, *, loss: Loss) -> Float[Array, ""]:
    return loss.value(h, y)


def dJ_dz(dJ_dh: Float[Array, " q"], z, *, activation):
    r"""$\partial J/\partial z = \partial J/\partial h \odot \phi'(z)$

    Elementwise.
    """
    return dJ_dh * activation.derivative(z)


FORWARD: dict[str, Any] = dict(z=affine, h=bend, J=total)
