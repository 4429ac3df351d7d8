"""Both sides of an equation that is wrong, in the field at one shape, and all that it could be made of."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from verify.arithmetic.field.arithmetic import Field
from verify.arithmetic.field.value import Residues
from verify.diagnosis.terms import Algebra, constant_between, shape_of
from verify.generation.data import generic, kinks_of
from verify.generation.residues import Points
from verify.interpreter.walker import Sizes
from verify.lanes.trial import like, side_of
from verify.programs.pair import Pair
from verify.programs.tracing import Traced

POINTS = 8


class Sides:
    """Raises Unseen where the equation cannot be traced at these sizes."""

    def __init__(self, pair: Pair, name: str, sizes: Sizes, rng: np.random.Generator, *, concrete: bool):
        programs = pair.programs(sizes, concrete=concrete)
        traced = programs.equations.get(name)
        if not isinstance(traced, Traced):
            raise NotTraceable
        specs = pair.specs(sizes)
        floats = generic(rng, sizes, specs, POINTS, kinks=kinks_of(pair.choices))
        points = Points.random(rng, specs, floats)
        self.side = side_of(pair, programs, sizes, points, more=1, descending=True)
        self.pair, self.name, self.sizes, self.traced = pair, name, sizes, traced
        self.field: Field = like(self.side.arithmetic)
        self.algebra = Algebra(self.field)
        self.manual = self.run(self.side.values)
        self.right: Residues = self.field.lifted(self.side.values[name])
        self.difference = self.algebra.minus(self.manual, self.right)
        self.unequal, _ = self.field.unequal(self.manual, self.right)
        self.wrong = bool(self.unequal.any()) or self.no_number

    @property
    def no_number(self) -> bool:
        """Whether the equation gives nothing but NaN and infinities, and should not."""
        return not np.isfinite(self.manual.x).any() and bool(np.isfinite(self.right.x).all())

    def run(self, values: Mapping[str, Any]) -> Residues:
        """What the equation makes of these values."""
        return self.field.lifted(self.traced(self.field, self.sizes, values))

    @functools.cached_property
    def quantities(self) -> dict[str, Residues]:
        """Every floating-point symbol and derivative but the one in question, constants left out."""
        found = {}
        for name, value in self.side.values.items():
            if name != self.name and isinstance(value, Residues) and not self._constant(value):
                found[name] = value
        return found

    def _constant(self, value: Residues) -> bool:
        one = self.field.constant(np.ones(1))
        constant = constant_between(self.field, value, one) if shape_of(value) == () else None
        return constant is not None and self.algebra.equal(value, self.algebra.scaled(constant, one))

    @property
    def parameters(self) -> tuple[str, ...]:
        return self.pair.derivation.equations[self.name].parameters

    @property
    def derivatives(self) -> frozenset[str]:
        return frozenset(self.pair.derivation.derivatives)

    def multiple(self, value: Residues, of: Residues) -> Fraction | None:
        """The constant that makes `value` a multiple of another, if it is one."""
        constant = constant_between(self.field, value, of)
        if constant is None or not self.algebra.equal(value, self.algebra.scaled(constant, of)):
            return None
        return constant


class NotTraceable(Exception):
    """There is nothing to be seen at these sizes."""
