"""Makes the dimensions of a failing case smaller: its arrays are cut, and others of every structure are tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from manual_bp import domains
from verify.generation.data import Leaves, Spec, fill, resolve
from verify.generation.simplicity import weight
from verify.generation.structures import STRUCTURES

Sizes = Mapping[str, int]
Differ = Callable[
    [Sizes, Leaves], np.ndarray[Any, Any]
]  # many cases at these sizes -> which of them still fail

DRAWN: Final = 16  # cases of each structure, at each size tried
SMALLEST: Final = (1, 2, 3)


def shrink_sizes(
    sizes: Sizes,
    leaves: Leaves,
    specs_at: Callable[[Sizes], Mapping[str, Spec]],
    differ: Differ,
    seed: int,
    kinks: Sequence[float],
) -> tuple[Sizes, Leaves]:
    """Sizes and a case at which it still fails; those that were given where no smaller ones are found.

    `leaves` is one case, with its data axis. One dimension is made smaller at a time, the largest first.
    """
    rng = np.random.default_rng([seed, len(sizes)])
    tried = next_to_try = {tuple(sizes.items())}
    while next_to_try:
        next_to_try = set()
        for smaller in _smaller(sizes):
            if (key := tuple(smaller.items())) in tried:
                continue
            tried = tried | {key}
            specs = specs_at(smaller)
            cases = [fill(rng, smaller, specs, row, DRAWN, kinks=kinks) for row in STRUCTURES]
            if (kept := cut(leaves, specs, smaller)) is not None:
                cases.insert(0, kept)
            together = {name: np.concatenate([case[name] for case in cases]) for name in specs}
            failing = np.flatnonzero(differ(smaller, together))
            if failing.size:
                found = [{name: leaf[i : i + 1] for name, leaf in together.items()} for i in failing]
                sizes, leaves, next_to_try = smaller, min(found, key=weight), {key}
                break
    return sizes, leaves


def _smaller(sizes: Sizes) -> Iterator[dict[str, int]]:
    for name in sorted(sizes, key=lambda name: -sizes[name]):
        size = sizes[name]
        for less in sorted({*SMALLEST, size // 2, size - 1}):
            if 1 <= less < size:
                yield {**sizes, name: less}


def cut(leaves: Leaves, specs: Mapping[str, Spec], sizes: Sizes) -> Leaves | None:
    """The first entries along every axis, mended where a domain asks for it; None where an axis would be longer."""
    result = {}
    for name, spec in specs.items():
        domain, shape, size = resolve(name, spec, sizes)
        array = leaves[name]
        if any(less > more for less, more in zip(shape, array.shape[1:], strict=True)):
            return None
        array = array[(slice(None), *map(slice, shape))].copy()
        if isinstance(domain, domains.Index):
            array = np.minimum(array, max(size - 1, 0))
        elif isinstance(domain, (domains.Simplex, domains.OneHot)) and array.size:
            array[..., 0] += 1 - array.sum(-1)  # what was cut off
        result[name] = array
    return result
