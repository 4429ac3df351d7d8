"""Which literals of a program are meant as they stand, and which are the rounding of some other number."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

MEANT_BITS: Final = {53: 40, 24: 17, 11: 7, 8: 5}
"""By the bits of a dtype: as many as a literal may need and still be taken for exact; 0.1 needs all that there are."""


def is_meant(value: Fraction, bits: int) -> bool:
    """Whether a number of a dtype of so many bits is taken for exact: it needs few of them."""
    numerator = abs(value.numerator)
    odd = numerator >> ((numerator & -numerator).bit_length() - 1) if numerator else 0
    return odd.bit_length() <= MEANT_BITS[bits]
