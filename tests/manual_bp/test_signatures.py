"""Functions that cannot be wired, and annotations that cannot be read: what is refused, word by word."""

from typing import Any

import pytest
from jax import Array
from jaxtyping import Complex, Float

from manual_bp.activations import Activation
from manual_bp.derivation import Derivation


def affine(W: Float[Array, "q d"], x: Float[Array, " d"]) -> Float[Array, " q"]:
    return W @ x


def bend(z: Float[Array, " q"], *, activation: Activation) -> Float[Array, " q"]:
    return activation(z)


def total(h: Float[Array, " q"]) -> Float[Array, ""]:
    return h.sum()


FORWARD: dict[str, Any] = dict(z=affine, h=bend, J=total)


def symbolic(v: Float[Array, " n-1"]):
    return v


def anonymous(v: Float[Array, " _"]):
    return v


def variadic(v: Float[Array, "*batch n"]):
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
        "J=symbolic: v: dimension 'n-1' of 'n-1' is not supported; use names and fixed sizes, as in 'n 3'",
    ),
    "dimension without name": (
        dict(forward=dict(J=anonymous)),
        "J=anonymous: v: dimension '_' of '_' is not supported; use names and fixed sizes, as in 'n 3'",
    ),
    "several dimensions at once": (
        dict(forward=dict(J=variadic)),
        "J=variadic: v: dimension '*batch' of '*batch n' is not supported; "
        "use names and fixed sizes, as in 'n 3'",
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
        "J=unreadable: its signature cannot be read: NameError: name 'Flaot' is not defined",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refused(case: str):
    keywords, expected = REFUSALS[case]
    arguments: dict[str, Any] = dict(name="net", source="a test", forward=FORWARD, backward={})
    with pytest.raises(TypeError) as caught:
        Derivation(**arguments | keywords)
    assert str(caught.value) == f"net: {expected}"
