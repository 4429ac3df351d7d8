r"""The appendix on integral calculus: the fundamental theorem, a change of variables, and polar coordinates.

The fundamental theorem is judged on $f(t) = a_0 + a_1 t + a_2 t^2$, whose integral is known. r is positive.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation
from manual_bp.domains import positive


def integral(x: Float[Array, ""], a: Float[Array, "3"]) -> Float[Array, ""]:
    r"""$F(x) = \int_0^x f(t)\,dt = a_0 x + \frac12 a_1 x^2 + \frac13 a_2 x^3$"""
    return a[0] * x + a[1] * x**2 / 2 + a[2] * x**3 / 3


def dF_dx(x: Float[Array, ""], a: Float[Array, "3"]) -> Float[Array, ""]:
    r"""$\frac{d}{dx} \int_0^x f(t)\,dt = f(x)$

    `eq_ftc`.
    """
    return a[0] + a[1] * x + a[2] * x**2


def bell(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$e^{-x^2}$"""
    return jnp.exp(-jnp.square(x))


def dbell_dx(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\frac{d}{dx} e^{-x^2} = -2 x e^{-x^2}$"""
    return -2 * x * jnp.exp(-jnp.square(x))


def polar(r: Float[Array, ""], angle: Float[Array, ""]) -> Float[Array, "2"]:
    r"""$\phi(r, \theta) = (r \cos\theta, r \sin\theta)$"""
    return jnp.stack([r * jnp.cos(angle), r * jnp.sin(angle)])


def dpolar_dr(angle: Float[Array, ""]) -> Float[Array, "2"]:
    r"""$\frac{\partial \phi}{\partial r} = (\cos\theta, \sin\theta)$"""
    return jnp.stack([jnp.cos(angle), jnp.sin(angle)])


def dpolar_dangle(r: Float[Array, ""], angle: Float[Array, ""]) -> Float[Array, "2"]:
    r"""$\frac{\partial \phi}{\partial\theta} = (-r \sin\theta, r \cos\theta)$"""
    return jnp.stack([-r * jnp.sin(angle), r * jnp.cos(angle)])


def total(F, bell, polar) -> Float[Array, ""]:
    """$J$, the sum of all."""
    return F + bell + jnp.sum(polar)


def determinant(dpolar_dr: Array, dpolar_dangle: Array) -> Array:
    r"""$|\det D\phi| = |r \cos^2\theta + r \sin^2\theta| = r$"""
    return jnp.abs(dpolar_dr[0] * dpolar_dangle[1] - dpolar_dr[1] * dpolar_dangle[0])


DERIVATION = Derivation(
    name="integral-calculus",
    source="Dive into Deep Learning, appendix, 'Integral Calculus'",
    forward=dict(F=integral, bell=bell, polar=polar, J=total),
    backward=dict(dF_dx=dF_dx, dbell_dx=dbell_dx, dpolar_dr=dpolar_dr, dpolar_dangle=dpolar_dangle),
    domains=dict(r=positive),
)
