r"""Every elementwise activation of `jax.nn`, one row each: phi, phi' by hand, and its kinks.

phi' is accurate to a few units in the last place of its terms at every z, also where it saturates: nothing is subtracted
from 1 that rounds to 1 ($\sigma(-z)$ stands for $1-\sigma(z)$), and nothing overflows to a NaN. Constants are those of `jax.nn`, and no two
of them are multiplied beforehand, so that phi' and `jax.grad` of phi are the same function to the last digit.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.nn import sigmoid

from manual_bp.tables import Row, by_name

Elementwise = Callable[[Array], Array]


@dataclasses.dataclass(frozen=True)
class Activation(Row):
    r"""An elementwise function $h = \phi(z)$ and its derivative.

    `derivative` is $\phi'$, for any shape and float dtype, in the dtype of z. `kinks` are the z where two pieces of
    $\phi$ meet; there $\phi'$ takes the value that `jax.grad` of `function` takes.
    """

    function: Elementwise = dataclasses.field(repr=False)
    derivative: Elementwise = dataclasses.field(repr=False)
    kinks: tuple[float, ...] = ()

    def __call__(self, z: Array) -> Array:
        return self.function(z)

    @classmethod
    def table(cls) -> Mapping[str, Activation]:
        return ACTIVATIONS


# Piecewise linear


def identity(z: Array) -> Array:
    r"""$\phi'(z) = 1$"""
    return jnp.ones_like(z)


def relu(z: Array) -> Array:
    r"""$\phi'(z) = 1[z > 0]$, so that $\phi'(0) = 0$ as in the book"""
    return jnp.where(z > 0, jnp.ones_like(z), 0)


def relu6(z: Array) -> Array:
    r"""$\phi'(z) = 1[0 < z < 6]$"""
    return jnp.where((z > 0) & (z < 6), jnp.ones_like(z), 0)


def leaky_relu(z: Array) -> Array:
    r"""$\phi'(z) = 1$ for $z \ge 0$, else $0.01$"""
    return jnp.where(z >= 0, jnp.ones_like(z), 0.01)


def hard_tanh(z: Array) -> Array:
    r"""$\phi'(z) = 1[|z| \le 1]$"""
    return jnp.where(jnp.abs(z) <= 1, jnp.ones_like(z), 0)


def hard_sigmoid(z: Array) -> Array:
    r"""$\phi'(z) = \frac16\, 1[|z| < 3]$"""
    return jnp.where(jnp.abs(z) < 3, jnp.full_like(z, 1 / 6), 0)


def sparse_sigmoid(z: Array) -> Array:
    r"""$\phi'(z) = \frac12\, 1[|z| < 1]$, and half of that at $\pm 1$"""
    return jnp.where(jnp.abs(z) < 1, jnp.full_like(z, 0.5), jnp.where(jnp.abs(z) == 1, jnp.full_like(z, 0.25), 0))


# Piecewise, bent


def hard_silu(z: Array) -> Array:
    r"""$\phi'(z) = s(z) + z\, s'(z)$ with $s$ the hard sigmoid"""
    return jax.nn.hard_sigmoid(z) + z * hard_sigmoid(z)


def sparse_plus(z: Array) -> Array:
    r"""$\phi'(z) = \frac12 \min(\max(z + 1, 0), 2)$, the sparse sigmoid"""
    return jax.nn.sparse_sigmoid(z)


def soft_sign(z: Array) -> Array:
    r"""$\phi'(z) = \left(\frac{1}{1 + |z|}\right)^2$"""
    return jnp.square(1 / (1 + jnp.abs(z)))  # squared last: (1 + |z|)^2 overflows in float16


def elu(z: Array) -> Array:
    r"""$\phi'(z) = 1$ for $z > 0$, else $e^z$ ($\alpha = 1$)"""
    return jnp.where(z > 0, jnp.ones_like(z), jnp.exp(jnp.minimum(z, 0)))


def selu(z: Array) -> Array:
    r"""$\phi'(z) = \lambda$ for $z > 0$, else $\lambda \alpha e^z$"""
    return SELU_SCALE * jnp.where(z > 0, jnp.ones_like(z), SELU_ALPHA * jnp.exp(jnp.minimum(z, 0)))


# Smooth


def sigmoid_derivative(z: Array) -> Array:
    r"""$\phi'(z) = \sigma(z)\, \sigma(-z)$"""
    return sigmoid(z) * sigmoid(-z)


SELU_SCALE = 1.0507009873554804934193349852946
SELU_ALPHA = 1.6732632423543772848170429916717

ACTIVATIONS: Mapping[str, Activation] = by_name(
    Activation("identity", jax.nn.identity, identity),
    Activation("relu", jax.nn.relu, relu, kinks=(0.0,)),
    Activation("sigmoid", jax.nn.sigmoid, sigmoid_derivative),
)
