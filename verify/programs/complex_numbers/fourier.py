"""The discrete Fourier transforms of `jax.numpy.fft` as products with matrices of roots of unity.

X_k = sum_j x_j e^(-2 pi i j k / n), its inverse with the opposite sign over n; of real data the first n/2 + 1 are kept,
and the inverse takes the others for their conjugates.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from verify.programs.complex_numbers.parts import Parts, as_parts
from verify.programs.complex_numbers.primitives import roots_of_unity, rounded_like

FFT, IFFT, RFFT, IRFFT = range(4)


def fft(params: dict[str, Any], value: Any) -> Any:
    """The transform of the last axes, as many as there are lengths."""
    kind, lengths = int(params["fft_type"]), tuple(params["fft_lengths"])
    rank = len(value.re.shape if isinstance(value, Parts) else value.shape)
    axes = range(rank - len(lengths), rank)
    if kind == RFFT:
        value = as_parts(value)
    inverse = kind in (IFFT, IRFFT)
    order = [*zip(axes, lengths, strict=True)]
    last_axis, last_length = order.pop()
    if kind == RFFT:
        value = _transformed(value, last_axis, last_length, inverse, last_length // 2 + 1)
    for axis, length in reversed(order):
        value = _transformed(value, axis, length, inverse, length)
    if kind == IRFFT:
        return _real_inverse(value, last_axis, last_length)
    return value if kind == RFFT else _transformed(value, last_axis, last_length, inverse, last_length)


def _transformed(value: Parts, axis: int, length: Any, inverse: bool, kept: Any) -> Parts:
    """Along one axis of this length, of which the first `kept` entries are asked for."""
    cosines, sines = (lax.slice_in_dim(m, 0, kept) for m in roots_of_unity(length, value.re.dtype))
    re, im = value
    if inverse:
        count = _number(length, re.dtype)
        re, im, sines = re / count, im / count, -sines
    straight = _along(cosines, re, axis) + _along(sines, im, axis)
    across = _along(cosines, im, axis) - _along(sines, re, axis)
    return Parts(*(rounded_like(part, re, im, axis=axis, count=length) for part in (straight, across)))


def _real_inverse(value: Parts, axis: int, length: Any) -> jax.Array:
    """The real data of which these are the first coefficients; each but the first and the middle one stands for two."""
    kept = length // 2 + 1
    cosines, sines = (lax.slice_in_dim(m, 0, kept, axis=1) for m in roots_of_unity(length, value.re.dtype))
    places = lax.iota(np.int32, kept)
    alone = (places == 0) | (2 * places == jnp.asarray(length, np.int32))
    ones = jnp.ones_like(cosines[0])
    weights = lax.select(alone, ones, 2.0 * ones) / _number(length, ones.dtype)
    shape = [1] * len(value.re.shape)
    shape[axis] = kept
    re, im = (part * jnp.reshape(weights, shape) for part in value)
    result = _along(cosines, re, axis) - _along(sines, im, axis)
    return rounded_like(result, re, im, axis=axis, count=length)


def _along(matrix: jax.Array, value: jax.Array, axis: int) -> jax.Array:
    """A matrix times a value along one of its axes."""
    return jnp.moveaxis(jnp.tensordot(matrix, value, (1, axis), precision="highest"), 0, axis)


def _number(length: Any, dtype: Any) -> jax.Array:
    return jnp.asarray(length).astype(dtype)
