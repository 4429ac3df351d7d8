"""Running products in the field, of residues and of roots that lie in the quadratic extension."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from tests.verify.arithmetic.field.evaluation import POINTS, free, walk
from verify.arithmetic.field.arithmetic import Field
from verify.arithmetic.field.quadratic import Quadratic

KINDS = {"residues": lambda x: x, "roots": jnp.sqrt}


def by_steps(x, axis, reverse):
    order = range(x.shape[axis])
    parts = [lax.index_in_dim(x, i, axis) for i in (reversed(order) if reverse else order)]
    done = [*itertools.accumulate(parts, jnp.multiply)]
    return jnp.concatenate(done[::-1] if reverse else done, axis)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("axis", "shape"), [(0, (1,)), (0, (4,)), (0, (3, 2)), (1, (3, 2))])
def test_running_product_is_the_product_step_by_step(kind, axis, shape, reverse):
    leaf, field = free(np.random.default_rng(0), POINTS, shape), Field(POINTS, 2)
    (running,) = walk(lambda x: lax.cumprod(KINDS[kind](x), axis, reverse=reverse), field, leaf)
    (steps,) = walk(lambda x: by_steps(KINDS[kind](x), axis, reverse), field, leaf)
    assert any(isinstance(level, Quadratic) for level in running.r) == (kind == "roots")
    agreement = field.compare(running, steps)
    assert agreement.mismatch is None and agreement.points == POINTS
    np.testing.assert_allclose(running.x, steps.x)
