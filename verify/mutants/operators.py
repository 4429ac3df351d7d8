"""The table of operators, one row each, that make any equation wrong, and what is expected to be said of it.

`kind` is the class of real bugs that a row stands for: M1 a cotangent dropped or applied in part, M2 taken for a
scalar, M3 a wrong denominator, M4 an option ignored, M5 too low a precision, M6 a cancellation, M7 what is kept
overwritten, M8 a size assumed, M9 a sum over an axis missing, M10 an index swapped, M11 rows not written, M12 NaN and
infinity, M13 a term missing or twice, M14 a sign, or one region of a function, M15 something random drawn again. The
primal value (M16) is a matter of the gradient whole (`altered_gradients`), and an oracle that is wrong (M17) of the
forward pass (`false_oracles`). M18 is a branch that no data take by chance.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import jax
import jax.numpy as jnp

from verify.mutants.impure import accumulated, drawn_anew
from verify.mutants.mutations import (
    Change,
    Site,
    Variants,
    another_symbol,
    axes,
    function_for_derivative,
    option_ignored,
    other_slope,
    parameter,
    result,
    sizes,
    slope,
)
from verify.verdict import Verdict


class Operator(NamedTuple):
    """A way of being wrong, and the verdict on it: where it only rounds, the algebra stays right.

    What is expected to be proved must not be caught: it is another formula for the same function.
    """

    name: str
    kind: str
    expected: Verdict
    variants: Callable[[Site], Variants]


def _scaled(factor: float) -> Change:
    return lambda array: array * factor


def _transposed(array: Any) -> Any:
    """Transposed where that keeps the shape: a swapped index that only square shapes allow."""
    return array.T if len({*map(str, array.shape)}) == 1 else array


def _first_wrong(array: Any) -> Any:
    return array.at[(0,) * array.ndim].add(1)


def _last_unwritten(array: Any) -> Any:
    return array.at[-1].set(0)


def _first_only(array: Any, axis: int) -> Any:
    """Zero but in the first place of an axis: whatever is summed over it is summed over one term."""
    places = jax.lax.broadcasted_iota(jnp.int32, array.shape, axis)
    return jnp.where(places == 0, array, 0)


def _at_size_one(array: Any) -> Any:
    return array * (0 if 1 in array.shape else 1)


def _in_a_band(array: Any) -> Any:
    """Wrong so seldom that no data meet it by chance."""
    return jnp.where((array > 0.7) & (array < 0.7 + 1e-7), array + 1, array)


def _at_equal_sizes(array: Any) -> Any:
    return array * (2 if len({*map(str, array.shape)}) == 1 else 1)


def _narrow(dtype: Any) -> Change:
    return lambda array: array.astype(dtype).astype(array.dtype)


def _first_everywhere(array: Any) -> Any:
    return jnp.broadcast_to(array[:1], array.shape)


def _complement_rounded(z: Any, derivative: Any) -> Any:
    """1 minus what was rounded to 16 bits: half the digits are gone where the slope is small."""
    return 1 - _narrow(jnp.bfloat16)(1 - derivative)


def _complement(z: Any, derivative: Any) -> Any:
    """The same in one precision: its own rounding explains what it loses, so that it is power that is lost."""
    return 1 - (1 - derivative)


PROVED, REFUTED, INACCURATE, INCONCLUSIVE = (
    Verdict.PROVED,
    Verdict.REFUTED,
    Verdict.INACCURATE,
    Verdict.INCONCLUSIVE,
)
OPERATORS: Final = (
    Operator("negated", "M14", REFUTED, result(_scaled(-1.0))),
    Operator("zeroed", "plain", REFUTED, result(_scaled(0.0))),
    Operator("twice", "plain", REFUTED, result(_scaled(2.0))),
    Operator("half", "plain", REFUTED, result(_scaled(0.5))),
    Operator("times 1 + 1e-6", "plain", REFUTED, result(_scaled(1 + 1e-6))),
    Operator("times 1 + 2^-52", "plain", REFUTED, result(_scaled(1 + 2.0**-52))),
    Operator("NaN", "M12", REFUTED, result(_scaled(float("nan")))),
    Operator("infinite", "M12", REFUTED, result(lambda array: (array + 1) / 0)),
    Operator("one element wrong", "plain", REFUTED, result(_first_wrong)),
    Operator("last row not written", "M11", REFUTED, result(_last_unwritten, rank=1)),
    Operator("transposed where square", "M10", REFUTED, result(_transposed, rank=2)),
    Operator("zero where a size is 1", "M8", REFUTED, result(_at_size_one, rank=1)),
    Operator("twice where sizes are equal", "M8", REFUTED, result(_at_equal_sizes, rank=2)),
    Operator("divided by a size", "M3", REFUTED, sizes(lambda array, size: array / size)),
    Operator("times a size", "M3", REFUTED, sizes(lambda array, size: array * size)),
    Operator("without an array", "M13", REFUTED, parameter(_scaled(0.0))),
    Operator("an array twice", "M13", REFUTED, parameter(_scaled(2.0))),
    Operator("an array halved", "M13", REFUTED, parameter(_scaled(0.5))),
    Operator("an array negated", "M14", REFUTED, parameter(_scaled(-1.0))),
    Operator("another symbol", "plain", REFUTED, another_symbol),
    Operator("an index swapped", "M10", REFUTED, parameter(_transposed, rank=2)),
    Operator("one term of a sum", "M9", REFUTED, axes(_first_only)),
    Operator("cotangent dropped", "M1", REFUTED, parameter(jnp.ones_like, derivatives=True)),
    Operator(
        "the first one's cotangent", "M2", REFUTED, parameter(_first_everywhere, rank=1, derivatives=True)
    ),
    Operator("option ignored", "M4", REFUTED, option_ignored),
    Operator("phi for phi'", "plain", REFUTED, function_for_derivative),
    Operator("slope left of a kink", "plain", REFUTED, other_slope(-1)),
    Operator("slope right of a kink", "plain", REFUTED, other_slope(1)),
    Operator("wrong beyond 2", "M14", REFUTED, slope(lambda z, slope: jnp.where(z > 2, slope + 1, slope))),
    Operator("wrong below -2", "M14", REFUTED, slope(lambda z, slope: jnp.where(z < -2, slope + 1, slope))),
    Operator("wrong in a narrow band", "M18", REFUTED, result(_in_a_band)),
    Operator("arrays in float32", "M5", INACCURATE, parameter(_narrow(jnp.float32))),
    Operator("arrays in bfloat16", "M5", INACCURATE, parameter(_narrow(jnp.bfloat16))),
    Operator("result in float32", "M5", INACCURATE, result(_narrow(jnp.float32))),
    Operator("rounded, then 1 minus it", "M6", INACCURATE, slope(_complement_rounded)),
    Operator("1 minus (1 minus it)", "M6", PROVED, slope(_complement)),
    Operator("adds to a kept buffer", "M7", INCONCLUSIVE, accumulated),
    Operator("noise drawn anew", "M15", INCONCLUSIVE, drawn_anew),
)
