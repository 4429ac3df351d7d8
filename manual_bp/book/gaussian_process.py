r"""The book's chapter on Gaussian process inference: the marginal likelihood by the parameters of its kernel.

X (n, d) are n inputs, y (n,) their noisy values. The kernel is the radial basis function with amplitude a and length
scale `length`, the book's $\ell$; the noise has the variance `noise`. $\alpha = K^{-1} y$. Solving and the
determinant go through a Cholesky factor. It is judged for three inputs; `gradient` takes any number of them.
"""

import math

import jax.numpy as jnp
from jax import Array
from jax.scipy.linalg import cho_solve, solve_triangular
from jaxtyping import Float

from manual_bp.derivation import Derivation
from manual_bp.domains import interval

Scalar = Float[Array, ""]


def log_likelihood(K: Array, y: Array) -> Array:
    r"""$-\frac12 y^\top K^{-1} y - \frac12 \log |K| - \frac n2 \log 2 \pi$"""
    L = jnp.linalg.cholesky(K)
    half = solve_triangular(L, y, lower=True)
    return -(half @ half) / 2 - jnp.sum(jnp.log(jnp.diag(L))) - y.shape[0] * (math.log(2 * math.pi) / 2)


def by_covariance(K: Array, y: Array) -> Array:
    r"""$\frac12 (\alpha \alpha^\top - K^{-1})$"""
    factor = jnp.linalg.cholesky(K), True
    alpha = cho_solve(factor, y)
    return (jnp.outer(alpha, alpha) - cho_solve(factor, jnp.eye(*K.shape, dtype=K.dtype))) / 2


def of_inputs(n: int | str) -> Derivation:
    """The marginal likelihood of n inputs; of any number where n is the name of a dimension."""
    Square, Values = Float[Array, f"{n} {n}"], Float[Array, f" {n}"]

    def D(X: Float[Array, f"{n} d"]) -> Square:  # pyright: ignore[reportInvalidTypeForm]
        r"""$D_{ij} = \|x_i - x_j\|^2$"""
        return jnp.sum(jnp.square(X[:, None] - X), axis=-1)

    def K_f(D: Square, a: Scalar, length: Scalar) -> Square:  # pyright: ignore[reportInvalidTypeForm]
        r"""$K_f = a^2 \exp(-\frac{1}{2 \ell^2} \|x_i - x_j\|^2)$"""
        return jnp.square(a) * jnp.exp(-D / (2 * jnp.square(length)))

    def K(K_f: Square, noise: Scalar) -> Square:  # pyright: ignore[reportInvalidTypeForm]
        r"""$K = K_f + \sigma^2 I$"""
        return K_f + noise * jnp.eye(*K_f.shape, dtype=K_f.dtype)

    def J(K: Square, y: Values) -> Scalar:  # pyright: ignore[reportInvalidTypeForm]
        r"""$J = -\frac12 y^\top K^{-1} y - \frac12 \log |K| - \frac n2 \log 2 \pi$"""
        return log_likelihood(K, y)

    def dJ_dK(K: Square, y: Values) -> Square:  # pyright: ignore[reportInvalidTypeForm]
        r"""$\frac{\partial J}{\partial K} = \frac12 (\alpha \alpha^\top - K^{-1})$"""
        return by_covariance(K, y)

    def dJ_da(dJ_dK: Square, K_f: Square, a: Scalar) -> Scalar:  # pyright: ignore[reportInvalidTypeForm]
        r"""$\frac{\partial J}{\partial a} = \frac12 \mathrm{tr}((\alpha \alpha^\top - K^{-1}) \frac{2 K_f}{a})$"""
        return jnp.sum(dJ_dK * (2 * K_f / a))

    def dJ_dlength(dJ_dK: Square, K_f: Square, D: Square, length: Scalar) -> Scalar:  # pyright: ignore[reportInvalidTypeForm]
        r"""$\frac{\partial J}{\partial \ell} = \mathrm{tr}((\alpha \alpha^\top - K^{-1}) \frac{K_f D}{2 \ell^3})$

        The product $K_f D$ is elementwise.
        """
        return jnp.sum(dJ_dK * (K_f * (D / length**3)))

    def dJ_dnoise(dJ_dK: Square) -> Scalar:  # pyright: ignore[reportInvalidTypeForm]
        r"""$\frac{\partial J}{\partial \sigma^2} = \frac12 \mathrm{tr}(\alpha \alpha^\top - K^{-1})$"""
        return jnp.trace(dJ_dK)

    return Derivation(
        name="gaussian-process",
        source="Dive into Deep Learning, 'Gaussian Process Inference'",
        forward=dict(D=D, K_f=K_f, K=K, J=J),
        backward=dict(dJ_dK=dJ_dK, dJ_da=dJ_da, dJ_dlength=dJ_dlength, dJ_dnoise=dJ_dnoise),
        # the noise keeps K well away from a singular matrix
        domains=dict(
            X=interval(-2, 2), y=interval(-4, 4), a=interval(0.25, 2), length=interval(0.25, 2),
            noise=interval(0.25, 2),
        ),
    )  # fmt: skip


DERIVATION = of_inputs(3)

gradient = of_inputs("n").gradient("a", "length", "noise")
value_and_gradient = of_inputs("n").value_and_gradient("a", "length", "noise")
