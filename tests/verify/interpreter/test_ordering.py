"""Sorting, top_k and argmax as positions, against jax.lax under vmap: ties, NaN and signed zeros included."""

import functools

import jax
import numpy as np
import pytest
from jax import lax

from verify.interpreter.integers import INTEGER_RULES
from verify.interpreter.ordering import pick, sort_order, take_order, top_k_order

CASES = 5


def awkward(random, *shape):
    values = np.array([-np.inf, -1, -0.0, 0.0, 1, 1, np.inf, np.nan], np.float32)
    return random.choice(values, (CASES, *shape))


def distinct(*shape):
    return np.arange(CASES * np.prod(shape)).reshape(CASES, *shape).astype(np.float32)


def sort(step, *operands):
    order = sort_order(step, *operands[: step.params["num_keys"]])
    return [take_order(step, operand, order) for operand in operands]


@pytest.mark.parametrize(("keys", "dimension"), [(1, 0), (1, 1), (2, 0), (2, 1)])
def test_sort_carries_the_other_operands(keys, dimension, agrees, random):
    operands = [awkward(random, 6, 4) for _ in range(keys)] + [distinct(6, 4)]
    by = functools.partial(lax.sort, dimension=dimension, num_keys=keys)
    agrees("sort", lambda *xs: by(xs), sort, *operands)


@pytest.mark.parametrize("shared", [(True, False), (False, True)])
def test_order_of_one_case_for_all(shared, step, random):
    """The positions may come from one case and the array from many, or the other way round."""
    keys, values = random.normal(size=(CASES, 4)), distinct(4)
    keys, values = (a[:1] if one else a for a, one in zip((keys, values), shared, strict=True))
    by = step("sort", lambda x: lax.sort(x, num_keys=1), np.zeros(4))
    expected = [
        value[np.argsort(key)]
        for key, value in zip(*(np.broadcast_to(a, (CASES, 4)) for a in (keys, values)), strict=True)
    ]
    np.testing.assert_array_equal(take_order(by, values, sort_order(by, keys)), expected)


@pytest.mark.parametrize("axis", [0, 1])
def test_top_k(axis, agrees, random):
    def rule(step, keys):
        order = top_k_order(step, keys)
        return [take_order(step, keys, order), order.astype(np.int32)]

    agrees("top_k", functools.partial(lax.top_k, k=3, axis=axis), rule, awkward(random, 5, 4))


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(("name", "function"), [("argmax", lax.argmax), ("argmin", lax.argmin)])
def test_argument_of_floats(name, function, axis, agrees, random):
    find = functools.partial(function, axis=axis, index_dtype=np.int32)
    agrees(name, find, INTEGER_RULES[name], awkward(random, 4, 3))


def test_pick_reads_what_argmax_found(random):
    keys = random.normal(size=(CASES, 3, 4))
    np.testing.assert_array_equal(pick(keys, keys.argmax(axis=-1)), keys.max(axis=-1))
    np.testing.assert_array_equal(pick(keys, keys[:1].argmax(axis=-1))[0], keys[0].max(axis=-1))


def test_top_k_of_symbolic_rank_defaults_to_the_last_axis(step):
    largest = step("top_k", lambda x: lax.top_k(x, 2), jax.ShapeDtypeStruct((3, 4), np.float32))
    keys = np.arange(12.0).reshape(1, 3, 4)
    np.testing.assert_array_equal(top_k_order(largest, keys), np.tile([3, 2], (1, 3, 1)))
