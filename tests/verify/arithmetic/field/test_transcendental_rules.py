"""Rules of transcendental functions: the laws that the functions obey hold, and their neighbours do not."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from tests.verify.arithmetic.field.evaluation import compared, random_leaves, traced

Law = tuple[Callable[..., Any], Callable[..., Any]]
e, ln = jnp.exp, jnp.log
LAWS: dict[str, list[Law]] = {
    "exp": [
        (lambda x, y: e(x + y), lambda x, y: e(x) * e(y)),
        (lambda x, y: e(3 * x - y / 2), lambda x, y: e(x) ** 3 / e(y / 2)),
        (lambda x, y: e(x - x) + e(0 * y), lambda x, y: 2 + 0 * x),
        (lambda x, y: e(e(x) + e(y) + 1), lambda x, y: e(e(y)) * e(e(x)) * e(1 + 0 * x)),
        (jax.grad(lambda x, y: e(x * y)), lambda x, y: y * e(y * x)),
    ],
    "exp2": [
        (lambda x, y: jnp.exp2(x + y + 3), lambda x, y: 8 * jnp.exp2(x) * jnp.exp2(y)),
        (lambda x, y: jnp.exp2(2 * x), lambda x, y: jnp.exp2(x) ** 2),
        (lambda x, y: jnp.exp2(x * 0 - 1) + y, lambda x, y: y + 0.5),
    ],
    "log": [
        (lambda x, y: e(ln(x) + ln(y)), lambda x, y: x * y),
        (lambda x, y: e(ln(x) - 2 * ln(y)), lambda x, y: x / y**2),
        (lambda x, y: e(ln(e(x) + e(y)) - y), lambda x, y: e(x - y) + 1),
        (lambda x, y: e(ln(jnp.stack([x, y, x])).sum()), lambda x, y: x * y * x),
        (lambda x, y: ln(x / x) + y, lambda x, y: y),
        (jax.grad(lambda x, y: ln(e(x) + e(y))), lambda x, y: jax.nn.softmax(jnp.stack([x, y]))[0]),
        (lambda x, y: e(0.5 * ln(x)) ** 2, lambda x, y: x),
    ],
    "log1p": [
        (lambda x, y: e(jnp.log1p(x) + jnp.log1p(y)), lambda x, y: (1 + x) * (1 + y)),
        (jax.grad(lambda x, y: jnp.log1p(e(x))), lambda x, y: 1 / (1 + e(-x))),
        (jax.grad(lambda x, y: jax.nn.softplus(x) * y), lambda x, y: y * jax.nn.sigmoid(x)),
    ],
    "expm1": [(lambda x, y: jnp.expm1(x + y) + 1, lambda x, y: e(x) * (jnp.expm1(y) + 1))],
    "logistic": [
        (lambda x, y: jax.nn.sigmoid(x) * (1 + e(-x)), lambda x, y: 1 + 0 * x),
        (lambda x, y: jax.nn.sigmoid(x) + jax.nn.sigmoid(-x), lambda x, y: 1 + 0 * x),
        (jax.grad(lambda x, y: jax.nn.sigmoid(x)), lambda x, y: jax.nn.sigmoid(x) * jax.nn.sigmoid(-x)),
    ],
    "tanh": [
        (lambda x, y: jnp.tanh(x), lambda x, y: 2 * jax.nn.sigmoid(2 * x) - 1),
        (
            lambda x, y: jnp.tanh(x + y),
            lambda x, y: (jnp.tanh(x) + jnp.tanh(y)) / (1 + jnp.tanh(x) * jnp.tanh(y)),
        ),
        (lambda x, y: jnp.tanh(-x), lambda x, y: -jnp.tanh(x)),
        (jax.grad(lambda x, y: jnp.tanh(x)), lambda x, y: 1 / jnp.cosh(x) ** 2),
    ],
    "sinh": [
        (lambda x, y: jnp.sinh(x), lambda x, y: (e(x) - e(-x)) / 2),
        (lambda x, y: jnp.sinh(x - y), lambda x, y: jnp.sinh(x) * jnp.cosh(y) - jnp.cosh(x) * jnp.sinh(y)),
    ],
    "cosh": [
        (lambda x, y: jnp.cosh(x), lambda x, y: (e(x) + e(-x)) / 2),
        (lambda x, y: jnp.cosh(x) ** 2 - jnp.sinh(x) ** 2, lambda x, y: 1 + 0 * x),
    ],
    "sqrt": [
        (lambda x, y: jnp.sqrt(x) ** 2, lambda x, y: x),
        (lambda x, y: jnp.sqrt(x * y), lambda x, y: jnp.sqrt(x) * jnp.sqrt(y)),
        (lambda x, y: jnp.sqrt(9 * x), lambda x, y: 3 * jnp.sqrt(x)),
        (jax.grad(lambda x, y: jnp.sqrt(x + y)), lambda x, y: 0.5 / jnp.sqrt(y + x)),
        (lambda x, y: e(jnp.sqrt(x) + y), lambda x, y: e(y) * e(jnp.sqrt(x))),
    ],
    "rsqrt": [
        (lambda x, y: lax.rsqrt(x) * jnp.sqrt(x), lambda x, y: 1 + 0 * x),
        (lambda x, y: lax.rsqrt(x) ** 2 * x * y, lambda x, y: y),
        (jax.grad(lambda x, y: lax.rsqrt(x)), lambda x, y: -0.5 * lax.rsqrt(x) / x),
    ],
    "cbrt": [
        (lambda x, y: jnp.cbrt(x) ** 3, lambda x, y: x),
        (lambda x, y: jnp.cbrt(-x * y), lambda x, y: -jnp.cbrt(x) * jnp.cbrt(y)),
    ],
    "pow": [
        (lambda x, y: x**2.5, lambda x, y: x**2 * jnp.sqrt(x)),
        (lambda x, y: x**-1.5 * jnp.sqrt(x), lambda x, y: 1 / x),
        (lambda x, y: lax.pow(x, y) * lax.pow(x, 2 - y), lambda x, y: x**2),
        (lambda x, y: lax.pow(x, 2 * y), lambda x, y: lax.pow(x, y) ** 2),
        (lambda x, y: lax.pow(x, 3.0 + 0 * y), lambda x, y: x * x * x),
        (jax.grad(lambda x, y: lax.pow(x, y)), lambda x, y: y * lax.pow(x, y) / x),
        (jax.grad(lambda x, y: lax.pow(x, y), 1), lambda x, y: ln(x) * lax.pow(x, y)),
    ],
    "erf": [
        (lambda x, y: lax.erf(-x), lambda x, y: -lax.erf(x)),
        (
            jax.grad(lambda x, y: jax.nn.gelu(x, approximate=False)),
            jax.grad(lambda x, y: x * (1 + lax.erf(x * np.sqrt(0.5))) / 2),
        ),
    ],
    "erfc": [
        (lambda x, y: lax.erfc(x), lambda x, y: 1 - lax.erf(x)),
        (lambda x, y: lax.erfc(x) + lax.erfc(-x), lambda x, y: 2 + 0 * x),
    ],
    "sin": [
        (lambda x, y: jnp.sin(x) ** 2 + jnp.cos(x) ** 2, lambda x, y: 1 + 0 * x),
        (lambda x, y: jnp.sin(-x * y), lambda x, y: -jnp.sin(y * x)),
    ],
    "cos": [(lambda x, y: jnp.cos(x - y), lambda x, y: jnp.cos(y - x))],
    "tan": [
        (lambda x, y: lax.tan(x), lambda x, y: jnp.sin(x) / jnp.cos(x)),
        (jax.grad(lambda x, y: lax.tan(x)), lambda x, y: 1 / jnp.cos(x) ** 2),
    ],
    "cumlogsumexp": [
        (
            lambda x, y: e(lax.cumlogsumexp(jnp.stack([x, y, x]))),
            lambda x, y: jnp.cumsum(e(jnp.stack([x, y, x]))),
        ),
        (lambda x, y: lax.cumlogsumexp(jnp.stack([x, y]), reverse=True)[1], lambda x, y: ln(e(y))),
    ],
    **{
        odd.__name__: [(lambda x, y, f=odd: f(-x * y / 9), lambda x, y, f=odd: -f(y * x / 9))]
        for odd in (lax.asin, lax.atan, lax.asinh, lax.atanh)
    },
    "acos": [(lambda x, y: lax.acos((x * x - y * y) / 9), lambda x, y: lax.acos((x + y) * (x - y) / 9))],
    "acosh": [(lambda x, y: lax.acosh(1 + x + y), lambda x, y: lax.acosh(y + x + 1))],
    "lgamma": [(lambda x, y: lax.lgamma(x * (1 + y)), lambda x, y: lax.lgamma(x + x * y))],
    "atan2": [(lambda x, y: lax.atan2(x * (1 + y), y), lambda x, y: lax.atan2(x + x * y, y))],
}
CASES = [
    pytest.param(name, law, id=f"{name}-{i}") for name, laws in LAWS.items() for i, law in enumerate(laws)
]


@pytest.mark.parametrize("name, law", CASES)
def test_laws_hold_and_their_neighbours_do_not(name, law, primitives, levels=3):
    """A law closes in the extended field or, as the lane asks next, among squares; times 1 + 2^-50 it never does."""
    left, right = law
    assert name in primitives(traced(left, (), ())) | primitives(traced(right, (), ()))
    agreement, steered, fields = compared(left, right, levels, extended=True)
    if agreement.mismatch is not None:
        agreement, steered, fields = compared(left, right, levels, extended=False)
    assert agreement.mismatch is None
    assert agreement.points >= 1
    assert agreement.log2_error < -20 * agreement.points
    assert fields[0].theorem == "exponential" or fields[1].theorem == "exponential"
    with jax.enable_x64(True):
        floats = [leaf.x for leaf in random_leaves(5, levels)]
        theirs = jax.vmap(left)(*floats)
        np.testing.assert_allclose(theirs, jax.vmap(right)(*floats), rtol=1e-9, atol=1e-9)  # the law is a law
    np.testing.assert_allclose(np.broadcast_to(steered, np.shape(theirs)), theirs, rtol=1e-9, atol=1e-9)
    for extended in (True, False):
        wrong, _, _ = compared(
            left, lambda x, y: (1 + 2.0**-50) * right(x, y) + 2.0**-60, levels, extended=extended
        )
        assert wrong.mismatch is not None
