"""Functions that cannot be wired, and annotations that cannot be read: what is refused, word by word."""

from typing import Any

import jax.numpy as jnp
import pytest
from jax import Array
from jaxtyping import Complex, Float

from manual_bp.activations import Activation
from manual_bp.construction.signatures import size_of
from manual_bp.derivation import Derivation
from tests.manual_bp.construction.network import FORWARD, affine


def symbolic(v: Float[Array, " n%2"]):
    return v


def anonymous(v: Float[Array, " _"]):
    return v


def broadcast(v: Float[Array, "*#batch n"]):
    return v


def imaginary(v: Complex[Array, " n"]):
    return v


def defaulted(v: Float[Array, " n"], eps=1e-6):
    return v


def starred(*v: Float[Array, " n"]):
    return v


def positional(z: Float[Array, " q"], activation: Activation):
    return z


def unreadable(z: "Flaot[Array, ' q']"):  # pyright: ignore
    return z


REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "no function": (
        dict(forward=dict(J=3)),
        "J=3: is of type int; give a function",
    ),
    "dimension that is an expression": (
        dict(forward=dict(J=symbolic)),
        "J=symbolic: v: dimension 'n%2' of 'n%2' is not supported; "
        "use names, fixed sizes and what is computed of them, as in 'n 3 n-1 2*k', "
        "and '*batch' or '...' for any number of axes",
    ),
    "dimension without name": (
        dict(forward=dict(J=anonymous)),
        "J=anonymous: v: dimension '_' of '_' is not supported; "
        "use names, fixed sizes and what is computed of them, as in 'n 3 n-1 2*k', "
        "and '*batch' or '...' for any number of axes",
    ),
    "axes that may be broadcast": (
        dict(forward=dict(J=broadcast)),
        "J=broadcast: v: dimension '*#batch' of '*#batch n' is not supported; "
        "use names, fixed sizes and what is computed of them, as in 'n 3 n-1 2*k', "
        "and '*batch' or '...' for any number of axes",
    ),
    "complex numbers": (
        dict(forward=dict(J=imaginary)),
        "J=imaginary: v: Complex is not supported; use Float, Int or Bool",
    ),
    "default of an array": (
        dict(forward=dict(J=defaulted)),
        "J=defaulted: array parameter 'eps' has a default; drop it, or make the parameter keyword-only",
    ),
    "starred parameter": (
        dict(forward=dict(J=starred)),
        "J=starred: parameter '*v' has no name; name each array",
    ),
    "positional choice": (
        dict(forward=dict(z=affine, J=positional)),
        "J=positional: static choice 'activation' is positional; put it behind a '*'",
    ),
    "annotation that cannot be evaluated": (
        dict(forward=dict(z=affine, J=unreadable)),
        "J=unreadable: its signature cannot be read: NameError: name 'Flaot' is not defined; annotations are read "
        "as Python, as in x: Float[Array, 'n d']",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refused(case: str):
    keywords, expected = REFUSALS[case]
    arguments: dict[str, Any] = dict(name="net", source="a test", forward=FORWARD, backward={})
    with pytest.raises(TypeError) as caught:
        Derivation(**arguments | keywords)
    assert str(caught.value) == f"net: {expected}"


def overlap(x: Float[Array, " n"], w: Float[Array, "n-1"], v: Float[Array, "2*(n+1)"]):
    return x.sum() + w.sum() + v.sum()


def test_sizes_that_are_computed_of_others_are_checked():
    derivation = Derivation("net", "a test", dict(J=overlap), dict(dJ_dw=lambda w: jnp.ones_like(w)))
    x, w, v = jnp.ones(3), jnp.ones(2), jnp.ones(8)
    assert derivation.value(x=x, w=w, v=v) == 13
    with pytest.raises(ValueError, match=r"^w: shape \(3,\), expected \(n-1,\) with n = 3 from x \(n,\)$"):
        derivation.value(x=x, w=x, v=v)
    with pytest.raises(ValueError, match=r"^v: shape \(6,\), expected \(2\*\(n\+1\),\) with n = 3"):
        derivation.value(x=x, w=w, v=jnp.ones(6))


def test_a_size_is_not_below_zero():
    assert size_of("n-2", {"n": 2}) == 0
    with pytest.raises(ValueError, match=r"^dimension 'n-2' is -1 for n = 1; name the smaller"):
        size_of("n-2", {"n": 1})
