"""What a walk through the field keeps, and what every rule asks of it: constants, powers, hashes, branches.

`arithmetic.Field` is this with the table of rules.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import jax.numpy as jnp
import numpy as np

from verify.arithmetic.field.discrete_logarithms import logarithm
from verify.arithmetic.field.modular import (
    GENERATORS,
    MODULI,
    exponential,
    hashed,
    rational_power,
    residue,
    simplest,
)
from verify.arithmetic.field.quadratic import Level, Quadratic, chosen, linear
from verify.arithmetic.field.value import Agreement, NoLevelLeft, Residues, Tower


class BaseField:
    """What the rules of the field stand on: `points` points at once, in a tower of `levels` fields."""

    def __init__(self, points: int, levels: int = 2, *, extended: bool = True, descending: bool = False):
        self.points = points
        self.moduli = MODULI[:levels]
        self.extended = (
            extended  # whether a root of what is no square is looked for in the quadratic extension
        )
        self.rooted = False  # whether it was found there
        self.either_root = False  # whether a square root is of either sign, the same one for the same number
        self.descending = descending  # whether logarithms are numbers, or as good as any
        self.logged = False  # whether there were some
        self.exponential = False  # whether exp, log or a root took part: the weaker theorem
        self.uninterpreted: set[str] = set()
        self.exhausted = False  # whether a higher tower would have interpreted more
        self.patterns = np.zeros(points, np.uint64)  # a hash of all branches taken, point by point
        self._sites = 0
        self._literals: dict[tuple[float, int, int], Residues] = {}  # by number, bits and rank

    @property
    def theorem(self) -> str:
        return "exponential" if self.exponential else "rational"

    # --- making values ---

    def constant(self, array: np.ndarray) -> Residues:
        """A literal of the program, read as the simplest rational that rounds to it in its own dtype."""
        bits = int(jnp.finfo(array.dtype).nmant) + 1
        array = array.astype(np.float64, copy=False)
        if array.size == 1 and math.isfinite(value := float(array.reshape(()))):
            known = self._literals.get((value, bits, array.ndim))
            if known is None:
                number = simplest(value, bits)
                known = Residues(array, self.everywhere(number, array.shape), (0, 0), rational=number)
                self._literals[value, bits, array.ndim] = known
            return replace(known)
        values, positions = np.unique(array, return_inverse=True)
        numbers = [simplest(float(value), bits) if math.isfinite(value) else Fraction(0) for value in values]
        tower = tuple(
            np.array([residue(number, modulus) for number in numbers], np.int64)[positions].reshape(
                array.shape
            )
            for modulus in self.moduli
        )
        hole = ~np.isfinite(array)
        return Residues(array, tower, (0, 0), hole=hole if hole.any() else None)

    def everywhere(self, number: Fraction, shape: tuple[int, ...]) -> Tower:
        """The same number in every element."""
        return tuple(np.full(shape, residue(number, modulus)) for modulus in self.moduli)

    def integers(self, array: np.ndarray) -> Residues:
        """Plain integers or booleans as floats."""
        whole = array.astype(np.int64)
        number = Fraction(int(whole.reshape(()))) if whole.size == 1 else None
        return Residues(
            array.astype(np.float64), tuple(whole % m for m in self.moduli), (0, 0), rational=number
        )

    def lifted(self, value: Any) -> Residues:
        """A result as a value of the field: a program may return plain integers for a float."""
        return self.integers(value) if isinstance(value, np.ndarray) else value

    # --- what the walker asks for ---

    def steer(self, value: Any) -> np.ndarray:
        return value if isinstance(value, np.ndarray) else value.x

    def move(self, function: Callable[..., Any], *values: Any) -> Any:
        """Moves the numbers of one or several values, every component alike."""
        values = tuple(self.lifted(value) for value in values)
        antilogs = self.antilogs(values)
        x = function(*[v.x for v in values])
        tower = self._move_tower(function, [v.r for v in values])
        antilog = None if antilogs is None else self._move_tower(function, antilogs)
        hole = None
        if any(v.hole is not None for v in values):
            hole = function(
                *[
                    np.zeros(v.x.shape, bool) if v.hole is None else np.broadcast_to(v.hole, v.x.shape)
                    for v in values
                ]
            )
        degree = (max(v.degree[0] for v in values), max(v.degree[1] for v in values))
        rational = values[0].rational if len({v.rational for v in values}) == 1 else None
        if not isinstance(x, (list, tuple)):
            return Residues(x, tower, degree, antilog, hole, rational)

        def part(tower: Tower | None, i: int) -> Tower | None:
            return None if tower is None else tuple(None if level is None else level[i] for level in tower)

        return [
            Residues(
                x[i],
                part(tower, i) or (),
                degree,
                part(antilog, i),
                None if hole is None else hole[i],
                rational,
            )
            for i in range(len(x))
        ]

    @staticmethod
    def _move_tower(function: Callable[..., Any], towers: Sequence[Tower]) -> Tower:
        return tuple(
            None if any(level is None for level in levels) else linear(function, *levels)
            for levels in zip(*towers, strict=True)
        )

    # --- exponentials and their inverses ---

    def antilogs(self, values: Sequence[Residues]) -> list[Tower] | None:
        """The exponentials of several values, if any of them is a logarithm and all of them are known."""
        if all(value.antilog is None for value in values):
            return None
        known = [antilog for value in values if (antilog := self.antilog(value)) is not None]
        return known if len(known) == len(values) else None

    def antilog(self, value: Residues) -> Tower | None:
        """exp(value), or None where it is out of reach."""
        return self.climb(value.r) if value.antilog is None else value.antilog

    def climb(self, tower: Tower, bases: tuple[int, int] = GENERATORS) -> Tower | None:
        """A base to the power of a value, one level up; None where no level is left.

        The second base is for the part of an exponent that lies in the quadratic extension: base^(a + b i) is a
        product of two powers, so that sums still become products.
        """
        powers: list[Level | None] = [None]
        for level, below in enumerate(tower[:-1], start=1):
            if isinstance(below, Quadratic):
                parts = (
                    exponential(part, level, base)
                    for part, base in zip((below.re, below.im), bases, strict=True)
                )
                powers.append(math.prod(parts) % self.moduli[level])
            else:
                powers.append(None if below is None else exponential(below, level, bases[0]))
        return tuple(powers) if any(power is not None for power in powers) else None

    def descend(self, tower: Tower) -> Tower | None:
        """The discrete logarithms of a value, one level down; None where it has no other level."""
        if any(isinstance(level, Quadratic) for level in tower):
            return None
        logarithms = [
            None if above is None else logarithm(above, level)
            for level, above in enumerate(tower[1:], start=1)
        ]
        return (*logarithms, None) if any(level is not None for level in logarithms) else None

    def root(self, tower: Tower, exponent: Fraction) -> tuple[Tower, np.ndarray]:
        """A rational power, and where it exists at every level but the lowest there is, which it leaves."""
        lowest = next(level for level, residues in enumerate(tower) if residues is not None)
        powers: list[Level | None] = [None] * len(tower)
        exists = np.ones((), bool)
        for level in range(max(lowest, 1), len(tower)):
            residues = tower[level]
            if residues is None:  # below a logarithm
                continue
            power, here = rational_power(residues, exponent, level, extended=self.extended)
            if (
                self.extended and not here.all()
            ):  # a root of a root, say: whatever it is, it is the same for the same number
                self.uninterpreted.add(f"power {exponent}")
                power = chosen(here, power, hashed(residues, f"power {exponent}", self.moduli[level]))
                here = np.ones((), bool)
                self.rooted = True
            powers[level], exists = power, exists & here
            self.rooted |= isinstance(power, Quadratic)
        return tuple(powers), exists

    # --- uninterpreted functions: equal arguments give equal values, at every level ---

    def uninterpret(self, name: str, value: Level, *, odd_modulo: int | None = None) -> Tower:
        """A function of which nothing is known (or only that it is odd), of residues of some level."""
        self.exponential = True
        self.uninterpreted.add(name)
        if odd_modulo is None or isinstance(value, Quadratic):
            return tuple(hashed(value, name, modulus) for modulus in self.moduli)
        mirrored = odd_modulo - value
        flipped = mirrored < value
        tower = self.uninterpret(name, np.where(flipped, mirrored, value))
        signed = (
            np.where(flipped, modulus - level, level)
            for modulus, level in zip(self.moduli, tower, strict=True)
        )
        return tuple(np.where(value == 0, 0, level) for level in signed)

    def unknown(self, step: Any, *operands: Any) -> list[Any]:
        """A primitive without a rule; `Field` says what becomes of it."""
        raise NotImplementedError(step.primitive)

    # --- branches ---

    def branch(self, taken: np.ndarray) -> np.ndarray:
        """Notes which way each point went, and returns it."""
        branched = getattr(getattr(self, "observer", None), "branched", None)
        if branched is not None:
            branched()
        self._sites += 1
        bits = taken.reshape(len(taken), -1).astype(np.uint64)
        weights = hashed(
            np.arange(bits.shape[1], dtype=np.int64) + (self._sites << 32), "branch", (1 << 62) - 57
        )
        self.patterns = self.patterns + (bits * weights.astype(np.uint64)).sum(axis=1, dtype=np.uint64)
        return taken

    # --- the verdict ---

    def unequal(self, a: Residues, b: Residues) -> tuple[np.ndarray, np.ndarray]:
        """Where two results differ, point by point and element by element, and where one of them has no value."""
        shape = (self.points, *np.broadcast_shapes(a.x.shape, b.x.shape)[1:])
        hole = np.zeros(shape, bool)
        both = [
            left == right
            for left, right in zip(a.r, b.r, strict=True)
            if left is not None and right is not None
        ]
        if not both:  # nothing compared is nothing shown
            raise NoLevelLeft
        equal = functools.reduce(np.logical_and, both)
        for value in (a, b):
            if value.hole is not None:
                hole |= value.hole
        return ~np.broadcast_to(equal, shape) & ~hole, hole

    def compare(self, a: Residues, b: Residues) -> Agreement:
        """Whether two results are equal at every point at which both have a value."""
        degree = max(a.degree[0] + b.degree[1], b.degree[0] + a.degree[1], 1)
        levels = zip(self.moduli, a.r, b.r, strict=True)
        shared = [modulus for modulus, left, right in levels if left is not None and right is not None]
        per_point = sum(min(0.0, math.log2(degree) - math.log2(modulus)) for modulus in shared)
        unequal, hole = self.unequal(a, b)
        where = np.argwhere(unequal)
        live = int((~hole).sum(axis=0).min(initial=self.points))
        return Agreement(
            points=live,
            dropped=int(hole.sum()),
            log2_error=live * per_point,
            mismatch=tuple(int(i) for i in where[0]) if len(where) else None,
        )
