"""Primitives without a rule: what they give on this device lies within their estimate, with literals too."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from verify.arithmetic.bounds.arithmetic import Bounds
from verify.interpreter.walker import Program, evaluate

RNG = np.random.default_rng(0)


def order(number: float, function: Callable[..., jax.Array]) -> Callable[[jax.Array], jax.Array]:
    return lambda x: function(jnp.full_like(x, number), x)


FUNCTIONS: dict[str, tuple[Callable[[jax.Array], jax.Array], float, float]] = {
    "trigamma": (order(1, lax.polygamma), 1e-3, 1e8),
    "tetragamma": (order(2, lax.polygamma), 1e-3, 1e4),
    "zeta": (lambda x: lax.zeta(x, jnp.full_like(x, 1.5)), 1.5, 20),
    "igamma": (order(2.5, lax.igamma), 1e-3, 50),
    "igammac": (order(2.5, lax.igammac), 1e-3, 20),
    "bessel i0e": (lax.bessel_i0e, -50, 50),
    "bessel i1e": (lax.bessel_i1e, -50, 50),
}


@pytest.mark.parametrize("cases", [1, 3, 200])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_the_device_gives_lies_within_the_estimate(name: str, cases: int):
    function, low, high = FUNCTIONS[name]
    x = np.exp(RNG.uniform(np.log(max(low, 1e-3)), np.log(high), (cases, 2)))
    x = (x if low > 0 else x * RNG.choice([-1, 1], x.shape)).astype(np.float32)
    bounds = Bounds("float32")
    with jax.enable_x64(True):
        program = Program(jax.make_jaxpr(function)(jax.ShapeDtypeStruct((2,), np.float64)))
    (result,) = evaluate(program, bounds, {}, [bounds.exact(x.astype(np.float64))])
    got = np.asarray(jax.jit(jax.vmap(function))(x)).astype(np.float64)
    assert (np.abs(got - result.value) <= result.errors).all()
    assert np.min(result.errors / np.abs(result.value)) < 0.01  # and it is no empty one
    assert bounds.estimated


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
def test_the_program_of_any_dtype_is_computed_in_float64(dtype: str):
    matrices = RNG.uniform(-1, 1, (5, 3, 3))
    matrices = matrices @ matrices.transpose(0, 2, 1) + np.eye(3)
    bounds = Bounds("float64")
    with jax.enable_x64(True):
        program = Program(jax.make_jaxpr(lax.linalg.cholesky)(jax.ShapeDtypeStruct((3, 3), dtype)))
    (result,) = evaluate(program, bounds, {}, [bounds.exact(matrices)])
    true = np.linalg.cholesky(matrices)
    assert (np.abs(np.tril(result.value) - true) <= 1e-14).all()
