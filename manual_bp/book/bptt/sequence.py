r"""The linear RNN of "Backpropagation Through Time in Detail", on a sequence of any length, with scans.

x has shape (T, d), one input a row; h_0 (h,), h (T, h), o (T, q); Whx (h, d), Whh (h, h), Wqh (q, h). The
derivatives by the outputs are given to the layer, as its cotangent `dL_do`; a loss has them in `LOSS`. For
short, $\partial_v L$ is $\partial L/\partial v$.

Since $h_t = p_t + W_{hh} h_{t-1}$ with $p_t = W_{hx} x_t$, the derivative by $p_t$ is the book's
$\partial L/\partial h_t$, which counts what $h_t$ does to all later steps; the derivative by the sequence h of
this graph would count its outputs alone. The derivatives by x and $h_0$ follow in the same way.
"""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from manual_bp.derivation import Derivation
from manual_bp.losses import Loss, Target

SOURCE = "Dive into Deep Learning, 'Backpropagation Through Time'"


def inputs(Whx: Float[Array, "h d"], x: Float[Array, "T d"]) -> Float[Array, "T h"]:
    r"""$p_t = W_{hx} x_t$"""
    return x @ Whx.T


def dL_dWhx(dL_dp: Float[Array, "T h"], x: Float[Array, "T d"]) -> Float[Array, "h d"]:
    r"""$\frac{\partial L}{\partial W_{hx}} = \sum_{t=1}^T \frac{\partial L}{\partial h_t} x_t^\top$"""
    return dL_dp.T @ x


def dL_dx(dL_dp: Float[Array, "T h"], Whx: Float[Array, "h d"]) -> Float[Array, "T d"]:
    r"""$\frac{\partial L}{\partial x_t} = W_{hx}^\top \frac{\partial L}{\partial h_t}$"""
    return dL_dp @ Whx


def states(p: Float[Array, "T h"], Whh: Float[Array, "h h"], h_0: Float[Array, " h"]) -> Float[Array, "T h"]:
    r"""$h_t = W_{hx} x_t + W_{hh} h_{t-1}$"""

    def step(previous: Array, p_t: Array) -> tuple[Array, Array]:
        h_t = p_t + Whh @ previous
        return h_t, h_t

    return jax.lax.scan(step, h_0, p)[1]


def dL_dp(
    dL_do: Float[Array, "T q"], Whh: Float[Array, "h h"], Wqh: Float[Array, "q h"]
) -> Float[Array, "T h"]:
    r"""$\partial_{h_t} L = W_{hh}^\top \, \partial_{h_{t+1}} L + W_{qh}^\top \, \partial_{o_t} L$

    `eq_bptt_partial_L_ht_recur`, from `eq_bptt_partial_L_hT_final_step`: 0 stands for the step after the last.
    """

    def step(dL_dh_next: Array, dL_do_t: Array) -> tuple[Array, Array]:
        dL_dh_t = Whh.T @ dL_dh_next + Wqh.T @ dL_do_t
        return dL_dh_t, dL_dh_t

    return jax.lax.scan(step, jnp.zeros_like(Whh[0]), dL_do, reverse=True)[1]


def dL_dWhh(
    dL_dp: Float[Array, "T h"], h: Float[Array, "T h"], h_0: Float[Array, " h"]
) -> Float[Array, "h h"]:
    r"""$\frac{\partial L}{\partial W_{hh}} = \sum_{t=1}^T \frac{\partial L}{\partial h_t} h_{t-1}^\top$"""
    return dL_dp.T @ jnp.concatenate([h_0[None], h[:-1]])


def dL_dh_0(dL_dp: Float[Array, "T h"], Whh: Float[Array, "h h"]) -> Float[Array, " h"]:
    r"""$\frac{\partial L}{\partial h_0} = W_{hh}^\top \frac{\partial L}{\partial h_1}$"""
    return Whh.T @ dL_dp[0]


def outputs(Wqh: Float[Array, "q h"], h: Float[Array, "T h"]) -> Float[Array, "T q"]:
    r"""$o_t = W_{qh} h_t$"""
    return h @ Wqh.T


def dL_dWqh(dL_do: Float[Array, "T q"], h: Float[Array, "T h"]) -> Float[Array, "q h"]:
    r"""$\frac{\partial L}{\partial W_{qh}} = \sum_{t=1}^T \frac{\partial L}{\partial o_t} h_t^\top$"""
    return dL_do.T @ h


def dL_dp_expanded(
    dL_do: Float[Array, "T q"], Whh: Float[Array, "h h"], Wqh: Float[Array, "q h"]
) -> Float[Array, "T h"]:
    r"""$\partial_{h_t} L = \sum_{i=t}^T {(W_{hh}^\top)}^{T-i} W_{qh}^\top \, \partial_{o_{T+t-i}} L$

    `eq_bptt_partial_L_ht`; the steps ahead, $k = T - i$, run from 0 to $T - t$.
    """
    T, k = dL_do.shape[0], jnp.arange(dL_do.shape[0])
    _, powers = jax.lax.scan(
        lambda power, _: (Whh.T @ power, power), jnp.eye(*Whh.shape, dtype=Whh.dtype), length=T
    )
    ahead = jnp.take(dL_do, k[:, None] + k, axis=0, mode="fill", fill_value=0)  # by t and k, 0 after the last
    return jnp.einsum("kij,qj,tkq->ti", powers, Wqh, ahead)


def objective(o: Float[Array, "T q"], y: Target, *, loss: Loss) -> Float[Array, ""]:
    r"""$L = \frac1T \sum_{t=1}^T l(o_t, y_t)$"""
    return jnp.mean(jax.vmap(loss.value)(o, y))


def dL_do(o: Float[Array, "T q"], y: Target, *, loss: Loss) -> Float[Array, "T q"]:
    r"""$\frac{\partial L}{\partial o_t} = \frac{1}{T} \frac{\partial l(o_t, y_t)}{\partial o_t}$

    `eq_bptt_partial_L_ot`.
    """
    return jax.vmap(loss.derivative)(o, y) / o.shape[0]


FORWARD = dict(p=inputs, h=states, o=outputs)
BACKWARD = dict(dL_dWqh=dL_dWqh, dL_dp=dL_dp, dL_dWhx=dL_dWhx, dL_dWhh=dL_dWhh, dL_dx=dL_dx, dL_dh_0=dL_dh_0)
DERIVATION = Derivation(
    name="bptt", source=f"{SOURCE}, in detail", forward=FORWARD, backward=BACKWARD, cotangent="dL_do"
)
EXPANDED = Derivation(
    name="bptt-expanded",
    source=f"{SOURCE}, in detail",
    forward=FORWARD,
    backward=dict(dL_dp=dL_dp_expanded, dL_dWhx=dL_dWhx),
    cotangent="dL_do",
)
LOSS = Derivation(
    name="bptt-loss", source=f"{SOURCE}, in detail", forward=dict(L=objective), backward=dict(dL_do=dL_do)
)
