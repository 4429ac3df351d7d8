"""The bounds lane: both sides in float64 with running error bounds, on the numbers of concrete cases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from verify.arithmetic.bounds.arithmetic import Bounds
from verify.arithmetic.bounds.value import Bounded, differs, numbers
from verify.generation.data import Spec
from verify.interpreter.walker import Sizes
from verify.programs.pair import Pair
from verify.programs.tracing import GRADIENT, Traced

Array = np.ndarray[Any, Any]


@dataclass
class Comparison:
    """How the two sides of one equation compare over the cases of one shape."""

    worst: float = 0.0  # largest difference over both bounds; 1 would be a violation
    power: float | None = None  # smallest relative error that would have been refuted, measured
    differing: Array = field(default_factory=lambda: np.zeros(0, bool))  # by case
    quantities: dict[str, tuple[Bounded, Bounded]] = field(default_factory=dict)  # manual, autodiff

    @property
    def differ(self) -> bool:
        return bool(self.differing.any())


@dataclass
class Bounding:
    """What the cases of one shape said."""

    comparisons: dict[str, Comparison]
    values: dict[str, Any]  # every symbol and derivative, as the reference computes it
    estimated: set[str]  # primitives whose error was estimated and not bounded


def lift(arithmetic: Bounds, specs: Mapping[str, Spec], leaves: Mapping[str, Array]) -> dict[str, Any]:
    """Drawn numbers as leaves of the arithmetic."""
    return {
        n: arithmetic.exact(leaves[n]) if spec.kind == "float" else leaves[n] for n, spec in specs.items()
    }


def bound(
    pair: Pair,
    sizes: Sizes,
    leaves: Mapping[str, Array],
    *,
    concrete: bool = False,
    only: str | None = None,
    arithmetic: Bounds | None = None,
) -> Bounding:
    """Compares every equation and the gradient whole, or `only` one of them, with their references."""
    programs = pair.programs(sizes, concrete=concrete)
    arithmetic = arithmetic or Bounds(traced=pair.dtype, rounds_casts=pair.rounds_casts)
    specs = pair.specs(sizes)
    lifted = lift(arithmetic, specs, leaves)
    cases = len(next(iter(leaves.values())))
    values = {} if only == GRADIENT else programs.reference(arithmetic, sizes, lifted)
    comparisons = {}
    for name, equation in programs.equations.items():
        if isinstance(equation, Traced) and only in (None, name):
            comparisons[name] = compare(
                cases, {name: (equation(arithmetic, sizes, values), values[name])}, arithmetic
            )
    if isinstance(programs.composed, Traced) and programs.autodiff is not None and only in (None, GRADIENT):
        manual, autodiff = (
            program(arithmetic, sizes, lifted) for program in (programs.composed, programs.autodiff)
        )
        comparisons[GRADIENT] = compare(
            cases, {key: (manual[key], autodiff[key]) for key in autodiff}, arithmetic
        )
    return Bounding(comparisons, values, arithmetic.estimated)


def compare(cases: int, quantities: Mapping[str, tuple[Any, Any]], arithmetic: Bounds) -> Comparison:
    """The one criterion, over all quantities of an equation."""
    result = Comparison(differing=np.zeros(cases, bool))
    for key, sides in quantities.items():
        manual, autodiff = arithmetic.settle([as_bounded(side) for side in sides])
        mask, ratio = differs(manual, autodiff)
        result.differing |= mask.reshape(len(mask), -1).any(axis=1)
        result.worst = max(result.worst, float(np.nanmax(ratio, initial=0.0)))
        powers = [p for p in (result.power, measured_power(manual, autodiff)) if p is not None]
        result.power = min(powers, default=None)
        result.quantities[key] = manual, autodiff
    return result


def as_bounded(value: Any) -> Bounded:
    """A result as a number with a bound: a program may return plain integers for a float."""
    return value if isinstance(value, Bounded) else Bounded(numbers(value).astype(np.float64))


CANDIDATES = (
    64  # elements whose results are perturbed: those with the smallest bounds, relative to their size
)
EPSILONS = 2.0 ** -np.arange(53.0)[:, None]


def measured_power(
    ours: Bounded, theirs: Bounded, store: Callable[[Array], Array] = lambda numbers: numbers
) -> float | None:
    """The smallest relative error of our side that would have been refuted; None where none would have been.

    It is measured: the very numbers of the run are perturbed, and judged again. `store` rounds a perturbed number to
    the dtype that the side is computed in.
    """
    with np.errstate(all="ignore"):
        parts = np.broadcast_arrays(ours.value, ours.errors, theirs.value, theirs.errors)
        value, error, other, allowed = (part.ravel() for part in parts)
        relative = (error + allowed) / np.abs(value)
        seen = np.flatnonzero(np.isfinite(relative) & (relative < 1))
        if seen.size > CANDIDATES:
            seen = seen[np.argpartition(relative[seen], CANDIDATES)[:CANDIDATES]]
        perturbed = store(value[seen] * (1 + EPSILONS))
        refuted, _ = differs(Bounded(perturbed, error[seen]), Bounded(other[seen], allowed[seen]))
    found = EPSILONS[refuted.any(axis=1), 0]
    return float(found.min()) if found.size else None
