"""Programs of two dtypes: the same but for the dtype, or others because a user's code asked which one it is."""

import jax
import jax.numpy as jnp
import pytest

from verify.programs.pair import Pair
from verify.programs.tracing import Fault
from verify.settings import DTYPES
from verify.targets.functions import gradient_derivation

OTHERS = [dtype for dtype in DTYPES if dtype != "float64"]
TENTH = jnp.array(0.1, jnp.float32)


def half_square(x):
    return jnp.sum(x * x) / 2


def scaled(x):
    """A program with a loop, a branch, a call and a sum that 16 bits accumulate in 32."""
    rows, _ = jax.lax.scan(lambda carry, row: (carry + 0.1 * row, row), jnp.zeros_like(x[0]), x)
    shifted = jax.lax.cond(jnp.sum(x) > 1 / 3, lambda x: x - 0.7, lambda x: x + jnp.mean(x), x)
    return jnp.sum(jax.nn.softmax(jax.nn.gelu(shifted)) * rows) + jax.nn.logsumexp(x)


@pytest.mark.parametrize("objective", [half_square, scaled])
def test_what_asks_for_no_dtype_is_one_program(objective):
    """Casts, and the order in which things are computed around them, do not count."""
    pair = Pair(gradient_derivation(jax.grad(objective), objective, shapes=dict(x="n")), {})
    assert [pair.in_dtype(dtype) for dtype in DTYPES] == [pair] * len(DTYPES)


ASKING = {
    "one dtype": (lambda x, dtype: x if x.dtype != dtype else 2 * x, 1),
    "its name": (lambda x, dtype: x if str(x.dtype) != dtype else -x, 1),
    "its size": (lambda x, dtype: x if x.dtype.itemsize != jnp.dtype(dtype).itemsize else x + 1, None),
    "its range": (lambda x, dtype: jnp.where(x > jnp.finfo(x.dtype).max / 2, 0.0, x), 3),
    "its precision": (lambda x, dtype: x * (1 + jnp.finfo(x.dtype).eps), 3),
    "whether 64 bits are enabled": (lambda x, dtype: x if jax.config.jax_enable_x64 else 2 * x, 3),  # pyright: ignore[reportAttributeAccessIssue]
}


@pytest.mark.parametrize("question", ASKING)
@pytest.mark.parametrize("dtype", OTHERS)
def test_what_asks_for_the_dtype_is_another_program(question, dtype):
    function, how_many = ASKING[question]
    derivation = gradient_derivation(lambda x: function(x, dtype), half_square, shapes=dict(x="n"))
    pair = Pair(derivation, {})
    others = {other for other in OTHERS if pair.in_dtype(other) is not pair}
    assert dtype in others
    assert how_many in (None, len(others))
    assert all(pair.in_dtype(other).dtype == other for other in others)
    assert pair.in_dtype(dtype) is pair.in_dtype(dtype)


@pytest.mark.parametrize("dtype", OTHERS)
def test_a_cast_or_a_constant_is_no_other_program(dtype):
    def casting(x):
        return (x.astype(jnp.float32) * TENTH * 10).astype(x.dtype)

    pair = Pair(gradient_derivation(casting, half_square, shapes=dict(x="n")), {})
    assert pair.in_dtype(dtype) is pair


def test_an_equation_that_is_given_up_is_so_in_every_dtype():
    derivation = gradient_derivation(
        lambda x: x if x.dtype == jnp.float64 else 2 * x, half_square, shapes=dict(x="n")
    )
    pair = Pair(derivation, {})
    other = pair.in_dtype("float16")
    programs = other.programs({"n": 2})
    pair.give_up("dJ_dx", Fault("it never ends", wrong=False))
    assert programs.faults["dJ_dx"].message == "it never ends"
    assert other.programs({"n": 3}, concrete=True).faults["dJ_dx"].message == "it never ends"
