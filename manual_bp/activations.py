r"""Every elementwise activation of `jax.nn`, one row each: phi, phi' by hand, and its kinks.

phi' is accurate where it saturates: $\sigma(-z)$ stands for $1-\sigma(z)$, nothing else is subtracted from a
number that it rounds to, and no finite z gives a NaN or an infinity. The error of phi' is that of rounding z
and the result a few times, so it is small beside $|\phi'(z)| + |z\,\phi''(z)|$. Constants are those of
`jax.nn`, and no two of them are multiplied in Python beforehand, which would round: phi' and `jax.grad` of
phi then are the same function to the last digit.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.nn import sigmoid, softplus

from manual_bp.construction.tables import Row, by_name

Elementwise = Callable[[Array], Array]


@dataclasses.dataclass(frozen=True)
class Activation(Row):
    r"""An elementwise function $h = \phi(z)$ and its derivative, for any shape, in the float dtype of z.

    `kinks` are the z where two pieces of $\phi$ meet; there $\phi'$ takes the value that `jax.grad` of
    `function` takes.
    """

    function: Elementwise = dataclasses.field(repr=False)
    derivative: Elementwise = dataclasses.field(repr=False)
    kinks: tuple[float, ...] = ()

    def __call__(self, z: Array) -> Array:
        return self.function(z)

    @classmethod
    def table(cls) -> Mapping[str, Activation]:
        return ACTIVATIONS


# Pieces of straight lines


def didentity(z: Array) -> Array:
    r"""$\phi'(z) = 1$"""
    return jnp.ones_like(z)


def drelu(z: Array) -> Array:
    r"""$\phi'(z) = 1[z > 0]$; the book takes $\phi'(0) = 0$"""
    return jnp.where(z > 0, jnp.ones_like(z), 0)


def drelu6(z: Array) -> Array:
    r"""$\phi'(z) = 1[0 < z < 6]$"""
    return jnp.where((z > 0) & (z < 6), jnp.ones_like(z), 0)


def dleaky_relu(z: Array) -> Array:
    r"""$\phi'(z) = 1$ for $z \ge 0$, else $0.01$"""
    return jnp.where(z >= 0, jnp.ones_like(z), 0.01)


def dhard_tanh(z: Array) -> Array:
    r"""$\phi'(z) = 1[|z| \le 1]$"""
    return jnp.where(jnp.abs(z) <= 1, jnp.ones_like(z), 0)


def dhard_sigmoid(z: Array) -> Array:
    r"""$\phi'(z) = \frac16\,1[|z| < 3]$"""
    return jnp.where(jnp.abs(z) < 3, jnp.full_like(z, 1 / 6), 0)


def dsparse_sigmoid(z: Array) -> Array:
    r"""$\phi'(z) = \frac12\,1[|z| < 1]$, and $\frac14$ at $\pm 1$"""
    inside, edge = jnp.abs(z) < 1, jnp.abs(z) == 1
    return jnp.where(inside, jnp.full_like(z, 0.5), jnp.where(edge, jnp.full_like(z, 0.25), 0))


# Pieces, some of them bent


def dhard_silu(z: Array) -> Array:
    r"""$\phi'(z) = s(z) + \frac z6\,1[|z| < 3]$ with $s$ the hard sigmoid"""
    return jax.nn.hard_sigmoid(z) + jnp.where(jnp.abs(z) < 3, z, 0) / 6


def dsparse_plus(z: Array) -> Array:
    r"""$\phi'(z) = \frac12\min(\max(z + 1, 0), 2)$, the sparse sigmoid"""
    return jax.nn.sparse_sigmoid(z)


def dsoft_sign(z: Array) -> Array:
    r"""$\phi'(z) = 1/(1 + |z|)^2$"""
    return jnp.square(1 / (1 + jnp.abs(z)))  # squared last: (1 + |z|)^2 overflows early in float16


def delu(z: Array) -> Array:
    r"""$\phi'(z) = 1$ for $z > 0$, else $e^z$: elu and celu are one function at $\alpha = 1$"""
    return jnp.where(z > 0, jnp.ones_like(z), jnp.exp(jnp.minimum(z, 0)))


SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


def dselu(z: Array) -> Array:
    r"""$\phi'(z) = \lambda$ for $z > 0$, else $\lambda\alpha e^z$"""
    return SELU_SCALE * jnp.where(z > 0, jnp.ones_like(z), SELU_ALPHA * jnp.exp(jnp.minimum(z, 0)))


# Smooth


def dsigmoid(z: Array) -> Array:
    r"""$\phi'(z) = \sigma(z)\,\sigma(-z)$"""
    return sigmoid(z) * sigmoid(-z)


def dtanh(z: Array) -> Array:
    r"""$\phi'(z) = 1 - \tanh^2 z = 4\,\sigma(2z)\,\sigma(-2z)$"""
    return 4 * (sigmoid(2 * z) * sigmoid(-2 * z))


def dsoftplus(z: Array) -> Array:
    r"""$\phi'(z) = \sigma(z)$"""
    return sigmoid(z)


def dlog_sigmoid(z: Array) -> Array:
    r"""$\phi'(z) = \sigma(-z)$"""
    return sigmoid(-z)


def dsilu(z: Array) -> Array:
    r"""$\phi'(z) = \sigma(z)\,(1 + z\,\sigma(-z))$"""
    return sigmoid(z) * (1 + z * sigmoid(-z))


def dmish(z: Array) -> Array:
    r"""$\phi'(z) = \tanh u + z\,\tanh'(u)\,\sigma(z)$ with $u = \mathrm{softplus}(z)$"""
    u = softplus(z)
    return jnp.tanh(u) + z * dtanh(u) * sigmoid(z)


def dsquareplus(z: Array) -> Array:
    r"""$\phi'(z) = \frac12\left(1 + \frac zs\right)$ with $s = \sqrt{z^2 + 4}$

    $1 - |z|/s = (s^2 - z^2)/(s\,(s + |z|)) = 4/(s\,(s + |z|))$, whose half is the tail for $z < 0$ and what
    is missing from 1 for $z > 0$. The factors are halved so that their product overflows no sooner than z^2;
    XLA would multiply them as well if one divided by one after the other.
    """
    s = jnp.sqrt(jnp.square(z) + 4)
    tail = 0.5 / (s / 2 * ((s + jnp.abs(z)) / 2))
    return jnp.where(z < 0, tail, 1 - tail)


TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)
ROOT_HALF = math.sqrt(0.5)
ROOT_TWO_OVER_PI = math.sqrt(2 / math.pi)


def gelu(z: Array) -> Array:
    r"""$\phi(z) = z\,\Phi(z)$ with $\Phi$ the normal distribution function"""
    return jax.nn.gelu(z, approximate=False)


def dgelu(z: Array) -> Array:
    r"""$\phi'(z) = \Phi(z) + z\,\Phi'(z)$

    with $\Phi(z) = \frac12\,\mathrm{erfc}(-t)$ and $z\,\Phi'(z) = \frac12\,t\,\frac2{\sqrt\pi}e^{-t^2}$,
    where $t = z/\sqrt2$.
    """
    t = z * ROOT_HALF
    return 0.5 * (lax.erfc(-t) + t * (TWO_OVER_ROOT_PI * jnp.exp(-jnp.square(t))))


def gelu_tanh(z: Array) -> Array:
    r"""$\phi(z) = \frac z2\,(1 + \tanh u)$ with $u = \sqrt{2/\pi}\,(z + 0.044715\,z^3)$"""
    return jax.nn.gelu(z, approximate=True)


def dgelu_tanh(z: Array) -> Array:
    r"""$\phi'(z) = \sigma(2u) + 2u'w$ with $w = z\,\sigma(2u)\,\sigma(-2u)$

    since $\frac12(1 + \tanh u) = \sigma(2u)$; here $u' = \sqrt{2/\pi}\,(1 + 3 \cdot 0.044715\,z^2)$. Its
    bracket is multiplied out with $w$, which is 0 where $z^2$ overflows.
    """
    u = ROOT_TWO_OVER_PI * (z + 0.044715 * z**3)
    w = z * sigmoid(2 * u) * sigmoid(-2 * u)
    return sigmoid(2 * u) + 2 * (ROOT_TWO_OVER_PI * (w + 0.044715 * (3 * w * z * z)))


ACTIVATIONS: Mapping[str, Activation] = by_name(
    Activation("identity", jax.nn.identity, didentity),
    Activation("relu", jax.nn.relu, drelu, kinks=(0.0,)),
    Activation("relu6", jax.nn.relu6, drelu6, kinks=(0.0, 6.0)),
    Activation("leaky_relu", jax.nn.leaky_relu, dleaky_relu, kinks=(0.0,)),
    Activation("hard_tanh", jax.nn.hard_tanh, dhard_tanh, kinks=(-1.0, 1.0)),
    Activation("hard_sigmoid", jax.nn.hard_sigmoid, dhard_sigmoid, kinks=(-3.0, 3.0)),
    Activation("hard_silu", jax.nn.hard_silu, dhard_silu, kinks=(-3.0, 3.0)),
    Activation("sigmoid", jax.nn.sigmoid, dsigmoid),
    Activation("tanh", jax.nn.tanh, dtanh),
    Activation("softplus", jax.nn.softplus, dsoftplus),
    Activation("sparse_plus", jax.nn.sparse_plus, dsparse_plus, kinks=(-1.0, 1.0)),
    Activation("sparse_sigmoid", jax.nn.sparse_sigmoid, dsparse_sigmoid, kinks=(-1.0, 1.0)),
    Activation("silu", jax.nn.silu, dsilu),
    Activation("soft_sign", jax.nn.soft_sign, dsoft_sign, kinks=(0.0,)),
    Activation("log_sigmoid", jax.nn.log_sigmoid, dlog_sigmoid),
    Activation("elu", jax.nn.elu, delu, kinks=(0.0,)),
    Activation("celu", jax.nn.celu, delu, kinks=(0.0,)),
    Activation("selu", jax.nn.selu, dselu, kinks=(0.0,)),
    Activation("gelu", gelu, dgelu),
    Activation("gelu_tanh", gelu_tanh, dgelu_tanh),
    Activation("squareplus", jax.nn.squareplus, dsquareplus),
    Activation("mish", jax.nn.mish, dmish),
)
