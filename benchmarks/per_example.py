"""The sum of clipped gradients by outer products, against `vmap` of `jax.grad`, both compiled."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from benchmarks.timing import medians, ratios
from manual_bp.fused import per_example

SIZES = dict(n=256, d=1024, h=1024, q=10)
BOUND = 1.5
SAMPLES = 7


def leaves(n: int, d: int, h: int, q: int) -> dict[str, jax.Array]:
    """Inputs, labels and weights of these sizes."""
    keys = jax.random.split(jax.random.key(0), 4)
    return {
        "x": jax.random.normal(keys[0], (n, d)),
        "y": jax.random.randint(keys[1], (n,), 0, q),
        "W1": jax.random.normal(keys[2], (h, d)) / d**0.5,
        "W2": jax.random.normal(keys[3], (q, h)) / h**0.5,
    }


def by_outer_products(leaves: dict[str, jax.Array]) -> dict[str, jax.Array]:
    return per_example.clipped_sum(**leaves, bound=BOUND, activation="tanh")


@jax.jit
def by_vmap(leaves: dict[str, jax.Array]) -> dict[str, jax.Array]:
    """Each gradient by autodiff, clipped to the bound, and their sum."""

    def loss(weights, x, y):
        return -jax.nn.log_softmax(weights["W2"] @ jnp.tanh(weights["W1"] @ x))[y]

    weights = {name: leaves[name] for name in ("W1", "W2")}
    each = jax.vmap(jax.grad(loss), (None, 0, 0))(weights, leaves["x"], leaves["y"])
    norms = jnp.sqrt(sum(jnp.sum(jnp.square(g), axis=(1, 2)) for g in each.values()))
    factors = jnp.minimum(1, BOUND / norms)
    return {name: jnp.einsum("n,nij->ij", factors, g) for name, g in each.items()}


def run() -> list[str]:
    """Lines that compare both at SIZES."""
    given = leaves(**SIZES)
    contenders = {
        "clipped sum by outer products": lambda leaves: jax.block_until_ready(by_outer_products(leaves)),
        "vmap of jax.grad, clipped and summed": lambda leaves: jax.block_until_ready(by_vmap(leaves)),
    }
    medians(contenders, [given])
    return ratios(medians(contenders, [given] * SAMPLES))
