"""Annotations, domains and tables as Hypothesis strategies: few things are drawn, arrays come from a seed."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from manual_bp.construction.signatures import names_in, size_of
from manual_bp.construction.wiring import listed, nearest
from manual_bp.derivation import Derivation
from verify.generation import ranks
from verify.generation.data import Leaves, Spec, fill
from verify.generation.structures import KINKS, STRUCTURES, Structure

Dims = dict[str, int]


@dataclasses.dataclass(frozen=True)
class Case:
    """The few discrete things that a set of leaves follows from."""

    dims: Dims
    structure: Structure
    seed: int

    def leaves(self, specs: Mapping[str, Spec], cases: int, *, kinks: Sequence[float] = KINKS) -> Leaves:
        """The leaves of that many cases, the same ones each time."""
        return fill(np.random.default_rng(self.seed), self.dims, specs, self.structure, cases, kinks=kinks)


def dimension_names(derivation: Derivation) -> tuple[str, ...]:
    """Every dimension that a leaf, the output of a target or an index names, in reading order."""
    if not isinstance(derivation, Derivation):
        raise TypeError(f"expected a Derivation, got {derivation!r}")
    axes: Iterable[Any] = itertools.chain.from_iterable(
        (*leaf.dims, *(leaf.target_of or ()), getattr(leaf.domain, "size", None))
        for leaf in derivation.leaves.values()
    )
    return tuple(dict.fromkeys(name for axis in axes for name in names_in(axis)))


def dimensions(
    derivation: Derivation, *, largest: int = 16, empty: Collection[str] = ()
) -> st.SearchStrategy[Dims]:
    """Sizes from 1 to `largest`, half of the time pairwise different, once in eight all equal; shrinks to ones.

    Only the dimensions in `empty` may be 0. Raises ValueError for names and sizes that cannot be.
    """
    names = dimension_names(derivation)
    if largest < 1:
        raise ValueError(f"largest: {largest}, expected at least 1")
    for name in empty:
        if name not in names:
            raise ValueError(
                f"empty: {name!r} is no size in {derivation.name} ({listed(names)}){nearest(name, names)}"
            )
    size = st.integers(1, largest)
    equal = size.map(lambda size: dict.fromkeys(names, size))
    free = st.fixed_dictionaries({name: size | st.just(0) if name in empty else size for name in names})
    if len(names) > largest:
        return equal | free
    apart = st.lists(size, min_size=len(names), max_size=len(names), unique=True)
    different = apart.map(lambda sizes: dict(zip(names, sizes, strict=True)))
    return st.sampled_from((equal, *(free,) * 3, *(different,) * 4)).flatmap(lambda sizes: sizes)


def ladder(derivation: Derivation, *, rungs: int = 12) -> list[Dims]:
    """The smallest dimensions, those with the fewest numbers in the leaves first.

    All ones; each dimension 2; all 2; pairwise different, from 2 on too, each dimension being the largest
    once.
    """
    names = dimension_names(derivation)
    steps = range(1, len(names) + 1)
    turns = [[*steps[turn:], *steps[:turn]] for turn in range(len(names))]
    sizes = [
        [1] * len(names),
        *turns[:1],
        [2] * len(names),
        [step + 1 for step in reversed(steps)],
        *([1 + (name == other) for other in names] for name in names),
        *turns[1:],
    ]
    shapes = [dict(zip(names, each, strict=True)) for each in dict.fromkeys(map(tuple, sizes))][:rungs]
    return sorted(shapes, key=lambda dims: numbers(derivation, dims))


def numbers(derivation: Derivation, dims: Mapping[str, int]) -> int:
    """How many numbers the leaves hold at these dimensions; a target counts like its output."""
    shapes = [leaf.target_of or leaf.dims for leaf in derivation.leaves.values()]
    return sum(math.prod(size_of(size, dims) for size in shape) for shape in shapes)


def rotation(derivation: Derivation, seed: int) -> list[dict[str, Any]]:
    """As many choices as the longest table has rows, in which every row of every table is met.

    The ranks of `*batch` are a table too. The seed shifts the shorter tables against the longest: consecutive
    seeds give different pairs, and as many seeds as the shorter tables have combinations give all of them.
    """
    tables = {name: list(table.values()) for name, table in ranks.tables(derivation).items()}
    for name, rows in tables.items():
        if not rows:
            raise ValueError(
                f"{derivation.name}: the table of {name!r} has no rows, so nothing can be chosen"
            )
    longest = max(tables, key=lambda name: len(tables[name]), default=None)
    shifts = dict.fromkeys(tables, 0)
    for name, rows in tables.items():
        if name != longest:
            seed, shifts[name] = divmod(seed, len(rows))
    length = len(tables[longest]) if longest else 1
    return [
        {name: rows[(turn + shifts[name]) % len(rows)] for name, rows in tables.items()}
        for turn in range(length)
    ]


def cases(
    derivation: Derivation, *, largest: int = 16, empty: Collection[str] = ()
) -> st.SearchStrategy[Case]:
    """Dimensions, structure and seed; shrinks to ones, small integers and seed 0."""
    return st.builds(
        Case,
        dimensions(derivation, largest=largest, empty=empty),
        st.sampled_from(STRUCTURES),
        st.tuples(*[st.integers(0, DIGITS - 1)] * 5).map(_seed),
    )


DIGITS = 64  # small ones: Hypothesis mixes in numbers from 100 on that it reads in whatever source files are loaded


def _seed(digits: Sequence[int]) -> int:
    return sum(digit * DIGITS**place for place, digit in enumerate(digits))
