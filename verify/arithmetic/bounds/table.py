"""Which rule bounds which primitive."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from verify.arithmetic.bounds import basic_operations as elementwise
from verify.arithmetic.bounds import bit_patterns as bits
from verify.arithmetic.bounds import casts as conversion
from verify.arithmetic.bounds import comparisons as logic
from verify.arithmetic.bounds import extremes, linear_systems, sorting, sums
from verify.arithmetic.bounds.complex_parts import roots_of_unity, rounded_like
from verify.arithmetic.bounds.elementary_functions import ELEMENTARY, atan2, elementary
from verify.arithmetic.bounds.indexing import indexed
from verify.arithmetic.bounds.matrix_products import contraction
from verify.arithmetic.bounds.scattered_extremes import scattered_extreme
from verify.arithmetic.bounds.value import Bounded
from verify.interpreter.indexing import INDEXED_MOVES
from verify.interpreter.integers import INTEGER_RULES

Rule = Callable[..., Any]

FLOAT_RULES: dict[str, Rule] = {
    # arithmetic
    "add": elementwise.linear(np.add),
    "add_any": elementwise.linear(np.add),
    "sub": elementwise.subtract,
    "mul": elementwise.mul,
    "div": elementwise.div,
    "rem": elementwise.remainder,
    "neg": elementwise.neg,
    "abs": elementwise.absolute,
    "sign": elementwise.sign,
    "square": elementwise.integer_pow,
    "integer_pow": elementwise.integer_pow,
    "one_minus_square": elementwise.one_minus_square,
    "pow": elementwise.power,
    "floor": elementwise.stepwise(np.floor),
    "ceil": elementwise.stepwise(np.ceil),
    "round": elementwise.stepwise(np.rint),
    "nextafter": elementwise.nextafter,
    # functions
    **{name: elementary(name) for name in ELEMENTARY},
    "atan2": atan2,
    "polynomial": bits.polynomial,
    # extremes and orders
    "max": extremes.either(True),
    "min": extremes.either(False),
    "clamp": extremes.clamp,
    "reduce_max": extremes.reduce_extreme(True),
    "reduce_min": extremes.reduce_extreme(False),
    "argmax": extremes.argument(True),
    "argmin": extremes.argument(False),
    "cummax": extremes.cumulative_extreme(np.maximum),
    "cummin": extremes.cumulative_extreme(np.minimum),
    "reduce_window_max": extremes.window_extreme(True),
    "reduce_window_min": extremes.window_extreme(False),
    "select_and_scatter_add": extremes.scatter_extreme,
    "sort": sorting.sort,
    "top_k": sorting.top_k,
    # sums and products
    "reduce_sum": sums.reduce_sum,
    "cumsum": sums.cumsum,
    "reduce_window_sum": sums.window_sum,
    "scatter-add": sums.scatter_sum(1.0),
    "scatter-sub": sums.scatter_sum(-1.0),
    "scatter-mul": sums.multiply_scattered,
    "scatter-max": scattered_extreme(True),
    "scatter-min": scattered_extreme(False),
    "reduce_prod": sums.reduce_prod,
    "cumprod": sums.cumprod,
    "cumlogsumexp": sums.cumlogsumexp,
    "dot_general": contraction,
    "conv_general_dilated": contraction,
    # linear systems
    "lu": linear_systems.factors,
    "cholesky": linear_systems.factors,
    "triangular_solve": linear_systems.solution,
    # complex numbers in parts
    "rounded_like": rounded_like,
    "magnitude": elementwise.absolute,
    "roots_of_unity": roots_of_unity,
    # truth values
    "eq": logic.comparison(np.equal),
    "ne": logic.comparison(np.not_equal),
    "lt": logic.comparison(np.less),
    "le": logic.comparison(np.less_equal),
    "gt": logic.comparison(np.greater),
    "ge": logic.comparison(np.greater_equal),
    "is_finite": logic.is_finite,
}

MIXED_RULES: dict[str, Rule] = {
    **{name: indexed(name) for name in INDEXED_MOVES},
    "select_n": logic.select_n,
    "convert_element_type": conversion.convert_element_type,
    "reduce_precision": conversion.reduce_precision,
    "iota": conversion.counted,
    "bitcast_convert_type": bits.bitcast,
    "and": bits.bitwise_and,
}


def _by_kind(rule: Rule | None, arithmetic: Any, step: Any, *operands: Any) -> Any:
    """A primitive of floats, or else of integers of which some are in doubt."""
    if rule is not None and any(isinstance(operand, Bounded) for operand in operands):
        return rule(arithmetic, step, *operands)
    return logic.in_doubt(arithmetic, step, *operands)


RULES: Mapping[str, Rule] = {
    **FLOAT_RULES,
    **{name: functools.partial(_by_kind, FLOAT_RULES.get(name)) for name in INTEGER_RULES},
    **MIXED_RULES,
}
