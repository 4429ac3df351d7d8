r"""The network with biases, and an activation on the output as well.

$o = \phi_o(u)$ with $u = W^{(2)} h + b^{(2)}$: u is shaped like o, (q,); the other symbols are those of
`biases`. The two activations are chosen apart. Source: Dive into Deep Learning, "Forward Propagation,
Backward Propagation, and Computational Graphs", with the chain rule through $\phi_o$. The classic 2-2-2
example of backpropagation by hand is this network with sigmoids and $\lambda = 0$.
"""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from manual_bp.activations import Activation
from manual_bp.book.backprop import biases, chapter
from manual_bp.derivation import Derivation
from manual_bp.domains import nonnegative


def preoutput(W2: Float[Array, "q h"], h: Float[Array, " h"], b2: Float[Array, " q"]) -> Float[Array, " q"]:
    r"""$u = W^{(2)} h + b^{(2)}$"""
    return W2 @ h + b2


def dJ_dW2(
    dJ_du: Float[Array, " q"], h: Float[Array, " h"], dJ_ds: Float[Array, ""], ds_dW2: Float[Array, "q h"]
) -> Float[Array, "q h"]:
    r"""$\frac{\partial J}{\partial W^{(2)}} = \frac{\partial J}{\partial u} h^\top + \lambda W^{(2)}$"""
    return jnp.outer(dJ_du, h) + dJ_ds * ds_dW2


def dJ_dh(W2: Float[Array, "q h"], dJ_du: Float[Array, " q"]) -> Float[Array, " h"]:
    r"""$\frac{\partial J}{\partial h} = {W^{(2)}}^\top \frac{\partial J}{\partial u}$"""
    return dJ_du @ W2


def dJ_db2(dJ_du: Float[Array, " q"]) -> Float[Array, " q"]:
    r"""$\frac{\partial J}{\partial b^{(2)}} = \frac{\partial J}{\partial u}$"""
    return dJ_du


def output(u: Float[Array, " q"], *, output_activation: Activation) -> Float[Array, " q"]:
    r"""$o = \phi_o(u)$"""
    return output_activation(u)


def dJ_du(
    dJ_do: Float[Array, " q"], u: Float[Array, " q"], *, output_activation: Activation
) -> Float[Array, " q"]:
    r"""$\frac{\partial J}{\partial u} = \frac{\partial J}{\partial o} \odot \phi_o'(u)$"""
    return dJ_do * output_activation.derivative(u)


FORWARD = dict(
    z=biases.preactivation,
    h=chapter.hidden,
    u=preoutput,
    o=output,
    L=chapter.loss_term,
    s=chapter.penalty,
    J=chapter.objective,
)
BACKWARD = dict(
    dJ_dL=chapter.dJ_dL,
    dJ_ds=chapter.dJ_ds,
    dJ_do=chapter.dJ_do,
    dJ_du=dJ_du,
    ds_dW1=chapter.ds_dW1,
    ds_dW2=chapter.ds_dW2,
    dJ_dW2=dJ_dW2,
    dJ_db2=dJ_db2,
    dJ_dh=dJ_dh,
    dJ_dz=chapter.dJ_dz,
    dJ_dW1=chapter.dJ_dW1,
    dJ_db1=biases.dJ_db1,
    dJ_dx=biases.dJ_dx,
)
DERIVATION = Derivation(
    name="backprop-output-activation",
    source=f"{chapter.SOURCE}, with an activation on the output",
    forward=FORWARD,
    backward=BACKWARD,
    domains=dict(lam=nonnegative),
)
