r"""The second question of accuracy: has the result by hand lost what the problem allows and `jax.grad` keeps?

A bound on the rounding of the program itself explains everything that the program does to its digits: `1 - (1 - s)`
keeps none of a small s, and `exp(x) / (1 + exp(x))` is NaN from some x on, both within their own bounds. So a
result is also held to what is *allowed*: the bound A of `jax.grad`'s own program, its inputs known to one rounding
only and every operation rounding (`opaque_bounds`). With t the derivative and E the error on the device, it is lost

- where it is not finite, and t and A are; or is NaN where t is certainly infinite;
- where $E > \sqrt{A |t|}$, which is more than half of the digits that `jax.grad` keeps for certain, and E > MODEST A;
  for this, A is at least one rounding of t: `jax.grad` may give a constant that it rounds nowhere.

Nothing is asked where the value that is differentiated leaves the range of the dtype: there the problem does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from verify.arithmetic.bounds.units import Unit
from verify.arithmetic.bounds.value import Bounded
from verify.generation.simplicity import weight
from verify.lanes.device.violations import MOST, Judged, Violation, rows

Array = np.ndarray[Any, Any]
MODEST = 16.0  # times what is allowed: another order of summation, a longer chain of operations
CERTAIN = 1 / 16  # jax.grad keeps so much at least, or nothing is asked
REPEATED = 3  # cases in which digits must be lost, where there are as many; once is enough for a NaN


@dataclass
class Kept:
    """What one run kept of its digits, and where it lost more than the problem allows."""

    digits: float | None = None  # by hand, where it keeps fewest in comparison; decimal digits
    autodiff_digits: float | None = None  # that `jax.grad` keeps there for certain
    lost: int = 0  # cases
    violation: Violation | None = None  # the simplest of those


def kept(
    judged: Sequence[Judged],
    allowed: Mapping[str, Bounded],
    within: Array,
    unit: Unit,
    leaves: Mapping[str, Array],
    inputs: Callable[[int], Mapping[str, Array]] | None = None,
) -> Kept:
    """How the results compare with what is allowed; only cases that are `within` the range are asked."""
    result, hits, worst = Kept(), list[tuple[float, Violation]](), 0.0
    cases, infinite = set[int](), False
    for quantity, first, computed, _ in judged:
        expected = rows(allowed[quantity], first, computed.shape)
        asked = within[first : first + len(computed)].reshape(-1, *(1,) * (computed.ndim - 1))
        truth, exact = expected.value, expected.errors == 0
        with np.errstate(all="ignore"):
            error, size = np.abs(computed - truth), np.abs(truth)
            # a derivative that jax.grad rounds nowhere, such as 1, may be rounded once by hand
            bound = np.maximum(expected.errors, unit.u * np.where(np.isfinite(size), size, 0.0))
            known = np.isfinite(truth) & np.isfinite(bound) & asked
            outside = known & ~np.isfinite(computed)
            outside |= asked & np.isnan(computed) & np.isinf(truth) & exact
            certain = known & (bound < CERTAIN * size) & np.isfinite(computed)
            limit = np.maximum(np.sqrt(bound * size), MODEST * bound)
            ratio = np.where(certain, error / limit, 0.0)
        if ratio.size and ratio.max() > worst:
            worst = float(ratio.max())
            at = np.unravel_index(int(ratio.argmax()), ratio.shape)
            result.digits = _digits(error[at], size[at], unit)
            result.autodiff_digits = _digits(bound[at], size[at], unit)
        found = np.flatnonzero((outside | (ratio > 1)).reshape(len(ratio), -1).any(axis=1))
        cases.update(first + int(case) for case in found)
        infinite |= bool(outside.any())
        preferred = np.flatnonzero(outside.reshape(len(ratio), -1).any(axis=1))
        for case in (preferred if preferred.size else found)[:MOST]:
            index = np.unravel_index(
                int(np.where(outside[case], np.inf, ratio[case]).argmax()), ratio.shape[1:]
            )
            at = (int(case), *map(int, index))
            drawn = {n: leaf[min(first + case, len(leaf) - 1)] for n, leaf in leaves.items()}
            seen = Violation(
                quantity, first + int(case), at[1:], float(computed[at]), float(truth[at]), float(bound[at]),
                None if inputs is None else inputs(first + int(case)),
            )  # fmt: skip
            hits.append((weight({n: value[None] for n, value in drawn.items()}), seen))
    result.lost = len(cases)
    if hits and (infinite or result.lost >= min(REPEATED, len(within))):
        if infinite:
            hits = [hit for hit in hits if not np.isfinite(hit[1].computed)]
        result.violation = min(hits, key=lambda hit: hit[0])[1]
    return result


def within_range(values: Iterable[Bounded], unit: Unit, cases: int) -> Array:
    """The cases in which none of these overflows or underflows, by its bound."""
    fine = np.ones(cases, bool)
    for value in values:
        size = np.abs(value.value)
        finite = np.isfinite(value.value) & np.isfinite(value.errors)
        bad = ~finite | ((size < unit.tiny) & (size > 0)) | (size > unit.largest)
        fine &= ~bad.reshape(len(bad), -1).any(axis=1)
    return fine


def _digits(error: float, size: float, unit: Unit) -> float:
    """Decimal digits that are right, at most all of the dtype's."""
    most = unit.bits * np.log10(2)
    return float(most if error == 0 else np.clip(np.log10(size / error), 0.0, most))


def in_words(
    seen: Violation, dtype: str, leaves: Mapping[str, Array], keeps: Kept, because: str | None
) -> str:
    """What was lost, where, and by which operation: one line."""
    at = _place(seen, leaves)
    cause = f": {because}" if because else ""
    if not np.isfinite(seen.computed):
        name = "NaN" if np.isnan(seen.computed) else "infinite"
        return f"{name} in {dtype}{at}, where jax.grad gives {seen.expected:.6g}{cause}"
    with np.errstate(all="ignore"):
        ours, theirs = (
            int(max(np.log10(abs(seen.expected) / max(off, 1e-300)), 0.0))
            for off in (abs(seen.computed - seen.expected), seen.bound)
        )
    return (
        f"{seen.computed:.6g} in {dtype}{at}, where the derivative is {seen.expected:.6g}: "
        f"{ours or 'no'} digit{'' if ours == 1 else 's'} kept, jax.grad keeps {theirs} at least, "
        f"lost in {keeps.lost} case{'' if keeps.lost == 1 else 's'}{cause}"
    )


def _place(seen: Violation, leaves: Mapping[str, Array]) -> str:
    """The numbers of the leaves there, those that are few or that lie at the same element."""
    said = []
    for name, leaf in leaves.items():
        if leaf.shape == np.shape(np.zeros(())):
            said.append(f"{name} = {float(leaf):.6g}")
        elif leaf.ndim == len(seen.index) and all(i < n for i, n in zip(seen.index, leaf.shape, strict=True)):
            said.append(f"{name} = {float(leaf[seen.index]):.6g}")
    return f" at {', '.join(said[:3])}" if said else ""
