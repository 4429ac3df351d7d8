r"""The book's chapter on linear regression: ordinary least squares, and the gradient of a minibatch.

X has shape (n, d), one example a row; w (d,), b (), y (n,). S is the sum of squares without a bias, L the mean
loss of the examples with one.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation

SOURCE = "Dive into Deep Learning, 'Linear Regression'"


def sum_of_squares(X: Float[Array, "n d"], w: Float[Array, " d"], y: Float[Array, " n"]) -> Float[Array, ""]:
    r"""$S = \|y - X w\|^2$"""
    return jnp.sum(jnp.square(y - X @ w))


def dS_dw(X: Float[Array, "n d"], w: Float[Array, " d"], y: Float[Array, " n"]) -> Float[Array, " d"]:
    r"""$\partial_w \|y - X w\|^2 = 2 X^\top (X w - y)$"""
    return 2 * (X.T @ (X @ w - y))


def prediction(X: Float[Array, "n d"], w: Float[Array, " d"], b: Float[Array, ""]) -> Float[Array, " n"]:
    r"""$\hat y^{(i)} = w^\top x^{(i)} + b$"""
    return X @ w + b


def mean_loss(y_hat: Float[Array, " n"], y: Float[Array, " n"]) -> Float[Array, ""]:
    r"""$L(w, b) = \frac1n \sum_{i=1}^n \frac12 \left(w^\top x^{(i)} + b - y^{(i)}\right)^2$"""
    return jnp.mean(jnp.square(y_hat - y) / 2)


def dL_dw(X: Float[Array, "n d"], y_hat: Float[Array, " n"], y: Float[Array, " n"]) -> Float[Array, " d"]:
    r"""$\partial_w L = \frac1n \sum_i x^{(i)} \left(w^\top x^{(i)} + b - y^{(i)}\right)$

    What `eq_linreg_batch_update` takes off w, over the learning rate.
    """
    return X.T @ ((y_hat - y) / y.shape[0])


def dL_db(y_hat: Float[Array, " n"], y: Float[Array, " n"]) -> Float[Array, ""]:
    r"""$\partial_b L = \frac1n \sum_i \left(w^\top x^{(i)} + b - y^{(i)}\right)$

    What `eq_linreg_batch_update` takes off b, over the learning rate.
    """
    return jnp.sum((y_hat - y) / y.shape[0])


FORWARD = dict(S=sum_of_squares, y_hat=prediction, L=mean_loss)
BACKWARD = dict(dS_dw=dS_dw, dL_dw=dL_dw, dL_db=dL_db)
DERIVATION = Derivation(name="linear-regression", source=SOURCE, forward=FORWARD, backward=BACKWARD)

gradient = DERIVATION.gradient("w", "b")
value_and_gradient = DERIVATION.value_and_gradient("w", "b")
