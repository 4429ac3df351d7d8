"""One literal is one number: what it errs by is shared by all its occurrences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from verify.arithmetic.bounds.arithmetic import Bounds
from verify.arithmetic.bounds.value import Bounded, Doubtful
from verify.interpreter.walker import Program, evaluate

ROUNDED = (0.1, -1e30, 1 / 3, float(np.finfo(np.float64).min))  # of more bits than a literal is trusted with


def walk(function, *shapes, values=(), dtype="float64"):
    arithmetic = Bounds(dtype)
    with jax.enable_x64(True):
        structs = [jax.ShapeDtypeStruct(shape, kind) for shape, kind in shapes]
        program = Program(jax.make_jaxpr(function)(*structs))
    lifted = [arithmetic.exact(v[None]) if v.dtype == float else v[None] for v in values]
    with np.errstate(all="ignore"):
        return arithmetic.settle(evaluate(program, arithmetic, {}, lifted))


@pytest.mark.parametrize("literal", ROUNDED)
def test_a_literal_less_itself_is_exactly_0(literal):
    mask = np.array([True, False, False])
    shapes = (((3,), bool),)
    (result,) = walk(lambda m: jnp.where(m, 0.5, literal) - literal, *shapes, values=(mask,))
    assert isinstance(result, Bounded)
    np.testing.assert_array_equal(np.broadcast_to(result.errors, (1, 3))[0, 1:], 0)
    np.testing.assert_array_equal(result.value[0, 1:], 0)
    assert result.errors[0, 0] > 0


@pytest.mark.parametrize("literal", ROUNDED)
def test_a_literal_is_equal_to_itself(literal):
    mask = np.array([True, False])
    (same,) = walk(lambda m: jnp.where(m, 3.0, literal) == literal, ((2,), bool), values=(mask,))
    assert not isinstance(same, Doubtful) and same.tolist() == [[False, True]]


@pytest.mark.parametrize("literal", [-1e30, float(np.finfo(np.float64).min)])
@pytest.mark.parametrize("masked", [True, False])
def test_a_masked_softmax_has_a_tight_bound_where_all_is_masked(literal, masked):
    scores = np.array([0.5, -1.25, 2.0, 0.75])
    (result,) = walk(
        lambda s, m: jax.nn.softmax(jnp.where(m, literal, s)),
        ((4,), float), ((4,), bool),
        values=(scores, np.full(4, masked)),
    )  # fmt: skip
    assert isinstance(result, Bounded) and (result.errors < 1e-14).all()
    if masked:
        np.testing.assert_array_equal(result.value, 0.25)


def test_constant_arrays_share_their_literals_too():
    array = np.array([0.1, 0.5, 0.1])
    (result,) = walk(lambda: jnp.asarray(array) - 0.1)
    assert np.broadcast_to(result.errors, (1, 3))[0].tolist()[::2] == [0, 0]


def test_two_literals_that_are_near_stay_apart():
    near = float(np.nextafter(0.1, 1))
    (result,) = walk(lambda x: jnp.where(x > 0, 0.1, x) - near, ((1,), float), values=(np.ones(1),))
    assert (result.errors > 0).all()


def test_a_literal_that_the_dtype_cannot_hold_less_itself_is_not_0():
    (result,) = walk(
        lambda x: jnp.where(x > 0, 1e300, x) - 1e300, ((1,), float), values=(np.ones(1),), dtype="float32"
    )
    assert np.isinf(result.errors).all()


def test_numbers_beside_a_literal_keep_their_names():
    """max over literals and computed numbers still knows which of them won."""
    (won,) = walk(
        lambda x, m: (lambda s: s == jnp.max(s))(jnp.where(m, x / 3, -1e30)),
        ((3,), float), ((3,), bool),
        values=(np.array([1.0, 2.0, 4.0]), np.array([True, True, False])),
    )  # fmt: skip
    assert not isinstance(won, Doubtful) and won.tolist() == [[False, True, False]]
