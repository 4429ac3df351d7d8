"""Calls by keyword: read once for each kind, checked all the same, with the stages of a jitted function."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from manual_bp.book import backprop
from manual_bp.construction import jitted

CHOICES = dict(activation="tanh", loss="squared_error")


def leaves(d=3, h=4, q=2, make=jnp.ones):
    return dict(lam=make(()), x=make(d), y=make(q), W1=make((h, d)), W2=make((q, h)))


@pytest.fixture
def fresh(monkeypatch):
    """The gradient of the chapter, made anew, and how often its arguments were read."""
    reads, read = [], jitted.read

    def counted(*arguments, **options):
        reads.append(arguments)
        return read(*arguments, **options)

    monkeypatch.setattr(jitted, "read", counted)
    given = backprop.DERIVATION
    derivation = type(given)(
        name="fresh", source="a test", forward=given.forward, backward=given.backward, domains=given.domains
    )
    return derivation.gradient("W1", "W2"), reads


def test_a_call_of_the_same_kind_is_not_read_again(fresh):
    gradient, reads = fresh
    first = gradient(**leaves(), **CHOICES)
    again = gradient(**{name: 2 * leaf for name, leaf in leaves().items()}, **CHOICES)
    assert len(reads) == 1
    assert not np.array_equal(first["W1"], again["W1"])
    gradient(**leaves(d=5), **CHOICES)
    gradient(**leaves(make=np.ones), **CHOICES)
    gradient(**leaves(), activation="relu", loss="squared_error")
    gradient(**leaves(), **CHOICES)
    assert len(reads) == 4


def test_what_is_wrong_is_refused_after_what_was_right(fresh):
    gradient, _ = fresh
    gradient(**leaves(), **CHOICES)
    with pytest.raises(ValueError, match=r"x: shape \(7,\), expected \(d,\)"):
        gradient(**{**leaves(), "x": jnp.ones(7)}, **CHOICES)
    with pytest.raises(TypeError, match="x: int32 array, expected floats"):
        gradient(**{**leaves(), "x": jnp.ones(3, int)}, **CHOICES)
    with pytest.raises(ValueError, match="activation"):
        gradient(**leaves(), activation="tanhh", loss="squared_error")
    with pytest.raises(TypeError, match="y: is missing"):
        gradient(**{name: leaf for name, leaf in leaves().items() if name != "y"}, **CHOICES)


@pytest.mark.parametrize("number", [2.0, 2, np.int32(2), np.float32(2), jnp.float32(2)])
def test_a_number_of_any_type_is_the_same_number(fresh, number):
    gradient, _ = fresh
    expected = gradient(**{**leaves(), "lam": jnp.asarray(2.0)}, **CHOICES)
    for _ in range(2):
        found = gradient(**{**leaves(), "lam": number}, **CHOICES)
        assert all(np.array_equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("make", ["gradient", "value_and_gradient"])
def test_the_stages_of_a_jitted_function(make):
    function = getattr(backprop, make)
    shapes = {name: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for name, leaf in leaves().items()}
    found = function.eval_shape(**shapes, **CHOICES)
    called = function(**leaves(), **CHOICES)
    assert jax.tree.map(lambda a: (a.shape, a.dtype), found) == jax.tree.map(
        lambda a: (a.shape, a.dtype), called
    )
    assert function.lower(**shapes, **CHOICES).compile().cost_analysis()["flops"] > 0
    assert len(function.trace(**shapes, **CHOICES).jaxpr.eqns) > 0
    shaped = jax.eval_shape(lambda given: function(**given, **CHOICES), shapes)
    assert jax.tree.structure(shaped) == jax.tree.structure(called)


def test_tracers_pass_through_every_transformation():
    batch = jax.tree.map(lambda leaf: jnp.stack([leaf, 2 * leaf]), leaves())
    mapped = jax.vmap(lambda given: backprop.gradient(**given, **CHOICES))(batch)
    alone = backprop.gradient(**jax.tree.map(lambda leaf: leaf[1], batch), **CHOICES)
    assert all(np.allclose(mapped[name][1], alone[name]) for name in alone)
