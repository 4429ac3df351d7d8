"""Linear systems: what a device computes lies within the bounds, also where a pivot is lost to rounding."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.verify.arithmetic.bounds.evaluation import errors, walk
from verify.arithmetic.bounds.arithmetic import Bounds


def regular(a: Any) -> Any:
    return a @ a.T + jnp.eye(a.shape[0], dtype=a.dtype)


SOLVERS: dict[str, Callable[..., Any]] = {
    "log determinant": lambda a: jnp.linalg.slogdet(regular(a))[1],
    "solution": lambda a: jnp.linalg.solve(regular(a), a),
    "inverse": lambda a: jnp.linalg.inv(regular(a)),
    "factor": lambda a: jnp.linalg.cholesky(regular(a)),
}


@pytest.mark.parametrize("name", SOLVERS)
def test_what_float32_computes_lies_within_the_bounds(name: str):
    """At matrices so large that the 1 on the diagonal is lost, and at those of one row, as at others."""
    rng, solver = np.random.default_rng(0), SOLVERS[name]
    for scale in (1e-6, 1.0, 1e3, 1e5, 1e9):
        for rank in (1, 3):
            a = (scale * rng.normal(size=(3, rank)) @ rng.normal(size=(rank, 3))).astype(np.float32)
            computed = np.asarray(jax.jit(solver)(a), np.float64)
            (result,) = walk(solver, a.astype(np.float64), bounds=Bounds("float32"))
            bound = np.broadcast_to(result.errors, result.value.shape)[0]
            outside = np.isfinite(bound) & ~(np.abs(computed - result.value[0]) <= bound)
            assert not outside.any()


def test_a_pivot_that_may_be_lost_is_indeterminate():
    ones = np.full((3, 3), 1e5)
    (result,) = walk(SOLVERS["inverse"], ones, bounds=Bounds("float32"))
    assert np.isinf(errors(result)).all()
    (result,) = walk(SOLVERS["inverse"], np.full((3, 3), 2.0), bounds=Bounds("float32"))
    assert np.isfinite(errors(result)).all()
