r"""The multivariate chain rule: the network of intermediate functions that the appendix works through.

w, x, y and z are numbers, $S = w + x + y + z$ and $D = w + x - y - z$ (`eq_multi_func_def`). As the book does it, the
derivatives of one step are found first, then those of f by what lies before.
"""

from jaxtyping import Array, Float

from manual_bp.derivation import Derivation

Number = Float[Array, ""]


def a(w: Number, x: Number, y: Number, z: Number) -> Number:
    """$a = (w + x + y + z)^2$"""
    return (w + x + y + z) ** 2


def da_dw(w: Number, x: Number, y: Number, z: Number) -> Number:
    r"""$\frac{\partial a}{\partial w} = 2 (w + x + y + z)$"""
    return 2 * (w + x + y + z)


def da_dx(w: Number, x: Number, y: Number, z: Number) -> Number:
    r"""$\frac{\partial a}{\partial x} = 2 (w + x + y + z)$"""
    return 2 * (w + x + y + z)


def da_dy(w: Number, x: Number, y: Number, z: Number) -> Number:
    r"""$\frac{\partial a}{\partial y} = 2 (w + x + y + z)$"""
    return 2 * (w + x + y + z)


def da_dz(w: Number, x: Number, y: Number, z: Number) -> Number:
    r"""$\frac{\partial a}{\partial z} = 2 (w + x + y + z)$"""
    return 2 * (w + x + y + z)


def b(w: Number, x: Number, y: Number, z: Number) -> Number:
    """$b = (w + x - y - z)^2$"""
    return (w + x - y - z) ** 2


def db_dw(w: Number, x: Number, y: Number, z: Number) -> Number:
    r"""$\frac{\partial b}{\partial w} = 2 (w + x - y - z)$"""
    return 2 * (w + x - y - z)


def db_dx(w: Number, x: Number, y: Number, z: Number) -> Number:
    r"""$\frac{\partial b}{\partial x} = 2 (w + x - y - z)$"""
    return 2 * (w + x - y - z)


def db_dy(w: Number, x: Number, y: Number, z: Number) -> Number:
    r"""$\frac{\partial b}{\partial y} = -2 (w + x - y - z)$"""
    return -2 * (w + x - y - z)


def db_dz(w: Number, x: Number, y: Number, z: Number) -> Number:
    r"""$\frac{\partial b}{\partial z} = -2 (w + x - y - z)$"""
    return -2 * (w + x - y - z)


def u(a: Number, b: Number) -> Number:
    """$u = (a + b)^2$"""
    return (a + b) ** 2


def du_da(a: Number, b: Number) -> Number:
    r"""$\frac{\partial u}{\partial a} = 2 (a + b)$"""
    return 2 * (a + b)


def du_db(a: Number, b: Number) -> Number:
    r"""$\frac{\partial u}{\partial b} = 2 (a + b)$"""
    return 2 * (a + b)


def v(a: Number, b: Number) -> Number:
    """$v = (a - b)^2$"""
    return (a - b) ** 2


def dv_da(a: Number, b: Number) -> Number:
    r"""$\frac{\partial v}{\partial a} = 2 (a - b)$"""
    return 2 * (a - b)


def dv_db(a: Number, b: Number) -> Number:
    r"""$\frac{\partial v}{\partial b} = -2 (a - b)$"""
    return -2 * (a - b)


def f(u: Number, v: Number) -> Number:
    """$f = (u + v)^2$"""
    return (u + v) ** 2


def df_du(u: Number, v: Number) -> Number:
    r"""$\frac{\partial f}{\partial u} = 2 (u + v)$"""
    return 2 * (u + v)


def df_dv(u: Number, v: Number) -> Number:
    r"""$\frac{\partial f}{\partial v} = 2 (u + v)$"""
    return 2 * (u + v)


def df_da(df_du: Number, du_da: Number, df_dv: Number, dv_da: Number) -> Number:
    r"""$\frac{\partial f}{\partial a} = \partial_u f \, \partial_a u + \partial_v f \, \partial_a v$"""
    return df_du * du_da + df_dv * dv_da


def df_db(df_du: Number, du_db: Number, df_dv: Number, dv_db: Number) -> Number:
    r"""$\frac{\partial f}{\partial b} = \partial_u f \, \partial_b u + \partial_v f \, \partial_b v$"""
    return df_du * du_db + df_dv * dv_db


def df_dw(df_da: Number, da_dw: Number, df_db: Number, db_dw: Number) -> Number:
    r"""$\frac{\partial f}{\partial w} = \partial_a f \, \partial_w a + \partial_b f \, \partial_w b$"""
    return df_da * da_dw + df_db * db_dw


def df_dx(df_da: Number, da_dx: Number, df_db: Number, db_dx: Number) -> Number:
    r"""$\frac{\partial f}{\partial x} = \partial_a f \, \partial_x a + \partial_b f \, \partial_x b$"""
    return df_da * da_dx + df_db * db_dx


def df_dy(df_da: Number, da_dy: Number, df_db: Number, db_dy: Number) -> Number:
    r"""$\frac{\partial f}{\partial y} = \partial_a f \, \partial_y a + \partial_b f \, \partial_y b$"""
    return df_da * da_dy + df_db * db_dy


def df_dz(df_da: Number, da_dz: Number, df_db: Number, db_dz: Number) -> Number:
    r"""$\frac{\partial f}{\partial z} = \partial_a f \, \partial_z a + \partial_b f \, \partial_z b$"""
    return df_da * da_dz + df_db * db_dz


DERIVATION = Derivation(
    name="multivariable-chain-rule",
    source="Dive into Deep Learning, appendix, 'Multivariable Calculus', the backpropagation algorithm",
    forward=dict(a=a, b=b, u=u, v=v, f=f),
    backward=dict(
        df_du=df_du, df_dv=df_dv, du_da=du_da, du_db=du_db, dv_da=dv_da, dv_db=dv_db, da_dw=da_dw, da_dx=da_dx,
        da_dy=da_dy, da_dz=da_dz, db_dw=db_dw, db_dx=db_dx, db_dy=db_dy, db_dz=db_dz, df_da=df_da, df_db=df_db,
        df_dw=df_dw, df_dx=df_dx, df_dy=df_dy, df_dz=df_dz,
    ),
)  # fmt: skip
