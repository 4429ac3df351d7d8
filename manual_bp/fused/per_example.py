r"""Norms of the gradients of single examples, and their clipped sum, without forming the gradients.

A linear layer $z_i = W x_i$ has the gradient $\frac{\partial l_i}{\partial W} = \delta_i x_i^\top$ for example i,
with $\delta_i = \frac{\partial l_i}{\partial z_i}$: an outer product, whose norm is a product of norms. So the sum of
gradients clipped to a norm of c, which differentially private training takes, is one matrix product, $(f \odot
\delta)^\top X$ with $f_i = \min(1, c/\|g_i\|)$. Where a layer acts at t places of an example, $g_i = \sum_t
\delta_{it} x_{it}^\top$, and the norm takes t x t inner products. That the norms are those of the gradients is proved
as a derivative: of $\sum_i w_i \|g_i\|^2$, the gradients formed, by $w$.

n examples x (n, d), labels y; hidden h (n, h); logits o (n, q). Source: Goodfellow, "Efficient Per-Example Gradient
Computations", arXiv 1510.01799; Abadi et al., "Deep Learning with Differential Privacy"; for places, Li et al., "Large
Language Models Can Be Strong Differentially Private Learners".
"""

from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from manual_bp.activations import ACTIVATIONS
from manual_bp.derivation import Derivation
from manual_bp.domains import index, positive
from manual_bp.losses import dlabel_cross_entropy, label_cross_entropy

SOURCE = "Goodfellow, 'Efficient Per-Example Gradient Computations'"
Activation = Literal["tanh", "relu"]


def squared_norms(delta: Float[Array, "n q"], x: Float[Array, "n d"]) -> Float[Array, " n"]:
    r"""$\|\delta_i x_i^\top\|_F^2 = \|\delta_i\|^2 \|x_i\|^2$"""
    return jnp.sum(jnp.square(delta), axis=1) * jnp.sum(jnp.square(x), axis=1)


def squared_norms_over_places(delta: Float[Array, "n t q"], x: Float[Array, "n t d"]) -> Float[Array, " n"]:
    r"""$\|\sum_t \delta_{it} x_{it}^\top\|_F^2 = \sum_{st} (\delta_{is}^\top \delta_{it}) (x_{is}^\top x_{it})$"""
    return jnp.sum((delta @ delta.mT) * (x @ x.mT), axis=(1, 2))


def factors(squares: Float[Array, " n"], bound: Float[Array, ""]) -> Float[Array, " n"]:
    r"""$f_i = \min(1, c/\|g_i\|)$, 1 where the gradient is 0"""
    return jnp.where(squares > bound * bound, bound / jnp.sqrt(squares), 1)


def weighted_norms(
    delta: Float[Array, "n q"], x: Float[Array, "n d"], weight: Float[Array, " n"]
) -> Float[Array, ""]:
    r"""$J = \sum_i w_i \|\delta_i x_i^\top\|_F^2$, the gradients formed"""
    return weight @ jnp.sum(jnp.square(delta[:, :, None] * x[:, None]), axis=(1, 2))


def dJ_dweight(delta: Float[Array, "n q"], x: Float[Array, "n d"]) -> Float[Array, " n"]:
    r"""$\frac{\partial J}{\partial w_i} = \|\delta_i\|^2 \|x_i\|^2$"""
    return squared_norms(delta, x)


NORMS = Derivation(
    name="per-example-norms",
    source=SOURCE,
    forward=dict(J=weighted_norms),
    backward=dict(dJ_dweight=dJ_dweight),
)


def weighted_norms_over_places(
    delta: Float[Array, "n t q"], x: Float[Array, "n t d"], weight: Float[Array, " n"]
) -> Float[Array, ""]:
    r"""$J = \sum_i w_i \|\sum_t \delta_{it} x_{it}^\top\|_F^2$, the gradients formed"""
    return weight @ jnp.sum(jnp.square(delta.mT @ x), axis=(1, 2))


def dJ_dweight_over_places(delta: Float[Array, "n t q"], x: Float[Array, "n t d"]) -> Float[Array, " n"]:
    r"""$\frac{\partial J}{\partial w_i} = \sum_{st} (\delta_{is}^\top \delta_{it}) (x_{is}^\top x_{it})$"""
    return squared_norms_over_places(delta, x)


NORMS_OVER_PLACES = Derivation(
    name="per-example-norms-over-places",
    source=f"{SOURCE}, for sequences",
    forward=dict(J=weighted_norms_over_places),
    backward=dict(dJ_dweight=dJ_dweight_over_places),
)


def preactivation(x: Float[Array, "n d"], W1: Float[Array, "h d"]) -> Float[Array, "n h"]:
    r"""$Z = X {W^{(1)}}^\top$"""
    return x @ W1.T


def hidden(z: Float[Array, "n h"], *, activation: Activation) -> Float[Array, "n h"]:
    r"""$H = \phi(Z)$"""
    return ACTIVATIONS[activation](z)


def output(h: Float[Array, "n h"], W2: Float[Array, "q h"]) -> Float[Array, "n q"]:
    r"""$O = H {W^{(2)}}^\top$"""
    return h @ W2.T


def losses(o: Float[Array, "n q"], y: Int[Array, " n"]) -> Float[Array, " n"]:
    r"""$l_i = -\log \mathrm{softmax}(o_i)_{y_i}$"""
    return jax.vmap(label_cross_entropy)(o, y)


def deltas(
    z: Float[Array, "n h"], o: Float[Array, "n q"], y: Int[Array, " n"], W2: Float[Array, "q h"], *,
    activation: Activation,
) -> tuple[Float[Array, "n q"], Float[Array, "n h"]]:  # fmt: skip
    r"""$\delta^{(2)}_i = \frac{\partial l_i}{\partial o_i}, \;
    \delta^{(1)}_i = {W^{(2)}}^\top \delta^{(2)}_i \odot \phi'(z_i)$"""
    outer = jax.vmap(dlabel_cross_entropy)(o, y)
    return outer, outer @ W2 * ACTIVATIONS[activation].derivative(z)


def weighted_norms_of_network(
    x: Float[Array, "n d"], z: Float[Array, "n h"], h: Float[Array, "n h"], o: Float[Array, "n q"],
    y: Int[Array, " n"], W2: Float[Array, "q h"], weight: Float[Array, " n"], *, activation: Activation,
) -> Float[Array, ""]:  # fmt: skip
    r"""$J = \sum_i w_i \|g_i\|^2$, the gradients $g_i$ by both weights formed"""
    outer, inner = deltas(z, o, y, W2, activation=activation)
    return weighted_norms(inner, x, weight) + weighted_norms(outer, h, weight)


def squared_norms_of_network(
    x: Float[Array, "n d"], z: Float[Array, "n h"], h: Float[Array, "n h"], o: Float[Array, "n q"],
    y: Int[Array, " n"], W2: Float[Array, "q h"], *, activation: Activation,
) -> Float[Array, " n"]:  # fmt: skip
    r"""$\|g_i\|^2 = \|\delta^{(1)}_i\|^2 \|x_i\|^2 + \|\delta^{(2)}_i\|^2 \|h_i\|^2$"""
    outer, inner = deltas(z, o, y, W2, activation=activation)
    return squared_norms(inner, x) + squared_norms(outer, h)


def detached_factors(s: Float[Array, " n"], bound: Float[Array, ""]) -> Float[Array, " n"]:
    r"""$f_i = \min(1, c/\|g_i\|)$, detached"""
    return jax.lax.stop_gradient(factors(s, bound))


def clipped(l: Float[Array, " n"], f: Float[Array, " n"]) -> Float[Array, ""]:  # noqa: E741
    r"""$J = \sum_i f_i l_i$, whose gradient is the sum of the clipped gradients"""
    return f @ l


def dJ_dl(f: Float[Array, " n"]) -> Float[Array, " n"]:
    r"""$\frac{\partial J}{\partial l_i} = f_i$"""
    return f


def dJ_do(dJ_dl: Float[Array, " n"], o: Float[Array, "n q"], y: Int[Array, " n"]) -> Float[Array, "n q"]:
    r"""$\frac{\partial J}{\partial o_i} = f_i \frac{\partial l_i}{\partial o_i}$"""
    return dJ_dl[:, None] * jax.vmap(dlabel_cross_entropy)(o, y)


def dJ_dW2(dJ_do: Float[Array, "n q"], h: Float[Array, "n h"]) -> Float[Array, "q h"]:
    r"""$\frac{\partial J}{\partial W^{(2)}} = \sum_i f_i \delta^{(2)}_i h_i^\top$"""
    return dJ_do.T @ h


def dJ_dz(
    dJ_do: Float[Array, "n q"], W2: Float[Array, "q h"], z: Float[Array, "n h"], *, activation: Activation
) -> Float[Array, "n h"]:
    r"""$\frac{\partial J}{\partial z_i} = f_i \delta^{(1)}_i$"""
    return dJ_do @ W2 * ACTIVATIONS[activation].derivative(z)


def dJ_dW1(dJ_dz: Float[Array, "n h"], x: Float[Array, "n d"]) -> Float[Array, "h d"]:
    r"""$\frac{\partial J}{\partial W^{(1)}} = \sum_i f_i \delta^{(1)}_i x_i^\top$"""
    return dJ_dz.T @ x


NETWORK = dict(z=preactivation, h=hidden, o=output)
NORMS_OF_NETWORK = Derivation(
    name="per-example-norms-of-a-network",
    source=f"{SOURCE}, for a network with a hidden layer",
    forward=dict(**NETWORK, J=weighted_norms_of_network),
    backward=dict(dJ_dweight=squared_norms_of_network),
    domains=dict(y=index("q")),
)
DERIVATION = Derivation(
    name="clipped-gradients",
    source="Abadi et al., 'Deep Learning with Differential Privacy'",
    forward=dict(**NETWORK, l=losses, s=squared_norms_of_network, f=detached_factors, J=clipped),
    backward=dict(dJ_dl=dJ_dl, dJ_do=dJ_do, dJ_dW2=dJ_dW2, dJ_dz=dJ_dz, dJ_dW1=dJ_dW1),
    domains=dict(y=index("q"), bound=positive),
)

clipped_sum = DERIVATION.gradient("W1", "W2")
