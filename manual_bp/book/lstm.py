r"""The book's chapter on long short-term memory: the gradients of one step on a minibatch.

X has shape (n, d), one example a row; the hidden state H and the internal state C (n, h). The weights of the input
gate, the forget gate, the output gate and the input node are stacked in this order: W_x (4, d, h), W_h (4, h, h),
b (4, h). `cell` is the step, for `jax.lax.scan`: its `jax.grad` runs the equations, and through a scan they are
backpropagation through time. $\bar H$ is $\partial J/\partial H_t$, and so on.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation

Gates = Float[Array, "4 n h"]
State = Float[Array, "n h"]


def preactivations(
    X: Float[Array, "n d"],
    H: State,
    W_x: Float[Array, "4 d h"],
    W_h: Float[Array, "4 h h"],
    b: Float[Array, "4 h"],
) -> Gates:
    r"""$a = X W_{x\cdot} + H_{t-1} W_{h\cdot} + b_\cdot$"""
    return X @ W_x + H @ W_h + b[:, None]


def gates(a: Gates) -> Gates:
    r"""$I, F, O = \sigma(a_i), \sigma(a_f), \sigma(a_o), \quad \tilde C = \tanh(a_c)$"""
    return jnp.concatenate([jax.nn.sigmoid(a[:3]), jnp.tanh(a[3:])])


def internal(s: Gates, C: State) -> State:
    r"""$C_t = F_t \odot C_{t-1} + I_t \odot \tilde C_t$"""
    return s[1] * C + s[0] * s[3]


def hidden(s: Gates, C_t: State) -> State:
    r"""$H_t = O_t \odot \tanh(C_t)$"""
    return s[2] * jnp.tanh(C_t)


def passed_on(C_t: State) -> State:
    r"""$C_t$, as it is given to the next step"""
    return C_t


def dJ_dC_t(dJ_dnext_C: State, dJ_dnext_H: State, s: Gates, C_t: State) -> State:
    r"""$\bar C = \frac{\partial J}{\partial C_t} + \bar H \odot O_t \odot (1 - \tanh^2 C_t)$"""
    bent = jnp.tanh(C_t)
    return dJ_dnext_C + dJ_dnext_H * s[2] * ((1 - bent) * (1 + bent))


def dJ_ds(dJ_dC_t: State, dJ_dnext_H: State, s: Gates, C_t: State, C: State) -> Gates:
    r"""$\bar s = (\bar C \odot \tilde C, \; \bar C \odot C_{t-1}, \; \bar H \odot \tanh C_t, \; \bar C \odot I)$"""
    return jnp.stack([dJ_dC_t * s[3], dJ_dC_t * C, dJ_dnext_H * jnp.tanh(C_t), dJ_dC_t * s[0]])


def dJ_da(dJ_ds: Gates, s: Gates) -> Gates:
    r"""$\bar a = \bar s \odot s \odot (1 - s), \text{ of the input node } \bar s \odot (1 - \tilde C^2)$"""
    return dJ_ds * jnp.concatenate([s[:3] * (1 - s[:3]), (1 - s[3:]) * (1 + s[3:])])


def dJ_dW_x(X: Float[Array, "n d"], dJ_da: Gates) -> Float[Array, "4 d h"]:
    r"""$\frac{\partial J}{\partial W_{x\cdot}} = X^\top \bar a_\cdot$"""
    return X.T @ dJ_da


def dJ_dW_h(H: State, dJ_da: Gates) -> Float[Array, "4 h h"]:
    r"""$\frac{\partial J}{\partial W_{h\cdot}} = H_{t-1}^\top \bar a_\cdot$"""
    return H.T @ dJ_da


def dJ_db(dJ_da: Gates) -> Float[Array, "4 h"]:
    r"""$\frac{\partial J}{\partial b_\cdot} = \sum_i \bar a_{\cdot i}$"""
    return jnp.sum(dJ_da, axis=1)


def dJ_dX(dJ_da: Gates, W_x: Float[Array, "4 d h"]) -> Float[Array, "n d"]:
    r"""$\frac{\partial J}{\partial X} = \sum_\cdot \bar a_\cdot W_{x\cdot}^\top$"""
    return jnp.einsum("gnh,gdh->nd", dJ_da, W_x)


def dJ_dH(dJ_da: Gates, W_h: Float[Array, "4 h h"]) -> State:
    r"""$\frac{\partial J}{\partial H_{t-1}} = \sum_\cdot \bar a_\cdot W_{h\cdot}^\top$"""
    return jnp.einsum("gnk,ghk->nh", dJ_da, W_h)


def dJ_dC(dJ_dC_t: State, s: Gates) -> State:
    r"""$\frac{\partial J}{\partial C_{t-1}} = \bar C \odot F_t$"""
    return dJ_dC_t * s[1]


DERIVATION = Derivation(
    name="lstm",
    source="Dive into Deep Learning, 'Long Short-Term Memory (LSTM)'",
    forward=dict(a=preactivations, s=gates, C_t=internal, next_H=hidden, next_C=passed_on),
    backward=dict(
        dJ_dC_t=dJ_dC_t, dJ_ds=dJ_ds, dJ_da=dJ_da, dJ_dW_x=dJ_dW_x, dJ_dW_h=dJ_dW_h, dJ_db=dJ_db,
        dJ_dX=dJ_dX, dJ_dH=dJ_dH, dJ_dC=dJ_dC,
    ),
    cotangent=("dJ_dnext_H", "dJ_dnext_C"),
)  # fmt: skip

cell = DERIVATION.with_manual_vjp()
