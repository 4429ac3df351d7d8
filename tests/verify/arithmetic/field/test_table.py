"""The table of rules as a whole: functions are told apart, and every rule has a test."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from tests.verify.arithmetic.field.evaluation import POINTS, compared, random_leaves, walk
from tests.verify.arithmetic.field.test_rational_rules import EXACT
from tests.verify.arithmetic.field.test_transcendental_rules import LAWS
from verify.arithmetic.field.arithmetic import Field
from verify.arithmetic.field.table import RULES
from verify.interpreter.walker import ShapeDtype, Step

e, ln = jnp.exp, jnp.log


@pytest.mark.parametrize("function", [lax.atan2, lax.pow])
def test_functions_of_two_numbers_are_told_apart(function):
    agreement, _, _ = compared(function, lambda x, y: function(y, x), 3, extended=True)
    assert agreement.mismatch is not None


def test_a_pair_of_arguments_is_not_their_weighted_sum():
    """A hash of 3a + b would take atan2(a + 1, b - 3) for atan2(a, b)."""
    for k in range(1, 6):
        shifted = compared(lax.atan2, lambda x, y, k=k: lax.atan2(x + 1, y - k), 2, extended=True)
        assert shifted[0].mismatch is not None


def test_a_higher_tower_reaches_one_more_exponential():
    left, right = lambda x, y: e(e(e(x + y))), lambda x, y: e(e(e(y) * e(x)))
    for levels in (3, 4):
        agreement, _, fields = compared(left, right, levels, extended=True)
        assert agreement.mismatch is None  # equal arguments of a function that is not understood
        assert all(field.exhausted == (levels == 3) for field in fields)
    left, right = lambda x, y: e(e(e(x)) + e(y)), lambda x, y: e(e(e(x))) * e(e(y))
    assert compared(left, right, 3, extended=True)[0].mismatch is not None  # open
    assert compared(left, right, 4, extended=True)[0].mismatch is None


def test_exponentials_of_one_are_no_number_that_programs_name():
    for number in (2.0, 3.0, 4.0, 9.0, 25.0, 2.718281828459045):
        assert compared(lambda x, y: e(1 + 0 * x), lambda x, y, n=number: n + 0 * x, 2, extended=True)[
            0
        ].mismatch


def test_different_functions_of_one_argument_are_told_apart():
    functions = [
        jnp.sin,
        jnp.cos,
        lax.tan,
        lax.erf,
        lax.asin,
        lax.acos,
        lax.atan,
        lax.asinh,
        lax.acosh,
        lax.atanh,
    ]
    functions += [
        lax.lgamma,
        lax.digamma,
        lax.bessel_i0e,
        lax.bessel_i1e,
        e,
        jnp.exp2,
        ln,
        jnp.tanh,
        jnp.sqrt,
        jnp.cbrt,
    ]
    for i, one in enumerate(functions):
        for other in functions[:i]:
            agreement, _, _ = compared(lambda x, y, f=one: f(x), lambda x, y, f=other: f(x), 3, extended=True)
            assert agreement.mismatch is not None, (one, other)


NEWER: dict[
    str, Callable[..., Any]
] = {  # what newer releases of JAX have a primitive for, in terms of older ones
    "one_minus_square": lambda x: 1 - x * x,
    "exp_neg_sq": lambda x: e(-x * x),
    "polynomial": lambda x, a, b, c: a + b * x + c * x**2,
}


@pytest.mark.parametrize("name, law", NEWER.items())
def test_rules_for_primitives_of_newer_releases(name, law):
    """The rule applied by itself, so that it is tested under any release."""
    leaves = random_leaves(7, 3, law.__code__.co_argcount)
    scalar = ShapeDtype((), np.dtype(np.float64))
    field = Field(POINTS, 3)
    result = RULES[name](field, Step(name, {}, (scalar,) * len(leaves), (scalar,)), *leaves)
    (expected,) = walk(law, Field(POINTS, 3), *leaves)
    assert field.compare(result, expected).mismatch is None
    np.testing.assert_allclose(result.x, expected.x, rtol=1e-12)
    (wrong,) = walk(lambda *x: (1 + 2.0**-50) * law(*x), Field(POINTS, 3), *leaves)
    assert field.compare(result, wrong).mismatch is not None


ELSEWHERE = {  # test_linear_algebra.py, and forward against reverse mode in lanes/test_layers.py
    *("triangular_solve", "lu", "cholesky"),
    *("reduce_window_sum", "reduce_window_max", "reduce_window_min"),
    *("select_and_scatter_add", "select_and_gather_add"),
    *("scatter-max", "scatter-min"),  # ../test_scattered_extremes.py
    "bitcast_convert_type",  # interpreter/test_random_keys.py
    *("rounded_like", "magnitude", "roots_of_unity"),  # programs/test_complex_numbers.py
}
SAME = {
    "scatter_add": "scatter-add",
    "scatter_mul": "scatter-mul",
    "scatter_max": "scatter-max",
    "scatter_min": "scatter-min",
}  # one primitive, whose name differs between releases of JAX


def test_every_rule_has_a_test():
    assert set(RULES) == set(EXACT) | set(LAWS) | set(NEWER) | set(SAME) | ELSEWHERE
    assert all(RULES[name] is RULES[other] for name, other in SAME.items())
