"""Random small compositions of the differentiable primitives of jax.lax, as source code that can be read."""

import random
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

UNARY = (
    "lax.sin({a})", "lax.cos({a})", "lax.tanh({a})", "lax.logistic({a})", "lax.exp(-lax.square({a}))", "lax.neg({a})",
    "lax.square({a})", "lax.integer_pow({a}, 3)", "lax.log1p(lax.square({a}))", "lax.sqrt(1 + lax.square({a}))",
    "lax.rsqrt(2 + lax.cos({a}))", "lax.erf({a})", "lax.atan({a})", "lax.asinh({a})", "lax.expm1(lax.tanh({a}))",
    "lax.abs({a})", "lax.cumsum({a})", "lax.cumsum({a}, reverse=True)", "lax.cumprod(lax.cos({a}))",
    "lax.cumlogsumexp({a})", "lax.cummax({a})", "lax.rev({a}, (0,))", "lax.sort({a})", "lax.clamp(-1.0, {a}, 1.0)",
    "lax.broadcast_in_dim(jnp.sum({a}), {a}.shape, ())", "lax.broadcast_in_dim(jnp.max({a}), {a}.shape, ())",
    "jnp.concatenate([{a}[1:], {a}[:1]])", "jnp.pad({a}, (1, 0))[:-1]", "lax.stop_gradient({a})",
    "jnp.zeros_like({a}).at[0].add({a}[-1])", "{a}.at[0].multiply(2.0)", "jnp.zeros_like({a}).at[0].max({a}[-1])",
    "jnp.where({a} > 0, {a}, lax.square({a}))", "jax.nn.softmax({a})", "jax.nn.gelu({a})",
    "{a}[::-1].reshape({a}.shape)",
)  # fmt: skip
BINARY = (
    "lax.add({a}, {b})", "lax.sub({a}, {b})", "lax.mul({a}, {b})", "lax.div({a}, 2 + lax.sin({b}))",
    "lax.max({a}, {b})",
    "lax.min({a}, {b})", "lax.atan2({a}, 2 + lax.cos({b}))", "lax.pow(1.5 + lax.sin({a}), {b})",
    "lax.select({a} > {b}, {a}, {b})", "jnp.dot({a}, {b}) * {a}", "jnp.outer({a}, {b}).sum(axis=0)",
    "jnp.convolve({a}, {b}, 'same')",
    "lax.cond(jnp.sum({a}) > 0, lambda: {a}, lambda: {b})",
    "lax.scan(lambda c, r: (c * r + 1, c), 1.0 * {a}[0], {b})[1]",
    "jnp.stack([{a}, {b}]).prod(axis=0)", "jnp.logaddexp({a}, {b})",
)  # fmt: skip
ERRORS = ("1.01 * ({})", "-({})", "({}) + 0.125", "jnp.zeros_like({})")
SCOPE = {"jax": jax, "jnp": jnp, "lax": lax}


def composed(seed: int, size: int = 3) -> str:
    """The code of a scalar function of vectors x and y of one length."""
    rng, values = random.Random(seed), ["x", "y"]
    for _ in range(size):
        code = rng.choice(UNARY + BINARY)
        values.append(f"({code.format(a=rng.choice(values[-2:]), b=rng.choice(values))})")
    return f"jnp.sum({values[-1]} * {rng.choice(['x', 'y', '1.0', 'lax.sin(x)'])})"


def function(code: str) -> Callable:
    return eval(f"lambda x, y: {code}", dict(SCOPE))


def gradient(code: str, error: str = "{}") -> Callable:
    """Its gradient by x as jax.grad gives it, or with an error."""
    objective = function(code)
    return eval(f"lambda x, y: {error.format('grad(x, y)')}", {**SCOPE, "grad": jax.grad(objective)})


def changes(code: str, error: str) -> bool:
    """Whether the error makes another gradient of it at some points."""
    x, y = jax.random.normal(jax.random.key(0), (2, 8, 5))
    right, wrong = (jax.jit(jax.vmap(gradient(code, each)))(x, y) for each in ("{}", error))
    return bool((jnp.abs(right - wrong) > 1e-3 * jnp.abs(right)).any())
