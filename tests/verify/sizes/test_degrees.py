"""Random programs: degrees bound what weights can do, and what is claimed at every size holds at larger ones."""

import itertools
import random
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.verify.compositions import composed, function
from verify.programs.pair import Pair
from verify.programs.tracing import Traced
from verify.sizes.claims import claim
from verify.sizes.degrees import Degree, NoClaim, degree
from verify.sizes.flat import flatten
from verify.sizes.reading import all_axes, read
from verify.sizes.table import RULES
from verify.targets.functions import gradient_derivation

# Polynomials of a vector over n, of a matrix over n and m, and of the size; numpy computes them exactly.
SCALARS = (
    "xp.sum({v})", "({s} * {s2})", "({s} + {s2})", "({s} - 2 * {s2})", "xp.dot({v}, {v2})", "xp.sum({M} * {M})",
    "xp.sum({v}[:, None] * {M})", "size", "xp.sum(xp.dot({v}, {M}))", "({s} ** 2)", "xp.trace(xp.outer({v}, {v2}))",
)  # fmt: skip
VECTORS = (
    "({v} * {v2})", "({v} + {s})", "({s} * {v})", "xp.dot({M}, xp.dot({v}, {M}))", "({v} - {v2})",
    "xp.sum({M}, axis=1)",
    "xp.dot(xp.outer({v}, {v2}), {v2})", "xp.cumsum({v})", "xp.where({v} > 0, {v2}, {s} * {v})",
)  # fmt: skip


def polynomial(seed: int) -> str:
    rng = random.Random(seed)
    scalars, vectors = ["size", "xp.sum(x)"], ["x", "y"]

    def pick(code: str) -> str:
        s, s2 = rng.choice(scalars), rng.choice(scalars)
        return code.format(s=s, s2=s2, v=rng.choice(vectors[-3:]), v2=rng.choice(vectors), M="M")

    for _ in range(2):
        vectors.append(pick(rng.choice(VECTORS)))
        scalars.append(pick(rng.choice(SCALARS)))
    return scalars[-1]


def at(code: str, x, y, M, xp=np):
    size = x.shape[0] if xp is np else jnp.asarray(x.shape[0], x.dtype)
    return eval(code, {"xp": xp, "x": x, "y": y, "M": M, "size": size})


def degree_of(code: str) -> Degree:
    """The degree in the weights of n."""
    n, m = jax.export.symbolic_shape("n, m")
    vector, matrix = jax.ShapeDtypeStruct((n,), float), jax.ShapeDtypeStruct((n, m), float)
    traced = Traced(lambda x, y, M: at(code, x, y, M, jnp), dict(x=vector, y=vector, M=matrix))
    flat = flatten(traced.closed)
    leaves = {number: Degree(axes=all_axes(flat.arrays[number])) for number in flat.inputs}
    return degree(read(flat, "n", leaves, {}, RULES).values[flat.outputs[0]])


@pytest.mark.parametrize("seed", range(40))
def test_a_polynomial_is_of_the_degree_that_is_read_off(seed):
    """The alternating sum over all subsets of more elements than the degree is 0, and numbers are exact."""
    code = polynomial(seed)
    try:
        found = degree_of(code)
    except NoClaim:
        return  # an order is no polynomial of the weights that is followed
    assert not found.factors
    if found.numerator > 7:
        return
    elements = int(found.numerator) + 1
    rng = np.random.default_rng(seed)
    draw = np.vectorize(lambda k: Fraction(int(k)), otypes=[object])
    x, y, M = (draw(rng.integers(-3, 4, shape)) for shape in (elements, elements, (elements, 2)))
    total = Fraction(0)
    for kept in itertools.product((False, True), repeat=elements):
        rows = np.flatnonzero(kept)
        if len(rows):
            total += (-1) ** len(rows) * at(code, x[rows], y[rows], M[rows])
    assert total + at(code, x[:0], y[:0], M[:0]) == 0, (code, found)


FAST = 8


def pytest_generate_tests(metafunc):
    if "program" in metafunc.fixturenames:
        count = 8 * metafunc.config.getoption("programs")
        seeds = [
            pytest.param(seed, marks=[pytest.mark.slow] * (seed >= FAST)) for seed in range(max(count, FAST))
        ]
        metafunc.parametrize("program", seeds)


def claim_of(code: str, factor=lambda size: 1.0):
    objective = function(code)

    def manual(x, y):
        return jax.grad(objective)(x, y) * factor(jnp.asarray(x.shape[0], x.dtype))

    derivation = gradient_derivation(manual, objective, "x", shapes=dict(x="n", y="n"))
    pair = Pair(derivation, {})
    return claim(pair, next(iter(derivation.equations.values())), 0)


def test_an_error_beyond_the_sizes_that_decide_is_never_claimed(program):
    """Of a random program the error vanishes at all sizes up to that which would decide the right one."""
    code = composed(program)
    reach = claim_of(code).every.get("n")
    if reach is None:
        return

    def factor(size):
        product = 1.0
        for k in range(1, reach + 1):
            product *= (size - k) / k
        return 1 + product

    right = jax.grad(function(code))(*jax.random.normal(jax.random.key(1), (2, 9)))
    if bool(jnp.any(jnp.abs(right) > 1e-3)):  # zero is zero with any factor
        assert "n" not in claim_of(code, factor).every, code
