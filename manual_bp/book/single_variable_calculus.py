r"""The appendix on single variable calculus: its example of the chain rule, and its exercises.

The table of derivatives and the rules, which the appendix repeats, are those of `calculus`. x is positive.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation
from manual_bp.domains import positive


def example(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\log(1 + (x - 1)^{10})$"""
    return jnp.log(1 + (x - 1) ** 10)


def dexample_dx(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\frac{d}{dx} \log(1 + (x - 1)^{10}) = \frac{10 (x - 1)^9}{1 + (x - 1)^{10}}$"""
    return 10 * (x - 1) ** 9 / (1 + (x - 1) ** 10)


def cubic(x: Float[Array, ""]) -> Float[Array, ""]:
    """$x^3 - 4x + 1$"""
    return x**3 - 4 * x + 1


def dcubic_dx(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\frac{d}{dx} (x^3 - 4x + 1) = 3x^2 - 4$"""
    return 3 * x**2 - 4


def inverse_logarithm(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\log \frac1x$"""
    return jnp.log(1 / x)


def dinverse_logarithm_dx(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\frac{d}{dx} \log \frac1x = -\frac1x$"""
    return -1 / x


def entropy(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$x \log x$"""
    return x * jnp.log(x)


def dentropy_dx(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\frac{d}{dx} x \log x = 1 + \log x$"""
    return 1 + jnp.log(x)


def total(example, cubic, inverse_logarithm, entropy) -> Float[Array, ""]:
    """$J$, the sum of all."""
    return example + cubic + inverse_logarithm + entropy


DERIVATION = Derivation(
    name="single-variable-calculus",
    source="Dive into Deep Learning, appendix, 'Single Variable Calculus'",
    forward=dict(example=example, cubic=cubic, inverse_logarithm=inverse_logarithm, entropy=entropy, J=total),
    backward=dict(
        dexample_dx=dexample_dx,
        dcubic_dx=dcubic_dx,
        dinverse_logarithm_dx=dinverse_logarithm_dx,
        dentropy_dx=dentropy_dx,
    ),
    domains=dict(x=positive),
)
