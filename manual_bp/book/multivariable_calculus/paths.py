r"""The multivariate chain rule on a graph with three paths from y to f, as the appendix draws it.

$f(a, u, b)$ with $a(u)$, $u(y)$, $b(v)$ and $v(y)$. Here each function is a sine, a square or a product of its
arguments, so that no derivative is a constant. $f_y$ is $\partial f/\partial y$.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation

Number = Float[Array, ""]


def u(y: Number) -> Number:
    r"""$u = \sin y$"""
    return jnp.sin(y)


def du_dy(y: Number) -> Number:
    r"""$\frac{\partial u}{\partial y} = \cos y$"""
    return jnp.cos(y)


def v(y: Number) -> Number:
    """$v = y^2$"""
    return y**2


def dv_dy(y: Number) -> Number:
    r"""$\frac{\partial v}{\partial y} = 2y$"""
    return 2 * y


def a(u: Number) -> Number:
    r"""$a = \sin u$"""
    return jnp.sin(u)


def da_du(u: Number) -> Number:
    r"""$\frac{\partial a}{\partial u} = \cos u$"""
    return jnp.cos(u)


def b(v: Number) -> Number:
    r"""$b = \sin v$"""
    return jnp.sin(v)


def db_dv(v: Number) -> Number:
    r"""$\frac{\partial b}{\partial v} = \cos v$"""
    return jnp.cos(v)


def f(a: Number, u_direct: Number, b: Number) -> Number:
    """$f = a u b$"""
    return a * u_direct * b


def u_direct(u: Number) -> Number:
    """$u$ where f takes it itself, so that the edge from u to f has a derivative of its own."""
    return u


def df_da(u_direct: Number, b: Number) -> Number:
    r"""$\frac{\partial f}{\partial a} = u b$"""
    return u_direct * b


def df_db(a: Number, u_direct: Number) -> Number:
    r"""$\frac{\partial f}{\partial b} = a u$"""
    return a * u_direct


def df_du_direct(a: Number, b: Number) -> Number:
    r"""$\frac{\partial f}{\partial u} = a b$

    With a and b held constant.
    """
    return a * b


def df_dy(df_da, da_du, du_dy, df_du_direct, df_db, db_dv, dv_dy) -> Number:
    r"""$f_y = f_a\,a_u\,u_y + f_u\,u_y + f_b\,b_v\,v_y$"""
    return df_da * da_du * du_dy + df_du_direct * du_dy + df_db * db_dv * dv_dy


DERIVATION = Derivation(
    name="multivariable-paths",
    source="Dive into Deep Learning, appendix, 'Multivariable Calculus', the multivariate chain rule",
    forward=dict(u=u, v=v, a=a, b=b, u_direct=u_direct, f=f),
    backward=dict(
        du_dy=du_dy, dv_dy=dv_dy, da_du=da_du, db_dv=db_dv, df_da=df_da, df_db=df_db,
        df_du_direct=df_du_direct, df_dy=df_dy,
    ),
)  # fmt: skip
