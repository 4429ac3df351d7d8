"""Where a program leaves the range of its dtype or cancels, and data that lead there.

Cases are drawn at every scale that a leaf's domain has, and those are taken at which the program's own bound is
largest in comparison with what `jax.grad`'s allows: an intermediate value overflows there, underflows, or cancels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from manual_bp import domains
from verify.arithmetic.bounds.units import Unit
from verify.arithmetic.bounds.value import Bounded, numbers
from verify.generation.data import Spec, fill, rounded
from verify.generation.structures import STRUCTURE, each_case
from verify.interpreter.walker import Sizes
from verify.lanes.device.calibration import Checked

Array = np.ndarray[Any, Any]
CANDIDATES = 192
AIMED = 32  # of them are run
REAL = (-20.0, 20.0)  # powers of two by which real numbers are scaled, as in "wide exponents"
POSITIVE = (-40.0, 26.0)  # and positive ones, as they are drawn elsewhere
CANCELS = 16.0  # so much larger is an operand than the difference


def candidates(
    rng: np.random.Generator, sizes: Sizes, specs: Mapping[str, Spec], dtype: str
) -> dict[str, Array]:
    """Cases of all magnitudes: every leaf by itself, or all by one factor, or one alone."""
    leaves = fill(rng, sizes, specs, STRUCTURE["normal"], CANDIDATES)
    names = [n for n, spec in specs.items() if spec.kind == "float" and not spec.cotangent]
    how = rng.integers(0, 3, CANDIDATES)
    shared, alone = rng.random(CANDIDATES), rng.integers(0, max(len(names), 1), CANDIDATES)
    for place, name in enumerate(names):
        match specs[name].domain:
            case domains.Real():
                low, high = REAL
                base = leaves[name]
            case domains.Positive() | domains.Nonnegative():
                low, high = POSITIVE
                base = rng.uniform(0.5, 2.0, leaves[name].shape)
            case _:
                continue
        own = rng.random(CANDIDATES)
        part = np.where(how == 1, shared, np.where((how == 0) | (alone == place), own, -low / (high - low)))
        leaves[name] = base * np.exp2(low + (high - low) * part).reshape(each_case(base.shape))
    return rounded(leaves, specs, dtype)


def chosen(leaves: Mapping[str, Array], danger: Array) -> dict[str, Array]:
    """The most dangerous cases, half of them where nothing bounds the program if there are so many."""
    unbounded = np.flatnonzero(np.isposinf(danger))[: AIMED // 2]
    order = np.argsort(-np.where(np.isposinf(danger), -1.0, danger), kind="stable")
    order = order[~np.isin(order, unbounded)]
    taken = np.concatenate([unbounded, order])[:AIMED]
    return {name: leaf[taken] for name, leaf in leaves.items()}


def danger(ours: Mapping[str, Bounded], allowed: Mapping[str, Bounded], within: Array) -> Array:
    """How far the program's own bound is beyond what is allowed, case by case; 0 where nothing is asked."""
    worst = np.zeros(len(within))
    for name in ours.keys() & allowed.keys():
        mine, theirs = ours[name], allowed[name]
        with np.errstate(all="ignore"):
            limit = theirs.errors + np.zeros_like(theirs.value)
            known = np.isfinite(theirs.value) & np.isfinite(limit) & (limit < np.abs(theirs.value) / 16)
            own = np.where(np.isfinite(mine.value), mine.errors, np.inf)
            ratio = np.where(known, np.where(np.isnan(own), np.inf, own) / limit, 0.0)
        ratio = np.broadcast_to(ratio, (len(within), *ratio.shape[1:])).reshape(len(within), -1)
        worst = np.maximum(worst, ratio.max(axis=1, initial=0.0))
    return np.where(within, worst, 0.0)


# --- which operation --------------------------------------------------------------------------------------------------


class Met:
    """What a walk met: the first operation that left the range, made NaN, underflowed, or cancelled most."""

    def __init__(self) -> None:
        self.overflows: str | None = None
        self.undefined: str | None = None
        self.underflows: str | None = None
        self.cancels: tuple[float, str] = (CANCELS, "")

    def said(self, *, finite: bool) -> str | None:
        """The likeliest reason for a result that is not finite, or that has lost its digits."""
        if not finite and (self.overflows or self.undefined):
            return f"{self.overflows} overflows" if self.overflows else f"{self.undefined} is undefined"
        if finite and self.cancels[1]:
            return f"{self.cancels[1]} cancels"
        return f"{self.underflows} underflows" if self.underflows else None


def watching(arithmetic: Checked, unit: Unit) -> Met:
    """Lets every rule of this arithmetic note what it met."""
    met = Met()
    for name, rule in dict(arithmetic.rules).items():
        arithmetic.overrides[name] = _noted(rule, unit, met)
    return met


def _noted(rule: Callable[..., Any], unit: Unit, met: Met) -> Callable[..., Any]:
    def apply(arithmetic: Any, step: Any, *operands: Any) -> Any:
        result = rule(arithmetic, step, *operands)
        if isinstance(result, Bounded):
            _note(met, unit, step.primitive, result.value, [o for o in operands if isinstance(o, Bounded)])
        return result

    return apply


def _note(met: Met, unit: Unit, name: str, value: Array, operands: list[Bounded]) -> None:
    sizes = [np.abs(numbers(operand)) for operand in operands]
    with np.errstate(all="ignore"):
        ordinary = all(np.all(size <= unit.largest) for size in sizes)
        size = np.abs(value)
        if ordinary and np.any(size > unit.largest):
            met.overflows = met.overflows or name
        if ordinary and np.isnan(value).any():
            met.undefined = met.undefined or name
        if np.any((size < unit.tiny) & (size > 0)):
            met.underflows = met.underflows or name
        if name in ("add", "add_any", "sub") and len(sizes) == 2:
            shapes = [s for s in sizes if s.ndim == value.ndim]
            largest = np.max(np.broadcast_arrays(*shapes, size)[:-1], axis=0) if shapes else size
            ratio = np.where((size > 0) & np.isfinite(largest), largest / size, 0.0).max(initial=0.0)
            if ratio > met.cancels[0]:
                met.cancels = (float(ratio), name)
