r"""The chapter's exercise: the same network with a bias in each layer; the penalty leaves the biases alone.

b1 has shape (h,), b2 (q,); the other symbols are the chapter's. Source: Dive into Deep Learning, "Forward
Propagation, Backward Propagation, and Computational Graphs", exercise 2; the derivatives by b2 and x follow
in the same way.
"""

from jax import Array
from jaxtyping import Float

from manual_bp.book.backprop import chapter
from manual_bp.derivation import Derivation
from manual_bp.domains import nonnegative


def preactivation(
    W1: Float[Array, "h d"], x: Float[Array, " d"], b1: Float[Array, " h"]
) -> Float[Array, " h"]:
    r"""$z = W^{(1)} x + b^{(1)}$"""
    return W1 @ x + b1


def dJ_db1(dJ_dz: Float[Array, " h"]) -> Float[Array, " h"]:
    r"""$\frac{\partial J}{\partial b^{(1)}} = \frac{\partial J}{\partial z}$"""
    return dJ_dz


def dJ_dx(W1: Float[Array, "h d"], dJ_dz: Float[Array, " h"]) -> Float[Array, " d"]:
    r"""$\frac{\partial J}{\partial x} = {W^{(1)}}^\top \frac{\partial J}{\partial z}$"""
    return dJ_dz @ W1


def output(W2: Float[Array, "q h"], h: Float[Array, " h"], b2: Float[Array, " q"]) -> Float[Array, " q"]:
    r"""$o = W^{(2)} h + b^{(2)}$"""
    return W2 @ h + b2


def dJ_db2(dJ_do: Float[Array, " q"]) -> Float[Array, " q"]:
    r"""$\frac{\partial J}{\partial b^{(2)}} = \frac{\partial J}{\partial o}$"""
    return dJ_do


FORWARD = {**chapter.FORWARD, "z": preactivation, "o": output}
BACKWARD = {**chapter.BACKWARD, "dJ_db2": dJ_db2, "dJ_db1": dJ_db1, "dJ_dx": dJ_dx}
DERIVATION = Derivation(
    name="backprop-biases",
    source=f"{chapter.SOURCE}, exercise 2",
    forward=FORWARD,
    backward=BACKWARD,
    domains=dict(lam=nonnegative),
)
