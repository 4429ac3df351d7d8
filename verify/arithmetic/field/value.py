"""What a number is in the field: a float that steers, and residues level by level, of which some may be missing."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from verify.arithmetic.field.quadratic import Level

Degree = tuple[int, int]  # of the numerator and of the denominator, as polynomials in the leaves


Tower = tuple[Level, ...]  # residues level by level, lowest first; None where a value does not exist


@dataclass(slots=True)
class Residues:
    """A floating-point array as the field sees it; every array has the data axis in front."""

    x: np.ndarray  # steers, and does nothing else
    r: Tower
    degree: Degree = (1, 0)
    antilog: Tower | None = None  # what exp of this is, where that is known without climbing
    hole: np.ndarray | None = None  # True where there is no value in the field
    rational: Fraction | None = None  # the one constant that every element is

    @property
    def top(self) -> Level:
        """The residues of the highest level at which the value exists."""
        top = self.r[self.height]
        assert top is not None
        return top

    @property
    def height(self) -> int:
        """The highest level at which the value exists. Raises Grounded where there is none."""
        for height in reversed(range(len(self.r))):
            if self.r[height] is not None:
                return height
        raise NoLevelLeft


class NoLevelLeft(Exception):
    """A value has climbed and descended until it was left without a level: a higher tower has one for it."""


@dataclass(frozen=True)
class Agreement:
    """How two results compare."""

    points: int  # at which the element compared least often was compared
    dropped: int  # elements that had no value, over all points
    log2_error: float  # log2 of the probability that different functions had agreed so far
    mismatch: tuple[int, ...] | None  # point and element of the first difference
