"""Shapes that leave axes open: what a call takes, how the axes are bound, and what is refused, word by word."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jaxtyping import Array, Float, Int

from manual_bp.construction.axes import at_ranks, gathered, split
from manual_bp.derivation import Derivation
from manual_bp.domains import Index, index, real, simplex
from manual_bp.losses import LOSSES, Loss, Target


def output(x: Float[Array, "*batch d"], W: Float[Array, "q d"]) -> Float[Array, "*batch q"]:
    return x @ W.T


def dJ_dW(dJ_do, x):
    return jnp.einsum("...q,...d->qd", dJ_do, x)


LAYER = Derivation(
    "layer", "a test", dict(o=output), dict(dJ_dx=lambda dJ_do, W: dJ_do @ W, dJ_dW=dJ_dW), cotangent="dJ_do"
)


def total(x: Float[Array, "... d"], w: Float[Array, "..."], v: Float[Array, "d ..."]):
    return x.sum() + w.sum() + v.sum()


TOTAL = Derivation("total", "a test", dict(J=total), {})


@pytest.mark.parametrize("batch", [(), (5,), (2, 3), (2, 1, 3)])
def test_leaves_have_any_number_of_axes(batch: tuple[int, ...]):
    key, W = jax.random.key(0), jnp.arange(6.0).reshape(2, 3)
    x, dJ_do = jax.random.normal(key, (*batch, 3)), jax.random.normal(key, (*batch, 2))
    gradient = LAYER.gradient()(x=x, W=W, dJ_do=dJ_do)
    manual = LAYER.with_manual_vjp()
    pulled = jax.grad(lambda x, W: jnp.sum(dJ_do * manual(x=x, W=W)), (0, 1))(x, W)
    expected = jax.grad(lambda x, W: jnp.sum(dJ_do * (x @ W.T)), (0, 1))(x, W)
    for found in (gradient["x"], gradient["W"]), pulled:
        for one, other in zip(found, expected, strict=True):
            assert one.shape == other.shape
            assert jnp.allclose(one, other, atol=1e-5)


def test_the_same_word_is_the_same_axes_and_so_are_dots():
    assert TOTAL.axes == ("...",)
    assert TOTAL.value(x=jnp.ones((2, 3, 4)), w=jnp.ones((2, 3)), v=jnp.ones((4, 2, 3))) == 54


MISFITS: dict[str, tuple[dict[str, Any], str]] = {
    "another rank": (
        dict(x=(2, 3, 4), w=(3,), v=(4, 2, 3)),
        "w: shape (3,), expected (...,) with ... = (2, 3) from x (..., d)",
    ),
    "another size": (
        dict(x=(2, 4), w=(2,), v=(4, 3)),
        "v: shape (4, 3), expected (d, ...) with d = 4 from x (..., d), ... = (2,) from x (..., d)",
    ),
    "too few axes": (
        dict(x=(), w=(), v=(4,)),
        "x: shape (), expected (..., d)",
    ),
    "a named size": (
        dict(x=(4,), w=(), v=(5,)),
        "v: shape (5,), expected (d, ...) with d = 4 from x (..., d), ... = () from x (..., d)",
    ),
}


@pytest.mark.parametrize("case", MISFITS)
def test_shapes_that_do_not_fit(case: str):
    shapes, expected = MISFITS[case]
    with pytest.raises(ValueError) as caught:
        TOTAL.value(**{name: jnp.ones(shape) for name, shape in shapes.items()})
    assert str(caught.value) == expected


def test_ranks_fix_how_many_axes_there_are():
    fixed = replace(LAYER, ranks={"*batch": 2})
    assert fixed.axes == ("*batch",)
    assert fixed.leaves["x"].dims == ("batch_0", "batch_1", "d")
    with pytest.raises(ValueError, match=r"^x: shape \(2, 3\), expected \(batch_0, batch_1, d\)$"):
        fixed.gradient()(x=jnp.ones((2, 3)), W=jnp.ones((4, 3)), dJ_do=jnp.ones((2, 4)))


def clash(x: Float[Array, "*batch d"], y: Float[Array, " batch_0"]):
    return x.sum() + y.sum()


def picked(x: Float[Array, "*batch d"], i: Int[Array, "*batch"]):
    return x.sum() + i.sum()


def loss_of(o: Float[Array, "q *batch"], y: Target, *, loss: Loss):
    return loss.value(o, y)


REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "a dimension with the name of an axis": (
        dict(forward=dict(J=clash)),
        "dimension 'batch_0': is what an axis of '*batch' is called; rename it",
    ),
    "a rank of nothing": (
        dict(forward=dict(J=total), ranks={"*batch": 1}),
        "ranks: '*batch' stands in no shape (...)",
    ),
    "a rank below zero": (
        dict(forward=dict(J=total), ranks={"...": -1}),
        "ranks: '...' has -1, expected how many axes it stands for, 0 or more",
    ),
    "an index below all of the axes": (
        dict(forward=dict(J=picked), domains=dict(i=index("*batch"))),
        "domains: 'i' is an index below '*batch', which is no dimension (d)",
    ),
    "a target whose output may have no last axis": (
        dict(forward=dict(J=loss_of)),
        "J=loss_of: o has shape (q, *batch), but a loss runs along the last axis, and there may be none; "
        "end it with a name, as in '*batch q', or annotate 'y' as an array",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refused(case: str):
    keywords, expected = REFUSALS[case]
    with pytest.raises(TypeError) as caught:
        Derivation("net", "a test", backward={}, **keywords)
    assert str(caught.value) == f"net: {expected}"


def batched_loss(o: Float[Array, "*batch q"], y: Target, *, loss: Loss):
    return loss.value(o, y)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("squared_error", (("*batch", "q"), "float", real)),
        ("softmax_cross_entropy", (("*batch", "q"), "float", simplex)),
        ("softmax_cross_entropy_with_labels", (("*batch",), "int", Index("q"))),
    ],
)
def test_targets_lie_behind_the_same_axes_as_their_outputs(loss: str, expected: tuple[Any, ...]):
    derivation = Derivation("net", "a test", dict(L=batched_loss), {})
    assert derivation.leaf_spec("y", {"loss": LOSSES[loss]}) == expected


def test_axes_are_named_split_and_gathered():
    assert at_ranks(("a", "*batch", 3), {"*batch": 2}) == ("a", "batch_0", "batch_1", 3)
    assert at_ranks(("...", "d"), {"...": 1}) == ("axis_0", "d")
    assert at_ranks(("*batch", "d"), {}) == ("*batch", "d")
    assert split((2, 3, 4, 5), ("a", "*batch", "c")) == [2, (3, 4), 5]
    assert split((2, 3), ("a", "*batch", "c")) == [2, (), 3]
    assert gathered({"batch_0": 2, "d": 1, "batch_1": 3}, ["*batch"]) == {"*batch": (2, 3), "d": 1}
    assert gathered({"d": 1}, ["*batch"]) == {"*batch": (), "d": 1}
