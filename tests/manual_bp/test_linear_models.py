"""The gradients of the book's linear models, as users call them, against jax.grad of their objectives."""

import jax
import numpy as np
import pytest

from manual_bp.book import linear_regression, softmax_regression, weight_decay

rng = np.random.default_rng(0)
X, y, probabilities = rng.normal(size=(5, 3)), rng.normal(size=5), rng.dirichlet(np.ones(4), size=5)
CALLS = {
    linear_regression: dict(X=X, y=y, w=rng.normal(size=3), b=0.5),
    weight_decay: dict(X=X, y=y, w=rng.normal(size=3), b=0.5, lam=0.25),
    softmax_regression: dict(X=X, Y=probabilities, W=rng.normal(size=(3, 4)), b=rng.normal(size=4)),
}


@pytest.mark.parametrize("chapter", CALLS, ids=lambda chapter: chapter.DERIVATION.name)
def test_gradient_and_value_are_those_of_the_objective(chapter):
    with jax.enable_x64(True):
        value, found = chapter.value_and_gradient(**CALLS[chapter])
        again = chapter.gradient(**CALLS[chapter])
        weights = {name: np.asarray(CALLS[chapter][name]) for name in found}

        def objective(weights):
            return chapter.DERIVATION.value(**CALLS[chapter] | weights)

        expected = jax.grad(objective)(weights)
        np.testing.assert_allclose(value, objective(weights), rtol=1e-12)
        for name in weights:
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-12, err_msg=name)
            np.testing.assert_allclose(again[name], found[name], rtol=1e-12, err_msg=name)
