"""Trees that are refused, word by word: what their annotations do not say, and arguments that are not as annotated."""

# pyright: reportArgumentType=false
# NumPy arrays are welcome where a NamedTuple is annotated with those of jax.

import dataclasses
from typing import Any

import jax
import numpy as np
import pytest
from jax import Array
from jaxtyping import Float, Int

from manual_bp.derivation import Derivation
from tests.manual_bp.construction.layers import (
    AFFINE,
    PARAMS,
    G,
    Layer,
    X,
    message_of,
    step,
)


@dataclasses.dataclass
class Unknown:
    W: Float[Array, "q d"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass
class Open:
    W: Float[Array, "q d"]
    slope: float = dataclasses.field(metadata=dict(static=True))


def elsewhere(params: {"W": Float[Array, "q d"]}):  # type: ignore
    return params["W"]


def wired(annotation: Any, **more: Any) -> dict[str, Any]:
    def J(params):
        return 0.0

    J.__annotations__["params"] = annotation
    return dict(forward=dict(J=J), backward={}) | more


@pytest.mark.parametrize(
    "keywords, expected",
    [
        (
            wired({"W": "h d"}),
            "J: parameter 'params_W' is no node, so it is a leaf, and has no shape; annotate it once, "
            "as in params_W: Float[Array, 'n d']; other symbols: J",
        ),
        (wired(Unknown), "J: params: Unknown is no pytree; give it to jax.tree_util.register_dataclass"),
        (
            wired(Open),
            "J: params: 'slope' of Open is static and has no default; give it one, so that the tree is known "
            "before a call",
        ),
        (
            wired(Layer, forward=dict(params_W=lambda x: x, J=wired(Layer)["forward"]["J"])),
            "params: 'params_W' is a part of it, and a node too; rename one of them",
        ),
        (
            wired(list[Layer]),
            f"J: params: {list[Layer]} does not say how many arrays there are; write it out, as in "
            "[Layer, Layer, Layer] or [Layer] * depth",
        ),
        (
            wired({"a_b": float, "a": {"b": float}}),
            "params: 'params_a_b' is a part of it, and a part of params too; rename one of them",
        ),
        (
            wired(Layer, forward=dict(y=elsewhere, J=wired(Layer)["forward"]["J"])),
            "J: params: is another tree than elsewhere: CustomNode(namedtuple[Layer], [*, *]), expected {'W': *}",
        ),
        (
            wired(Layer, backward=dict(dJ_dparams=lambda params: params, dJ_dparams_W=lambda: 0.0)),
            "dJ_dparams_W=<lambda>: gives dJ_dparams_W, and so does dJ_dparams=<lambda>; drop one of them",
        ),
        (
            wired({"i": Int[Array, " n"]}, backward=dict(dJ_dparams=lambda params: params)),
            "dJ_dparams=<lambda>: no part of it holds floating-point numbers; drop the equation",
        ),
        (
            dict(forward=dict(after=step), backward={}),
            "forward: 'after' stands last, and is a tree; make the last node a scalar, or close the "
            "derivation with cotangent='dJ_dafter'",
        ),
    ],
    ids=[
        "part without a shape", "unknown dataclass", "static field without default", "name of a node", "no number",
        "name of another part", "two structures", "an equation twice", "only integers", "objective",
    ],
)  # fmt: skip
def test_refused(keywords: dict[str, Any], expected: str):
    assert message_of(TypeError, Derivation, "net", "a test", **keywords) == f"net: {expected}"


@pytest.mark.parametrize(
    "params, kind, expected",
    [
        (
            PARAMS._asdict(),
            TypeError,
            "params: {'W': *, 'b': *}, expected CustomNode(namedtuple[Layer], [*, *])",
        ),
        (PARAMS.W, TypeError, "params: *, expected CustomNode(namedtuple[Layer], [*, *])"),
        (PARAMS._replace(b=[1.0, 2.0]), TypeError, "params_b: Python list, expected floats (a real number)"),
        (
            PARAMS._replace(b=np.ones(3)),
            ValueError,
            "params_b: shape (3,), expected (q,) with q = 2 from params_W (q, d)",
        ),
    ],
    ids=["another structure", "an array", "a list for an array", "another shape"],
)
def test_a_tree_that_is_not_as_annotated(params: Any, kind: type[Exception], expected: str):
    assert message_of(kind, AFFINE.gradient(), params=params, x=X, dJ_dy=G) == expected


def test_where_two_trees_part_is_said():
    def total(params: {"layers": [Layer, {"W": Float[Array, " n"]}]}):  # type: ignore
        return 0.0

    net = Derivation("net", "a test", dict(J=total), {})
    assert message_of(TypeError, net.value, params={"layers": [PARAMS, {"V": X}]}) == (
        "params: at ['layers'][1]: {'V': *}, expected {'W': *}"
    )


def test_a_part_is_given_once_and_a_tree_is_not_forgotten():
    given = dict(params=PARAMS, x=X, dJ_dy=G)
    assert message_of(TypeError, AFFINE.gradient(), **given, params_W=PARAMS.W) == (
        "params_W: is given twice, alone and in a tree; give it once"
    )
    assert message_of(TypeError, AFFINE.gradient(), x=X, dJ_dy=G) == (
        "params_W: is missing; give every leaf by keyword (params, x, dJ_dy)"
    )


def test_an_equation_that_returns_another_tree():
    net = dataclasses.replace(AFFINE, backward=dict(dJ_dparams=lambda dJ_dy: (dJ_dy, dJ_dy)))
    assert message_of(TypeError, net.gradient(), params=PARAMS, x=X, dJ_dy=G) == (
        "dJ_dparams=<lambda>: returned another tree: (*, *), expected CustomNode(namedtuple[Layer], [*, *])"
    )
    net = dataclasses.replace(AFFINE, backward=dict(dJ_dparams=lambda dJ_dy: Layer(dJ_dy, dJ_dy)))
    assert message_of(ValueError, net.gradient(), params=PARAMS, x=X, dJ_dy=G) == (
        "dJ_dparams_W: returned shape (2,), expected (2, 3), the shape of params_W"
    )
