"""How simple a case is: of two counterexamples the one with less to read is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from verify.arithmetic.bounds.value import lowest_bit

Array = np.ndarray[Any, Any]


def weight(leaves: Mapping[str, Array]) -> float:
    """How much there is to read in a case: nothing in a 0, most in many digits."""
    return sum(float(weights(leaf).sum()) for leaf in leaves.values())


def weights(values: Array) -> Array:
    """The same, number by number."""
    size = np.abs(np.atleast_1d(values), dtype=np.float64)
    safe = np.where(np.isfinite(size) & (size > 0), size, 1.0)
    digits = np.log2(safe / lowest_bit(safe)) + np.abs(np.log2(safe))
    sign = 0.25 * np.signbit(np.atleast_1d(values).astype(np.float64))  # -0.0 is less simple than 0.0
    return np.where(size == 0, sign, 1.0 + digits + sign)
