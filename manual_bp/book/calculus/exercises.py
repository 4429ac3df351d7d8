r"""The exercises of the chapters on calculus and on automatic differentiation that ask for a derivative.

x is a positive number, y too; u (2,) and v (n,) are vectors. Of the inverse function the example is $f(x) = e^x$.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.book.calculus.table import SOURCE
from manual_bp.derivation import Derivation
from manual_bp.domains import interval


def self_power(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$x^x = e^{x \ln x}$"""
    return jnp.exp(x * jnp.log(x))


def dself_power_dx(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\frac{d}{dx} x^x = x^x (1 + \ln x)$"""
    return jnp.exp(x * jnp.log(x)) * (1 + jnp.log(x))


def cubic(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$x^3 - \frac1x$"""
    return x**3 - 1 / x


def dcubic_dx(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\frac{d}{dx} (x^3 - \frac1x) = 3 x^2 + x^{-2}$"""
    return 3 * x**2 + x**-2


def logarithmic(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$(\log x^2) \sin x + x^{-1}$"""
    return jnp.log(jnp.square(x)) * jnp.sin(x) + 1 / x


def dlogarithmic_dx(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\frac{d}{dx} ((\log x^2) \sin x + x^{-1}) = \frac{2 \sin x}{x} + (\log x^2) \cos x - x^{-2}$"""
    return 2 * jnp.sin(x) / x + jnp.log(jnp.square(x)) * jnp.cos(x) - x**-2


def sine(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\sin x$"""
    return jnp.sin(x)


def dsine_dx(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\frac{d}{dx} \sin x = \cos x$"""
    return jnp.cos(x)


def inverse(y: Float[Array, ""]) -> Float[Array, ""]:
    r"""$f^{-1}(y) = \log y$, of $f(x) = e^x$"""
    return jnp.log(y)


def dinverse_dy(inverse: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\frac{d}{dy} f^{-1}(y) = \frac{1}{f'(f^{-1}(y))}$ with $f'(x) = e^x$"""
    return 1 / jnp.exp(inverse)


def separate(u: Float[Array, "2"]) -> Float[Array, ""]:
    r"""$3 x_1^2 + 5 e^{x_2}$"""
    return 3 * jnp.square(u[0]) + 5 * jnp.exp(u[1])


def dseparate_du(u: Float[Array, "2"]) -> Float[Array, "2"]:
    r"""$\nabla (3 x_1^2 + 5 e^{x_2}) = [6 x_1, 5 e^{x_2}]$"""
    return jnp.stack([6 * u[0], 5 * jnp.exp(u[1])])


def norm(v: Float[Array, " n"]) -> Float[Array, ""]:
    r"""$\|x\| = \sqrt{x^\top x}$"""
    return jnp.sqrt(v @ v)


def dnorm_dv(v: Float[Array, " n"], norm: Float[Array, ""]) -> Float[Array, " n"]:
    r"""$\nabla_x \|x\| = \frac{x}{\|x\|}$

    Where x is 0 there is none.
    """
    return v / norm


def total(self_power, cubic, logarithmic, sine, inverse, separate, norm) -> Float[Array, ""]:
    """$J$, the sum of all."""
    return self_power + cubic + logarithmic + sine + inverse + separate + norm


EXERCISES = Derivation(
    name="calculus-exercises",
    source=f"{SOURCE}, and 'Automatic Differentiation', exercises",
    forward=dict(
        self_power=self_power, cubic=cubic, logarithmic=logarithmic, sine=sine, inverse=inverse,
        separate=separate, norm=norm, J=total,
    ),
    backward=dict(
        dself_power_dx=dself_power_dx, dcubic_dx=dcubic_dx, dlogarithmic_dx=dlogarithmic_dx,
        dsine_dx=dsine_dx, dinverse_dy=dinverse_dy, dseparate_du=dseparate_du, dnorm_dv=dnorm_dv,
    ),
    domains=dict(x=interval(0.125, 8), y=interval(0.125, 8), v=interval(0.125, 8)),
)  # fmt: skip
