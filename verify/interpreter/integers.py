"""Exact rules for integers and booleans: what XLA does with them, in NumPy, wrap-around included.

A rule takes the step and its plain arrays, each with a leading data axis of 1 or N. `argmax`, `argmin`, the
comparisons and `convert_element_type` take floats as well, so that an arithmetic can ask them about the plain
numbers that steer it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from verify.interpreter.contraction import contract
from verify.interpreter.indexing import scatter_with
from verify.interpreter.movement import Array, align, behind, cumulative, reduced, select
from verify.interpreter.ordering import sort_order, take_order, top_k_order
from verify.interpreter.windows import windows

if TYPE_CHECKING:
    from verify.interpreter.steps import Step

Rule = Callable[..., Any]


def _dtype(step: Step) -> Any:
    return step.outputs[0].dtype


def _elementwise(function: Callable[..., Array]) -> Rule:
    """A NumPy function of aligned operands, whose result wraps around in the dtype of the step."""

    def rule(step: Step, *arrays: Array) -> Array:
        return function(*align(step, *arrays)).astype(_dtype(step), copy=False)

    return rule


# --- arithmetic ---------------------------------------------------------------------------------------------


def _multiply(step: Step, a: Array, b: Array) -> Array:
    a, b = align(step, a.astype(_dtype(step), copy=False), b.astype(_dtype(step), copy=False))  # may be wider
    return a * b


def _divide(a: Array, b: Array) -> Array:
    """Rounds towards zero; a division by zero gives -1, all bits set."""
    with np.errstate(divide="ignore", over="ignore"):
        floor = np.floor_divide(a, b)
        round_up = (np.fmod(a, b) != 0) & ((a < 0) != (b < 0))
    return np.where(b == 0, ~np.zeros_like(a), floor + round_up.astype(a.dtype))


def _remainder(a: Array, b: Array) -> Array:
    """Has the sign of the dividend; a division by zero leaves the dividend."""
    with np.errstate(divide="ignore"):
        return np.where(b == 0, a, np.fmod(a, b))


def _integer_pow(step: Step, a: Array) -> Array:
    return np.power(a, np.asarray(step.params["y"], a.dtype))


def _clamp(low: Array, a: Array, high: Array) -> Array:
    return np.minimum(np.maximum(a, low), high)


# --- bits ---------------------------------------------------------------------------------------------------


def _unsigned(a: Array) -> Array:
    return a.view(f"u{a.dtype.itemsize}")


# NumPy shifts as XLA does: by all the bits there are, or more, or by a negative number, none is left.


def _shift_right_logical(a: Array, by: Array) -> Array:
    return _unsigned(a) >> _unsigned(by)


def _shift_right_arithmetic(a: Array, by: Array) -> Array:
    return a.view(f"i{a.dtype.itemsize}") >> by.view(f"i{a.dtype.itemsize}")


def _count_ones(a: Array) -> Array:
    return np.bitwise_count(_unsigned(a))


def _count_leading_zeros(a: Array) -> Array:
    bits = np.arange(a.dtype.itemsize * 8, dtype=f"u{a.dtype.itemsize}")
    return (_unsigned(a)[..., None] >> bits == 0).sum(axis=-1)


# --- along axes ---------------------------------------------------------------------------------------------


def _reduce(ufunc: np.ufunc) -> Rule:
    def rule(step: Step, array: Array) -> Array:
        return ufunc.reduce(array, axis=behind(step.params["axes"]), dtype=_dtype(step))

    return rule


def _cumulative(ufunc: np.ufunc) -> Rule:
    def rule(step: Step, array: Array) -> Array:
        return cumulative(step, array, functools.partial(ufunc.accumulate, dtype=_dtype(step)))

    return rule


def _window(ufunc: np.ufunc, neutral: Callable[[Any], Any]) -> Rule:
    def rule(step: Step, array: Array) -> Array:
        return ufunc.reduce(windows(step, array, neutral(array.dtype)), axis=-1, dtype=_dtype(step))

    return rule


def _argument(function: Callable[..., Array]) -> Rule:
    def rule(step: Step, array: Array) -> Array:
        return function(reduced(step, array), axis=-1).astype(_dtype(step))

    return rule


def _sort(step: Step, *arrays: Array) -> list[Array]:
    order = sort_order(step, *arrays[: step.params["num_keys"]])
    return [take_order(step, array, order) for array in arrays]


def _top_k(step: Step, array: Array) -> list[Array]:
    order = top_k_order(step, array)
    return [take_order(step, array, order), order.astype(step.outputs[1].dtype)]


# --- making and converting ----------------------------------------------------------------------------------


def iota(step: Step) -> Array:
    """Counts along one dimension; of any dtype."""
    dimension, shape = step.params["dimension"], step.outputs[0].shape
    ends = [1] * (len(shape) + 1)
    ends[dimension + 1] = shape[dimension]
    return np.broadcast_to(np.arange(shape[dimension]).astype(_dtype(step)).reshape(ends), (1, *shape))


def _convert(step: Step, array: Array) -> Array:
    """Wraps integers around; cuts off the fraction of a float and what is beyond the integer's range."""
    dtype = np.dtype(_dtype(step))
    if array.dtype.kind in "biu" or dtype.kind == "b":
        return array.astype(dtype)
    ends = np.iinfo(dtype)
    with np.errstate(invalid="ignore"):
        inner = np.nan_to_num(array, nan=0.0).astype(dtype)
    return np.where(array >= ends.max, ends.max, np.where(array <= ends.min, ends.min, inner)).astype(dtype)


def _bitcast(step: Step, array: Array) -> Array:
    if array.shape[1:] != step.outputs[0].shape:
        raise NotImplementedError(
            f"bitcast_convert_type: {array.dtype} to {_dtype(step)}; supported between integers of one width"
        )
    return array.view(_dtype(step))


def _contract(step: Step, a: Array, b: Array) -> Array:
    return contract(step, a.astype(_dtype(step)), b.astype(_dtype(step)))


def _scatter(ufunc: np.ufunc) -> Rule:
    def rule(step: Step, operand: Array, indices: Array, updates: Array) -> Array:
        return scatter_with(ufunc.at, step, operand, indices, updates)

    return rule


def _lowest(dtype: Any) -> Any:
    return False if dtype.kind == "b" else np.iinfo(dtype).min


def _highest(dtype: Any) -> Any:
    return True if dtype.kind == "b" else np.iinfo(dtype).max


INTEGER_RULES: dict[str, Rule] = {
    "add": _elementwise(np.add),
    "add_any": _elementwise(np.add),
    "sub": _elementwise(np.subtract),
    "mul": _multiply,
    "div": _elementwise(_divide),
    "rem": _elementwise(_remainder),
    "neg": _elementwise(np.negative),
    "abs": _elementwise(np.abs),
    "sign": _elementwise(np.sign),
    "square": _elementwise(np.square),
    "max": _elementwise(np.maximum),
    "min": _elementwise(np.minimum),
    "clamp": _elementwise(_clamp),
    "integer_pow": _integer_pow,
    "and": _elementwise(np.bitwise_and),
    "or": _elementwise(np.bitwise_or),
    "xor": _elementwise(np.bitwise_xor),
    "not": _elementwise(np.invert),
    "shift_left": _elementwise(np.left_shift),
    "shift_right_logical": _elementwise(_shift_right_logical),
    "shift_right_arithmetic": _elementwise(_shift_right_arithmetic),
    "population_count": _elementwise(_count_ones),
    "clz": _elementwise(_count_leading_zeros),
    "eq": _elementwise(np.equal),
    "ne": _elementwise(np.not_equal),
    "lt": _elementwise(np.less),
    "le": _elementwise(np.less_equal),
    "gt": _elementwise(np.greater),
    "ge": _elementwise(np.greater_equal),
    "eq_to": _elementwise(np.equal),
    "lt_to": _elementwise(np.less),
    "le_to": _elementwise(np.less_equal),
    "select_n": select,
    "reduce_sum": _reduce(np.add),
    "reduce_prod": _reduce(np.multiply),
    "reduce_max": _reduce(np.maximum),
    "reduce_min": _reduce(np.minimum),
    "reduce_and": _reduce(np.bitwise_and),
    "reduce_or": _reduce(np.bitwise_or),
    "reduce_xor": _reduce(np.bitwise_xor),
    "argmax": _argument(np.argmax),
    "argmin": _argument(np.argmin),
    "cumsum": _cumulative(np.add),
    "cumprod": _cumulative(np.multiply),
    "cummax": _cumulative(np.maximum),
    "cummin": _cumulative(np.minimum),
    "reduce_window_sum": _window(np.add, lambda dtype: 0),
    "reduce_window_max": _window(np.maximum, _lowest),
    "reduce_window_min": _window(np.minimum, _highest),
    "sort": _sort,
    "top_k": _top_k,
    "iota": iota,
    "convert_element_type": _convert,
    "bitcast_convert_type": _bitcast,
    "dot_general": _contract,
    "conv_general_dilated": _contract,
    "scatter-add": _scatter(np.add),
    "scatter-sub": _scatter(np.subtract),
    "scatter-mul": _scatter(np.multiply),
    "scatter-min": _scatter(np.minimum),
    "scatter-max": _scatter(np.maximum),
}
