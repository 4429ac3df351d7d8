r"""The table of derivatives: functions of a number x > 0, with a constant C."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation
from manual_bp.domains import positive

SOURCE = "Dive into Deep Learning, 'Calculus'"


def constant(C: Float[Array, ""], x: Float[Array, ""]) -> Float[Array, ""]:
    """$C$"""
    return C + 0 * x


def dconstant_dx() -> float:
    r"""$\frac{d}{dx} C = 0$"""
    return 0.0


def cube(x: Float[Array, ""]) -> Float[Array, ""]:
    """$x^n$ with n = 3."""
    return x**3


def dcube_dx(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\frac{d}{dx} x^n = n x^{n-1}, \; n = 3$"""
    return 3 * x**2


def inverse(x: Float[Array, ""]) -> Float[Array, ""]:
    """$x^n$ with n = -1."""
    return 1 / x


def dinverse_dx(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\frac{d}{dx} x^n = n x^{n-1}, \; n = -1$"""
    return -(1 / x) / x


def root(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$x^n$ with n = 1/2."""
    return jnp.sqrt(x)


def droot_dx(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\frac{d}{dx} x^n = n x^{n-1}, \; n = \frac12$"""
    return 0.5 / jnp.sqrt(x)


def exponential(x: Float[Array, ""]) -> Float[Array, ""]:
    """$e^x$"""
    return jnp.exp(x)


def dexponential_dx(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\frac{d}{dx} e^x = e^x$"""
    return jnp.exp(x)


def logarithm(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\ln x$"""
    return jnp.log(x)


def dlogarithm_dx(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\frac{d}{dx} \ln x = x^{-1}$"""
    return 1 / x


def example(x: Float[Array, ""]) -> Float[Array, ""]:
    """$u = f(x) = 3x^2 - 4x$"""
    return 3 * x**2 - 4 * x


def dexample_dx(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\frac{d}{dx} (3x^2 - 4x) = 6x - 4$"""
    return 6 * x - 4


def table(constant, cube, inverse, root, exponential, logarithm, example) -> Float[Array, ""]:
    """$J$, the sum of the table."""
    return constant + cube + inverse + root + exponential + logarithm + example


TABLE = Derivation(
    name="calculus-table",
    source=f"{SOURCE}, derivatives",
    forward=dict(
        constant=constant, cube=cube, inverse=inverse, root=root, exponential=exponential,
        logarithm=logarithm, example=example, J=table,
    ),
    backward=dict(
        dconstant_dx=dconstant_dx, dcube_dx=dcube_dx, dinverse_dx=dinverse_dx, droot_dx=droot_dx,
        dexponential_dx=dexponential_dx, dlogarithm_dx=dlogarithm_dx, dexample_dx=dexample_dx,
    ),
    domains=dict(x=positive),
)  # fmt: skip
