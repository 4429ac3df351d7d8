"""Rules of rational functions and of choices: what exact fractions give on the same program."""

import functools
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from tests.verify.arithmetic.field.evaluation import POINTS, traced, walked
from verify.arithmetic.field.arithmetic import Field
from verify.arithmetic.field.modular import MODULI, residue
from verify.arithmetic.field.value import Residues


class Row(NamedTuple):
    """A program in which the primitive stands, and the shapes of its operands."""

    function: Callable[..., Any]
    shapes: tuple[tuple[int, ...], ...]


def _scatter(x, y):
    return x.at[jnp.array([2, 0, 2])].add(y)


M, V = (3, 4), (5,)
NUMBERS = ("NCW", "WIO", "NWC")
EXACT: dict[str, Row] = {
    "add": Row(lambda x, y: x + y, (M, M)),
    "add_any": Row(jax.grad(lambda x, y: (x * x * y + x).sum()), (M, M)),
    "sub": Row(lambda x, y: x - y, (M, M)),
    "mul": Row(lambda x, y: x * y * 0.1, (M, M)),
    "div": Row(lambda x, y: x / (1 + y * y) / 3, (M, M)),
    "neg": Row(lambda x: -x, (M,)),
    "integer_pow": Row(lambda x: x**3 + (1 + x * x) ** -2, (M,)),
    "square": Row(jnp.square, (M,)),
    "convert_element_type": Row(lambda x: (x > 0).astype(x.dtype) * x + x.astype(int) + jnp.arange(4), (M,)),
    "iota": Row(lambda x: lax.iota(x.dtype, 4) * x + lax.broadcasted_iota(x.dtype, (3, 4), 0), (M,)),
    "reduce_precision": Row(lambda x: lax.reduce_precision(x, 8, 7), (M,)),
    "reduce_sum": Row(lambda x: x.sum(1) + x.sum(), (M,)),
    "reduce_prod": Row(lambda x: x.prod(0), (M,)),
    "dot_general": Row(lambda x, y: x @ y.T, (M, M)),
    "conv_general_dilated": Row(
        lambda x, k: lax.conv_general_dilated(x[None], k, (2,), "SAME", dimension_numbers=NUMBERS),
        ((3, 7), (3, 3, 2)),
    ),
    "cumsum": Row(lambda x: lax.cumsum(x, 1) + lax.cumsum(x, 0, reverse=True), (M,)),
    "cumprod": Row(lambda x: lax.cumprod(x, 1) + lax.cumprod(x, 0, reverse=True), (M,)),
    "scatter-add": Row(_scatter, (V, (3,))),
    "scatter-mul": Row(lambda x, y: x.at[jnp.array([2, 0, 2, 9])].mul(y), (V, (4,))),
    "max": Row(jnp.maximum, (M, M)),
    "min": Row(jnp.minimum, (M, M)),
    "clamp": Row(lambda x, y: lax.clamp(-0.5, x, 0.75) + lax.clamp(-1 + 0 * y, x, 1 + y * y), (M, M)),
    "abs": Row(jnp.abs, (M,)),
    "sign": Row(jnp.sign, (M,)),
    "floor": Row(jnp.floor, (M,)),
    "ceil": Row(jnp.ceil, (M,)),
    "round": Row(jnp.round, (M,)),
    "rem": Row(lambda x, y: lax.rem(x, 1 + y * y), (M, M)),
    **{
        compare.__name__: Row(lambda x, y, compare=compare: jnp.where(compare(x, y), x, 2 * y), (M, M))
        for compare in (lax.eq, lax.ne, lax.lt, lax.le, lax.gt, lax.ge)
    },
    "is_finite": Row(lambda x: jnp.where(jnp.isfinite(x), x, 0), (M,)),
    "select_n": Row(lambda x, y: lax.select_n((x > y).astype(int) + (x > 0), x, y, x * y), (M, M)),
    "reduce_max": Row(lambda x: x.max(1), (M,)),
    "reduce_min": Row(lambda x: x.min(), (M,)),
    "argmax": Row(lambda x: x[jnp.argmax(x, 0), jnp.arange(4)] * x, (M,)),
    "argmin": Row(lambda x: x[jnp.argmin(x, 0), jnp.arange(4)], (M,)),
    "cummax": Row(lambda x: lax.cummax(x, 1) + lax.cummax(x, 0, reverse=True), (M,)),
    "cummin": Row(lambda x: lax.cummin(x, 1) + lax.cummin(x, 0, reverse=True), (M,)),
    "sort": Row(lambda x, y: lax.sort_key_val(x, y, 1)[1] + jnp.sort(x, 0), (M, M)),
    "top_k": Row(lambda x: lax.top_k(x, 2)[0], (M,)),
}


def _fractions(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Eighths, which floats hold, with ties now and then."""
    eighths = rng.integers(-16, 17, (POINTS, *shape))
    return np.vectorize(lambda n: Fraction(int(n), 8), otypes=[object])(eighths)


def _exact(fractions: np.ndarray, levels: int = 2) -> Residues:
    """Fractions in the field."""
    tower = tuple(
        np.vectorize(functools.partial(residue, modulus=m), otypes=[np.int64])(fractions)
        for m in MODULI[:levels]
    )
    return Residues(fractions.astype(np.float64), tower, (0, 0))


@pytest.mark.parametrize("name", EXACT)
def test_residues_are_those_of_exact_fractions(name, plain, primitives):
    row = EXACT[name]
    program = traced(row.function, *row.shapes)
    assert {name, name.replace("-", "_")} & primitives(program)
    leaves = [_fractions(np.random.default_rng(i), shape) for i, shape in enumerate(row.shapes)]
    field = Field(POINTS)
    ours, theirs = (
        walked(program, field, *map(_exact, leaves)),
        plain(object)(program, {}, *leaves),
    )
    for mine, true in zip(ours, theirs, strict=True):
        true = np.vectorize(Fraction, otypes=[object])(true)
        assert field.compare(mine, _exact(true)).points == POINTS
        assert field.compare(mine, _exact(true)).mismatch is None
        np.testing.assert_allclose(
            np.broadcast_to(mine.x, true.shape), true.astype(np.float64), rtol=1e-12, atol=1e-12
        )
        wrong = true.copy()
        wrong[-1] += Fraction(1, 2**52)
        assert field.compare(mine, _exact(wrong)).mismatch is not None
    assert field.theorem == "rational" and not field.uninterpreted
