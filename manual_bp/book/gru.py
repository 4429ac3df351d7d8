r"""The book's chapter on gated recurrent units: the gradients of one step on a minibatch.

X has shape (n, d), one example a row; the hidden state H (n, h). The weights of the reset gate and the update gate are
stacked in this order: W_x (2, d, h), W_h (2, h, h), b (2, h); those of the candidate are W_xh (d, h), W_hh (h, h),
b_h (h,). `cell` is the step, for `jax.lax.scan`: its `jax.grad` runs the equations, and through a scan they are
backpropagation through time. $\bar H$ is $\partial J/\partial H$, and so on.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation

Gates = Float[Array, "2 n h"]
State = Float[Array, "n h"]


def preactivations(
    X: Float[Array, "n d"],
    H: State,
    W_x: Float[Array, "2 d h"],
    W_h: Float[Array, "2 h h"],
    b: Float[Array, "2 h"],
) -> Gates:
    r"""$a = X W_{x\cdot} + H_{t-1} W_{h\cdot} + b_\cdot$"""
    return X @ W_x + H @ W_h + b[:, None]


def gates(a: Gates) -> Gates:
    r"""$R_t, Z_t = \sigma(a_r), \sigma(a_z)$"""
    return jax.nn.sigmoid(a)


def candidate_preactivation(
    X: Float[Array, "n d"],
    H: State,
    s: Gates,
    W_xh: Float[Array, "d h"],
    W_hh: Float[Array, "h h"],
    b_h: Float[Array, " h"],
) -> State:
    r"""$a_h = X W_{xh} + (R_t \odot H_{t-1}) W_{hh} + b_h$"""
    return X @ W_xh + (s[0] * H) @ W_hh + b_h


def candidate(a_h: State) -> State:
    r"""$\tilde H_t = \tanh(a_h)$, `gru_tilde_H`"""
    return jnp.tanh(a_h)


def hidden(s: Gates, H: State, c: State) -> State:
    r"""$H_t = Z_t \odot H_{t-1} + (1 - Z_t) \odot \tilde H_t$"""
    return s[1] * H + (1 - s[1]) * c


def dJ_dc(dJ_dnext_H: State, s: Gates) -> State:
    r"""$\frac{\partial J}{\partial \tilde H_t} = \bar H_t \odot (1 - Z_t)$"""
    return dJ_dnext_H * (1 - s[1])


def dJ_da_h(dJ_dc: State, c: State) -> State:
    r"""$\bar a_h = \frac{\partial J}{\partial \tilde H_t} \odot (1 - \tilde H_t^2)$"""
    return dJ_dc * ((1 - c) * (1 + c))


def dJ_ds(dJ_da_h: State, W_hh: Float[Array, "h h"], H: State, dJ_dnext_H: State, c: State) -> Gates:
    r"""$\bar R, \bar Z = (\bar a_h W_{hh}^\top) \odot H_{t-1}, \; \bar H_t \odot (H_{t-1} - \tilde H_t)$"""
    return jnp.stack([(dJ_da_h @ W_hh.T) * H, dJ_dnext_H * (H - c)])


def dJ_da(dJ_ds: Gates, s: Gates) -> Gates:
    r"""$\bar a_r, \bar a_z = \bar R \odot R_t (1 - R_t), \; \bar Z \odot Z_t (1 - Z_t)$"""
    return dJ_ds * s * (1 - s)


def dJ_dW_xh(X: Float[Array, "n d"], dJ_da_h: State) -> Float[Array, "d h"]:
    r"""$\frac{\partial J}{\partial W_{xh}} = X^\top \bar a_h$"""
    return X.T @ dJ_da_h


def dJ_dW_hh(s: Gates, H: State, dJ_da_h: State) -> Float[Array, "h h"]:
    r"""$\frac{\partial J}{\partial W_{hh}} = (R_t \odot H_{t-1})^\top \bar a_h$"""
    return (s[0] * H).T @ dJ_da_h


def dJ_db_h(dJ_da_h: State) -> Float[Array, " h"]:
    r"""$\frac{\partial J}{\partial b_h} = \sum_i \bar a_{hi}$"""
    return jnp.sum(dJ_da_h, axis=0)


def dJ_dW_x(X: Float[Array, "n d"], dJ_da: Gates) -> Float[Array, "2 d h"]:
    r"""$\frac{\partial J}{\partial W_{x\cdot}} = X^\top \bar a_\cdot$"""
    return X.T @ dJ_da


def dJ_dW_h(H: State, dJ_da: Gates) -> Float[Array, "2 h h"]:
    r"""$\frac{\partial J}{\partial W_{h\cdot}} = H_{t-1}^\top \bar a_\cdot$"""
    return H.T @ dJ_da


def dJ_db(dJ_da: Gates) -> Float[Array, "2 h"]:
    r"""$\frac{\partial J}{\partial b_\cdot} = \sum_i \bar a_{\cdot i}$"""
    return jnp.sum(dJ_da, axis=1)


def dJ_dX(
    dJ_da: Gates, W_x: Float[Array, "2 d h"], dJ_da_h: State, W_xh: Float[Array, "d h"]
) -> Float[Array, "n d"]:
    r"""$\frac{\partial J}{\partial X} = \bar a_r W_{xr}^\top + \bar a_z W_{xz}^\top + \bar a_h W_{xh}^\top$"""
    return jnp.einsum("gnh,gdh->nd", dJ_da, W_x) + dJ_da_h @ W_xh.T


def dJ_dH(
    dJ_dnext_H: State,
    s: Gates,
    dJ_da_h: State,
    W_hh: Float[Array, "h h"],
    dJ_da: Gates,
    W_h: Float[Array, "2 h h"],
) -> State:
    r"""$\bar H_{t-1} = \bar H_t Z_t + (\bar a_h W_{hh}^\top) R_t + \bar a_r W_{hr}^\top + \bar a_z W_{hz}^\top$"""
    return dJ_dnext_H * s[1] + (dJ_da_h @ W_hh.T) * s[0] + jnp.einsum("gnk,ghk->nh", dJ_da, W_h)


DERIVATION = Derivation(
    name="gru",
    source="Dive into Deep Learning, 'Gated Recurrent Units (GRU)'",
    forward=dict(a=preactivations, s=gates, a_h=candidate_preactivation, c=candidate, next_H=hidden),
    backward=dict(
        dJ_dc=dJ_dc, dJ_da_h=dJ_da_h, dJ_ds=dJ_ds, dJ_da=dJ_da, dJ_dW_xh=dJ_dW_xh, dJ_dW_hh=dJ_dW_hh,
        dJ_db_h=dJ_db_h, dJ_dW_x=dJ_dW_x, dJ_dW_h=dJ_dW_h, dJ_db=dJ_db, dJ_dX=dJ_dX, dJ_dH=dJ_dH,
    ),
    cotangent="dJ_dnext_H",
)  # fmt: skip

cell = DERIVATION.with_manual_vjp()
