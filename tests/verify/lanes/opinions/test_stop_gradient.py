"""What `stop_gradient` stops is a constant to finite differences, too; a false rule beside it is still noticed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.lax import stop_gradient
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation
from verify.lanes.opinions.opinions import ask
from verify.programs.pair import Pair


def disputes(function) -> dict[str, str]:
    def J(x: Float[Array, " n"]):
        return function(x)

    derivation = Derivation(
        name="stopped",
        source="a test",
        forward={"J": J},
        backward={"dJ_dx": lambda x: jax.grad(function)(x)},
    )
    return ask(Pair(derivation, {}), {"n": 3}, np.random.default_rng(0)).disputes


def twice(function):
    return lambda x: function(function(x))


@jax.custom_vjp
def falsely_squared(x):
    return x * x


falsely_squared.defvjp(lambda x: (x * x, x), lambda x, bar: (3 * x * bar,))

STOPPED = {
    "straight through": lambda x: jnp.sum(jnp.sin(x) + stop_gradient(jnp.round(x) - jnp.sin(x))),
    "a held target": lambda x: jnp.sum((x - stop_gradient(jnp.tanh(x) + 1)) ** 2),
    "a weight": lambda x: jnp.sum(stop_gradient(jnp.exp(x)) * x),
    "a maximum": lambda x: jnp.sum(jnp.exp(x - stop_gradient(jnp.max(x)))),
    "in a loop": lambda x: jax.lax.fori_loop(0, 3, lambda i, y: y + stop_gradient(x * y) * x, x).sum(),
    "in a scan": lambda x: jnp.sum(jax.lax.scan(lambda c, r: (stop_gradient(c) * r, c + r), x[0], x)[1]),
    "once more": lambda x: jnp.sum(twice(lambda y: y * stop_gradient(y))(x)),
    "all of it": lambda x: jnp.sum(stop_gradient(x)) + jnp.sum(x),
}


@pytest.mark.parametrize("where", STOPPED)
def test_what_is_stopped_is_not_disputed(where):
    assert disputes(STOPPED[where]) == {}


@pytest.mark.parametrize("where", ["straight through", "a held target", "a weight"])
def test_a_false_rule_beside_it_is(where):
    assert "dJ_dx" in disputes(lambda x: STOPPED[where](x) + jnp.sum(falsely_squared(x)))
