r"""The rules of differentiation, for $f(x) = \sin x$, $g(x) = x^2 + 1$ and a constant C.

$f'$ and $g'$ are equations of their own, and the rules take their values.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.book.calculus.table import SOURCE
from manual_bp.derivation import Derivation


def f(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$f(x) = \sin x$"""
    return jnp.sin(x)


def df_dx(x: Float[Array, ""]) -> Float[Array, ""]:
    r"""$f'(x) = \cos x$"""
    return jnp.cos(x)


def g(x: Float[Array, ""]) -> Float[Array, ""]:
    """$g(x) = x^2 + 1$"""
    return jnp.square(x) + 1


def dg_dx(x: Float[Array, ""]) -> Float[Array, ""]:
    """$g'(x) = 2x$"""
    return 2 * x


def multiple(C: Float[Array, ""], f: Float[Array, ""]) -> Float[Array, ""]:
    """$C f(x)$"""
    return C * f


def dmultiple_dx(C: Float[Array, ""], df_dx: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\frac{d}{dx} [C f(x)] = C \frac{d}{dx} f(x)$"""
    return C * df_dx


def total(f: Float[Array, ""], g: Float[Array, ""]) -> Float[Array, ""]:
    """$f(x) + g(x)$"""
    return f + g


def dtotal_dx(df_dx: Float[Array, ""], dg_dx: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\frac{d}{dx} [f(x) + g(x)] = \frac{d}{dx} f(x) + \frac{d}{dx} g(x)$"""
    return df_dx + dg_dx


def product(f: Float[Array, ""], g: Float[Array, ""]) -> Float[Array, ""]:
    """$f(x) g(x)$"""
    return f * g


def dproduct_dx(f, dg_dx, g, df_dx) -> Float[Array, ""]:
    r"""$\frac{d}{dx} [f(x) g(x)] = f(x) \frac{d}{dx} g(x) + g(x) \frac{d}{dx} f(x)$"""
    return f * dg_dx + g * df_dx


def quotient(f: Float[Array, ""], g: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\frac{f(x)}{g(x)}$"""
    return f / g


def dquotient_dx(g, df_dx, f, dg_dx) -> Float[Array, ""]:
    r"""$\frac{d}{dx} \frac{f(x)}{g(x)} = \frac{g(x) \frac{d}{dx} f(x) - f(x) \frac{d}{dx} g(x)}{g^2(x)}$"""
    return (g * df_dx - f * dg_dx) / jnp.square(g)


def composition(g: Float[Array, ""]) -> Float[Array, ""]:
    """$y = f(g(x))$"""
    return jnp.sin(g)


def dcomposition_dg(g: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\frac{dy}{dg} = f'(g)$"""
    return jnp.cos(g)


def dcomposition_dx(dcomposition_dg: Float[Array, ""], dg_dx: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\frac{dy}{dx} = \frac{dy}{dg} \frac{dg}{dx}$"""
    return dcomposition_dg * dg_dx


def rules(multiple, total, product, quotient, composition) -> Float[Array, ""]:
    """$J$, the sum of the rules."""
    return multiple + total + product + quotient + composition


RULES = Derivation(
    name="calculus-rules",
    source=f"{SOURCE}, derivatives, and the chain rule",
    forward=dict(
        f=f, g=g, multiple=multiple, total=total, product=product, quotient=quotient,
        composition=composition, J=rules,
    ),
    backward=dict(
        df_dx=df_dx, dg_dx=dg_dx, dmultiple_dx=dmultiple_dx, dtotal_dx=dtotal_dx, dproduct_dx=dproduct_dx,
        dquotient_dx=dquotient_dx, dcomposition_dg=dcomposition_dg, dcomposition_dx=dcomposition_dx,
    ),
)  # fmt: skip
