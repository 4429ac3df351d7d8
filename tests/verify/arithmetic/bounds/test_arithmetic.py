"""Rules of the bounds that have an answer known beforehand: exactness, doubt, hulls."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.verify.arithmetic.bounds.evaluation import errors, walk
from verify.arithmetic.bounds.arithmetic import Bounds
from verify.arithmetic.bounds.value import Doubtful

lax = jax.lax
Function = Callable[..., Any]


# --- exactness


def test_what_a_gather_fills_in_is_summed_and_multiplied_like_any_exact_number():
    def function(a):
        taken = jnp.take(a, jnp.arange(2)[:, None] + jnp.arange(2), axis=0, mode="fill", fill_value=0)
        return jnp.einsum("tki,kj->tij", taken, a), jnp.prod(taken + 1, axis=1), jnp.sum(taken, axis=(1, 2))

    for result in walk(function, [[1.0, 2.0], [3.0, 4.0]]):
        assert (errors(result) == 0).all() and result.errors.shape in ((), result.value.shape)


@pytest.mark.parametrize(
    ("function", "operands", "bits"),
    [
        (lambda a, b: a + b, ([3.0], [2.0**-20]), 22),
        (lambda a, b: a - b, ([2.0**10], [1.0]), 10),
        (lambda a, b: a * b, ([31.0], [33.0]), 10),
        (lambda a: a**3, ([5.0],), 7),
        (lambda a: a * a, ([129.0],), 15),
        (lambda a: jnp.sum(a), ([100.0, 28.0, -127.0],), 8),  # the sum of absolute terms decides
        (lambda a: jnp.prod(a), ([3.0, 5.0, 7.0],), 7),
        (lambda a: jnp.cumsum(a), ([3.0, 4.0],), 3),
        (lambda a, b: a @ b, ([[7.0, 9.0]], [9.0, 7.0]), 7),
    ],
)
def test_an_operation_is_exact_in_as_many_bits_as_its_largest_sum_takes(function, operands, bits):
    for dtype, available in (("bfloat16", 8), ("float16", 11), ("float32", 24), ("float64", 53)):
        (result,) = walk(function, *operands, bounds=Bounds(dtype))
        rounded = function is not EXACT_DOT and available < bits
        assert (errors(result) == 0).all() == (not rounded), dtype


def EXACT_DOT(a, b):  # a 16-bit dot accumulates in float32 and is rounded once
    return a @ b


def test_a_16_bit_dot_is_exact_when_its_result_is_short():
    a, b = [[100.0, 100.0]], [1.0, -1.0]
    (difference,) = walk(EXACT_DOT, a, b, bounds=Bounds("bfloat16"))
    (total,) = walk(EXACT_DOT, a, [1.0, 1.28125], bounds=Bounds("bfloat16"))
    assert errors(difference)[0] == 0 and errors(total)[0] > 0


def test_tf32_takes_inputs_of_11_bits():
    for inputs, exact in ((2047.0, True), (4095.0, False)):
        (result,) = walk(EXACT_DOT, [[inputs]], [1.0], bounds=Bounds("float32", "default", "gpu"))
        assert (errors(result)[0] == 0) == exact
        (result,) = walk(EXACT_DOT, [[inputs]], [1.0], bounds=Bounds("float32", "highest", "gpu"))
        assert errors(result)[0] == 0


@pytest.mark.parametrize(
    ("function", "argument", "value"),
    [
        (jnp.exp, 0.0, 1.0), (jnp.exp, -np.inf, 0.0), (jnp.expm1, 0.0, 0.0), (jnp.log, 1.0, 0.0),
        (jnp.log1p, 0.0, 0.0), (jnp.tanh, 0.0, 0.0), (jax.nn.sigmoid, 0.0, 0.5), (jnp.sqrt, 9.0, 3.0),
        (jnp.sqrt, 0.0, 0.0), (jnp.cos, 0.0, 1.0), (jnp.sin, 0.0, 0.0), (lax.erf, 0.0, 0.0),
        (lax.erfc, 0.0, 1.0),
        (lambda x: x**0.75, 0.0, 0.0), (lambda x: lax.pow(x, 2.5), 0.0, 0.0),
        (lambda x: x / 4, 3.0, 0.75), (lambda x: 0 / x, 3.0, 0.0), (lambda x: jnp.float64(1) * x, 3.0, 3.0),
    ],
)  # fmt: skip
def test_known_points_are_exact(function, argument, value):
    (result,) = walk(function, [argument])
    assert result.value[0, 0] == value and errors(result)[0] == 0


@pytest.mark.parametrize(
    "function", [jnp.exp, jnp.sqrt, jnp.log, lambda x: 1 / x, lambda x: x / 3, lambda x: 0.1 * x]
)
def test_other_points_are_not(function):
    (result,) = walk(function, [7.0])
    assert errors(result)[0] > 0


def test_a_rounded_literal_carries_an_error_and_a_dyadic_one_does_not():
    bounds = Bounds()
    assert bounds.constant(np.array([1 / 6])).errors[0] > 0
    assert bounds.constant(np.array([0.375])).error is None
    assert Bounds("bfloat16").constant(np.array([257.0])).errors[0] > 0
    assert bounds.constant(np.array([-np.inf])).error is None


def test_a_leaf_that_the_dtype_cannot_hold_is_not_exact():
    assert Bounds("float32").exact(np.array([[0.1]])).errors[0, 0] > 0
    assert Bounds("float64").exact(np.array([[0.1]])).error is None
    assert Bounds("float32").exact(np.array([[1e-40]])).errors[0, 0] == 1e-40  # a denormal may count as zero


def test_an_exact_zero_rounds_nothing():
    a = ([1.0], [1e-10])
    for function in (lambda x, z: x + z, lambda x, z: z + x, lambda x, z: x - z):
        (result,) = walk(function, a, [0.0])
        assert errors(result)[0] == 1e-10
    (result,) = walk(lambda x, z: x * z, a, [0.0])
    assert errors(result)[0] == 0


def test_adding_without_a_bit_to_spare_is_rounded():
    (result,) = walk(lambda x, y: x + y, [2.0**53], [1.0])
    assert errors(result)[0] > 0


# --- doubt


@pytest.mark.parametrize("error", [0.0, 1e-3])
def test_comparisons_are_in_doubt_within_the_bound_only(error):
    values, threshold = [-1.0, 0.0, 5e-4, 1.0], 0.0
    (result,) = walk(lambda x: x > threshold, (values, np.full(4, error)))
    if error:
        assert isinstance(result, Doubtful) and result.doubt[0].tolist() == [False, True, True, False]
    else:
        assert isinstance(result, np.ndarray) and result[0].tolist() == [False, False, True, True]


def test_a_choice_in_doubt_is_the_hull_of_both():
    (result,) = walk(lambda x: jnp.where(x > 0, 3.0, 1.0), ([0.0, 1.0], [0.1, 0.1]))
    assert result.value[0].tolist() == [1.0, 3.0] and errors(result).tolist() == [2.0, 0.0]


def test_logic_settles_what_it_can():
    def function(x):
        unsure, true = x > 0, jnp.bool_(True)
        return (unsure | true) & ~(unsure & ~true), unsure ^ true, jnp.any(unsure), jnp.all(unsure)

    settled, unsettled, some, all_of = walk(function, ([0.0, 1.0], [0.1, 0.1]))
    assert isinstance(settled, np.ndarray) and settled.all()
    assert isinstance(unsettled, Doubtful) and unsettled.doubt[0].tolist() == [True, False]
    assert isinstance(some, np.ndarray) and some.all()  # one is certainly true
    assert isinstance(all_of, Doubtful)


@pytest.mark.parametrize("largest", [True, False])
def test_who_won_is_known_from_the_number_itself(largest):
    """eq(x, max(x, y)) means x >= y: decided although x is not exact."""
    pick, reduce = (jnp.maximum, jnp.max) if largest else (jnp.minimum, jnp.min)
    x, y = ([1.0, -1.0, 0.0], np.full(3, 1e-3)), [0.0, 0.0, 0.0]
    (result,) = walk(lambda x, y: x == pick(x, y), x, y)
    assert isinstance(result, Doubtful) and result.doubt[0].tolist() == [False, False, True]
    assert result.value[0, :2].tolist() == [largest, not largest]
    (result,) = walk(lambda x: x == reduce(x), x)
    assert isinstance(result, np.ndarray) and result[0].tolist() == [largest, not largest, False]


def test_a_maximum_has_the_error_of_the_winner():
    (result,) = walk(jnp.maximum, ([1.0, 0.0], [1e-6, 1e-6]), ([0.0, 0.0], [1e-3, 1e-3]))
    assert errors(result).tolist() == [1e-6, 1e-3]
    (result,) = walk(jnp.max, ([1.0, 0.0], [1e-6, 1e-3]))
    assert errors(result) == 1e-6


def test_a_number_equals_itself():
    different, same = walk(lambda x: (x != x, x == x), ([1.0], [0.1]))
    assert not different.any() and same.all()


def test_positions_in_doubt_leave_a_case_undecided():
    def chosen(x, y):
        return y[jnp.argmax(x)]

    (result,) = walk(chosen, ([1.0, 1.0], [0.1, 0.1]), [5.0, 6.0])
    assert errors(result) == np.inf
    (result,) = walk(chosen, [1.0, 1.0], [5.0, 6.0])  # an exact tie: the first
    assert result.value == 5.0 and errors(result) == 0


def test_sorting_moves_no_entry_by_more_than_the_largest_error():
    (result,) = walk(jnp.sort, ([3.0, 1.0, 1.01, 9.0], [1e-9, 0.1, 1e-9, 1e-9]))
    assert result.value[0].tolist() == [1.0, 1.01, 3.0, 9.0]
    assert errors(result).tolist() == [0.1, 0.1, 1e-9, 1e-9]
    (order,) = walk(jnp.argsort, ([3.0, 1.0, 1.01, 9.0], [1e-9, 0.1, 1e-9, 1e-9]))
    assert isinstance(order, Doubtful) and order.doubt[0].tolist() == [True, True, False, False]


def test_top_k_knows_what_it_left_out():
    values, positions = walk(lambda x: lax.top_k(x, 2), ([3.0, 2.0, 1.99], [0.0, 0.1, 0.1]))
    assert values.value[0].tolist() == [3.0, 2.0] and positions.doubt[0].tolist() == [False, True]


def test_a_loop_that_may_end_elsewhere_is_undecided():
    def halve(x):
        return lax.while_loop(lambda v: v > 1.0, lambda v: v / 2, x)

    (result,) = walk(halve, (8.0, 1e-3))
    assert errors(result) == np.inf
    (result,) = walk(halve, (9.0, 1e-3))
    assert errors(result) < 1e-3
