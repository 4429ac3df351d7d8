"""What some symbols move, as a function of these alone: everything else is a constant, whatever derivative it has."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation
from verify.lanes.opinions import directional
from verify.programs import reference
from verify.programs.tails import complete, downstream, tail


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


def until_converged(x):
    """The root of x, by a loop that has no reverse mode."""
    return jax.lax.while_loop(lambda s: jnp.any(jnp.abs(s * s - x) > 1e-9), lambda s: (s + x / s) / 2, 1 + x)


BESIDE = {  # functions of a leaf that nobody differentiates by, and a value where they have no derivative
    "sqrt": (jnp.sqrt, 0.0),
    "hypot": (lambda x: jnp.hypot(x, 0 * x), 0.0),
    "arccos": (jnp.arccos, 1.0),
    "arctanh of 1": (lambda x: jnp.exp(-jnp.arctanh(x)), 1.0),
    "power": (lambda x: x**0.5, 0.0),
    "norm": (lambda x: jnp.sqrt(jnp.sum(x * x)) + 0 * x, 0.0),
    "a loop": (until_converged, 2.0),
}


@pytest.mark.parametrize(("function", "at"), BESIDE.values(), ids=BESIDE)
def test_what_nobody_differentiates_by_needs_no_derivative(function, at):
    def mixed(c: Float[Array, " n"], x: Float[Array, " n"]) -> Float[Array, " n"]:
        return c * function(x)

    def J(m):
        return jnp.sum(m * m)

    def dm_dc(x):
        return jnp.diag(function(x))

    def dJ_dm(m):
        return 2 * m

    def dJ_dc(dJ_dm, x):
        return dJ_dm * function(x)

    backward = dict(dm_dc=dm_dc, dJ_dm=dJ_dm, dJ_dc=dJ_dc)
    derivation = Derivation("beside", "", forward=dict(m=mixed, J=J), backward=backward)
    leaves = dict(c=jnp.array([2.0, -3.0]), x=jnp.array([at, 0.5]))
    found = reference.reference(derivation, {})(**leaves)
    for name, equation in derivation.equations.items():
        np.testing.assert_allclose(equation(found, {}), found[name], rtol=1e-12)
    along = {directional.along(s): jnp.array([1.0, -2.0]) for s in directional.symbols_of(derivation)}
    expected = directional.contraction(directional.wanted(derivation))(**found, **along)
    for opinion in (directional.forward_mode, directional.explicit_jacobians):
        for name, value in opinion(derivation, {})(**leaves, **along).items():
            np.testing.assert_allclose(value, expected[name], rtol=1e-12)


def test_the_nan_of_one_root_is_none_of_another():
    def r(x: Float[Array, ""]):
        return jnp.sqrt(jnp.abs(x)) ** 2

    def J(x):
        return x * x

    derivation = Derivation(
        "two roots", "", dict(r=r, J=J), dict(dr_dx=lambda x: jnp.sign(x), dJ_dx=lambda x: 2 * x)
    )
    found = reference.reference(derivation, {})(x=jnp.zeros(()))
    assert np.isnan(found["dr_dx"]) and found["dJ_dx"] == 0


def test_a_tail_computes_only_what_its_symbols_move():
    counted = []

    def a(x: Float[Array, ""]):
        counted.append("a")
        return x + 1

    def b(y: Float[Array, ""]):
        counted.append("b")
        return 2 * y

    def J(a, b):
        counted.append("J")
        return a * b

    derivation = Derivation("tail", "", dict(a=a, b=b, J=J), {})
    values = complete(derivation, {}, dict(x=1.0, y=3.0))
    assert downstream(derivation.graph, ["y"]) == {"b", "J"} and downstream(derivation.graph, ["a"]) == {"J"}
    counted.clear()
    roots, computed = tail(derivation, {}, values, ["J"], ["y", "a"])(dict(y=4.0, a=0.5))
    assert counted == ["b", "J"] and roots == {"J": 2.5 * 8} and computed == {"b": 8, "J": 2.5 * 8}
