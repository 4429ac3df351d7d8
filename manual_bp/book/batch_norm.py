r"""The book's chapter on batch normalization: its gradients on a minibatch, and those of layer normalization.

X has shape (n, d), one example a row; $\gamma$ and $\beta$ (d,). Batch normalization takes the mean and the spread of
each feature over the examples, layer normalization those of each example over its features. Both are differentiated
through the mean and the spread.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation

SOURCE = "Dive into Deep Learning, 'Batch Normalization'"
EPSILON = 1e-5  # added to each variance


def spread(X: Float[Array, "n d"]) -> Float[Array, " d"]:
    r"""$\hat\sigma_B = \sqrt{\frac{1}{|B|} \sum_{x \in B} (x - \hat\mu_B)^2 + \epsilon}$"""
    return jnp.sqrt(jnp.mean(jnp.square(X - jnp.mean(X, axis=0)), axis=0) + EPSILON)


def normalized(X: Float[Array, "n d"], sigma: Float[Array, " d"]) -> Float[Array, "n d"]:
    r"""$\hat x = \frac{x - \hat\mu_B}{\hat\sigma_B}$"""
    return (X - jnp.mean(X, axis=0)) / sigma


def scaled(
    U: Float[Array, "n d"], gamma: Float[Array, " d"], beta: Float[Array, " d"]
) -> Float[Array, "n d"]:
    r"""$\mathrm{BN}(x) = \gamma \odot \hat x + \beta$, `eq_batchnorm`"""
    return gamma * U + beta


def dJ_dgamma(dJ_dY: Float[Array, "n d"], U: Float[Array, "n d"]) -> Float[Array, " d"]:
    r"""$\frac{\partial J}{\partial \gamma} = \sum_i \frac{\partial J}{\partial y_i} \odot \hat x_i$"""
    return jnp.sum(dJ_dY * U, axis=0)


def dJ_dbeta(dJ_dY: Float[Array, "n d"]) -> Float[Array, " d"]:
    r"""$\frac{\partial J}{\partial \beta} = \sum_i \frac{\partial J}{\partial y_i}$"""
    return jnp.sum(dJ_dY, axis=0)


def dJ_dU(dJ_dY: Float[Array, "n d"], gamma: Float[Array, " d"]) -> Float[Array, "n d"]:
    r"""$G = \frac{\partial J}{\partial \hat X} = \gamma \odot \frac{\partial J}{\partial Y}$"""
    return gamma * dJ_dY


def dJ_dX(
    dJ_dU: Float[Array, "n d"], U: Float[Array, "n d"], sigma: Float[Array, " d"]
) -> Float[Array, "n d"]:
    r"""$\bar x_i = \frac{1}{n \hat\sigma} (n g_i - \sum_k g_k - \hat x_i \odot \sum_k g_k \odot \hat x_k)$

    Written with means in the place of sums, which overflow later.
    """
    return (dJ_dU - jnp.mean(dJ_dU, axis=0) - U * jnp.mean(dJ_dU * U, axis=0)) / sigma


DERIVATION = Derivation(
    name="batch-norm",
    source=SOURCE,
    forward=dict(sigma=spread, U=normalized, Y=scaled),
    backward=dict(dJ_dgamma=dJ_dgamma, dJ_dbeta=dJ_dbeta, dJ_dU=dJ_dU, dJ_dX=dJ_dX),
    cotangent="dJ_dY",
)


def spread_of_each(X: Float[Array, "n d"]) -> Float[Array, "n 1"]:
    r"""$\hat\sigma = \sqrt{\frac1d \sum_j (x_j - \hat\mu)^2 + \epsilon}$ of each example"""
    centered = X - jnp.mean(X, axis=1, keepdims=True)
    return jnp.sqrt(jnp.mean(jnp.square(centered), axis=1, keepdims=True) + EPSILON)


def normalized_each(X: Float[Array, "n d"], sigma: Float[Array, "n 1"]) -> Float[Array, "n d"]:
    r"""$\mathrm{LN}(x) = \frac{x - \hat\mu}{\hat\sigma}$"""
    return (X - jnp.mean(X, axis=1, keepdims=True)) / sigma


def dJ_dX_each(
    dJ_dU: Float[Array, "n d"], U: Float[Array, "n d"], sigma: Float[Array, "n 1"]
) -> Float[Array, "n d"]:
    r"""$\frac{\partial J}{\partial x} = (g - \bar g - \hat x \, \overline{g \odot \hat x}) / \hat\sigma$

    The means are over the features.
    """
    mean, along = (jnp.mean(each, axis=1, keepdims=True) for each in (dJ_dU, dJ_dU * U))
    return (dJ_dU - mean - U * along) / sigma


LAYER = Derivation(
    name="layer-norm",
    source=f"{SOURCE}, layer normalization",
    forward=dict(sigma=spread_of_each, U=normalized_each, Y=scaled),
    backward=dict(dJ_dgamma=dJ_dgamma, dJ_dbeta=dJ_dbeta, dJ_dU=dJ_dU, dJ_dX=dJ_dX_each),
    cotangent="dJ_dY",
)

batch_norm = DERIVATION.with_manual_vjp()
layer_norm = LAYER.with_manual_vjp()
