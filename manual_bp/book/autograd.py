r"""The book's chapter on automatic differentiation: its examples, with what is detached, and with control flow.

x has shape (n,). The number a is drawn as a sign and a size, so that it is never 0.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation
from manual_bp.domains import binary, interval

SOURCE = "Dive into Deep Learning, 'Automatic Differentiation'"


def y(x: Float[Array, " n"]) -> Float[Array, ""]:
    r"""$y = 2 x^\top x$"""
    return 2 * (x @ x)


def dy_dx(x: Float[Array, " n"]) -> Float[Array, " n"]:
    r"""$\nabla_x\,2 x^\top x = 4x$"""
    return 4 * x


def total(x: Float[Array, " n"]) -> Float[Array, ""]:
    r"""$\sum_i x_i$"""
    return jnp.sum(x)


def dtotal_dx(x: Float[Array, " n"]) -> Float[Array, " n"]:
    r"""$\nabla_x \sum_i x_i = 1$"""
    return jnp.ones_like(x)


def square(x: Float[Array, " n"]) -> Float[Array, " n"]:
    r"""$x \odot x$"""
    return x * x


def summed(square: Float[Array, " n"]) -> Float[Array, ""]:
    r"""$\sum_i (x \odot x)_i$, as `y.sum().backward()` has it"""
    return jnp.sum(square)


def dsummed_dx(x: Float[Array, " n"]) -> Float[Array, " n"]:
    r"""$\nabla_x \sum_i (x \odot x)_i = 2x$"""
    return 2 * x


def u(square: Float[Array, " n"]) -> Float[Array, " n"]:
    r"""$u = x \odot x$, detached"""
    return jax.lax.stop_gradient(square)


def z(u: Float[Array, " n"], x: Float[Array, " n"]) -> Float[Array, ""]:
    r"""$z = \sum_i u_i x_i$"""
    return jnp.sum(u * x)


def dz_dx(u: Float[Array, " n"]) -> Float[Array, " n"]:
    r"""$\nabla_x \sum_i u_i x_i = u$

    It is not $3 x \odot x$, since u is a constant.
    """
    return u


def a(positive: Float[Array, ""], size: Float[Array, ""]) -> Float[Array, ""]:
    """$a$ of either sign, and not 0."""
    return (2 * positive - 1) * size


def f(a: Float[Array, ""]) -> Float[Array, ""]:
    r"""$f(a)$: b = 2a is doubled until $\|b\| \ge 1000$; then c = b where b > 0, else c = 100b.

    It is defined for $a \ne 0$ alone: at 0 the loop never ends. Ten turns are enough for $|a| \ge \frac12$; a loop
    that ends by itself has no derivative in reverse mode.
    """
    b = jax.lax.fori_loop(0, 10, lambda _, b: jnp.where(jnp.abs(b) < 1000, b * 2, b), a * 2)
    return jnp.where(b > 0, b, 100 * b)


def df_da(f: Float[Array, ""], a: Float[Array, ""]) -> Float[Array, ""]:
    r"""$f'(a) = \frac{f(a)}{a}$"""
    return f / a


EXAMPLES = Derivation(
    name="autograd",
    source=SOURCE,
    forward=dict(y=y, total=total, square=square, summed=summed, u=u, z=z),
    backward=dict(dy_dx=dy_dx, dtotal_dx=dtotal_dx, dsummed_dx=dsummed_dx, dz_dx=dz_dx),
)
CONTROL_FLOW = Derivation(
    name="autograd-control-flow",
    source=f"{SOURCE}, gradients and Python control flow",
    forward=dict(a=a, f=f),
    backward=dict(df_da=df_da),
    domains=dict(positive=binary, size=interval(0.5, 2000)),
)
