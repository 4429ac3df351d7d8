"""Derivatives that are the same for all cases, with a bound or a residue that is not, and the other way round."""

import functools

import jax
import jax.numpy as jnp
import pytest

import verify
from manual_bp.domains import positive

# Each is 1 everywhere, computed from every case: what `jax.grad` gives of a sum has one case, and this has as many as
# there are.
ONES = {
    "a quotient": lambda x: x / x,
    "a root": lambda x: jnp.sqrt(x) / jnp.sqrt(x),
    "a power": lambda x: x**2 / (x * x),
    "two sigmoids": lambda x: jax.nn.sigmoid(x) + jax.nn.sigmoid(-x),
    "a product": lambda x: jnp.prod(x / 2) / jnp.prod(x / 2) + 0 * x,
}


def total(x):
    return jnp.sum(x)


judged = functools.partial(
    verify.check_gradient, wrt="x", shapes=dict(x="n"), domains=dict(x=positive), examples=4, seed=0
)


@pytest.mark.parametrize("name", ONES)
def test_constant_by_hand_from_every_case(name):
    assert judged(ONES[name], total).verdict.good


@pytest.mark.parametrize("name", ["a quotient", "two sigmoids"])
def test_half_of_it_is_refuted(name):
    assert str(judged(lambda x: ONES[name](x) / 2, total).verdict) == "refuted"
