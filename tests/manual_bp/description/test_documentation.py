"""What `help`, `inspect.signature`, an editor and `repr` say of a derivation and of the functions that it hands out."""

import inspect
import typing
from typing import Any

import pytest
from jaxtyping import Array, Float

from manual_bp.activations import ACTIVATIONS, Activation
from manual_bp.book import backprop
from manual_bp.derivation import Derivation
from manual_bp.losses import LOSSES, Target
from tests.manual_bp.construction.layers import AFFINE
from tests.manual_bp.dense import DENSE

CHAPTER = backprop.DERIVATION
FUNCTIONS = {
    "gradient": backprop.gradient,
    "value_and_gradient": backprop.value_and_gradient,
    "value": CHAPTER.value,
    "objective": CHAPTER.with_manual_vjp(),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_leaf_and_choice_is_told(name):
    function = FUNCTIONS[name]
    assert function.__name__ == function.__qualname__ == name
    signature = inspect.signature(function)
    assert [*signature.parameters] == [*CHAPTER.leaves, *CHAPTER.choices] == [*function.__annotations__]
    assert {parameter.kind for parameter in signature.parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
    assert 'W1: Float[Array, "h d"], x: Float[Array, " d"]' in str(signature)
    assert 'y: Target, lam: Float[Array, ""], activation: Activation | str' in str(signature)
    documentation = inspect.getdoc(function)
    assert documentation is not None
    for line in (
        "W1   (h, d)",
        "lam  ()                        a number >= 0",
        "y    as loss says, for o (q,)",
    ):
        assert f"\n    {line}\n" in documentation
    for row in (*ACTIVATIONS, *LOSSES):
        assert row in documentation
    assert "\n    h  h = φ(z)\n" in documentation
    assert documentation.splitlines()[-2:] == [
        "Source: Dive into Deep Learning, 'Forward Propagation, Backward Propagation, and",
        "Computational Graphs'",
    ]
    assert max(map(len, documentation.splitlines())) <= 88


def test_an_editor_reads_annotations():
    hints = typing.get_type_hints(backprop.gradient)
    assert str(hints["W1"]) == str(Float[Array, "h d"])
    assert (hints["y"], hints["activation"]) == (Target, Activation | str)


@pytest.mark.parametrize(
    ("function", "summary", "annotation", "returned"),
    [
        (backprop.gradient, "The derivatives of J by W1, W2.", "dict[str, Array]",
         "Returns a dict with the derivative by each symbol, shaped like it:\n    W1  (h, d)\n    W2  (q, h)\n"),
        (backprop.value_and_gradient, "J and its derivatives by W1, W2.", "tuple[Array, dict[str, Array]]",
         "Returns J and a dict with the derivative by each symbol, shaped like it:\n    W1  (h, d)\n"),
        (CHAPTER.value, "The objective J.", "Array", "Returns J, a scalar.\n"),
        (DENSE.with_manual_vjp(), "y, whose derivatives under jax.grad are the equations below.", "Array",
         "Returns the output:\n    y  (q,)\n"),
    ],
    ids=["gradient", "value_and_gradient", "value", "with_manual_vjp"],
)  # fmt: skip
def test_what_is_returned(function, summary, annotation, returned):
    documentation = function.__doc__
    assert documentation.startswith(summary)
    assert returned in documentation
    assert str(inspect.signature(function)).endswith(f" -> {annotation}")


def test_equations_stand_in_the_order_in_which_they_are_run_and_no_others():
    documentation = CHAPTER.gradient("W2").__doc__ or ""
    backward = documentation.split("Backward, each after those that it takes:\n")[1].split("\n\n")[0]
    assert [line.split()[0] for line in backward.splitlines()] == [
        "dJ_dL",
        "dJ_ds",
        "dJ_do",
        "ds_dW2",
        "dJ_dW2",
    ]
    assert "    dJ_dW2  ∂J/∂W⁽²⁾ = ∂J/∂o hᵀ + λW⁽²⁾" in backward
    assert "Backward, each" not in (CHAPTER.value.__doc__ or "")


def test_cotangents_are_taken_where_they_are_given():
    assert "dJ_dy" in inspect.signature(DENSE.gradient()).parameters
    assert "    dJ_dy  (q,)    shaped like y" in (DENSE.gradient().__doc__ or "")
    assert "dJ_dy" not in inspect.signature(DENSE.with_manual_vjp()).parameters


def test_trees_by_their_class_and_part_by_part():
    assert str(inspect.signature(AFFINE.gradient())).startswith("(*, params: Layer, x: Float[Array")
    assert "    params_W  (q, d)\n    params_b  (q,)\n" in (AFFINE.gradient().__doc__ or "")

    def total(params: dict[str, Any], x: Float[Array, " d"]) -> Float[Array, ""]:
        return (params["W"] @ x + params["b"]).sum()

    total.__annotations__["params"] = {"W": Float[Array, "q d"], "b": Float[Array, " q"]}
    derivation = Derivation("total", "a test", dict(J=total), dict(dJ_dx=lambda params: params["W"].sum(0)))
    tree = """params: {'W': Float[Array, "q d"], 'b': Float[Array, " q"]}"""
    assert tree in str(inspect.signature(derivation.gradient("x")))


def test_representation():
    assert repr(CHAPTER).splitlines() == [
        "Derivation 'backprop'",
        "  leaves     W1 (h, d), x (d,), W2 (q, h), y as loss says, for o (q,), lam ()",
        "  choices    activation, loss",
        "  nodes      z (h,), h (h,), o (q,), L (), s (), J ()",
        "  equations  dJ_dL, dJ_ds, dJ_do, ds_dW1, ds_dW2, dJ_dW2, dJ_dh, dJ_dz, dJ_dW1",
    ]
    assert "  closed by  dJ_dy" in repr(DENSE).splitlines()
    assert max(map(len, repr(backprop.OUTPUT_ACTIVATION).splitlines())) <= 88


def test_the_same_function_is_made_once():
    assert CHAPTER.gradient("W1", "W2") is backprop.gradient
    assert CHAPTER.gradient() is CHAPTER.gradient()
    assert CHAPTER.gradient("W2") is not CHAPTER.gradient("W1")
