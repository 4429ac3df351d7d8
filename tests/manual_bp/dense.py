"""A dense layer with a bias and an activation, its VJP by hand."""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from manual_bp.activations import Activation
from manual_bp.derivation import Derivation


def affine(W: Float[Array, "q d"], x: Float[Array, " d"], b: Float[Array, " q"]) -> Float[Array, " q"]:
    return W @ x + b


def bent(z: Float[Array, " q"], *, activation: Activation) -> Float[Array, " q"]:
    return activation(z)


def dJ_dz(dJ_dy, z, *, activation):
    return dJ_dy * activation.derivative(z)


def dJ_dW(dJ_dz, x):
    return jnp.outer(dJ_dz, x)


def dJ_dx(dJ_dz, W):
    return W.T @ dJ_dz


def dJ_db(dJ_dz):
    return dJ_dz


DENSE = Derivation(
    "dense",
    "a test",
    forward=dict(z=affine, y=bent),
    backward=dict(dJ_dz=dJ_dz, dJ_dW=dJ_dW, dJ_dx=dJ_dx, dJ_db=dJ_db),
    cotangent="dJ_dy",
)
