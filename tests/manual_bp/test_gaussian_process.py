"""The gradient of the marginal likelihood, for any number of inputs, against the formula that the book's code has."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from manual_bp.book import gaussian_process


def log_marginal_likelihood(a, length, noise, X, y):
    distances = jnp.sum((X[:, None] - X) ** 2, axis=-1)
    K = a**2 * jnp.exp(-distances / (2 * length**2)) + noise * jnp.eye(len(y))
    return -(y @ jnp.linalg.inv(K) @ y + jnp.log(jnp.linalg.det(K)) + len(y) * jnp.log(2 * jnp.pi)) / 2


@pytest.mark.parametrize("n", [1, 2, 5])
def test_it_is_the_gradient_of_the_books_formula(n: int):
    rng = np.random.default_rng(n)
    X, y = rng.uniform(-2, 2, (n, 2)), rng.uniform(-2, 2, n)
    parameters = dict(a=1.25, length=0.75, noise=0.5)
    with jax.enable_x64(True):
        J, found = gaussian_process.value_and_gradient(X=X, y=y, **parameters)
        value, expected = jax.value_and_grad(log_marginal_likelihood, (0, 1, 2))(*parameters.values(), X, y)
    np.testing.assert_allclose(J, value, rtol=1e-12)
    np.testing.assert_allclose([found[name] for name in parameters], expected, rtol=1e-11)
