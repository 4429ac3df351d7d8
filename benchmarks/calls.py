"""What a call of a gradient by hand costs, arguments read and checked, against `jax.jit`'s of the same program."""

from __future__ import annotations

import jax

from benchmarks.timing import medians, ratios
from manual_bp.book import backprop

CHOICES = {"activation": "tanh", "loss": "squared_error"}
SIZES = (4, 64, 256)
SAMPLES = 301


def run() -> list[str]:
    """Lines for each size n = d = h = q: the call of `jax.jit`, the gradient's, and `jax.grad`'s of the objective."""
    lines = []
    for n in SIZES:
        shapes = dict(lam=(), x=(n,), y=(n,), W1=(n, n), W2=(n, n))
        keys = jax.random.split(jax.random.key(n), len(shapes))
        leaves = {name: jax.random.normal(key, shapes[name]) for key, name in zip(keys, shapes, strict=True)}
        bare = jax.jit(lambda leaves: backprop.gradient(**leaves, **CHOICES))

        def objective(chosen, others):
            return backprop.DERIVATION.value(**chosen, **others, **CHOICES)

        autodiff = jax.jit(jax.grad(objective))

        def by_autodiff(leaves, autodiff=autodiff):
            chosen = {name: leaves[name] for name in ("W1", "W2")}
            others = {name: leaf for name, leaf in leaves.items() if name not in chosen}
            return jax.block_until_ready(autodiff(chosen, others))

        contenders = {
            f"jax.jit of the gradient, n = {n}": lambda leaves, bare=bare: jax.block_until_ready(
                bare(leaves)
            ),
            "the gradient by keyword": lambda leaves: jax.block_until_ready(
                backprop.gradient(**leaves, **CHOICES)
            ),
            "jax.jit of jax.grad": by_autodiff,
        }
        medians(contenders, [leaves])
        lines += ratios(medians(contenders, [leaves] * SAMPLES))
    return lines
