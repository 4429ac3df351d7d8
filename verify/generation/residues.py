"""Leaves as residues modulo a prime: random ones for a proof, the very values for a lattice point."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from manual_bp import domains
from verify.arithmetic.field.modular import MODULI
from verify.arithmetic.field.value import Residues
from verify.generation.data import CONTINUOUS, Leaves, Spec

Floats = Mapping[str, np.ndarray]


class Points:
    """Leaves as values of the field: floats that steer, and residues that `draw` gives, level by level as asked for."""

    def __init__(self, specs: Mapping[str, Spec], floats: Floats, draw: Callable[[int], Leaves]):
        self.specs, self.floats, self._draw = specs, floats, draw
        self._drawn: list[Leaves] = []

    @classmethod
    def random(cls, rng: np.random.Generator, specs: Mapping[str, Spec], floats: Floats) -> Points:
        return cls(specs, floats, functools.partial(residues, rng, floats, specs))

    @classmethod
    def exact(cls, specs: Mapping[str, Spec], floats: Floats) -> Points:
        return cls(specs, floats, functools.partial(exact_residues, floats))

    def __len__(self) -> int:
        return len(next(iter(self.floats.values())))

    def leaves(self, height: int) -> dict[str, Any]:
        """The leaves in a tower of that many levels."""
        while len(self._drawn) < height:
            self._drawn.append(self._draw(MODULI[len(self._drawn)]))
        return {
            name: Residues(self.floats[name], tuple(level[name] for level in self._drawn[:height]))
            if spec.kind == "float"
            else self.floats[name]
            for name, spec in self.specs.items()
        }


def residues(rng: np.random.Generator, leaves: Floats, specs: Mapping[str, Spec], modulus: int) -> Leaves:
    """Uniformly random residues, shaped like the leaves and independent of them, where a leaf ranges freely.

    Probabilities sum to 1 modulo the prime along the last axis. A leaf that is discrete satisfies equations
    of its own (y^2 = y for a binary one), so it keeps its values. Counts are free: a polynomial that vanishes
    on all of them vanishes.
    """
    result = {}
    for name, spec in specs.items():
        if isinstance(spec.domain, (*CONTINUOUS, domains.Counts)):
            result[name] = rng.integers(0, modulus, leaves[name].shape)
        elif isinstance(spec.domain, domains.Simplex):
            free = rng.integers(0, modulus, leaves[name].shape)
            free[..., -1] = (1 - free[..., :-1].sum(-1)) % modulus
            result[name] = free
        else:
            result[name] = exact_residue(leaves[name], modulus)
    return result


def exact_residues(leaves: Floats, modulus: int) -> Leaves:
    """The residue of each value itself: its numerator times the inverse of its power of two."""
    return {name: exact_residue(values, modulus) for name, values in leaves.items()}


def exact_residue(values: np.ndarray, modulus: int) -> np.ndarray:
    """The residues of finite floats, integers or booleans, as int64; `modulus` is an odd prime below 2^31."""
    if not np.issubdtype(values.dtype, np.floating):
        return values.astype(np.int64) % modulus
    if not np.all(np.isfinite(values)):
        raise ValueError("a value is not finite, so it has no residue")
    fractions, exponents = np.frexp(values.astype(np.float64, copy=False))
    numerators = np.ldexp(fractions, 53).astype(np.int64)
    return numerators % modulus * _powers_of_two(modulus)[exponents] % modulus


@functools.cache
def _powers_of_two(modulus: int) -> np.ndarray:
    """2^(e - 53) modulo the prime at place e, for every e that `frexp` gives; negative places wrap around."""
    exponents = [*range(1025), *range(-1075, 0)]
    return np.array([pow(2, exponent - 53, modulus) for exponent in exponents])
