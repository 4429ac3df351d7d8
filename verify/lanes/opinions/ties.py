"""Points at which a program orders what is equal: kinks, where finite differences know nothing of one derivative.

From the left and from the right they may agree there, and yet the function has a kink: it takes another element over
another threshold on either side. Where it only asks whether two numbers are equal there is none: such a question takes
a point out, and what autodiff gives there can be wrong. Nor is there one between numbers that stay equal while leaves
are moved: places, labels, what is masked on both sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from verify.lanes.bounds import as_bounded

COMPARISONS = frozenset({"lt", "le", "gt", "ge", "max", "min"})
EXTREMES = frozenset({"reduce_max", "reduce_min", "argmax", "argmin", "cummax", "cummin"})


class Ties:
    """Looks on while a program is walked on groups of cases, and keeps in which there was a tie in the first case.

    The other cases of a group are the first with something moved.
    """

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
        values = [self._grouped(operand) for operand in operands]
        if name in COMPARISONS:
            tied = _tied(*_of_one_rank(*values))
        elif name == "clamp":
            tied = _tied(*_of_one_rank(values[1], values[0])) | _tied(*_of_one_rank(values[1], values[2]))
        elif name in EXTREMES:
            flat = values[0].reshape(*values[0].shape[:2], -1)
            order = np.argsort(flat[:, :1], axis=2)
            flat = np.take_along_axis(flat, np.broadcast_to(order, flat.shape), axis=2)
            tied = _tied(flat[..., 1:], flat[..., :-1])
        else:
            tied = _tied(values[0], np.zeros_like(values[0]))
        self.met |= np.broadcast_to(tied, self.met.shape)

    def _grouped(self, operand: Any) -> np.ndarray:
        """The groups and their cases as two axes; both of length 1 where all cases have the same."""
        value = np.asarray(as_bounded(operand).value)
        groups = (1, 1) if len(value) == 1 else (self._groups, self._size)
        return value.reshape(*groups, *value.shape[1:])


def _of_one_rank(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of operands of different rank one is a number beside an array."""
    rank = max(a.ndim, b.ndim)
    return tuple(each.reshape(*each.shape, *(1,) * (rank - each.ndim)) for each in (a, b))  # pyright: ignore


def _tied(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """In which groups there are entries that are equal in the first case and not in all: those do not stay so."""
    equal = a == b
    tied = equal[:, :1] & ~equal
    return np.asarray(tied.reshape(len(tied), -1).any(axis=1))
