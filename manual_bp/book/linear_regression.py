r"""The book's chapter on linear regression: ordinary least squares, and the gradient of a minibatch.

X has shape (n, d), one example a row; w (d,), b (), y (n,). S is the sum of squares without a bias, L the mean
loss of the examples with one.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation
from manual_bp.domains import counts, interval

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


# The exercises, and those of the concise implementation: other losses of the residual r, for the weights of a line


def residual(X: Float[Array, "n d"], w: Float[Array, " d"], y: Float[Array, " n"]) -> Float[Array, " n"]:
    r"""$r_i = w^\top x_i - y_i$"""
    return X @ w - y


def absolute(r: Float[Array, " n"]) -> Float[Array, ""]:
    r"""$A = \sum_i |w^\top x_i - y_i|$, from noise that is exponential on both sides"""
    return jnp.sum(jnp.abs(r))


def dA_dw(X: Float[Array, "n d"], r: Float[Array, " n"]) -> Float[Array, " d"]:
    r"""$\partial_w A = \sum_i \mathrm{sgn}(r_i) x_i$

    At $r_i = 0$ the sign is taken as 1.
    """
    return X.T @ jnp.where(r >= 0, jnp.ones_like(r), -1)


def huber(r: Float[Array, " n"], sigma: Float[Array, ""]) -> Float[Array, ""]:
    r"""$H = \sum_i |r_i| - \frac{\sigma}{2}$ where $|r_i| > \sigma$, else $\frac{1}{2 \sigma} r_i^2$"""
    bent = jnp.square(r) / (2 * sigma)
    return jnp.sum(jnp.where(jnp.abs(r) > sigma, jnp.abs(r) - sigma / 2, bent))


def dH_dr(r: Float[Array, " n"], sigma: Float[Array, ""]) -> Float[Array, " n"]:
    r"""$\partial_r H = \mathrm{clip}(r / \sigma, -1, 1)$"""
    return jnp.clip(r / sigma, -1, 1)


def poisson(X: Float[Array, "n d"], v: Float[Array, " d"], count: Float[Array, " n"]) -> Float[Array, ""]:
    r"""$N = \sum_i e^{o_i} - y_i o_i$ with $o_i = \log \lambda_i = v^\top x_i$, without $\log y_i!$"""
    o = X @ v
    return jnp.sum(jnp.exp(o) - count * o)


def dN_dv(X: Float[Array, "n d"], v: Float[Array, " d"], count: Float[Array, " n"]) -> Float[Array, " d"]:
    r"""$\partial_v N = \sum_i (e^{o_i} - y_i) x_i$"""
    return X.T @ (jnp.exp(X @ v) - count)


def around(b: Float[Array, ""], y: Float[Array, " n"]) -> Float[Array, ""]:
    r"""$B = \sum_i (y_i - b)^2$"""
    return jnp.sum(jnp.square(y - b))


def dB_db(b: Float[Array, ""], y: Float[Array, " n"]) -> Float[Array, ""]:
    r"""$\partial_b B = -2 \sum_i (y_i - b)$"""
    return -2 * jnp.sum(y - b)


def total(
    A: Float[Array, ""], H: Float[Array, ""], N: Float[Array, ""], B: Float[Array, ""]
) -> Float[Array, ""]:
    """$J$, the sum of all."""
    return A + H + N + B


EXERCISES = Derivation(
    name="linear-regression-exercises",
    source=f"{SOURCE}, and 'Concise Implementation of Linear Regression', exercises",
    forward=dict(r=residual, A=absolute, H=huber, N=poisson, B=around, J=total),
    backward=dict(dA_dw=dA_dw, dH_dr=dH_dr, dN_dv=dN_dv, dB_db=dB_db),
    domains=dict(sigma=interval(0.125, 8), count=counts, X=interval(-2, 2), v=interval(-2, 2)),
)

gradient = DERIVATION.gradient("w", "b")
value_and_gradient = DERIVATION.value_and_gradient("w", "b")
