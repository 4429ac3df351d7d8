r"""The book's chapter on numerical stability and initialization: the gradient of a deep network is a long product.

$o = f_L \circ \cdots \circ f_1(x)$ with $h^{(l)} = f_l(h^{(l-1)})$ by the weights $W^{(l)}$, here $L = 3$ and
$f_l(h) = \tanh(W^{(l)} h)$. x has shape (d,), h1 (a,), h2 (b,), o (c,). Jacobians are stored with the axes of
what is differentiated first, the layout in which the book's product stands as printed.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation
from manual_bp.prod import prod


def h1(W1: Float[Array, "a d"], x: Float[Array, " d"]) -> Float[Array, " a"]:
    r"""$h^{(1)} = f_1(x)$"""
    return jnp.tanh(W1 @ x)


def dh1_dW1(h1: Float[Array, " a"], x: Float[Array, " d"]) -> Float[Array, "a a d"]:
    r"""$v^{(1)} = \partial_{W^{(1)}} h^{(1)}$"""
    return jnp.diag(1 - jnp.square(h1))[:, :, None] * x


def h2(W2: Float[Array, "b a"], h1: Float[Array, " a"]) -> Float[Array, " b"]:
    r"""$h^{(2)} = f_2(h^{(1)})$"""
    return jnp.tanh(W2 @ h1)


def dh2_dh1(h2: Float[Array, " b"], W2: Float[Array, "b a"]) -> Float[Array, "b a"]:
    r"""$M^{(2)} = \partial_{h^{(1)}} h^{(2)}$"""
    return (1 - jnp.square(h2))[:, None] * W2


def dh2_dW2(h2: Float[Array, " b"], h1: Float[Array, " a"]) -> Float[Array, "b b a"]:
    r"""$v^{(2)} = \partial_{W^{(2)}} h^{(2)}$"""
    return jnp.diag(1 - jnp.square(h2))[:, :, None] * h1


def o(W3: Float[Array, "c b"], h2: Float[Array, " b"]) -> Float[Array, " c"]:
    r"""$o = f_3(h^{(2)})$"""
    return jnp.tanh(W3 @ h2)


def do_dh2(o: Float[Array, " c"], W3: Float[Array, "c b"]) -> Float[Array, "c b"]:
    r"""$M^{(3)} = \partial_{h^{(2)}} o$"""
    return (1 - jnp.square(o))[:, None] * W3


def do_dW3(o: Float[Array, " c"], h2: Float[Array, " b"]) -> Float[Array, "c c b"]:
    r"""$\partial_{W^{(3)}} o = v^{(3)}$"""
    return jnp.diag(1 - jnp.square(o))[:, :, None] * h2


def do_dW2(do_dh2: Float[Array, "c b"], dh2_dW2: Float[Array, "b b a"]) -> Float[Array, "c b a"]:
    r"""$\partial_{W^{(2)}} o = M^{(3)} v^{(2)}$"""
    return prod(do_dh2, dh2_dW2, ndim=1)


def do_dW1(
    do_dh2: Float[Array, "c b"], dh2_dh1: Float[Array, "b a"], dh1_dW1: Float[Array, "a a d"]
) -> Float[Array, "c a d"]:
    r"""$\partial_{W^{(1)}} o = M^{(3)} M^{(2)} v^{(1)}$"""
    return prod(do_dh2, dh2_dh1, dh1_dW1, ndim=(1, 1))


DERIVATION = Derivation(
    name="numerical-stability",
    source="Dive into Deep Learning, 'Numerical Stability and Initialization'",
    forward=dict(h1=h1, h2=h2, o=o),
    backward=dict(
        do_dh2=do_dh2,
        dh2_dh1=dh2_dh1,
        dh2_dW2=dh2_dW2,
        dh1_dW1=dh1_dW1,
        do_dW3=do_dW3,
        do_dW2=do_dW2,
        do_dW1=do_dW1,
    ),
    cotangent="dJ_do",
)
