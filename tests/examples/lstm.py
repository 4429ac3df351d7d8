r"""One step of an LSTM cell: two outputs, the hidden state and the cell, each with a cotangent."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation


def gates(
    W: Float[Array, "4 h d"],
    U: Float[Array, "4 h h"],
    b: Float[Array, "4 h"],
    x: Float[Array, " d"],
    h: Float[Array, " h"],
) -> Float[Array, "4 h"]:
    return W @ x + U @ h + b


def opened(a):
    """Input, forget and output gate, and the candidate."""
    return jnp.concatenate([jax.nn.sigmoid(a[:3]), jnp.tanh(a[3:])])


def cell(s, c: Float[Array, " h"]) -> Float[Array, " h"]:
    return s[1] * c + s[0] * s[3]


def new_hidden(s, m):
    return s[2] * jnp.tanh(m)


def new_cell(m):
    return m


def dJ_dm(dJ_dc2, dJ_dh2, s, m):
    r"""$\partial J/\partial m = \partial J/\partial c' + \partial J/\partial h' \odot o \odot (1 - \tanh^2 m)$"""
    return dJ_dc2 + dJ_dh2 * s[2] * (1 - jnp.tanh(m) ** 2)


def dJ_ds(dJ_dm, dJ_dh2, s, m, c):
    r"""$\partial J/\partial s = (\bar m \odot g, \bar m \odot c, \bar h' \odot \tanh m, \bar m \odot i)$"""
    return jnp.stack([dJ_dm * s[3], dJ_dm * c, dJ_dh2 * jnp.tanh(m), dJ_dm * s[0]])


def dJ_da(dJ_ds, s):
    r"""$\partial J/\partial a = \bar s \odot s \odot (1 - s), \text{ of the candidate } \bar g \odot (1 - g^2)$"""
    return dJ_ds * jnp.concatenate([s[:3] * (1 - s[:3]), 1 - s[3:] ** 2])


def dJ_dW(dJ_da, x):
    r"""$\partial J/\partial W_k = \bar a_k x^\top$"""
    return dJ_da[:, :, None] * x


def dJ_dU(dJ_da, h):
    r"""$\partial J/\partial U_k = \bar a_k h^\top$"""
    return dJ_da[:, :, None] * h


def dJ_db(dJ_da):
    r"""$\partial J/\partial b = \bar a$"""
    return dJ_da


def dJ_dx(dJ_da, W):
    r"""$\partial J/\partial x = \sum_k W_k^\top \bar a_k$"""
    return jnp.einsum("khd,kh->d", W, dJ_da)


def dJ_dh(dJ_da, U):
    r"""$\partial J/\partial h = \sum_k U_k^\top \bar a_k$"""
    return jnp.einsum("kgh,kg->h", U, dJ_da)


def dJ_dc(dJ_dm, s):
    r"""$\partial J/\partial c = \bar m \odot f$"""
    return dJ_dm * s[1]


LSTM = Derivation(
    name="lstm",
    source="Hochreiter and Schmidhuber 1997",
    forward=dict(a=gates, s=opened, m=cell, h2=new_hidden, c2=new_cell),
    backward=dict(
        dJ_dm=dJ_dm, dJ_ds=dJ_ds, dJ_da=dJ_da, dJ_dW=dJ_dW, dJ_dU=dJ_dU,
        dJ_db=dJ_db, dJ_dx=dJ_dx, dJ_dh=dJ_dh, dJ_dc=dJ_dc,
    ),
    cotangent=("dJ_dh2", "dJ_dc2"),
)  # fmt: skip
