r"""Primitives without a rule: the value from jax itself, in float64 on the host, and an estimated error.

The estimate is |J| (e + 2 n u max|x|) with the Jacobian J at the carried values and n the longest axis of the
operands: first order in the operands' errors, and as if the algorithm were stable up to a factor of n. It is
never zero by silence. Where the primitive itself errs by more than its share of that, at the very numbers that are
drawn and in the dtype of the run, the whole estimate is as many times larger, twice over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from verify.arithmetic.bounds.units import HOST
from verify.arithmetic.bounds.value import Array, Bounded, numbers, plainly
from verify.interpreter.opaque import OpaqueError

if TYPE_CHECKING:
    from verify.arithmetic.bounds.base import BaseBounds
    from verify.interpreter.steps import Step

Value = Any
MANY = 64  # cases that are computed together


def estimate(arithmetic: BaseBounds, step: Step, *operands: Value) -> list[Value]:
    """The results of one primitive."""
    if step.equation is None:
        raise NotImplementedError(f"{step.primitive}: no rule, and no equation to evaluate it by")
    cases = max((len(numbers(operand)) for operand in operands), default=1)
    arrays = [
        np.broadcast_to(numbers(operand), (cases, *numbers(operand).shape[1:])).astype(_wide(aval.dtype))
        for operand, aval in zip(operands, step.inputs, strict=True)
    ]
    floats = tuple(i for i, operand in enumerate(operands) if isinstance(operand, Bounded))
    with jax.enable_x64(True), jax.default_device(jax.devices("cpu")[0]):
        try:
            values, jacobian = _compiled(step, floats)(*arrays)
        except Exception as error:
            raise OpaqueError(step.primitive, error) from error
    unit, longest = arithmetic.units.run, max((n for aval in step.inputs for n in aval.shape), default=1)
    moved: dict[int, Array | None] = {}
    for i in floats:
        size = np.abs(arrays[i]).reshape(cases, -1).max(axis=1, initial=0.0)
        size = size.reshape(-1, *(1,) * (arrays[i].ndim - 1))
        moved[i] = operands[i].errors + 2 * longest * (unit.u + HOST) * size + unit.flush
        if operands[i].error is None and all(row is None or np.isnan(row[i]).all() for row in jacobian):
            moved[i] = None  # an exact parameter, such as the order of a Bessel function
    results = [_with_error(value, row, moved, unit.u) for value, row in zip(values, jacobian, strict=True)]
    if floats and unit.bits < 53:
        results = _measured(results, _compiled(step, floats), arrays, floats, unit.name)
    whole = [i for i, value in enumerate(values) if value.dtype.kind in "iub"]
    if whole and moved:
        _doubt(results, whole, _compiled(step, floats), arrays, moved)
    return results


def _wide(dtype: Any) -> Any:
    """float64 for floats, also where the program is that of another dtype."""
    return np.dtype(np.float64) if jnp.issubdtype(dtype, jnp.floating) else dtype


def _measured(
    results: list[Value], compiled: _Compiled, arrays: list[Array], floats: tuple[int, ...], dtype: str
) -> list[Value]:
    """With errors that cover what the primitive gives in this dtype on the default device, where it runs in it.

    Every case is met often enough for a compiler to compute it among others, with instructions for many at once; and a
    number that is the same everywhere, as an order is, stands in the program, which is another one then.
    """
    times = -(-MANY // len(arrays[0]))
    many = [np.tile(a, (times, *(1,) * (a.ndim - 1))) for a in arrays]
    rounded = [a.astype(jnp.dtype(dtype)) if i in floats else a for i, a in enumerate(many)]
    exact = [a.astype(many[i].dtype) for i, a in enumerate(rounded)]
    same = tuple((i, float(a.flat[0])) for i, a in enumerate(exact) if i in floats and (a == a.flat[0]).all())
    try:
        computed = [np.asarray(value) for value in compiled.with_literals(same)(*rounded)]
    except Exception:  # whatever it is: it does not run in this dtype, and is not called in it
        return results
    with jax.enable_x64(True), jax.default_device(jax.devices("cpu")[0]):
        true = [np.asarray(value) for value in compiled.values(*exact)]
    return [_covering(*each) for each in zip(results, computed, true, strict=True)]


def _covering(result: Value, computed: Array, true: Array) -> Value:
    """A result whose errors are so many times larger as the primitive's own error is, twice over."""
    if not isinstance(result, Bounded) or result.error is None or computed.dtype.kind == "c":
        return result
    own = np.abs(computed.astype(np.float64) - true)
    own = own.reshape(-1, *result.value.shape).max(axis=0)
    with np.errstate(all="ignore"):
        times = own / result.error
    worst = float(np.max(times, where=np.isfinite(times), initial=0.0))
    return result if worst <= 0.5 else Bounded(result.value, result.error * 2 * worst)


def _doubt(
    results: list[Value],
    whole: list[int],
    compiled: _Compiled,
    arrays: list[Array],
    moved: dict[int, Array | None],
) -> None:
    """Integers, such as pivots, are in doubt where they change when every operand moves by its error, up or
    down.
    """
    rng = np.random.default_rng(0)
    doubt = {i: np.zeros(results[i].shape, bool) for i in whole}
    for _ in range(4):
        elsewhere = list(arrays)
        for i, by in moved.items():
            if by is not None:
                elsewhere[i] = arrays[i] + rng.choice([-1.0, 1.0], arrays[i].shape) * by
        with jax.enable_x64(True), jax.default_device(jax.devices("cpu")[0]):
            others = compiled.values(*elsewhere)
        for i in whole:
            doubt[i] |= np.asarray(others[i]) != numbers(results[i])
    for i in whole:
        results[i] = plainly(results[i], doubt[i])


class _Compiled:
    """One primitive and its Jacobian, compiled once a shape for as long as its equation is the same."""

    def __init__(self, step: Step, floats: tuple[int, ...]):
        self.equation = step.equation  # kept, so that no other object takes its id
        smooth = [jnp.issubdtype(output.dtype, np.floating) for output in step.outputs]
        self.floats, self.smooth = floats, smooth if floats else [False] * len(smooth)

        def apply(*operands: Any) -> list[Any]:
            assert step.equation is not None
            results = step.equation.primitive.bind(*operands, **step.params)
            return list(results) if step.equation.primitive.multiple_results else [results]

        def smooth_results(*operands: Any) -> list[Any]:
            return [result for result, is_smooth in zip(apply(*operands), smooth, strict=True) if is_smooth]

        self.values = jax.jit(
            jax.vmap(apply) if step.inputs else lambda: [result[None] for result in apply()]
        )
        self._apply = apply
        self._with_literals: dict[tuple[tuple[int, float], ...], Callable[..., Any]] = {(): self.values}
        self.rows = jax.jit(jax.vmap(jax.jacfwd(smooth_results, argnums=floats)))
        self.row = {i: jax.jit(jax.vmap(jax.jacfwd(smooth_results, argnums=i))) for i in floats}

    def __call__(self, *arrays: Array) -> tuple[list[Array], list[dict[int, Array] | None]]:
        """The results, and for each its derivative by each float operand; None where it has none."""
        values = [np.asarray(value) for value in self.values(*arrays)]
        if not any(self.smooth):
            return values, [None] * len(values)
        rows = iter(self._rows(values, arrays))
        return values, [next(rows) if is_smooth else None for is_smooth in self.smooth]

    def with_literals(self, same: tuple[tuple[int, float], ...]) -> Callable[..., Any]:
        """The results, where these operands are numbers that are known beforehand."""
        if same not in self._with_literals:

            def apply(*operands: Any) -> list[Any]:
                known = {i: jnp.full_like(operands[i], number) for i, number in same}
                return self._apply(*(known.get(i, operand) for i, operand in enumerate(operands)))

            self._with_literals[same] = jax.jit(jax.vmap(apply))
        return self._with_literals[same]

    def _rows(self, values: list[Array], arrays: tuple[Array, ...]) -> list[dict[int, Array]]:
        """All derivatives at once, or, where jax knows none by some operand, one by one; NaN for those."""
        try:
            return [dict(zip(self.floats, map(np.asarray, row), strict=True)) for row in self.rows(*arrays)]
        except _NO_DERIVATIVE:
            columns = {i: self._column(i, values, arrays) for i in self.floats}
            return [{i: column[place] for i, column in columns.items()} for place in range(sum(self.smooth))]

    def _column(self, i: int, values: list[Array], arrays: tuple[Array, ...]) -> list[Array]:
        try:
            return [np.asarray(row) for row in self.row[i](*arrays)]
        except _NO_DERIVATIVE:
            shapes = [value.shape for value, is_smooth in zip(values, self.smooth, strict=True) if is_smooth]
            return [np.full((*shape, *arrays[i].shape[1:]), np.nan) for shape in shapes]


_NO_DERIVATIVE = (NotImplementedError, TypeError, ValueError)
_COMPILED: dict[Any, _Compiled] = {}


def _compiled(step: Step, floats: tuple[int, ...]) -> _Compiled:
    key = (id(step.equation), floats, tuple(aval.shape for aval in (*step.inputs, *step.outputs)))
    if key not in _COMPILED:
        if len(_COMPILED) >= 64:
            _COMPILED.pop(next(iter(_COMPILED)))
        _COMPILED[key] = _Compiled(step, floats)
    return _COMPILED[key]


def _with_error(
    value: Array, row: dict[int, Array] | None, moved: dict[int, Array | None], u: float
) -> Value:
    if value.dtype.kind in "iub":
        return value
    if value.dtype.kind == "c":  # complex numbers have no bound here
        return Bounded(value.real.astype(np.float64), np.full(value.shape, np.inf))
    value = value.astype(np.float64)
    if row is None:
        return Bounded(value, np.full(value.shape, np.inf) if moved else None)
    error = u * np.abs(value)
    for i, jacobian in row.items():
        by = moved[i]
        if by is None:
            continue
        by = np.broadcast_to(by, (len(value), *jacobian.shape[value.ndim :])).reshape(len(value), -1)
        flat = np.abs(jacobian).reshape(len(value), -1, by.shape[1])
        error = error + np.einsum("nrk,nk->nr", flat, by).reshape(value.shape)
    return Bounded(value, np.where(np.isfinite(error), error, np.inf))
