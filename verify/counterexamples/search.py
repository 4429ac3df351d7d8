"""Finds the smallest case at which the two sides of an equation differ, in the lanes that compile nothing.

First a ladder of the smallest shapes with small integers, many cases at once: most counterexamples are found
there, small already. Wilder data comes next, and then the cases that raised the suspicion, whose dimensions are
made smaller. The case found is made simpler number by number.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from verify.arithmetic.bounds.value import differs
from verify.counterexamples.shrinking import simplify, weight
from verify.counterexamples.size_shrinking import shrink_sizes
from verify.generation.data import fill, kinks_of
from verify.generation.ranks import row_names
from verify.generation.strategies import ladder
from verify.generation.structures import STRUCTURES
from verify.interpreter.walker import Sizes
from verify.lanes.bounds import Comparison, bound
from verify.lanes.proof import prove_at
from verify.programs import reference
from verify.programs.pair import Pair
from verify.verdict import Counterexample

Leaves = Mapping[str, np.ndarray]
CASES = 48  # drawn for each structure on each rung


class FailingCase(NamedTuple):
    """A case (with its data axis), and whether the functions were traced at its very sizes."""

    sizes: Sizes
    leaves: Leaves
    concrete: bool = False


def search(pair: Pair, name: str, seed: int, first: Iterable[FailingCase] = ()) -> FailingCase | None:
    """The smallest case found at which `name` differs beyond both bounds; `first` are under suspicion."""
    for suspect, found in (
        *((False, case) for case in _candidates(pair, seed)),
        *((True, case) for case in first),
    ):
        sizes, leaves, concrete = found
        differing = _differing(pair, name, sizes, concrete, leaves)
        if differing.any():
            simplest = min(map(int, np.flatnonzero(differing)), key=lambda case: weight(one(leaves, case)))
            case = dict(one(leaves, simplest))
            if suspect:  # the sizes on the ladder are small already
                differ_at = functools.partial(_differing_at, pair, name, concrete)
                sizes, case = shrink_sizes(sizes, case, pair.specs, differ_at, seed, kinks_of(pair.choices))
            differ = functools.partial(_differing, pair, name, sizes, concrete)
            return FailingCase(sizes, simplify(dict(case), pair.specs(sizes), sizes, differ), concrete)
    return None


def differing(pair: Pair, name: str, case: FailingCase) -> bool:
    """Whether a single case still is a counterexample."""
    return bool(_differing(pair, name, case.sizes, case.concrete, case.leaves).any())


def _differing_at(pair: Pair, name: str, concrete: bool, sizes: Sizes, leaves: Leaves) -> np.ndarray:
    return _differing(pair, name, sizes, concrete, leaves)


def _differing(pair: Pair, name: str, sizes: Sizes, concrete: bool, leaves: Leaves) -> np.ndarray:
    comparison = bound(pair, sizes, leaves, concrete=concrete, only=name).comparisons.get(name)
    if comparison is None:  # the function cannot be traced at these sizes
        return np.zeros(len(next(iter(leaves.values()))), bool)
    return comparison.differing


def _candidates(pair: Pair, seed: int) -> Iterator[FailingCase]:
    """The ladder with data that rounds nowhere, then the ladder with data that does."""
    kinks = kinks_of(pair.choices)
    for lattice in (True, False):
        for sizes in ladder(pair.derivation):
            rng, specs = np.random.default_rng([seed, int(lattice)]), pair.specs(sizes)
            drawn = [
                fill(rng, sizes, specs, row, CASES, kinks=kinks)
                for row in STRUCTURES
                if row.lattice is lattice
            ]
            yield FailingCase(sizes, {leaf: np.concatenate([case[leaf] for case in drawn]) for leaf in specs})


def one(leaves: Leaves, case: int) -> Leaves:
    """A single case, still with its data axis."""
    return {name: leaf[case : case + 1] for name, leaf in leaves.items()}


def algebraic(pair: Pair, name: str, found: FailingCase) -> bool:
    """Whether the two sides differ at this very case without any rounding, or one is no number at all."""
    sizes, leaves, concrete = found
    if not prove_at(pair, sizes, leaves, concrete=concrete).outcomes[name].equal:
        return True
    sides = bound(pair, sizes, leaves, concrete=concrete, only=name).comparisons[name].quantities.values()
    return any(
        (differs(manual, autodiff)[0] & (np.isfinite(manual.value) != np.isfinite(autodiff.value))).any()
        for manual, autodiff in sides
    )


def describe(pair: Pair, name: str, found: FailingCase, holds: tuple[str, ...] = ()) -> Counterexample:
    """The case as plain numbers, with both sides at the element where they differ most."""
    sizes, leaves, concrete = found
    bounding = bound(pair, sizes, leaves, concrete=concrete, only=name)
    quantity, case_index, (manual, autodiff, allowed) = _worst(bounding.comparisons[name])
    equation = pair.derivation.equations.get(name)
    values = {
        parameter: bounding.values[parameter] for parameter in (equation.parameters if equation else ())
    }
    return Counterexample(
        lane="bounds",
        choices=row_names(pair.choices),
        dims=dict(sizes),
        leaves={
            reference.shown(leaves) if n == reference.COTANGENT else n: _plain(leaf)
            for n, leaf in leaves.items()
            if n != reference.COTANGENT or quantity.startswith(reference.VJP)
        },
        inputs={n: _plain(getattr(value, "value", value)) for n, value in values.items()},
        index=case_index,
        manual=manual,
        autodiff=autodiff,
        bound=allowed,
        quantity=quantity,
        holds=holds,
        ranks=dict(pair.derivation.ranks),
    )


def _worst(comparison: Comparison) -> tuple[str, tuple[int, ...], tuple[float, float, float]]:
    found: list[tuple[float, str, tuple[int, ...], tuple[float, float, float]]] = []
    for quantity, (manual, autodiff) in comparison.quantities.items():
        _, ratio = differs(manual, autodiff)
        sides = np.broadcast_arrays(ratio, manual.value, autodiff.value, manual.errors + autodiff.errors)
        ratio = np.where(np.isnan(sides[0]), -1.0, sides[0])
        if ratio.size:
            at = np.unravel_index(int(ratio.argmax()), ratio.shape)
            ours, theirs, allowed = (float(side[at]) + 0.0 for side in sides[1:])  # a zero without a sign
            found.append((float(ratio[at]), quantity, tuple(int(i) for i in at[1:]), (ours, theirs, allowed)))
    _, quantity, index, numbers = max(found, key=lambda item: item[0])
    return quantity, index, numbers


def _plain(array: Any) -> Any:
    """Nested lists of Python numbers, without the data axis; whole floats stay floats."""
    return np.asarray(array)[0].tolist()
