"""Primitives that stand in the real program of a complex one, where jax has none: the arithmetics have their rules.

`rounded_like(x, *terms, axis=, count=)` is x. XLA computes complex quotients, moduli and transforms by formulas of its
own, whose roundings are relative to these terms (summed along `axis`, where there is one, of `count` entries): that
many more units roundoff are allowed for. `magnitude(x)` is |x| for such a term, at which the field does not look.

`roots_of_unity(length=, dtype=)` gives two square matrices, cos(2 pi j k / length) and sin(2 pi j k / length), which
are exact in the field.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jax.core import ShapedArray
from jax.extend import core

from verify.arithmetic.turns import cosines_and_sines

rounded_like_p = core.Primitive("rounded_like")
magnitude_p = core.Primitive("magnitude")
roots_of_unity_p = core.Primitive("roots_of_unity")
roots_of_unity_p.multiple_results = True


@rounded_like_p.def_abstract_eval
def _same(x: Any, *terms: Any, axis: int | None, count: Any) -> Any:
    return ShapedArray(x.shape, x.dtype)


@rounded_like_p.def_impl
def _itself(x: Any, *terms: Any, axis: int | None, count: Any) -> Any:
    return x


@magnitude_p.def_abstract_eval
def _same_shape(x: Any) -> Any:
    return ShapedArray(x.shape, x.dtype)


@magnitude_p.def_impl
def _absolute(x: Any) -> Any:
    return abs(x)


@roots_of_unity_p.def_abstract_eval
def _two_matrices(*, length: Any, dtype: Any) -> list[Any]:
    return [ShapedArray((length, length), dtype)] * 2


@roots_of_unity_p.def_impl
def _in_floats(*, length: int, dtype: Any) -> list[Any]:
    return [part.astype(dtype) for part in cosines_and_sines(length)]


def rounded_like(x: jax.Array, *terms: jax.Array, axis: int | None = None, count: Any = 1) -> jax.Array:
    """x, which the device may have rounded as these terms."""
    return rounded_like_p.bind(x, *terms, axis=axis, count=count)


def magnitude(x: jax.Array) -> jax.Array:
    """|x| in bounds, and anything in the field."""
    return magnitude_p.bind(x)


def roots_of_unity(length: Any, dtype: Any) -> tuple[jax.Array, jax.Array]:
    """The real and the imaginary parts of the powers of the first root of unity, by row times column."""
    cosines, sines = roots_of_unity_p.bind(length=length, dtype=np.dtype(dtype))
    return cosines, sines
