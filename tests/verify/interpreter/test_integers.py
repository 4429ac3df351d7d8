"""Integer and boolean rules against jax.lax under vmap: wrap-around, division by zero, shifts by too much."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from verify.interpreter.integers import INTEGER_RULES

CASES = 5
DTYPES = [np.int8, np.uint8, np.int32, np.uint32]


def awkward(random, dtype, *shape):
    """Small numbers, zeros, and both ends of the range."""
    if dtype is bool:
        return random.random((CASES, *shape)) < 0.5
    ends = np.iinfo(dtype)
    special = np.array([ends.min, ends.min + 1, 0, 1, 2, 8, 32, ends.max - 1, ends.max], dtype)
    small = random.integers(max(ends.min, -9), 10, (CASES, *shape)).astype(dtype)
    return np.where(random.random(small.shape) < 0.5, small, random.choice(special, small.shape))


BINARY = {
    "add": lax.add,
    "sub": lax.sub,
    "mul": lax.mul,
    "div": lax.div,
    "rem": lax.rem,
    "max": lax.max,
    "min": lax.min,
    "and": lax.bitwise_and,
    "or": lax.bitwise_or,
    "xor": lax.bitwise_xor,
    "shift_left": lax.shift_left,
    "shift_right_logical": lax.shift_right_logical,
    "shift_right_arithmetic": lax.shift_right_arithmetic,
    "eq": lax.eq,
    "ne": lax.ne,
    "lt": lax.lt,
    "le": lax.le,
    "gt": lax.gt,
    "ge": lax.ge,
    "eq_to": lax.eq_to_p.bind,
    "lt_to": lax.lt_to_p.bind,
    "le_to": lax.le_to_p.bind,
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BINARY)
def test_binary(name, dtype, agrees, random):
    agrees(name, BINARY[name], INTEGER_RULES[name], *(awkward(random, dtype, 40) for _ in range(2)))


def test_multiply_into_a_wider_type(agrees, random):
    multiply = functools.partial(lax.mul, out_dtype=np.int32)
    agrees("mul", multiply, INTEGER_RULES["mul"], *(awkward(random, np.int8, 40) for _ in range(2)))


@pytest.mark.parametrize("name", ["and", "or", "xor", "eq", "ne", "lt", "le", "gt", "ge", "max", "min"])
def test_binary_of_booleans(name, agrees, random):
    agrees(name, BINARY[name], INTEGER_RULES[name], *(awkward(random, bool, 8) for _ in range(2)))


UNARY = {
    "neg": lax.neg,
    "sign": lax.sign,
    "not": lax.bitwise_not,
    "square": lax.square,
    "integer_pow": functools.partial(lax.integer_pow, y=3),
    "population_count": lax.population_count,
    "clz": lax.clz,
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNARY)
def test_unary(name, dtype, agrees, random):
    agrees(name, UNARY[name], INTEGER_RULES[name], awkward(random, dtype, 20))


@pytest.mark.parametrize("dtype", [np.int8, np.int32])
def test_abs(dtype, agrees, random):
    agrees("abs", lax.abs, INTEGER_RULES["abs"], awkward(random, dtype, 20))


def test_not_of_booleans(agrees, random):
    agrees("not", lax.bitwise_not, INTEGER_RULES["not"], awkward(random, bool, 8))


@pytest.mark.parametrize("ends", [(), (3, 4)])
def test_clamp(ends, agrees, random):
    low, high = awkward(random, np.int32, *ends), awkward(random, np.int32, *ends)
    agrees("clamp", lax.clamp, INTEGER_RULES["clamp"], low, awkward(random, np.int32, 3, 4), high)


def test_a_scalar_meets_an_array(agrees, random):
    """As many entries as cases, so that NumPy alone would pair the wrong axes without a word."""
    shapes = (CASES,), ()
    agrees("lt", lax.lt_p.bind, INTEGER_RULES["lt"], *(awkward(random, np.int32, *shape) for shape in shapes))


REDUCTIONS = {
    "reduce_sum": lax.reduce_sum,
    "reduce_prod": lax.reduce_prod,
    "reduce_max": lax.reduce_max,
    "reduce_min": lax.reduce_min,
    "reduce_and": lax.reduce_and,
    "reduce_or": lax.reduce_or,
    "reduce_xor": lax.reduce_xor,
}


@pytest.mark.parametrize("axes", [(0,), (2, 0), ()])
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reduce(name, axes, agrees, random):
    reduce = functools.partial(REDUCTIONS[name], axes=axes)
    agrees(name, reduce, INTEGER_RULES[name], awkward(random, np.int8, 2, 3, 4))


@pytest.mark.parametrize("name", ["reduce_and", "reduce_or", "reduce_xor", "reduce_max"])
def test_reduce_of_booleans(name, agrees, random):
    reduce = functools.partial(REDUCTIONS[name], axes=(0,))
    agrees(name, reduce, INTEGER_RULES[name], awkward(random, bool, 3, 4))


CUMULATIVE = {"cumsum": lax.cumsum, "cumprod": lax.cumprod, "cummax": lax.cummax, "cummin": lax.cummin}


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", CUMULATIVE)
def test_cumulative(name, reverse, agrees, random):
    run = functools.partial(CUMULATIVE[name], axis=1, reverse=reverse)
    agrees(name, run, INTEGER_RULES[name], awkward(random, np.int8, 2, 5))


WINDOWS = {
    "reduce_window_sum": (lax.add, 0),
    "reduce_window_max": (lax.max, -(2**31)),
    "reduce_window_min": (lax.min, 2**31 - 1),
}


@pytest.mark.parametrize("name", WINDOWS)
def test_windows(name, agrees, random):
    computation, neutral = WINDOWS[name]
    pool = functools.partial(
        lax.reduce_window,
        init_value=np.int32(neutral),
        computation=computation,
        window_dimensions=(3, 2),
        window_strides=(1, 2),
        padding="SAME",
    )
    agrees(name, pool, INTEGER_RULES[name], awkward(random, np.int32, 4, 5))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, bool])
@pytest.mark.parametrize(("name", "find"), [("argmax", lax.argmax), ("argmin", lax.argmin)])
def test_argument(name, find, dtype, agrees, random):
    find = functools.partial(find, axis=0, index_dtype=np.int32)
    agrees(name, find, INTEGER_RULES[name], awkward(random, dtype, 6, 2))


@pytest.mark.parametrize("keys", [1, 2])
def test_sort(keys, agrees, random):
    operands = [random.integers(0, 3, (CASES, 6)).astype(dtype) for dtype in (np.int32, np.uint8, np.int8)]
    by = functools.partial(lax.sort, num_keys=keys)
    agrees("sort", lambda *xs: by(xs), INTEGER_RULES["sort"], *operands)


@pytest.mark.parametrize("dtype", [np.int32, np.uint8])
def test_top_k(dtype, agrees, random):
    agrees("top_k", lambda x: lax.top_k(x, 3), INTEGER_RULES["top_k"], awkward(random, dtype, 2, 7))


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.float32])
@pytest.mark.parametrize("dimension", [0, 1])
def test_iota(dimension, dtype, step):
    count = functools.partial(lax.broadcasted_iota, dtype, (3, 4), dimension)
    result = INTEGER_RULES["iota"](step("iota", count))
    np.testing.assert_array_equal(result, np.asarray(count())[None], strict=True)


@pytest.mark.parametrize("after", [np.int8, np.uint8, np.uint32, bool])
@pytest.mark.parametrize("before", [np.int32, np.uint32, np.uint8, bool])
def test_convert(before, after, agrees, random):
    if before is after:
        before = np.int8
    convert = functools.partial(lax.convert_element_type, new_dtype=after)
    operand = awkward(random, before, 20)
    agrees("convert_element_type", convert, INTEGER_RULES["convert_element_type"], operand)


@pytest.mark.parametrize("after", [np.int8, np.uint8, np.int32, np.uint32, bool])
def test_convert_floats(after, agrees):
    """The plain numbers that steer may decide an index."""
    values = [0.0, -0.0, 0.99, -0.99, 1.5, -1.5, 127.6, 128, -129, 255.5, 256, 3e9, -3e9, 5e9]
    operand = np.tile(np.array([*values, np.inf, -np.inf, np.nan], np.float32), (CASES, 1))
    convert = functools.partial(lax.convert_element_type, new_dtype=after)
    agrees("convert_element_type", convert, INTEGER_RULES["convert_element_type"], operand)


def test_bitcast(agrees, random):
    cast = functools.partial(lax.bitcast_convert_type, new_dtype=np.uint32)
    agrees("bitcast_convert_type", cast, INTEGER_RULES["bitcast_convert_type"], awkward(random, np.int32, 9))


def test_bitcast_to_another_width_says_so(step):
    cast = functools.partial(lax.bitcast_convert_type, new_dtype=np.uint8)
    cast = step("bitcast_convert_type", cast, jax.ShapeDtypeStruct((3,), np.int32))
    with pytest.raises(NotImplementedError, match="bitcast_convert_type: int32 to uint8"):
        INTEGER_RULES["bitcast_convert_type"](cast, np.zeros((1, 3), np.int32))


def test_dot_general_wraps_around(agrees, random):
    operands = awkward(random, np.int32, 3, 4), awkward(random, np.int32, 4, 2)
    agrees("dot_general", jnp.matmul, INTEGER_RULES["dot_general"], *operands)


def test_dot_general_into_a_wider_type(agrees, random):
    matmul = functools.partial(jnp.matmul, preferred_element_type=np.int32)
    operands = awkward(random, np.int8, 3, 4), awkward(random, np.int8, 4, 2)
    agrees("dot_general", matmul, INTEGER_RULES["dot_general"], *operands)


def test_convolution(agrees, random):
    convolve = functools.partial(lax.conv, window_strides=(1,), padding="SAME")
    operands = awkward(random, np.int32, 2, 3, 5), awkward(random, np.int32, 4, 3, 2)
    agrees("conv_general_dilated", convolve, INTEGER_RULES["conv_general_dilated"], *operands)


SCATTERS = {
    "scatter-add": lax.scatter_add,
    "scatter-sub": lax.scatter_sub,
    "scatter-mul": lax.scatter_mul,
    "scatter-min": lax.scatter_min,
    "scatter-max": lax.scatter_max,
}


@pytest.mark.parametrize("name", SCATTERS)
def test_scatter(name, agrees, random):
    numbers = lax.ScatterDimensionNumbers((), (0,), (0,))
    write = functools.partial(SCATTERS[name], dimension_numbers=numbers)
    operand, updates = awkward(random, np.int32, 4), awkward(random, np.int32, 9)
    index = random.integers(-1, 5, (CASES, 9, 1)).astype(np.int32)
    agrees(name, write, INTEGER_RULES[name], operand, index, updates)
