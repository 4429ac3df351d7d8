"""What a campaign explores: Hypothesis draws shapes and data once for a derivation, and its units share them out."""

from __future__ import annotations

import zlib
from typing import NamedTuple

import hypothesis

from manual_bp.derivation import Derivation
from verify.strategies import Case, cases
from verify.structures import STRUCTURE


class Planned(NamedTuple):
    """A case as plain data: it travels to another process."""

    dims: tuple[tuple[str, int], ...]
    structure: str
    seed: int

    @property
    def case(self) -> Case:
        return Case(dict(self.dims), STRUCTURE[self.structure], self.seed)


def explore(derivation: Derivation, seed: int, examples: int) -> list[Planned]:
    """As many cases as asked, new shapes first: a shape is drawn again only where there are not enough of them."""
    drawn: list[Planned] = []

    @hypothesis.seed(zlib.crc32(f"{seed} {derivation.name}".encode()))
    @hypothesis.settings(
        max_examples=2 * examples,
        database=None,
        deadline=None,
        phases=(hypothesis.Phase.generate,),
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(cases(derivation))
    def draw(case: Case) -> None:
        drawn.append(Planned(tuple(case.dims.items()), case.structure.name, case.seed))

    draw()
    new = {planned.dims: planned for planned in reversed(drawn)}
    again = [planned for planned in drawn if new[planned.dims] is not planned]
    return [*reversed(new.values()), *again][:examples]
