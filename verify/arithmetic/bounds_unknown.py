r"""Primitives without a rule: the value from jax itself, in float64 on the host, and an estimated error.

The estimate is |J| (e + 2 n u max|x|) with the Jacobian J at the carried values and n the longest axis of the operands: first
order in the operands' errors, and as if the algorithm were stable up to a factor of n. It is never zero by silence.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from verify.arithmetic.bounded import Array, Bounded, Doubtful, numbers
from verify.arithmetic.units import HOST

if TYPE_CHECKING:
    from verify.arithmetic.bounds import Bounds
    from verify.interpret import Step

Value = Any


def estimate(arithmetic: Bounds, step: Step, *operands: Value) -> list[Value]:
    """The results of one primitive."""
    if step.equation is None:
        raise NotImplementedError(f"{step.primitive}: no rule, and no equation to evaluate it by")
    cases = max((len(numbers(operand)) for operand in operands), default=1)
    arrays = [
        np.broadcast_to(numbers(operand), (cases, *numbers(operand).shape[1:])).astype(aval.dtype)
        for operand, aval in zip(operands, step.inputs, strict=True)
    ]
    floats = tuple(i for i, operand in enumerate(operands) if isinstance(operand, Bounded))
    with jax.enable_x64(True), jax.default_device(jax.devices("cpu")[0]):
        apply = functools.partial(_bind, step)
        values = [np.asarray(value) for value in jax.jit(jax.vmap(apply))(*arrays)]
        jacobian = _jacobian(apply, floats, step, arrays)
    unit, longest = arithmetic.units.run, max((n for aval in step.inputs for n in aval.shape), default=1)
    moved = {}
    for i in floats:
        size = np.abs(arrays[i]).reshape(cases, -1).max(axis=1, initial=0.0).reshape(-1, *(1,) * (arrays[i].ndim - 1))
        moved[i] = operands[i].errors + 2 * longest * (unit.u + HOST) * size + unit.tiny
    return [_with_error(value, row, moved, unit.u) for value, row in zip(values, jacobian, strict=True)]


def _bind(step: Step, *arrays: Any) -> list[Any]:
    assert step.equation is not None
    primitive = step.equation.primitive
    results = primitive.bind(*arrays, **step.params)
    return list(results) if primitive.multiple_results else [results]


def _jacobian(apply: Any, floats: tuple[int, ...], step: Step, arrays: list[Array]) -> list[dict[int, Array] | None]:
    """For each result its derivative by each float operand, case by case; None where there is none."""
    smooth = [jnp.issubdtype(output.dtype, np.floating) for output in step.outputs]
    if not floats or not any(smooth):
        return [None] * len(smooth)

    def smooth_results(*operands: Any) -> list[Any]:
        return [result for result, is_smooth in zip(apply(*operands), smooth, strict=True) if is_smooth]

    try:
        rows = iter(jax.jit(jax.vmap(jax.jacfwd(smooth_results, argnums=floats)))(*arrays))
    except NotImplementedError:  # a primitive that has no derivative
        return [None] * len(smooth)
    return [
        dict(zip(floats, map(np.asarray, next(rows)), strict=True)) if is_smooth else None for is_smooth in smooth
    ]


def _with_error(value: Array, row: dict[int, Array] | None, moved: dict[int, Array], u: float) -> Value:
    if value.dtype.kind in "iub":
        return Doubtful(value, np.ones(value.shape, bool)) if moved else value
    value = value.astype(np.float64)
    if row is None:
        return Bounded(value, np.full(value.shape, np.inf) if moved else None)
    error = u * np.abs(value)
    for i, jacobian in row.items():
        by = np.broadcast_to(moved[i], (len(value), *jacobian.shape[value.ndim :])).reshape(len(value), -1)
        flat = np.abs(jacobian).reshape(len(value), -1, by.shape[1])
        error = error + np.einsum("nrk,nk->nr", flat, by).reshape(value.shape)
    return Bounded(value, np.where(np.isfinite(error), error, np.inf))
