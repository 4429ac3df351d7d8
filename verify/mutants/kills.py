"""What became of equations that were made wrong on purpose: plain data."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any


class MutantStatus(enum.StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    SAME = "same function"
    SURVIVED = "survived"
    MISTAKEN = "mistaken"  # caught, and called by the wrong verdict or blamed on another equation


@dataclasses.dataclass(frozen=True)
class Mutant:
    """A wrong equation and how it ended."""

    derivation: str
    rows: str  # the choices
    equation: str  # or the forward function about which the oracle lies
    operator: str
    kind: str
    detail: str
    fate: MutantStatus
    lane: str = ""  # that caught it: trace, purity, proof, bounds or opinions
    needed: int = 0  # traces, points or cases until then
    verdict: str = ""
    blamed: tuple[str, ...] = ()


@dataclasses.dataclass
class KillMatrix:
    """Every mutant, in the order in which they were made."""

    mutants: list[Mutant] = dataclasses.field(default_factory=list)
    seconds: float = 0.0
    interrupted: bool = False

    def count(self, *fates: MutantStatus) -> int:
        return sum(mutant.fate in fates for mutant in self.mutants)

    @property
    def good(self) -> bool:
        """Whether every wrong equation was caught and named; nothing tried is nothing caught."""
        escaped = self.count(MutantStatus.SURVIVED, MutantStatus.MISTAKEN)
        return not self.interrupted and not escaped and self.count(MutantStatus.KILLED) > 0

    def to_json(self) -> dict[str, Any]:
        return {
            "killed": self.count(MutantStatus.KILLED),
            "schema": 1,
            "survived": self.count(MutantStatus.SURVIVED),
            "mistaken": self.count(MutantStatus.MISTAKEN),
            "same": self.count(MutantStatus.SAME),
            "seconds": self.seconds,
            "mutants": [dataclasses.asdict(mutant) for mutant in self.mutants],
        }
