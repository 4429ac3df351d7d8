"""Calls by keyword: what is accepted as a leaf or a choice, and the one line that everything else gets."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array
from jaxtyping import Bool, Float, Int

from manual_bp.activations import ACTIVATIONS
from manual_bp.book import backprop
from manual_bp.derivation import Derivation
from manual_bp.domains import index
from manual_bp.losses import LOSSES

CALL: dict[str, Any] = dict(
    W1=np.array([[1.0, 2.0, 0.0, -1.0], [0.0, 1.0, 1.0, 2.0], [1.0, 0.0, -1.0, 0.5]]),
    x=np.array([1.0, -1.0, 2.0, 0.5]),
    W2=np.array([[1.0, -1.0, 0.5], [2.0, 1.0, 0.0]]),
    y=np.array([0.5, 1.0]),
    lam=0.25,
    activation="relu",
    loss="squared_error",
)


def same(one: dict[str, Array], other: dict[str, Array]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize(
    "leaves",
    [
        dict(W1=jnp.asarray(CALL["W1"])),
        dict(lam=np.float32(0.25)),
        dict(lam=np.array(0.25)),
        dict(activation=ACTIVATIONS["relu"], loss=LOSSES["squared_error"]),
    ],
    ids=["jax array", "NumPy scalar", "array without axes", "rows"],
)
def test_accepted(leaves: dict[str, Any]):
    assert same(backprop.gradient(**CALL | leaves), backprop.gradient(**CALL))


@pytest.mark.parametrize("one", [1, np.int64(1), np.uint8(1)], ids=lambda one: type(one).__name__)
def test_an_integer_number_passes_for_a_float(one: Any):
    assert same(backprop.gradient(**CALL | dict(lam=one)), backprop.gradient(**CALL | dict(lam=1.0)))


REFUSALS = {
    "missing leaf": (
        dict(x=None),
        {"x"},
        TypeError,
        "x: is missing; give every leaf by keyword (W1, x, W2, y, lam)",
    ),
    "missing choice": (
        dict(activation=None),
        {"activation"},
        TypeError,
        f"activation: is missing; choose one of {', '.join(ACTIVATIONS)}",
    ),
    "unknown name": (
        dict(lamb=1.0),
        set(),
        TypeError,
        "lamb: is neither a leaf nor a choice (W1, x, W2, y, lam, activation, loss); did you mean 'lam'?",
    ),
    "size": (
        dict(x=np.ones(3)),
        set(),
        ValueError,
        "x: shape (3,), expected (d,) with d = 4 from W1 (h, d)",
    ),
    "rank": (
        dict(x=np.ones((4, 1))),
        set(),
        ValueError,
        "x: shape (4, 1), expected (d,) with d = 4 from W1 (h, d)",
    ),
    "rank of the first leaf": (dict(W1=np.ones(4)), set(), ValueError, "W1: shape (4,), expected (h, d)"),
    "size of one axis of two": (
        dict(W2=np.ones((2, 4))),
        set(),
        ValueError,
        "W2: shape (2, 4), expected (q, h) with h = 3 from W1 (h, d)",
    ),
    "size of the target": (
        dict(y=np.ones(3)),
        set(),
        ValueError,
        "y: shape (3,), expected (q,) with q = 2 from W2 (q, h)",
    ),
    "integer array": (
        dict(x=np.arange(4)),
        set(),
        TypeError,
        "x: int64 array, expected floats (a real number); convert it with .astype(float)",
    ),
    "boolean number": (dict(lam=True), set(), TypeError, "lam: Python bool, expected floats (a number >= 0)"),
    "list": (dict(x=[1.0, 2.0]), set(), TypeError, "x: Python list, expected floats (a real number)"),
    "floats as an index": (
        dict(loss="softmax_cross_entropy_with_labels"),
        set(),
        TypeError,
        "y: float64 array, expected ints "
        "(an integer, 0 <= i < q, for loss softmax_cross_entropy_with_labels); convert it with .astype(int)",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refused(case: str):
    changes, dropped, kind, expected = REFUSALS[case]
    call = {name: value for name, value in (CALL | changes).items() if name not in dropped}
    for function in (backprop.gradient, backprop.value_and_gradient, backprop.DERIVATION.value):
        with pytest.raises(kind) as caught:
            function(**call)
        assert str(caught.value) == expected


@pytest.mark.parametrize("choice, table", [("activation", ACTIVATIONS), ("loss", LOSSES)])
def test_an_unknown_row_is_refused_in_one_line(choice: str, table: dict[str, Any]):
    name = next(iter(table)) + "s"
    with pytest.raises(ValueError) as caught:
        backprop.gradient(**CALL | {choice: name})
    message = str(caught.value)
    assert message.startswith(f"{choice}: ") and repr(name) in message and repr(name[:-1]) in message
    assert "\n" not in message


def test_integers_and_masks_are_leaves_too():
    def J(table: Float[Array, "n"], i: Int[Array, "k"], keep: Bool[Array, "k"]) -> Float[Array, ""]:
        return (table[i] * keep).sum()

    net = Derivation("lookup", "a test", dict(J=J), {}, domains=dict(i=index("n")))
    call = dict(table=np.arange(3.0), i=np.array([2, 2]), keep=np.array([True, False]))
    assert net.value(**call) == 2
    with pytest.raises(TypeError, match=r"^keep: int64 array, expected bools \(true or false\); convert"):
        net.value(**call | dict(keep=np.array([1, 0])))
    with pytest.raises(
        TypeError, match=r"^i: float64 array, expected ints \(an integer, 0 <= i < n\); convert"
    ):
        net.value(**call | dict(i=np.ones(2)))


def test_fixed_sizes_are_checked():
    def J(v: Float[Array, "3 n"]) -> Float[Array, ""]:
        return v.sum()

    net = Derivation("fixed", "a test", dict(J=J), {})
    assert net.value(v=np.ones((3, 2))) == 6
    with pytest.raises(ValueError, match=r"^v: shape \(2, 3\), expected \(3, n\)$"):
        net.value(v=np.ones((2, 3)))


def test_one_dimension_twice_in_one_leaf():
    def J(A: Float[Array, "n n"]) -> Float[Array, ""]:
        return jnp.trace(A)

    net = Derivation("square", "a test", dict(J=J), {})
    assert net.value(A=np.eye(3)) == 3
    with pytest.raises(ValueError, match=r"^A: shape \(2, 3\), expected \(n, n\)$"):
        net.value(A=np.ones((2, 3)))


def test_shapes_are_checked_on_tracers():
    with pytest.raises(ValueError) as caught:
        jax.jit(lambda x: backprop.gradient(**CALL | dict(x=x)))(np.ones(3))
    assert str(caught.value) == "x: shape (3,), expected (d,) with d = 4 from W1 (h, d)"
