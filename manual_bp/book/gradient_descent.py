r"""The book's chapter on gradient descent: its examples, Newton's method and preconditioning.

x, c and `constant` are numbers; v has two. `e` (d,) is the step $\epsilon$ of Newton's method, g (d,) the gradient
at the point where it begins, and $H = R + R^\top$ (d, d) the Hessian there.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation

SOURCE = "Dive into Deep Learning, 'Gradient Descent'"


def square(x: Float[Array, ""]) -> Float[Array, ""]:
    """$f(x) = x^2$"""
    return jnp.square(x)


def dsquare_dx(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\frac{d}{dx} x^2 = 2x$"""
    return 2 * x


def half(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$f(x) = \frac12 x^2$"""
    return jnp.square(x) / 2


def dhalf_dx(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\frac{d}{dx} \frac12 x^2 = x$"""
    return x


def ellipse(v: Float[Array, "2"]) -> Float[Array, ""]:
    """$f(x) = x_1^2 + 2 x_2^2$"""
    return jnp.square(v[0]) + 2 * jnp.square(v[1])


def dellipse_dv(v: Float[Array, "2"]) -> Float[Array, "2"]:
    r"""$\nabla f(x) = [2 x_1, 4 x_2]^\top$"""
    return jnp.stack([2 * v[0], 4 * v[1]])


def wave(x: Float[Array, ""], c: Float[Array, ""]) -> Float[Array, ""]:
    r"""$f(x) = x \cos(c x)$"""
    return x * jnp.cos(c * x)


def dwave_dx(x: Float[Array, ""], c: Float[Array, ""]) -> Float[Array, ""]:
    r"""$f'(x) = \cos(c x) - c x \sin(c x)$"""
    return jnp.cos(c * x) - c * x * jnp.sin(c * x)


def ddwave_dx(x: Float[Array, ""], c: Float[Array, ""]) -> Float[Array, ""]:
    r"""$f''(x) = -2 c \sin(c x) - x c^2 \cos(c x)$"""
    return -2 * c * jnp.sin(c * x) - (c * x) * (c * jnp.cos(c * x))


def hyperbola(x: Float[Array, ""], c: Float[Array, ""]) -> Float[Array, ""]:
    r"""$f(x) = \cosh(c x)$"""
    return jnp.cosh(c * x)


def dhyperbola_dx(x: Float[Array, ""], c: Float[Array, ""]) -> Float[Array, ""]:
    r"""$f'(x) = c \sinh(c x)$"""
    return c * jnp.sinh(c * x)


def ddhyperbola_dx(x: Float[Array, ""], c: Float[Array, ""]) -> Float[Array, ""]:
    r"""$f''(x) = c^2 \cosh(c x)$"""
    return c**2 * jnp.cosh(c * x)


def total(dwave: Float[Array, ""], dhyperbola: Float[Array, ""]) -> Float[Array, ""]:
    """$J$, the sum of both."""
    return dwave + dhyperbola


def hessian(R: Float[Array, "d d"]) -> Float[Array, "d d"]:
    r"""$H = R + R^\top$"""
    return R + R.T


def taylor(
    constant: Float[Array, ""], e: Float[Array, " d"], g: Float[Array, " d"], H: Float[Array, "d d"]
) -> Float[Array, ""]:
    r"""$f(x + \epsilon) = f(x) + \epsilon^\top \nabla f(x) + \frac12 \epsilon^\top H \epsilon$

    `gd-hot-taylor`, without what is left out.
    """
    return constant + e @ g + e @ H @ e / 2


def dT_de(g: Float[Array, " d"], H: Float[Array, "d d"], e: Float[Array, " d"]) -> Float[Array, " d"]:
    r"""$\nabla_\epsilon f(x + \epsilon) = \nabla f(x) + H \epsilon$

    It vanishes at the step of Newton's method, $\epsilon = -H^{-1} \nabla f(x)$.
    """
    return g + H @ e


def newton_step(H: Float[Array, "d d"], g: Float[Array, " d"]) -> Float[Array, " d"]:
    r"""$\epsilon = -H^{-1} \nabla f(x)$"""
    return -jnp.linalg.solve(H, g)


def preconditioned_step(H: Float[Array, "d d"], g: Float[Array, " d"]) -> Float[Array, " d"]:
    r"""$\epsilon = -\mathrm{diag}(H)^{-1} \nabla f(x)$"""
    return -g / jnp.diag(H)


DERIVATION = Derivation(
    name="gradient-descent",
    source=SOURCE,
    forward=dict(
        square=square, half=half, ellipse=ellipse, wave=wave, hyperbola=hyperbola, H=hessian, T=taylor
    ),
    backward=dict(
        dsquare_dx=dsquare_dx, dhalf_dx=dhalf_dx, dellipse_dv=dellipse_dv, dwave_dx=dwave_dx,
        dhyperbola_dx=dhyperbola_dx, dT_de=dT_de,
    ),
)  # fmt: skip
SECOND = Derivation(
    name="gradient-descent-second",
    source=f"{SOURCE}, Newton's method",
    forward=dict(dwave=dwave_dx, dhyperbola=dhyperbola_dx, J=total),
    backward=dict(ddwave_dx=ddwave_dx, ddhyperbola_dx=ddhyperbola_dx),
)
