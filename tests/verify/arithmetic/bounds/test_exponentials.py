"""Products and quotients of exponentials, which XLA computes as one exponential of a rounded sum."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from verify.arithmetic.bounds.arithmetic import Bounds
from verify.arithmetic.bounds.value import Bounded, differs
from verify.interpreter.walker import Program, evaluate

FUNCTIONS: dict[str, Callable[..., jax.Array]] = {
    "a product": lambda x, y, z: jnp.exp(x) * jnp.exp(y),
    "of three": lambda x, y, z: jnp.exp(x) * jnp.exp(y) * jnp.exp(z),
    "a quotient": lambda x, y, z: jnp.exp(x) / jnp.exp(y),
    "both": lambda x, y, z: jnp.exp(x) * jnp.exp(y) / jnp.exp(z),
    "with a cotangent of ones": lambda x, y, z: jax.grad(lambda c: jnp.sum(c * jnp.exp(x) * jnp.exp(y)))(z),
}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_device_stays_within_the_bound(name: str, dtype: str):
    function, bounds, rng = FUNCTIONS[name], Bounds(dtype), np.random.default_rng(0)
    large = {"float32": 40.0, "bfloat16": 40.0, "float16": 5.0}[dtype]
    drawn = [rng.uniform(-large, large, (400, 3)).astype(jnp.dtype(dtype)) for _ in range(3)]
    with jax.enable_x64(True):
        shapes = [jax.ShapeDtypeStruct((3,), np.float64)] * 3
        program = Program(jax.make_jaxpr(function)(*shapes))
    with np.errstate(all="ignore"):
        (ours,) = evaluate(program, bounds, {}, [bounds.exact(x.astype(np.float64)) for x in drawn])
        theirs = Bounded(np.asarray(jax.jit(jax.vmap(function))(*drawn)).astype(np.float64))
        assert not differs(ours, theirs)[0].any()
        wrong = Bounded(theirs.value * (1 + 64 * large * bounds.units.run.u))
        assert differs(ours, wrong)[0].mean() > 0.5
