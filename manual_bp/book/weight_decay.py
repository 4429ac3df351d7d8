r"""The book's chapter on weight decay: the loss of linear regression with a penalty on the weights, none on the bias.

X has shape (n, d), one example a row; w (d,), b (), y (n,). A step of gradient descent with the learning rate
$\eta$ is the gradient of $P = \frac12 \|w\|^2 - \eta J$ by w, and so the book's update is judged too.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.book import linear_regression
from manual_bp.derivation import Derivation
from manual_bp.domains import interval, nonnegative


def objective(L: Float[Array, ""], lam: Float[Array, ""], w: Float[Array, " d"]) -> Float[Array, ""]:
    r"""$J = L(w, b) + \frac\lambda2 \|w\|^2$"""
    return L + lam / 2 * jnp.sum(jnp.square(w))


def dJ_dw(dL_dw: Float[Array, " d"], lam: Float[Array, ""], w: Float[Array, " d"]) -> Float[Array, " d"]:
    r"""$\partial_w J = \partial_w L + \lambda w$"""
    return dL_dw + lam * w


def dJ_db(dL_db: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\partial_b J = \partial_b L$"""
    return dL_db


def potential(J: Float[Array, ""], eta: Float[Array, ""], w: Float[Array, " d"]) -> Float[Array, ""]:
    r"""$P = \frac12 \|w\|^2 - \eta J$"""
    return jnp.sum(jnp.square(w)) / 2 - eta * J


def dP_dw(
    X: Float[Array, "n d"],
    y_hat: Float[Array, " n"],
    y: Float[Array, " n"],
    eta: Float[Array, ""],
    lam: Float[Array, ""],
    w: Float[Array, " d"],
) -> Float[Array, " d"]:
    r"""$w - \eta\,\partial_w J = (1 - \eta\lambda) w - \frac\eta n \sum_i x^{(i)} (w^\top x^{(i)} + b - y^{(i)})$"""
    return (1 - eta * lam) * w - X.T @ (eta / y.shape[0] * (y_hat - y))


DERIVATION = Derivation(
    name="weight-decay",
    source="Dive into Deep Learning, 'Weight Decay'",
    forward=dict(y_hat=linear_regression.prediction, L=linear_regression.mean_loss, J=objective),
    backward=dict(dL_dw=linear_regression.dL_dw, dL_db=linear_regression.dL_db, dJ_dw=dJ_dw, dJ_db=dJ_db),
    domains=dict(lam=nonnegative),
)
STEP = Derivation(
    name="weight-decay-step",
    source="Dive into Deep Learning, 'Weight Decay'",
    forward=dict(DERIVATION.forward) | dict(P=potential),
    backward=dict(dP_dw=dP_dw),
    domains=dict(lam=nonnegative, eta=interval(0, 1)),
)

gradient = DERIVATION.gradient("w", "b")
value_and_gradient = DERIVATION.value_and_gradient("w", "b")
