"""Points at which a program orders what is equal: kinks, where finite differences know nothing of one derivative.

From the left and from the right they may agree there, and yet the function has a kink: it takes another element over
another threshold on either side. Where it only asks whether two numbers are equal there is none: such a question takes
a point out, and what autodiff gives there can be wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from verify.lanes.bounds import as_bounded

COMPARISONS = frozenset({"lt", "le", "gt", "ge", "max", "min"})
EXTREMES = frozenset({"reduce_max", "reduce_min", "argmax", "argmin", "cummax", "cummin"})


class Ties:
    """Looks on while a program is walked on groups of cases, and keeps in which there was a tie in the first case."""

    def __init__(self, groups: int, size: int):
        self._groups, self._size = groups, size
        self.begin()

    def begin(self) -> None:
        self.met = np.zeros(self._groups, bool)

    def enter(self, step: Any) -> None:
        """Nothing is compared yet."""

    def leave(self, step: Any, operands: Sequence[Any], results: Sequence[Any]) -> None:
        name = step.primitive
        if name not in COMPARISONS | EXTREMES | {"abs", "sign", "clamp"}:
            return
        values = [self._first(operand) for operand in operands]
        if name in COMPARISONS:
            equal = self._equal(*values)
        elif name == "clamp":
            equal = self._equal(values[1], values[0]) | self._equal(values[1], values[2])
        elif name in EXTREMES:
            flat = np.sort(values[0].reshape(len(values[0]), -1), axis=1)
            equal = (flat[:, 1:] == flat[:, :-1]).any(axis=1)
        else:
            equal = (values[0] == 0).reshape(len(values[0]), -1).any(axis=1)
        self.met |= np.broadcast_to(equal, self.met.shape)

    def _first(self, operand: Any) -> np.ndarray:
        """The first case of each group."""
        value = np.asarray(as_bounded(operand).value)
        return value if len(value) == 1 else value.reshape(self._groups, self._size, *value.shape[1:])[:, 0]

    @staticmethod
    def _equal(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Whether any entries are equal; of operands of different rank one is a number beside an array."""
        rank = max(a.ndim, b.ndim)
        a, b = (each.reshape(*each.shape, *(1,) * (rank - each.ndim)) for each in (a, b))
        equal = a == b
        return np.asarray(equal.reshape(len(equal), -1).any(axis=1))
