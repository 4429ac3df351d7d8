r"""The book's chapter on multilayer perceptrons: the derivatives of its activation functions, at a number x.

`manual_bp.activations` has them for arrays, in forms that keep their digits where a function saturates; here they
stand as printed.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp import activations
from manual_bp.derivation import Derivation


def relu(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\mathrm{ReLU}(x) = \max(x, 0)$"""
    return jax.nn.relu(x)


def drelu_dx(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\frac{d}{dx} \mathrm{ReLU}(x) = 1[x > 0]$

    When x takes the value 0 precisely, the book takes the derivative on the left.
    """
    return jnp.where(x > 0, 1.0, 0.0)


def prelu(x: Float[Array, ""], alpha: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\mathrm{pReLU}(x) = \max(0, x) + \alpha \min(0, x)$"""
    return jnp.where(x > 0, x, alpha * x)


def dprelu_dx(x: Float[Array, ""], alpha: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\frac{d}{dx} \mathrm{pReLU}(x) = 1[x > 0] + \alpha\,1[x \le 0]$"""
    return jnp.where(x > 0, 1.0, alpha)


def dprelu_dalpha(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\frac{d}{d\alpha} \mathrm{pReLU}(x) = \min(0, x)$"""
    return jnp.minimum(x, 0)


def sigmoid(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\mathrm{sigmoid}(x) = \frac{1}{1 + \exp(-x)}$"""
    return jax.nn.sigmoid(x)


def dsigmoid_dx(sigmoid: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\frac{d}{dx} \mathrm{sigmoid}(x) = \mathrm{sigmoid}(x) (1 - \mathrm{sigmoid}(x))$"""
    return sigmoid * (1 - sigmoid)


def tanh(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\tanh(x) = \frac{1 - \exp(-2x)}{1 + \exp(-2x)}$"""
    return jnp.tanh(x)


def dtanh_dx(tanh: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\frac{d}{dx} \tanh(x) = 1 - \tanh^2(x)$"""
    return 1 - jnp.square(tanh)


def swish(x: Float[Array, ""], beta: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\mathrm{swish}(x) = x\,\mathrm{sigmoid}(\beta x)$"""
    return x * jax.nn.sigmoid(beta * x)


def dswish_dx(x: Float[Array, ""], beta: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\frac{d}{dx} \mathrm{swish}(x) = s + \beta x\,s (1 - s), \; s = \mathrm{sigmoid}(\beta x)$"""
    s, rest = jax.nn.sigmoid(beta * x), jax.nn.sigmoid(-beta * x)
    return s + beta * x * (s * rest)


def dswish_dbeta(x: Float[Array, ""], beta: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\frac{d}{d\beta} \mathrm{swish}(x) = x^2 s (1 - s), \; s = \mathrm{sigmoid}(\beta x)$"""
    return x * (x * (jax.nn.sigmoid(beta * x) * jax.nn.sigmoid(-beta * x)))


def gelu(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\mathrm{gelu}(x) = x \Phi(x)$, with $\Phi$ the normal distribution function"""
    return activations.gelu(x)


def dgelu_dx(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\frac{d}{dx} x \Phi(x) = \Phi(x) + x \varphi(x)$"""
    return activations.dgelu(x)


def total(
    relu: Float[Array, ""],
    prelu: Float[Array, ""],
    sigmoid: Float[Array, ""],
    tanh: Float[Array, ""],
    swish: Float[Array, ""],
    gelu: Float[Array, ""],
) -> Float[Array, ""]:
    """$J$, their sum."""
    return relu + prelu + sigmoid + tanh + swish + gelu


DERIVATION = Derivation(
    name="mlp",
    source="Dive into Deep Learning, 'Multilayer Perceptrons', activation functions",
    forward=dict(relu=relu, prelu=prelu, sigmoid=sigmoid, tanh=tanh, swish=swish, gelu=gelu, J=total),
    backward=dict(
        drelu_dx=drelu_dx,
        dprelu_dx=dprelu_dx,
        dprelu_dalpha=dprelu_dalpha,
        dsigmoid_dx=dsigmoid_dx,
        dtanh_dx=dtanh_dx,
        dswish_dx=dswish_dx,
        dswish_dbeta=dswish_dbeta,
        dgelu_dx=dgelu_dx,
    ),
)
