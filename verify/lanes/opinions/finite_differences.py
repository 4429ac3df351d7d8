"""Finite differences in float64, extrapolated from steps that are halved, with an estimate of their error.

They are taken from the left and from the right; where these disagree there is a kink, and nothing is known. What
`stop_gradient` stops is held at what it is where nothing has moved: it is a constant on purpose.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from verify.arithmetic.bounds.arithmetic import Bounds
from verify.arithmetic.bounds.value import Bounded
from verify.generation.data import Leaves
from verify.interpreter.walker import Sizes
from verify.lanes.bounds import as_bounded, lift
from verify.lanes.opinions import directional
from verify.lanes.opinions.directional import along
from verify.lanes.opinions.ties import Ties
from verify.programs.pair import Pair
from verify.programs.tracing import Traced

STEP = 2.0**-5
LEVELS = 5  # of the extrapolation
TIMES = 64.0  # by which the last correction is taken for the error that is left


class Held(Bounds):
    """Bounds of cases that come in groups of a size: what is stopped is, in each, what it is in the first."""

    def __init__(self, size: int):
        super().__init__()
        self._size = size
        self.rules = {**Bounds.rules, "stop_gradient": lambda arithmetic, step, operand: self._held(operand)}

    def _held(self, operand: Any) -> Any:
        def first(array: np.ndarray) -> np.ndarray:
            if len(array) == 1:
                return array
            groups = array.reshape(-1, self._size, *array.shape[1:])
            return np.broadcast_to(groups[:, :1], groups.shape).reshape(array.shape)

        return first(operand) if isinstance(operand, np.ndarray) else self.move(first, operand)


def differences(
    pair: Pair, sizes: Sizes, shapes: Mapping[str, jax.ShapeDtypeStruct], given: Leaves
) -> tuple[dict[str, Bounded], np.ndarray]:
    """Extrapolated differences, their error no bound but an estimate; infinite where the two sides disagree.

    With them, at which points something is compared with what it is equal to: there may be a kink all the same.
    """
    wanted, symbols = directional.wanted(pair.derivation), directional.symbols_of(pair.derivation)
    program = Traced(directional.shifted(pair.derivation, pair.choices), shapes)
    steps = STEP * 0.5 ** np.arange(LEVELS)
    offsets = np.concatenate([[0.0], steps, -steps])
    points = len(given[along(symbols[0])])
    bounds, specs = Held(len(offsets)), pair.specs(sizes)
    cases = {name: _tiled(given[name], len(symbols), len(offsets)) for name in specs}
    operands = lift(bounds, specs, cases)
    for place, symbol in enumerate(symbols):
        shape = given[along(symbol)].shape[1:]
        moved = np.zeros((points, len(symbols), len(offsets), *shape))
        moved[:, place] = given[along(symbol)][:, None] * offsets.reshape(-1, *(1,) * len(shape))
        operands[along(symbol)] = bounds.exact(moved.reshape(-1, *shape))
    ties = program.observer = Ties(points * len(symbols), len(offsets))
    roots = program(bounds, sizes, operands)
    result = {}
    for name, (root, symbol) in wanted.items():
        value = as_bounded(roots[root])
        shape = value.value.shape[1:]
        both = np.broadcast_arrays(value.value, value.errors)
        full = (points * len(symbols) * len(offsets), *shape)
        values, errors = (
            np.broadcast_to(part, full).reshape(points, len(symbols), len(offsets), *shape)[
                :, symbols.index(symbol)
            ]
            for part in both
        )
        with np.errstate(all="ignore"):
            result[name] = extrapolated(np.moveaxis(values, 1, 0), np.moveaxis(errors, 1, 0), steps)
    return result, np.asarray(ties.met.reshape(points, len(symbols)).any(axis=1))


def _tiled(leaf: np.ndarray, *times: int) -> np.ndarray:
    wide = leaf.reshape(len(leaf), *(1,) * len(times), *leaf.shape[1:])
    return np.broadcast_to(wide, (len(leaf), *times, *leaf.shape[1:])).reshape(-1, *leaf.shape[1:])


def extrapolated(values: np.ndarray, errors: np.ndarray, steps: np.ndarray) -> Bounded:
    """From values at offset 0, at every step and at every step backwards."""
    here, right, left = values[0], values[1 : 1 + LEVELS], values[1 + LEVELS :]
    wide = steps.reshape(-1, *(1,) * here.ndim)
    rounding = TIMES * (errors.max(axis=0) + 2.0**-52 * np.abs(values).max(axis=0)) / steps[-1]
    after, after_error = _richardson((right - here) / wide)
    before, before_error = _richardson((here - left) / wide)
    error = after_error + before_error + rounding
    known = np.isfinite(error) & (np.abs(after - before) <= error)
    return Bounded(np.where(known, (after + before) / 2, 0.0), np.where(known, error, np.inf))


def _richardson(quotients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The limit of quotients whose errors are a power series in a step that is halved, and how far it may be off."""
    row, before, factor = list(quotients), quotients[-1], 2.0
    while len(row) > 1:
        before = row[-1]
        row = [finer + (finer - coarser) / (factor - 1) for coarser, finer in itertools.pairwise(row)]
        factor *= 2
    return row[0], TIMES * np.abs(row[0] - before)
