r"""The RNN of "Backpropagation Through Time in Detail" with an activation: $h_t = \tanh(W_{hx} x_t + W_{hh} h_{t-1})$.

Notation and equations are those of `sequence`; the derivative by what enters the activation, $z_t$, is the one by
$h_t$ times $1 - h_t^2$. p holds what the inputs give to $z_t$, so that the derivative by p is the one by z.
"""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from manual_bp.book.bptt.sequence import BACKWARD, FORWARD, SOURCE
from manual_bp.derivation import Derivation


def states(p: Float[Array, "T h"], Whh: Float[Array, "h h"], h_0: Float[Array, " h"]) -> Float[Array, "T h"]:
    r"""$h_t = \tanh(z_t)$ with $z_t = W_{hx} x_t + W_{hh} h_{t-1}$"""

    def step(previous: Array, p_t: Array) -> tuple[Array, Array]:
        h_t = jnp.tanh(p_t + Whh @ previous)
        return h_t, h_t

    return jax.lax.scan(step, h_0, p)[1]


def dL_dp(
    dL_do: Float[Array, "T q"], h: Float[Array, "T h"], Whh: Float[Array, "h h"], Wqh: Float[Array, "q h"]
) -> Float[Array, "T h"]:
    r"""$\partial_{z_t} L = (W_{hh}^\top \, \partial_{z_{t+1}} L + W_{qh}^\top \, \partial_{o_t} L) (1 - h_t^2)$

    The last product is elementwise; 0 stands for the step after the last.
    """

    def step(dL_dz_next: Array, given: tuple[Array, Array]) -> tuple[Array, Array]:
        dL_do_t, h_t = given
        dL_dz_t = (Whh.T @ dL_dz_next + Wqh.T @ dL_do_t) * ((1 - h_t) * (1 + h_t))
        return dL_dz_t, dL_dz_t

    return jax.lax.scan(step, jnp.zeros_like(h[0]), (dL_do, h), reverse=True)[1]


DERIVATION = Derivation(
    name="bptt-nonlinear",
    source=f"{SOURCE}, in detail, with an activation",
    forward={**FORWARD, "h": states},
    backward={**BACKWARD, "dL_dp": dL_dp},
    cotangent="dL_do",
)
