"""What a campaign explores: Hypothesis draws shapes and data once for a derivation, and its units share them out."""

from __future__ import annotations

import zlib
from collections.abc import Collection
from typing import NamedTuple

import hypothesis
import numpy as np

from manual_bp.derivation import Derivation
from verify.generation.strategies import Case, cases, ladder
from verify.generation.structures import STRUCTURE
from verify.interpreter.walker import Sizes

RUNGS = 2  # of the ladder that each of several pairs climbs: the lowest, and others by turns
ATTEMPTS = 8  # at a shape that was not met yet: a derivation of few dimensions has not many


class Planned(NamedTuple):
    """A case as plain data: it travels to another process."""

    dims: tuple[tuple[str, int], ...]
    structure: str
    seed: int

    @property
    def case(self) -> Case:
        return Case(dict(self.dims), STRUCTURE[self.structure], self.seed)

    def kept(self, names: Collection[str]) -> Planned:
        """The case with these dimensions only: a lower rank has fewer than were drawn."""
        return self._replace(dims=tuple((name, size) for name, size in self.dims if name in names))


def explore(derivation: Derivation, seed: int, examples: int, *, largest: int = 16) -> list[Planned]:
    """As many cases as asked. Hypothesis repeats what it drew before: a shape met again gives way to a new one."""
    drawn: list[Planned] = []
    seed = zlib.crc32(f"{seed} {derivation.name}".encode())

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=(hypothesis.Phase.generate,),
        suppress_health_check=(hypothesis.HealthCheck.too_slow,),  # a busy machine is no fault
    )
    @hypothesis.given(cases(derivation, largest=largest))
    def draw(case: Case) -> None:
        drawn.append(Planned(tuple(case.dims.items()), case.structure.name, case.seed))

    draw()
    rng, seen, explored = np.random.default_rng(seed), set(), []
    for planned in drawn[:examples]:
        for _ in range(ATTEMPTS if planned.dims in seen else 0):
            sizes = rng.integers(1, largest + 1, len(planned.dims)).tolist()
            planned = planned._replace(
                dims=tuple((name, size) for (name, _), size in zip(planned.dims, sizes, strict=True))
            )
            if planned.dims not in seen:
                break
        seen.add(planned.dims)
        explored.append(planned)
    return explored


def climbed(derivation: Derivation, turn: int, *, concrete: bool, equal: bool) -> list[tuple[Sizes, bool]]:
    """The rungs of the ladder that fall to one of several pairs, and whether to trace at their very sizes.

    What looks at its shapes may ask for 1, and whether two of them are equal: `concrete`, the lowest rung is traced at
    its own sizes; `equal`, so are equal sizes.
    """
    lowest, *higher = ladder(derivation)
    if derivation.choices and higher:
        first = turn * (RUNGS - 1)
        higher = [higher[(first + place) % len(higher)] for place in range(RUNGS - 1)]
    twos = [(dict.fromkeys(lowest, 2), True)] if equal and lowest else []
    if concrete:
        return [(lowest, True), *twos, *((sizes, False) for sizes in higher)]
    return [*twos, (lowest, False), *((sizes, False) for sizes in higher)]
