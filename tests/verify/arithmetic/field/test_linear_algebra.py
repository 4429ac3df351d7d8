"""Linear algebra and pooling in the field: identities that hold, with no rounding to hide in, and ones that do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from verify.arithmetic.field.arithmetic import Field
from verify.arithmetic.field.value import Agreement, Residues
from verify.interpreter.walker import Program, evaluate

POINTS = 12


def agreement(left: Callable[..., Any], right: Callable[..., Any], *floats: np.ndarray) -> Agreement:
    """How two functions compare at random points that these floats steer."""
    rng = np.random.default_rng(0)
    field = Field(POINTS, levels=3)
    leaves = [Residues(x, tuple(rng.integers(0, m, x.shape) for m in field.moduli)) for x in floats]
    with jax.enable_x64(True), np.errstate(all="ignore"):
        shapes = [jax.ShapeDtypeStruct(x.shape[1:], np.float64) for x in floats]
        results = [evaluate(Program(jax.make_jaxpr(f)(*shapes)), field, {}, leaves)[0] for f in (left, right)]
        singles = [np.stack([f(*[x[i] for x in floats]) for i in range(2)]) for f in (left, right)]
    assert not field.uninterpreted
    for result, single in zip(results, singles, strict=True):  # the floats that steer are jax's own
        np.testing.assert_allclose(result.x[:2], single, rtol=1e-9, atol=1e-9)
    return field.compare(*results)


def drawn(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(POINTS, *shape))


def positive_definite() -> np.ndarray:
    a = drawn(3, 3)
    return a @ np.swapaxes(a, 1, 2) + np.eye(3)


def symmetric(a: Any) -> Any:
    return (a + a.T) / 2


def factor(a: Any) -> Any:
    return jnp.linalg.cholesky(symmetric(a), symmetrize_input=False)


def log_determinant(a: Any) -> Any:
    return 2 * jnp.sum(jnp.log(jnp.diagonal(factor(a))))


def by_minors(a: Any) -> Any:
    return sum(a[0, i] * (a[1, i - 2] * a[2, i - 1] - a[1, i - 1] * a[2, i - 2]) for i in range(3))


def blocks(x: Any) -> Any:
    return x.reshape(3, 2, 3, 2).transpose(0, 2, 1, 3).reshape(3, 3, 4)


def pooled(x: Any) -> Any:
    return lax.reduce_window(x, -jnp.inf, lax.max, (2, 2), (2, 2), "VALID")


def averaged(x: Any) -> Any:
    return lax.reduce_window(x, 0.0, lax.add, (2, 2), (1, 1), "SAME") / 4


def squares(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return jax.grad(lambda x: jnp.sum(f(x) ** 2))


MATRIX, VECTOR, IMAGE = drawn(3, 3), drawn(3), drawn(6, 6)
RIGHT = {
    "a solve": (lambda a, b: a @ jnp.linalg.solve(a, b), lambda a, b: b, (MATRIX, VECTOR)),
    "an inverse": (lambda a: jnp.linalg.inv(a) @ a, lambda a: jnp.eye(3) + 0 * a, (MATRIX,)),
    "a determinant": (
        lambda a: jnp.linalg.slogdet(a)[0] * jnp.exp(jnp.linalg.slogdet(a)[1]),
        by_minors,
        (MATRIX,),
    ),
    "a log-determinant": (
        jax.grad(lambda a: jnp.linalg.slogdet(a)[1]),
        lambda a: jnp.linalg.inv(a).T,
        (MATRIX,),
    ),
    "a Cholesky factor": (lambda a: factor(a) @ factor(a).T, symmetric, (positive_definite(),)),
    "its log-determinant": (
        jax.grad(log_determinant),
        lambda a: jnp.linalg.inv(symmetric(a)),
        (positive_definite(),),
    ),
    "a solve from the right": (
        lambda a: lax.linalg.triangular_solve(a, a @ a, left_side=False, lower=True) @ jnp.tril(a),
        lambda a: a @ a,
        (MATRIX,),
    ),
    "a transposed solve": (
        lambda a: (
            jnp.triu(a).T @ lax.linalg.triangular_solve(a, a, left_side=True, lower=False, transpose_a=True)
        ),
        lambda a: a,
        (MATRIX,),
    ),
    "max pooling": (pooled, lambda x: blocks(x).max(-1), (IMAGE,)),
    "its gradient": (squares(pooled), squares(lambda x: blocks(x).max(-1)), (IMAGE,)),
    "average pooling": (squares(averaged), jax.grad(lambda x: jnp.sum(averaged(x) * averaged(x))), (IMAGE,)),
}


@pytest.mark.parametrize("name", RIGHT)
def test_closes(name: str) -> None:
    left, right, floats = RIGHT[name]
    found = agreement(left, right, *floats)
    assert found.mismatch is None
    assert found.points == POINTS


def test_a_matrix_that_is_not_positive_definite_is_a_hole_of_its_own():
    matrices = positive_definite()
    matrices[[2, 5]] *= -1
    found = agreement(lambda a: factor(a) @ factor(a).T, symmetric, matrices)
    assert found.mismatch is None
    assert found.points == POINTS - 2


WRONG = {
    "the other triangle": (
        lambda a: lax.linalg.triangular_solve(a, a, left_side=True, lower=True),
        lambda a: lax.linalg.triangular_solve(a, a, left_side=True, lower=False),
        MATRIX,
    ),
    "an inverse for its transpose": (jax.grad(lambda a: jnp.linalg.slogdet(a)[1]), jnp.linalg.inv, MATRIX),
    "twice a log-determinant": (
        jax.grad(log_determinant),
        lambda a: 2 * jnp.linalg.inv(symmetric(a)),
        positive_definite(),
    ),
    "the mean for the largest": (squares(pooled), squares(lambda x: blocks(x).mean(-1)), IMAGE),
}


@pytest.mark.parametrize("name", WRONG)
def test_never_closes(name: str) -> None:
    left, right, floats = WRONG[name]
    assert agreement(left, right, floats).mismatch is not None
