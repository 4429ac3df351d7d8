r"""The book's chapter on softmax regression: cross-entropy by the logits, a minibatch, exponential families.

One example has logits o (q,) and probabilities y (q,) as target. A minibatch X has shape (n, d), one example a
row, with W (d, q), b (q,), logits o and targets Y (n, q). $\hat p$ is the softmax.
An exponential family is one of m outcomes, with the statistics T (m, k) and the natural parameter $\eta$ (k,).
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation
from manual_bp.domains import simplex
from manual_bp.losses import dsoftmax_cross_entropy, softmax_cross_entropy

SOURCE = "Dive into Deep Learning, 'Softmax Regression'"


def probabilities(o: Float[Array, " q"]) -> Float[Array, " q"]:
    r"""$\hat p = \mathrm{softmax}(o)$"""
    return jax.nn.softmax(o)


def dp_do(p: Float[Array, " q"]) -> Float[Array, "q q"]:
    r"""$\frac{\partial \hat p_i}{\partial o_j} = \hat p_i (1[i = j] - \hat p_j)$"""
    return jnp.diag(p) - jnp.outer(p, p)


def log_partition(o: Float[Array, " q"]) -> Float[Array, ""]:
    r"""$g(o) = \log \sum_k \exp(o_k)$"""
    return jax.nn.logsumexp(o)


def dg_do(p: Float[Array, " q"]) -> Float[Array, " q"]:
    r"""$\frac{\partial}{\partial o_j} \log \sum_k \exp(o_k) = \mathrm{softmax}(o)_j$"""
    return p


def cross_entropy(o: Float[Array, " q"], y: Float[Array, " q"]) -> Float[Array, ""]:
    r"""$l(y, \hat y) = -\sum_j y_j \log \hat y_j = \log \sum_k \exp(o_k) - \sum_j y_j o_j$"""
    return softmax_cross_entropy(o, y)


def dl_do(p: Float[Array, " q"], y: Float[Array, " q"]) -> Float[Array, " q"]:
    r"""$\partial_{o_j} l(y, \hat y) = \mathrm{softmax}(o)_j - y_j$"""
    return p - y


def logits(X: Float[Array, "n d"], W: Float[Array, "d q"], b: Float[Array, " q"]) -> Float[Array, "n q"]:
    r"""$O = X W + b$"""
    return X @ W + b


def mean_loss(o: Float[Array, "n q"], Y: Float[Array, "n q"]) -> Float[Array, ""]:
    r"""$L = \frac1n \sum_i l(y^{(i)}, \hat y^{(i)})$"""
    return jnp.mean(jax.vmap(softmax_cross_entropy)(o, Y))


def dL_do(o: Float[Array, "n q"], Y: Float[Array, "n q"]) -> Float[Array, "n q"]:
    r"""$\frac{\partial L}{\partial O} = \frac1n (\hat P - Y)$

    Written so that it does not cancel where the model is confident and right.
    """
    return jax.vmap(dsoftmax_cross_entropy)(o, Y) / o.shape[0]


def dL_dW(X: Float[Array, "n d"], dL_do: Float[Array, "n q"]) -> Float[Array, "d q"]:
    r"""$\frac{\partial L}{\partial W} = \frac1n X^\top (\hat P - Y)$"""
    return X.T @ dL_do


def dL_db(dL_do: Float[Array, "n q"]) -> Float[Array, " q"]:
    r"""$\frac{\partial L}{\partial b} = \frac1n \sum_i (\hat p^{(i)} - y^{(i)})$"""
    return jnp.sum(dL_do, axis=0)


EXAMPLE = Derivation(
    name="softmax-cross-entropy",
    source=SOURCE,
    forward=dict(p=probabilities, g=log_partition, l=cross_entropy),
    backward=dict(dp_do=dp_do, dg_do=dg_do, dl_do=dl_do),
    domains=dict(y=simplex),
)
DERIVATION = Derivation(
    name="softmax-regression",
    source=SOURCE,
    forward=dict(o=logits, L=mean_loss),
    backward=dict(dL_do=dL_do, dL_dW=dL_dW, dL_db=dL_db),
    domains=dict(Y=simplex),
)


def log_normalizer(eta: Float[Array, " k"], statistics: Float[Array, "m k"]) -> Float[Array, ""]:
    r"""$A(\eta) = \log \sum_x \exp(\eta^\top T(x))$, over m outcomes x"""
    return jax.nn.logsumexp(statistics @ eta)


def negative_log_likelihood(
    A: Float[Array, ""], eta: Float[Array, " k"], t: Float[Array, " k"]
) -> Float[Array, ""]:
    r"""$l = -\log p(x \mid \eta) = A(\eta) - \eta^\top T(x)$, with $t = T(x)$"""
    return A - eta @ t


def dA_deta(eta: Float[Array, " k"], statistics: Float[Array, "m k"]) -> Float[Array, " k"]:
    r"""$\nabla_\eta A = E[T]$"""
    return jax.nn.softmax(statistics @ eta) @ statistics


def dl_deta(dA_deta: Float[Array, " k"], t: Float[Array, " k"]) -> Float[Array, " k"]:
    r"""$\nabla_\eta (A - \eta^\top T) = E[T] - T$"""
    return dA_deta - t


EXPONENTIAL_FAMILY = Derivation(
    name="exponential-family",
    source=f"{SOURCE}, of exponential families",
    forward=dict(A=log_normalizer, l=negative_log_likelihood),
    backward=dict(dA_deta=dA_deta, dl_deta=dl_deta),
)

gradient = DERIVATION.gradient("W", "b")
value_and_gradient = DERIVATION.value_and_gradient("W", "b")
