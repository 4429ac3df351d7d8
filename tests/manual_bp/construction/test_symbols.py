"""Shapes, domains and tables that are missing or contradict each other: what is refused, word by word."""

from typing import Any

import pytest
from jax import Array
from jaxtyping import Float, Int

from manual_bp.derivation import Derivation
from manual_bp.domains import index, nonnegative
from manual_bp.losses import Loss, Target
from tests.manual_bp.construction.network import FORWARD, affine, bend, score


def untyped(q):
    return q


def jagged(W: Float[Array, "d q"], x: Float[Array, " d"]):
    return W


def narrow(z: Float[Array, ""]):
    return z


def rounded(x: Int[Array, " d"]):
    return x


def bare(z: Float[Array, " q"], *, activaton):
    return z


def keyword(W: Float[Array, "q d"], *, x: float):
    return x


def by_loss(z: Float[Array, " q"], *, activation: Loss):
    return z


def without_loss(h: Float[Array, " q"], y: Target):
    return h


def without_output(y: Target, *, loss: Loss):
    return y


def typed_target(y: Float[Array, " q"]):
    return y


def chosen(i: Int[Array, " k"]):
    return i


def dJ_dW(z: Float[Array, " q"]) -> Float[Array, "d q"]:
    return z


def dz_dx(z, W) -> Float[Array, "d q"]:
    return W


def dJ_dx(dJ_dz: Float[Array, " d"], W):
    return W


def dJ_di(i):
    return i


REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "annotation missing": (
        dict(forward=dict(z=affine, J=untyped)),
        "J=untyped: parameter 'q' is no node, so it is a leaf, and has no shape; annotate it once, "
        "as in q: Float[Array, 'n d']; other symbols: W, x, z, J",
    ),
    "annotation missing, nearest name": (
        dict(forward=dict(hidden=affine, J=lambda hiden: hiden)),
        "J=<lambda>: parameter 'hiden' is no node, so it is a leaf, and has no shape; annotate it once, "
        "as in hiden: Float[Array, 'n d']; other symbols: W, x, hidden, J; did you mean 'hidden'?",
    ),
    "two shapes for a leaf": (
        dict(forward=dict(z=affine, J=jagged)),
        "J=jagged: W is float (d, q), but float (q, d) in z=affine; a symbol has one shape",
    ),
    "two shapes for a node": (
        dict(forward=dict(z=affine, J=narrow)),
        "z=affine: z is float (q,), but float () in J=narrow; a symbol has one shape",
    ),
    "two kinds for a leaf": (
        dict(forward=dict(z=affine, J=rounded)),
        "J=rounded: x is int (d,), but float (d,) in z=affine; a symbol has one shape",
    ),
    "equation of another shape": (
        dict(backward=dict(dJ_dW=dJ_dW)),
        "dJ_dW: dJ_dW is float (d, q), expected float (q, d), the shape of W",
    ),
    "parameter of another shape": (
        dict(backward=dict(dJ_dx=dJ_dx)),
        "dJ_dx: dJ_dz is float (d,), expected float (q,), the shape of z",
    ),
    "Jacobian of another shape": (
        dict(backward=dict(dz_dx=dz_dx)),
        "dz_dx: dz_dx is float (d, q), expected float (q, d), the shape of z and of x",
    ),
    "choice of no table": (
        dict(forward=dict(z=affine, h=bend, J=bare)),
        "J=bare: static choice 'activaton' has no table; annotate it once, as in activaton: Activation; "
        "choices known: activation; did you mean 'activation'?",
    ),
    "choice of another table": (
        dict(forward=dict(z=affine, h=bend, J=by_loss)),
        "J=by_loss: activation is a choice of Loss, but of Activation in h=bend; use one table",
    ),
    "keyword-only array": (
        dict(forward=dict(z=affine, J=keyword)),
        "J=keyword: 'x' is an array, no static choice; put it before the '*'",
    ),
    "target without loss": (
        dict(forward=dict(z=affine, h=bend, J=without_loss)),
        "J=without_loss: 'y' is a Target; take the loss that it belongs to too, as in '*, loss: Loss'",
    ),
    "target without output": (
        dict(forward=dict(z=affine, J=without_output)),
        "J=without_output: 'y' is a Target; take the output that it belongs to first, and annotate that",
    ),
    "target with a shape": (
        dict(forward=dict(FORWARD, k=typed_target, J=score)),
        "k=typed_target: 'y' is a Target in J=score, so the loss says its shape; drop this one",
    ),
    "domain of a node": (
        dict(domains=dict(z=nonnegative)),
        "domains: 'z' is a node; only leaves have a domain (W, x)",
    ),
    "domain of nothing": (
        dict(domains=dict(w=nonnegative)),
        "domains: 'w' is no leaf (W, x); did you mean 'W'?",
    ),
    "domain of a target": (
        dict(forward=dict(FORWARD, J=score), domains=dict(y=nonnegative)),
        "domains: 'y' is a Target, so the loss says its domain; drop this one",
    ),
    "domain that is none": (
        dict(domains=dict(x="nonnegative")),
        "domains: 'x' has 'nonnegative'; give one of manual_bp.domains, such as nonnegative",
    ),
    "domain of another kind": (
        dict(domains=dict(x=index("d"))),
        "z=affine: leaf 'x' holds floats, but its domain ints (an integer, 0 <= i < d); "
        "give another annotation, or another domain, as in domains=dict(x=index(10))",
    ),
    "integers without a domain": (
        dict(forward=dict(J=chosen)),
        "J=chosen: leaf 'i' holds ints, but its domain floats (a real number); "
        "give another annotation, or another domain, as in domains=dict(i=index(10))",
    ),
    "index below no dimension": (
        dict(forward=dict(z=affine, J=chosen), domains=dict(i=index("m"))),
        "domains: 'i' is an index below 'm', which is no dimension (q, d, k)",
    ),
    "derivative by integers": (
        dict(forward=dict(J=chosen), domains=dict(i=index("k")), backward=dict(dJ_di=dJ_di)),
        "dJ_di: i holds ints, and has no derivative; drop the equation",
    ),
    "objective no scalar": (
        dict(forward=dict(z=affine, h=bend)),
        "h=bend: h, the last node, has shape (q,); make it a scalar, "
        "or close the derivation with cotangent='dJ_dh'",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refused(case: str):
    keywords, expected = REFUSALS[case]
    arguments: dict[str, Any] = dict(name="net", source="a test", forward=FORWARD, backward={})
    with pytest.raises(TypeError) as caught:
        Derivation(**arguments | keywords)
    assert str(caught.value) == f"net: {expected}"


def untabled(z: Float[Array, " q"], *, rate: float):
    return z


def test_a_choice_that_is_no_table_names_what_could_be():
    with pytest.raises(TypeError) as caught:
        Derivation("net", "a test", dict(z=affine, J=untabled), {})
    message = str(caught.value)
    assert message.startswith("net: J=untabled: static choice 'rate': ") and "\n" not in message
