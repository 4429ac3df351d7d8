"""Casts, bits, numbers beyond the range, and primitives without a rule: what the bounds then say."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.verify.arithmetic.bounds.evaluation import errors, walk
from verify.arithmetic.bounds.arithmetic import Bounds
from verify.arithmetic.bounds.value import Bounded, Doubtful, differs

lax = jax.lax
Function = Callable[..., Any]


# --- casts


def test_float32_inside_float64_is_a_difference_and_not_an_error():
    (result,) = walk(lambda x: x.astype(jnp.float32).astype(jnp.float64), [1 / 3])
    assert result.value[0, 0] == np.float32(1 / 3) and errors(result)[0] == 0
    assert differs(result, Bounded(np.array([[1 / 3]])))[0].all()


def test_in_a_narrower_run_the_same_cast_is_none():
    (result,) = walk(lambda x: x.astype(jnp.float32), [0.375], bounds=Bounds("bfloat16"))
    assert errors(result)[0] == 0
    (result,) = walk(
        lambda x: (x.astype(jnp.float32) / 3).astype(jnp.float64), [1.0], bounds=Bounds("bfloat16")
    )
    assert 2.0**-10 < errors(result)[0] < 2.0**-8


def test_integers_become_floats_exactly_as_long_as_they_fit():
    for dtype, exact in (("float64", True), ("float32", True), ("bfloat16", False)):
        (result,) = walk(lambda x: jnp.arange(258).astype(x.dtype)[257], [0.0], bounds=Bounds(dtype))
        assert (errors(result) == 0) == exact


def test_a_truth_value_in_doubt_is_wrong_by_one():
    (result,) = walk(lambda x: (x > 0).astype(jnp.float64), ([0.0, 1.0], [0.1, 0.1]))
    assert errors(result).tolist() == [1.0, 0.0]


# --- beyond the range


def test_overflow_is_indeterminate():
    for dtype, value in (("float64", 1e200), ("float32", 1e30), ("float16", 1e3)):
        (result,) = walk(lambda x: x * x, [value], bounds=Bounds(dtype))
        assert errors(result)[0] == np.inf, dtype
    (result,) = walk(jnp.exp, [1000.0])
    assert errors(result)[0] == np.inf


def test_what_is_certainly_not_finite_stays_so():
    for function in (
        lambda x: 1 / (x - x),
        lambda x: jnp.log(x - x),
        lambda x: jnp.log(-x),
        lambda x: x * jnp.nan,
    ):
        (result,) = walk(lambda x, f=function: f(x) * x + x, [3.0])
        assert not np.isfinite(result.value[0, 0]) and errors(result)[0] == 0
    (result,) = walk(lambda x, W: W @ (x * jnp.nan), ([1.0], [1e-3]), [[2.0]])
    assert np.isnan(result.value[0, 0]) and errors(result)[0] == 0


@pytest.mark.parametrize("product", [lambda x: jnp.prod(x, axis=1), lambda x: jnp.cumprod(x, axis=1)[:, -1]])
def test_a_product_that_overflows_is_indeterminate_and_one_of_an_infinity_is_certain(product):
    rows = [[1e200, 1e200, 1e-200], [np.inf, 2.0, 3.0], [np.inf, 0.0, 1.0], [2.0, 3.0, 4.0]]
    (result,) = walk(product, rows)
    assert errors(result).tolist() == [np.inf, 0, 0, 0]
    (result,) = walk(product, (rows, np.full((4, 3), 1e-9)))
    assert (errors(result)[:3] == np.inf).all() and errors(result)[3] < 1e-6


def test_a_negative_number_that_may_be_positive_has_no_certain_root():
    (result,) = walk(jnp.sqrt, ([-1e-20], [1e-16]))
    assert errors(result)[0] == np.inf


def test_masking_with_infinity_is_exact():
    def attention(scores):
        masked = jnp.where(jnp.array([True, False, True]), scores, -jnp.inf)
        return jax.nn.softmax(masked)

    (result,) = walk(attention, ([1.0, 2.0, 1.5], [1e-9, 1e-9, 1e-9]))
    assert result.value[0, 1] == 0 and errors(result)[1] < 1e-300
    assert (errors(result) < 1e-8).all()


# --- bits


def test_a_masked_number_is_as_certain_as_its_leading_bits():
    def split(x):
        bits = lax.bitcast_convert_type(x, jnp.uint64) & jnp.uint64(0xFFFFFFFFF8000000)
        high = lax.bitcast_convert_type(bits, jnp.float64)
        return high, x - high

    high, low = walk(split, ([1 / 3, -1 / 3, 1.0], [1e-16, 1e-16, 1e-16]))
    assert errors(high)[:2].tolist() == [0.0, 0.0] and 0 < errors(high)[2] < 1e-7
    assert (errors(low)[:2] < 3e-16).all() and (np.abs(low.value) < 1e-8).all()


def test_the_bits_of_a_narrower_type_are_certain_where_it_holds_the_number():
    def signed(x):
        bits = lax.bitcast_convert_type(x.astype(jnp.float32), jnp.int32) | jnp.int32(-(2**31))
        return lax.bitcast_convert_type(bits, jnp.float32).astype(jnp.float64)

    (result,) = walk(signed, ([1.5, -2.0, 0.75], [0.0, 0.0, 1e-9]))
    assert result.value.tolist() == [[-1.5, -2.0, -0.75]]
    assert errors(result).tolist() == [0.0, 0.0, np.inf]


def test_bits_used_as_integers_are_in_doubt():
    (unsure,) = walk(lambda x: lax.bitcast_convert_type(x, jnp.int64) >> 52, ([1.0], [1e-16]))
    assert isinstance(unsure, Doubtful) and unsure.doubt.all()


def test_what_a_gather_reads_outside_is_certain():
    def read(x):
        beyond = jnp.array([1, 7])
        return x.at[beyond].get(mode="fill"), x.at[beyond].get(mode="fill", fill_value=5.0)

    missing, filled = walk(read, ([1.0, 2.0], [1e-3, 1e-3]))
    assert np.isnan(missing.value[0, 1]) and filled.value[0].tolist() == [2.0, 5.0]
    assert errors(missing).tolist() == errors(filled).tolist() == [1e-3, 0.0]


# --- no rule


def test_a_primitive_without_a_rule_is_named_and_never_silent():
    bounds = Bounds()
    matrix = np.array([[4.0, 1.0], [1.0, 3.0]])
    (result,) = walk(jnp.linalg.cholesky, (matrix, np.full((2, 2), 1e-9)), bounds=bounds)
    assert bounds.estimated == {"cholesky"}
    np.testing.assert_allclose(result.value[0], np.linalg.cholesky(matrix), rtol=1e-14)
    assert 1e-10 < errors(result)[0, 0] < 1e-8


def test_complex_numbers_are_indeterminate():
    bounds = Bounds()
    (result,) = walk(lambda x: jnp.abs(jnp.fft.fft(x)), [1.0, 2.0], bounds=bounds)
    assert np.isinf(errors(result)).all() and "fft" in bounds.estimated


@pytest.mark.parametrize(
    "function", [jnp.tanh, jax.nn.sigmoid, jnp.sin, jnp.cos, jax.scipy.special.erf, jnp.sign]
)
def test_nothing_is_known_of_a_bounded_function_of_what_overflowed(function):
    """inf - inf may have come before, and tanh(NaN) is NaN."""
    (result,) = walk(function, Bounded(np.array([2.0]), np.array([np.inf])))
    assert np.isinf(errors(result)).all()


@pytest.mark.parametrize("function", [lambda p, q, b: p / q / b, lambda p, q, b: b / (p / q)])
def test_quotients_of_quotients_may_be_rearranged(function):
    """XLA multiplies the two divisors, or a dividend and a divisor, and in float16 their product overflows."""
    operands = [np.array([[2.0, 5.0]]), np.array([[200.0, 20.0]]), np.array([[400.0, 30.0]])]
    bounds = Bounds("float16")
    (result,) = walk(function, *map(bounds.exact, operands), bounds=bounds)
    got = np.asarray(jax.jit(function)(*[operand[0].astype(np.float16) for operand in operands]), np.float64)
    error = np.ravel(errors(result))
    assert not (np.abs(got - result.value[0]) > error).any()
    assert error[0] == np.inf and error[1] < 1
