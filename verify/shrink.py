"""Finds the smallest case at which the two sides of an equation differ, in the lanes that compile nothing.

First a ladder of the smallest shapes with small integers, many cases at once: most counterexamples are found there, small
already. Then Hypothesis shrinks the numbers, at the dimensions of that rung. Wilder data comes last.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import hypothesis
import numpy as np

from verify import oracle
from verify.arithmetic.bounds import differs
from verify.data import fill, kinks_of
from verify.interpret import Sizes
from verify.lanes.bounding import Comparison, bound
from verify.lanes.proof import prove_at
from verify.programs import GRADIENT, Pair
from verify.strategies import ladder, small_leaves
from verify.structures import STRUCTURES
from verify.verdict import Counterexample

Leaves = Mapping[str, np.ndarray]
CASES = 48  # drawn for each structure on each rung
EXAMPLES = 150  # what Hypothesis may try


def search(pair: Pair, name: str, seed: int, first: Iterable[tuple[Sizes, Leaves]] = ()) -> tuple[Sizes, Leaves] | None:
    """The smallest case found at which `name` differs beyond both bounds, `first` the cases known to; None if none does."""
    for sizes, leaves in _candidates(pair, seed):
        differing = bound(pair, sizes, leaves).comparisons[name].differing
        if differing.any():
            return sizes, _shrunk(pair, name, sizes, _simplest(leaves, np.flatnonzero(differing)), seed)
    for sizes, leaves in first:
        return sizes, leaves
    return None


def _candidates(pair: Pair, seed: int) -> Iterator[tuple[Sizes, Leaves]]:
    """The ladder with data that rounds nowhere, then the ladder with data that does."""
    kinks = kinks_of(pair.choices)
    for lattice in (True, False):
        for sizes in ladder(pair.derivation):
            rng, specs = np.random.default_rng([seed, int(lattice)]), pair.specs(sizes)
            drawn = [fill(rng, sizes, specs, row, CASES, kinks=kinks) for row in STRUCTURES if row.lattice is lattice]
            yield sizes, {leaf: np.concatenate([case[leaf] for case in drawn]) for leaf in specs}


def _simplest(leaves: Leaves, cases: np.ndarray) -> Leaves:
    """Of several cases the one with the fewest and smallest numbers."""

    def size(case: int) -> tuple[float, int]:
        numbers = np.concatenate([np.abs(leaf[case], dtype=np.float64).ravel() for leaf in leaves.values()])
        return float(np.log2(1 + numbers).sum()), case

    return one(leaves, min(map(int, cases), key=size))


def one(leaves: Leaves, case: int) -> Leaves:
    """A single case, still with its data axis."""
    return {name: leaf[case : case + 1] for name, leaf in leaves.items()}


def _shrunk(pair: Pair, name: str, sizes: Sizes, leaves: Leaves, seed: int) -> Leaves:
    """What Hypothesis makes of it, or the case itself where it finds nothing."""

    def differ(leaves: Leaves) -> bool:
        return bound(pair, sizes, leaves).comparisons[name].differ

    settings = hypothesis.settings(
        max_examples=EXAMPLES, database=None, deadline=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
    try:
        strategy = small_leaves(pair.specs(sizes), sizes)
        return hypothesis.find(strategy, differ, settings=settings, random=random.Random(seed))
    except (hypothesis.errors.NoSuchExample, ValueError):  # nothing so simple, or too many numbers to draw one by one
        return leaves


def algebraic(pair: Pair, name: str, sizes: Sizes, leaves: Leaves) -> bool:
    """Whether the two sides are different numbers at this very case, without any rounding."""
    return not prove_at(pair, sizes, leaves).outcomes[name].equal


def describe(pair: Pair, name: str, sizes: Sizes, leaves: Leaves, holds: tuple[str, ...], replay: str) -> Counterexample:
    """The case as plain numbers, with both sides at the element where they differ most."""
    bounding = bound(pair, sizes, leaves)
    quantity, case_index, (manual, autodiff, allowed) = _worst(bounding.comparisons[name])
    equation = pair.derivation.equations.get(name)
    values = {parameter: bounding.values[parameter] for parameter in (equation.parameters if equation else ())}
    return Counterexample(
        lane="bounds",
        choices={choice: getattr(row, "name", str(row)) for choice, row in pair.choices.items()},
        dims=dict(sizes),
        leaves={n: _plain(leaf) for n, leaf in leaves.items() if n != oracle.COTANGENT or name == GRADIENT},
        inputs={n: _plain(getattr(value, "value", value)) for n, value in values.items()},
        index=case_index,
        manual=manual,
        autodiff=autodiff,
        bound=allowed,
        quantity=quantity,
        holds=holds,
        replay=replay,
    )


def _worst(comparison: Comparison) -> tuple[str, tuple[int, ...], tuple[float, float, float]]:
    found: list[tuple[float, str, tuple[int, ...], tuple[float, float, float]]] = []
    for quantity, (manual, autodiff) in comparison.quantities.items():
        _, ratio = differs(manual, autodiff)
        sides = np.broadcast_arrays(ratio, manual.value, autodiff.value, manual.errors + autodiff.errors)
        ratio = np.where(np.isnan(sides[0]), -1.0, sides[0])
        if ratio.size:
            at = np.unravel_index(int(ratio.argmax()), ratio.shape)
            ours, theirs, allowed = (float(side[at]) for side in sides[1:])
            found.append((float(ratio[at]), quantity, tuple(int(i) for i in at[1:]), (ours, theirs, allowed)))
    _, quantity, index, numbers = max(found, key=lambda item: item[0])
    return quantity, index, numbers


def _plain(array: Any) -> Any:
    """Nested lists of Python numbers, without the data axis; whole floats stay floats."""
    return np.asarray(array)[0].tolist()
