"""Numbers drawn inside a program by a key that is part of it: constants for every arithmetic."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import random

import verify
from verify.arithmetic.bounds.arithmetic import Bounds
from verify.arithmetic.bounds.value import numbers
from verify.arithmetic.field.arithmetic import Field
from verify.interpreter.random_keys import are_keys
from verify.interpreter.walker import Program, evaluate


def drawn_in_a_scan(key):
    return jax.lax.scan(lambda total, k: (total + random.uniform(k), k), 0.0, random.split(key, 3))


DRAWN = {
    "normal": lambda key: random.normal(key, (2, 3)),
    "uniform": lambda key: random.uniform(key, (3,), minval=-1.0),
    "integers": lambda key: random.randint(key, (4,), 0, 9),
    "of a part of a key": lambda key: random.bernoulli(random.split(key)[1], 0.3, (5,)),
    "of a key folded in": lambda key: random.exponential(random.fold_in(key, 7), (2,)),
    "a permutation": lambda key: random.permutation(key, 5),
    "in a branch": lambda key: jnp.where(random.bernoulli(key), random.normal(key), 2.0),
    "in a scan": lambda key: drawn_in_a_scan(key)[0],
    "by stacked keys": lambda key: jax.vmap(random.uniform)(drawn_in_a_scan(key)[1]),
}
KEYS = {
    "typed": random.key(3),
    "raw": random.PRNGKey(3),
    "of another generator": random.key(3, impl="unsafe_rbg"),
}


@pytest.mark.parametrize("drawn", DRAWN)
@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("arithmetic", [Bounds, functools.partial(Field, 4)])
def test_what_is_drawn_is_what_jax_draws(arithmetic, kind, drawn):
    key = KEYS[kind]
    with jax.enable_x64(True):
        expected = np.asarray(DRAWN[drawn](key))
        program = Program(jax.make_jaxpr(lambda: DRAWN[drawn](key))())
    with np.errstate(all="ignore"):
        (got,) = evaluate(program, walked := arithmetic(), {}, [])
    got = numbers(got) if isinstance(walked, Bounds) else walked.steer(got)
    np.testing.assert_allclose(np.broadcast_to(got, (1, *expected.shape))[0], expected, rtol=1e-12)


def test_a_key_is_no_number():
    assert are_keys(random.key(0)) and not are_keys(random.PRNGKey(0)) and not are_keys(np.zeros(2))


def noise(key, x):
    return random.normal(key, x.shape, x.dtype)


@pytest.mark.parametrize(("sign", "verdict"), [(1, "proved"), (-1, "refuted")])
def test_gradient_with_a_given_key(sign, verdict):
    report = verify.check_gradient(
        lambda key, x: x + sign * noise(key, x),
        lambda key, x: jnp.sum((x + noise(key, x)) ** 2) / 2,
        "x",
        shapes=dict(key=random.key(0), x="3"),
        examples=2,
        dtypes=("float32",),
        seed=0,
    )
    assert str(report.verdict) == verdict
