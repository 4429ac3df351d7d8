r"""The linear RNN of "Backpropagation Through Time in Detail" as the book draws it: a graph of three time steps.

`sequence` has the same equations at any length. x_t has shape (d,), h_t (h,), o_t (q,). The derivatives by the
outputs are given, as there.
"""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from manual_bp.book.bptt.sequence import SOURCE
from manual_bp.derivation import Derivation

Weights = Float[Array, "h h"]
State = Float[Array, " h"]
Output = Float[Array, " q"]


def h_1(Whx: Float[Array, "h d"], x_1: Float[Array, " d"], Whh: Weights, h_0: State) -> State:
    r"""$h_1 = W_{hx} x_1 + W_{hh} h_0$"""
    return Whx @ x_1 + Whh @ h_0


def h_2(Whx: Float[Array, "h d"], x_2: Float[Array, " d"], Whh: Weights, h_1: State) -> State:
    r"""$h_2 = W_{hx} x_2 + W_{hh} h_1$"""
    return Whx @ x_2 + Whh @ h_1


def h_3(Whx: Float[Array, "h d"], x_3: Float[Array, " d"], Whh: Weights, h_2: State) -> State:
    r"""$h_3 = W_{hx} x_3 + W_{hh} h_2$"""
    return Whx @ x_3 + Whh @ h_2


def dL_dWhx(dL_dh_1, x_1, dL_dh_2, x_2, dL_dh_3, x_3):
    r"""$\frac{\partial L}{\partial W_{hx}} = \sum_{t=1}^T \frac{\partial L}{\partial h_t} x_t^\top$"""
    return jnp.outer(dL_dh_1, x_1) + jnp.outer(dL_dh_2, x_2) + jnp.outer(dL_dh_3, x_3)


def dL_dWhh(dL_dh_1, h_0, dL_dh_2, h_1, dL_dh_3, h_2):
    r"""$\frac{\partial L}{\partial W_{hh}} = \sum_{t=1}^T \frac{\partial L}{\partial h_t} h_{t-1}^\top$"""
    return jnp.outer(dL_dh_1, h_0) + jnp.outer(dL_dh_2, h_1) + jnp.outer(dL_dh_3, h_2)


def o_1(Wqh: Float[Array, "q h"], h_1: State) -> Output:
    r"""$o_1 = W_{qh} h_1$"""
    return Wqh @ h_1


def o_2(Wqh: Float[Array, "q h"], h_2: State) -> Output:
    r"""$o_2 = W_{qh} h_2$"""
    return Wqh @ h_2


def o_3(Wqh: Float[Array, "q h"], h_3: State) -> Output:
    r"""$o_3 = W_{qh} h_3$"""
    return Wqh @ h_3


def dL_dWqh(dL_do_1, h_1, dL_do_2, h_2, dL_do_3, h_3):
    r"""$\frac{\partial L}{\partial W_{qh}} = \sum_{t=1}^T \frac{\partial L}{\partial o_t} h_t^\top$"""
    return jnp.outer(dL_do_1, h_1) + jnp.outer(dL_do_2, h_2) + jnp.outer(dL_do_3, h_3)


def dL_dh_3(Wqh, dL_do_3):
    r"""$\partial_{h_T} L = W_{qh}^\top \, \partial_{o_T} L$

    `eq_bptt_partial_L_hT_final_step`.
    """
    return Wqh.T @ dL_do_3


def dL_dh_2(Whh, dL_dh_3, Wqh, dL_do_2):
    r"""$\partial_{h_t} L = W_{hh}^\top \, \partial_{h_{t+1}} L + W_{qh}^\top \, \partial_{o_t} L$

    `eq_bptt_partial_L_ht_recur`, with t = 2.
    """
    return Whh.T @ dL_dh_3 + Wqh.T @ dL_do_2


def dL_dh_1(Whh, dL_dh_2, Wqh, dL_do_1):
    r"""$\partial_{h_t} L = W_{hh}^\top \, \partial_{h_{t+1}} L + W_{qh}^\top \, \partial_{o_t} L$

    `eq_bptt_partial_L_ht_recur`, with t = 1.
    """
    return Whh.T @ dL_dh_2 + Wqh.T @ dL_do_1


DERIVATION = Derivation(
    name="bptt-three-steps",
    source=f"{SOURCE}, in detail",
    forward=dict(h_1=h_1, h_2=h_2, h_3=h_3, o_1=o_1, o_2=o_2, o_3=o_3),
    backward=dict(
        dL_dWqh=dL_dWqh, dL_dh_3=dL_dh_3, dL_dh_2=dL_dh_2, dL_dh_1=dL_dh_1, dL_dWhx=dL_dWhx, dL_dWhh=dL_dWhh
    ),
    cotangent=("dL_do_1", "dL_do_2", "dL_do_3"),
)
