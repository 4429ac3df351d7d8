r"""The book's chapter on Adagrad: a quadratic function in the coordinates of its eigenvectors.

x, c and $\Lambda$ have shape (d,), all in these coordinates ($\bar x$, $\bar c$, the eigenvalues); the minimum is
$\bar x_0 = -\Lambda^{-1} \bar c$, a leaf here, and $\bar c = -\Lambda \bar x_0$.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation


def linear(eigenvalues: Float[Array, " d"], x_0: Float[Array, " d"]) -> Float[Array, " d"]:
    r"""$\bar c = -\Lambda \bar x_0$"""
    return -eigenvalues * x_0


def quadratic(
    x: Float[Array, " d"], eigenvalues: Float[Array, " d"], c: Float[Array, " d"], b: Float[Array, ""]
) -> Float[Array, ""]:
    r"""$\bar f(\bar x) = \frac12 \bar x^\top \Lambda \bar x + \bar c^\top \bar x + b$"""
    return jnp.sum(eigenvalues * x * x) / 2 + c @ x + b


def df_dx(
    eigenvalues: Float[Array, " d"], x: Float[Array, " d"], x_0: Float[Array, " d"]
) -> Float[Array, " d"]:
    r"""$\partial_{\bar x} \bar f(\bar x) = \Lambda \bar x + \bar c = \Lambda (\bar x - \bar x_0)$"""
    return eigenvalues * (x - x_0)


DERIVATION = Derivation(
    name="adagrad",
    source="Dive into Deep Learning, 'Adagrad'",
    forward=dict(c=linear, f=quadratic),
    backward=dict(df_dx=df_dx),
)
