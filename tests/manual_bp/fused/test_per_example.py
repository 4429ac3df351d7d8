"""Norms and clipped sums of the gradients of single examples, against `vmap` of `jax.grad` in float64."""

import jax
import jax.numpy as jnp
import pytest

import verify
from benchmarks.per_example import BOUND, by_outer_products, by_vmap, leaves
from manual_bp.fused import per_example

SMALL = dict(n=6, d=5, h=4, q=3)
DERIVATIONS = [
    per_example.NORMS,
    per_example.NORMS_OVER_PLACES,
    per_example.NORMS_OF_NETWORK,
    per_example.DERIVATION,
]


def doubles() -> dict[str, jax.Array]:
    given = leaves(**SMALL)
    return {name: jnp.asarray(leaf, None if name == "y" else jnp.float64) for name, leaf in given.items()}


def differ(found, expected) -> bool:
    """Whether they differ in the first half of float64's digits, of the largest entry."""
    return bool(jnp.max(jnp.abs(found - expected)) > 2.0**-26 * jnp.max(jnp.abs(expected)))


def test_clipped_sum_is_that_of_each_gradient():
    with jax.enable_x64(True):
        given = doubles()
        expected = by_vmap(given)
        for found in (by_outer_products(given), jax.jit(by_outer_products)(given)):
            assert [name for name in expected if differ(found[name], expected[name])] == []
            assert [name for name in expected if not differ(1.001 * found[name], expected[name])] == []


def test_some_gradients_are_clipped_and_others_not():
    """So that the test above meets both; where every gradient is shorter, their sum is not changed."""
    given = leaves(**SMALL)
    values = per_example.DERIVATION.evaluate({**given, "bound": BOUND}, {"activation": "tanh"})
    assert 0 < jnp.sum(values["f"] < 1) < SMALL["n"]


def test_a_batch_of_batches_under_vmap():
    with jax.enable_x64(True):
        given = doubles()
        axes = {name: None for name in given} | {"x": 0}
        many = jax.vmap(by_outer_products, (axes,))({**given, "x": jnp.stack([given["x"], 2 * given["x"]])})
        one = by_outer_products({**given, "x": 2 * given["x"]})
        assert [name for name in one if differ(many[name][1], one[name])] == []


def test_a_gradient_of_zero_is_left_as_it_is():
    assert per_example.factors(jnp.array([0.0, 4.0]), jnp.array(1.0)).tolist() == [1.0, 0.5]


def test_no_gradient_of_an_example_is_formed():
    """Not even in the memory of the program: it is less than they would take."""
    sizes = dict(n=64, d=128, h=128, q=10)
    gradients = 4 * sizes["n"] * sizes["h"] * sizes["d"]
    given = leaves(**sizes)
    fused = jax.jit(by_outer_products).lower(given).compile().memory_analysis()
    plain = by_vmap.lower(given).compile().memory_analysis()
    assert fused is not None and plain is not None
    assert fused.temp_size_in_bytes < gradients / 8 < gradients <= plain.temp_size_in_bytes


@pytest.mark.slow
@pytest.mark.parametrize("derivation", DERIVATIONS, ids=lambda derivation: derivation.name)
def test_judged(derivation, tmp_path):
    verify.require(verify.check(derivation, examples=10, directory=tmp_path))
