"""What a fresh shape costs: proving everything there, against XLA's compiling of autodiff's side alone."""

from __future__ import annotations

from itertools import islice, product

import jax
import numpy as np

from benchmarks.timing import medians, ratios
from manual_bp.book import backprop
from verify.lanes.proof import prove
from verify.programs import reference as oracle
from verify.programs.pair import Pair

DERIVATION = backprop.DERIVATION
CHOICES = {
    "activation": DERIVATION.choices["activation"]["tanh"],
    "loss": DERIVATION.choices["loss"]["log_cosh"],
}
SHAPES = [dict(zip("dhq", sizes, strict=True)) for sizes in product((2, 3, 5), (4, 7, 11), (3, 6))]
SAMPLES = 9

Dims = tuple[str | int, ...]


def run() -> list[str]:
    """Lines that compare a proof of every equation, at two numbers of points, with one compilation."""
    pair = Pair(DERIVATION, CHOICES)
    reference = oracle.reference(DERIVATION, CHOICES)
    warm_up, *shapes = islice(SHAPES, SAMPLES + 1)  # the first shape traces symbolically and fills caches

    def proof(points: int):
        return lambda sizes: prove(pair, sizes, np.random.default_rng(0), points)

    def compiled(sizes: dict[str, int]) -> None:
        def zeros(dims: Dims) -> np.ndarray:
            return np.zeros([sizes[dim] if isinstance(dim, str) else dim for dim in dims])

        leaves = {name: zeros(spec.dims) for name, spec in pair.leaves.items()}
        jax.jit(lambda leaves: reference(**leaves)).lower(leaves).compile()

    contenders = {
        "proof of every equation at 64 points": proof(64),
        "the same at 1,024 points": proof(1024),
        "XLA compiles autodiff's side": compiled,
    }
    medians(contenders, [warm_up])
    return ratios(medians(contenders, shapes))
