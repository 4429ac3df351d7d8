"""A range holds every value of its expression; compositions are drawn at random."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from verify.branches.analysis import sites
from verify.branches.ranges import INFINITY, TINY, Range
from verify.interpreter.walker import Program

STEPS = [
    jnp.exp, jnp.tanh, jnp.abs, jnp.square, jnp.sin, jnp.floor, jnp.sign, jnp.expm1, jax.nn.sigmoid, jax.nn.softplus,
    lambda x: -x, lambda x: 2 * x - 3, lambda x: x * x, lambda x: 1 / (1 + x * x), lambda x: jnp.maximum(x, 0.5),
    lambda x: jnp.clip(x, -1, 2), lambda x: jnp.where(x > 1, x, 1.0), lambda x: jnp.sqrt(jnp.abs(x)), lambda x: x**3,
    lambda x: x - jnp.max(x), jnp.cumsum, lambda x: jnp.sum(x) + x, lambda x: x @ x * jnp.sign(x), jnp.sort,
    lambda x: jax.lax.fori_loop(0, 3, lambda i, y: y / 2 + 1, x), lambda x: jax.lax.cond(x[0] > 0, jnp.cos, jnp.abs, x),
    lambda x: jax.lax.scan(lambda c, a: (c + a, c * a), 0.0, x)[1], lambda x: jnp.mod(x, 2.5),
    lambda x: x[::-1] + 1.0,
]  # fmt: skip
DOMAINS = [
    (Range(-INFINITY, INFINITY), lambda rng: rng.standard_normal(3) * 10.0 ** rng.integers(-3, 2)),
    (Range(TINY, INFINITY), lambda rng: np.exp(rng.uniform(-5, 5, 3))),
    (Range(0.25, 0.75), lambda rng: rng.uniform(0.25, 0.75, 3)),
]


@pytest.mark.parametrize(
    "turn", [0, 1, *(pytest.param(turn, marks=pytest.mark.slow) for turn in range(2, 12))]
)
def test_values_lie_in_their_ranges(turn: int):
    for seed in range(10 * turn, 10 * turn + 10):
        rng = np.random.default_rng(seed)
        steps = [STEPS[i] for i in rng.integers(len(STEPS), size=4)]
        inputs, draw = DOMAINS[seed % len(DOMAINS)]

        def composed(x, steps=steps):
            for step in steps:
                x = step(x)
            return x

        with jax.enable_x64(True):
            jaxpr = jax.make_jaxpr(composed)(np.zeros(3))
            _, (found,) = sites(Program(jaxpr), "it", [inputs])
            values = np.concatenate([composed(draw(rng)) for _ in range(8)])
        inside = (values >= found.low) & (values <= found.high)
        rounded = np.isclose(values, found.low, 1e-12, 1e-300) | np.isclose(values, found.high, 1e-12, 1e-300)
        assert (inside | rounded | ~np.isfinite(values)).all(), (seed, found, values)
        assert not math.isnan(found.low + 0 * found.high) or math.isinf(found.high)


@pytest.mark.parametrize(
    ("function", "count"),
    [
        (lambda x: jnp.where(x > 2, x, 0.0), 2),  # the comparison, and what it chooses
        (lambda x: jnp.where(jnp.exp(x) > 0, x, 0.0), 0),
        (lambda x: jnp.where(x == x, x, 0.0), 0),
        (lambda x: jnp.where(jnp.tanh(x) > 1, x, 0.0), 0),
        (lambda x: jnp.where(jnp.arange(3) > 1, x, 0.0), 0),
        (lambda x: jnp.maximum(x * x, -1.0), 0),
        (lambda x: jnp.abs(x), 1),
        (lambda x: (x > 1, x)[1], 0),  # of which nothing comes
    ],
)
def test_branches_are_where_two_outcomes_are_possible(function, count):
    with jax.enable_x64(True):
        program = Program(jax.make_jaxpr(function)(np.zeros(3)))
    found, _ = sites(program, "it", [Range(text="x")])
    assert len(found) == count, found
