"""What a field keeps while it walks: constants, holes, branches; and what it makes of primitives without a rule."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from tests.verify.arithmetic.field.evaluation import free, walk
from verify.arithmetic.field.arithmetic import Field
from verify.arithmetic.field.modular import residue


def test_constants_are_read_as_the_simplest_rational():
    field = Field(2)
    for array in (np.array([[0.1, 1 / 6, -2.5]]), np.array([[0.1]]), np.array(1 / 3).reshape(1)):
        value = field.constant(array)
        for modulus, level in zip(field.moduli, value.r, strict=True):
            expected = [residue(Fraction(x).limit_denominator(1000), modulus) for x in array.ravel().tolist()]
            assert np.asarray(level).ravel().tolist() == expected
    assert field.constant(np.array([0.25])).rational == Fraction(1, 4)
    holed = field.constant(np.array([[1.0, np.inf, np.nan]]))
    assert holed.hole is not None and holed.hole.tolist() == [[False, True, True]]


def test_a_hole_spreads_to_all_that_depends_on_it_and_is_not_compared(rng):
    points = 4
    field = Field(points)
    x = free(rng, points, (3,))
    for level in x.r:
        level[1, 2] = 0  # type: ignore[index]
    programs: list[Callable[..., Any]] = [
        lambda x: (1 / x)[2],
        lambda x: (1 / x).sum(),
        lambda x: jnp.exp(1 / x).prod(),
        lambda x: jnp.dot(x, 1 / x),
        lambda x: jnp.cumsum(1 / x)[2],
        lambda x: x.at[0].add(1 / x[2])[0],
        lambda x: jnp.log(x)[2],
        lambda x: jnp.concatenate([x, 1 / x])[5] * 0,
        lambda x: jnp.where(x > 3, x, 1 / x)[2],
    ]
    for program in programs:
        (value,) = walk(program, field, x)
        assert value.hole is not None
        assert np.broadcast_to(value.hole, (points,)).tolist() == [False, True, False, False]
        agreement = field.compare(value, value)
        assert (agreement.points, agreement.dropped, agreement.mismatch) == (points - 1, 1, None)
    (whole,) = walk(lambda x: 1 / x[:2], field, x)
    assert field.compare(whole, whole).dropped == 0


def test_what_never_had_a_value_is_not_called_equal(rng):
    field = Field(3)
    (a,) = walk(lambda x: 1 / (x - x), field, free(rng, 3))
    agreement = field.compare(a, a)
    assert agreement.points == 0 and agreement.log2_error == 0


def test_a_mismatch_says_where(rng):
    field = Field(5)
    x = free(rng, 5, (2, 3))
    (a,) = walk(lambda x: x * 2, field, x)
    (b,) = walk(lambda x: x.at[1, 2].add(1e-9) + x, field, x)
    assert field.compare(a, b).mismatch == (0, 1, 2)
    assert field.compare(a, a).mismatch is None


def test_branch_patterns_count_what_points_chose():
    points = 200
    field = Field(points)
    x = free(np.random.default_rng(0), points, (3,), low=-2)
    walk(lambda x: jnp.where(x > 0, x, 0.1 * x), field, x)
    signs = {tuple(row) for row in (x.x > 0).tolist()}
    assert len(signs) == 8
    assert len(set(field.patterns.tolist())) == len(signs)
    smooth = Field(points)
    walk(lambda x: jnp.tanh(x) * x, smooth, x)
    assert len(set(smooth.patterns.tolist())) == 1


# --- primitives without a rule ----------------------------------------------------------------------------------------


def _eigenvectors(lower: bool) -> Callable[..., Any]:
    return lambda a, b: lax.linalg.eigh(a, lower=lower, symmetrize_input=False)[0]


UNKNOWN: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {  # two functions that differ
    "another name": (lambda a, b: lax.bessel_i0e(a), lambda a, b: lax.bessel_i1e(a)),
    "another argument": (lambda a, b: lax.digamma(a), lambda a, b: lax.digamma(a + 1e-9)),
    "another order": (lambda a, b: lax.igamma(a, b), lambda a, b: lax.igamma(b, a)),
    "another parameter": (_eigenvectors(True), _eigenvectors(False)),
    "another result": (
        lambda a, b: lax.linalg.qr(a, full_matrices=False)[0],
        lambda a, b: lax.linalg.qr(a, full_matrices=False)[1],
    ),
    "another element": (
        lambda a, b: lax.linalg.qr(a, full_matrices=False)[0],
        lambda a, b: lax.linalg.qr(a, full_matrices=False)[0].T,
    ),
    "narrow": (
        lambda a, b: lax.digamma(a.astype(jnp.bfloat16)).astype(float),
        lambda a, b: lax.digamma((a + 1e-9).astype(jnp.bfloat16)).astype(float),
    ),
}


@pytest.mark.parametrize("what", UNKNOWN)
def test_an_uninterpreted_function_is_the_same_for_the_same_arguments_alone(what, rng):
    left, right = UNKNOWN[what]
    a, b = free(rng, 4, (3, 3)), free(rng, 4, (3, 3))
    fields = [Field(4) for _ in range(3)]
    (one,), (again,), (other,) = (
        walk(f, field, a, b) for f, field in zip((left, left, right), fields, strict=True)
    )
    assert fields[0].compare(one, again).mismatch is None
    assert fields[0].compare(one, other).mismatch is not None
    assert fields[0].theorem == "exponential"


def test_primitives_without_a_rule_are_named(rng):
    field = Field(3)
    walk(
        lambda x: lax.digamma(x).sum() + jnp.exp(x).sum() + lax.linalg.qr(x, full_matrices=False)[0][0, 0],
        field,
        free(rng, 3, (2, 2)),
    )
    assert {"digamma", "qr"} <= field.uninterpreted
    assert "exp" not in field.uninterpreted
