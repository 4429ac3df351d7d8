"""How the numbers of an unconstrained leaf are laid out: one row a structure, simplest first.

A row's `draw(rng, shape, kinks)` gives float64 numbers of `shape`, whose first axis counts cases. Every leaf
is drawn by itself, so a case mixes, for instance, a leaf of zeros with one of small integers.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

Shape = tuple[int, ...]
Draw = Callable[[np.random.Generator, Shape, Sequence[float]], np.ndarray]

KINKS: Final = (
    0.0,
    -1.0,
    1.0,
    -3.0,
    3.0,
    6.0,
)  # of all activations and losses; a run passes those of its own choices


@dataclasses.dataclass(frozen=True)
class Structure:
    """A row; on a `lattice` all numbers are small dyadics, for which bounds of zero are to be expected."""

    name: str
    draw: Draw
    lattice: bool


def each_case(shape: Shape) -> Shape:
    """The shape of one number a case, that broadcasts against `shape`."""
    return shape[:1] + (1,) * (len(shape) - 1)


def fan_in_scale(shape: Shape) -> float:
    """A factor for matrices such that neither W x nor X W^T grows or fades: most stay within |z| < 5.

    Where both factors are matrices, fan-in to the power -1/4 is right; where one is a vector, within a factor
    of two up to a fan-in of 16.
    """
    return max(shape[-1], 1) ** -0.25 if len(shape) > 2 else 1.0


def _integers(largest: int) -> Draw:
    def draw(rng: np.random.Generator, shape: Shape, kinks: Sequence[float]) -> np.ndarray:
        return rng.integers(-largest, largest + 1, shape, np.int8).astype(np.float64)

    return draw


def _constant(value: float) -> Draw:
    """All `value` in the first case and in half of the others, where the rest are small integers."""

    def draw(rng: np.random.Generator, shape: Shape, kinks: Sequence[float]) -> np.ndarray:
        constant = rng.random(each_case(shape)) < 0.5
        constant[:1] = True
        return np.where(constant, value, rng.integers(-2, 3, shape, np.int8))

    return draw


def _dyadic(rng: np.random.Generator, shape: Shape, kinks: Sequence[float]) -> np.ndarray:
    return rng.integers(-4, 5, shape, np.int8) * 0.5 ** rng.integers(0, 4, each_case(shape))


def _ties(rng: np.random.Generator, shape: Shape, kinks: Sequence[float]) -> np.ndarray:
    one, other = (rng.choice((-1.0, 0.0, 0.5, 1.0, 2.0), each_case(shape)) for _ in range(2))
    return np.where(rng.random(shape) < 0.5, one, other)


def _kinks(rng: np.random.Generator, shape: Shape, kinks: Sequence[float]) -> np.ndarray:
    """Numbers at kinks, some half a unit off; most matrices select (a row has one entry, 1 or -1) or are 0.

    A selecting matrix hands the numbers it is multiplied with on to the kink as they are. Where a smooth
    function lies between, nothing but a matrix of zeros does. Some leaves that are no matrices are zero as
    well, so that biases do not shift everything away again.
    """
    at = np.array(sorted({0.0, *kinks}))
    values = rng.choice(np.concatenate([at, at, at, at - 0.5, at + 0.5]), shape)
    use = rng.random(each_case(shape))
    if len(shape) <= 2:
        return np.where(use < 0.7, values, 0.0)
    chosen = np.arange(shape[-1]) == rng.integers(0, max(shape[-1], 1), (*shape[:-1], 1))
    sign = rng.choice((-1.0, 1.0, 1.0), (*shape[:-1], 1))
    return np.where(use < 0.25, values, np.where(chosen & (use < 0.8), sign, 0.0))


def _normal(rng: np.random.Generator, shape: Shape, kinks: Sequence[float]) -> np.ndarray:
    scale = fan_in_scale(shape) * rng.choice((0.5, 1.0, 2.0), each_case(shape))
    return rng.standard_normal(shape) * scale


def _duplicate_rows(rng: np.random.Generator, shape: Shape, kinks: Sequence[float]) -> np.ndarray:
    """Normal numbers; along its first axis a leaf has at most half as many different ones, rounded up."""
    values = _normal(rng, shape, kinks)
    if math.prod(shape) == 0 or len(shape) == 1:
        return values
    rows = rng.integers(0, (shape[1] + 1) // 2, shape[:2])
    return np.take_along_axis(values, rows.reshape(shape[:2] + (1,) * (len(shape) - 2)), axis=1)


def _saturating(rng: np.random.Generator, shape: Shape, kinks: Sequence[float]) -> np.ndarray:
    return rng.standard_normal(shape) * rng.choice((1.0, 16.0), each_case(shape)) * fan_in_scale(shape)


def _offset(rng: np.random.Generator, shape: Shape, kinks: Sequence[float]) -> np.ndarray:
    return _normal(rng, shape, kinks) + rng.choice((-1e4, 0.0, 0.0, 1e4), each_case(shape))


def _wide(rng: np.random.Generator, shape: Shape, kinks: Sequence[float]) -> np.ndarray:
    """1e-6 to 1e6, so that products of four of them stay within float32."""
    return np.ldexp(rng.uniform(-2.0, 2.0, shape), rng.integers(-20, 20, shape))


STRUCTURES: Final = (
    Structure("integers to 1", _integers(1), lattice=True),
    Structure("integers to 2", _integers(2), lattice=True),
    Structure("integers to 3", _integers(3), lattice=True),
    Structure("zeros", _constant(0.0), lattice=True),
    Structure("ones", _constant(1.0), lattice=True),
    Structure("dyadic", _dyadic, lattice=True),
    Structure("ties", _ties, lattice=True),
    Structure("kinks", _kinks, lattice=True),
    Structure("normal", _normal, lattice=False),
    Structure("duplicate rows", _duplicate_rows, lattice=False),
    Structure("saturating", _saturating, lattice=False),
    Structure("common offset", _offset, lattice=False),
    Structure("wide exponents", _wide, lattice=False),
)
STRUCTURE: Final[Mapping[str, Structure]] = {structure.name: structure for structure in STRUCTURES}
