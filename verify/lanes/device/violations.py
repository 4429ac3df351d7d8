"""From the numbers that a device gave to the element that is farthest beyond its bound: the one criterion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import jax.numpy as jnp
import numpy as np

from verify.arithmetic.bounds.value import SLACK, Bounded, differs
from verify.generation.simplicity import weight
from verify.lanes.bounds import measured_power

Array = np.ndarray[Any, Any]
Judged = tuple[str, int, Array, Bounded]  # a quantity, its first case, what was computed, what is expected
LOST = 1024.0  # units in the last place
MOST = 64  # cases among which the simplest is looked for


class Violation(NamedTuple):
    """The element farthest beyond its bound."""

    quantity: str
    case: int
    index: tuple[int, ...]
    computed: float
    expected: float
    bound: float
    inputs: Mapping[str, Array] | None = None  # what the equation alone was given
    kink: bool = False  # put there on purpose: its leaves are none that were drawn
    wrong: bool = False  # in float64 the two sides differ as well
    coarse: float | None = (
        None  # what computing in the coarsest dtype would explain, and it is more than that
    )

    def near(self, got: float, bound: float) -> bool:
        """Whether another number for the same element is as far off as a bound allows."""
        return abs(got - self.expected) <= bound * SLACK


@dataclass
class Run:
    """What one compiled shape said of one equation."""

    cases: int = 0
    exact: int = 0  # elements whose bound was zero, so judged to the bit
    kinks: int = 0
    worst: float = 0.0
    ulps: float = (
        0.0  # the largest difference in units in the last place, where the problem is well-conditioned
    )
    power: float | None = None  # the smallest relative error that would have been seen
    violation: Violation | None = None
    lost: int = 0  # cases in which digits were lost that the problem allows and `jax.grad` keeps
    loss: str | None = None  # what was lost, where, and why
    digits: float | None = None  # decimal digits kept, where fewest are in comparison
    autodiff_digits: float | None = None  # that `jax.grad` keeps there for certain


def compare(
    judged: Sequence[Judged],
    dtype: str,
    store: Callable[[Array], Array],
    inputs: Mapping[str, Array] | None = None,
    *,
    kink: bool = False,
) -> Run:
    """The one criterion; `store` rounds a number to the dtype, `inputs` are what an equation alone was given."""
    run = Run()
    for quantity, first, computed, expected in judged:
        expected = rows(expected, first, computed.shape)
        _, ratio = differs(Bounded(computed), expected)
        run.ulps = max(run.ulps, _ulps(computed, expected, ratio, float(jnp.finfo(dtype).eps)))
        ratio = np.where(np.isnan(ratio), 0.0, ratio)
        run.cases = max(run.cases, len(computed))
        run.exact += int((expected.errors == 0).sum())
        seen = [run.power, measured_power(Bounded(computed), expected, store)]
        run.power = min((power for power in seen if power is not None), default=None)
        if ratio.size and ratio.max() > run.worst:
            run.worst = float(ratio.max())
            run.violation = _violation(quantity, first, ratio, computed, expected, inputs, kink)
    if run.worst <= 1:
        run.violation = None
    return run


def beyond(
    judged: Sequence[Judged],
    coarse: Mapping[str, Bounded],
    leaves: Mapping[str, Array],
    inputs: Mapping[str, Array] | None = None,
    *,
    kink: bool = False,
) -> Violation | None:
    """What not even the bound of the coarsest dtype explains, in the simplest case that there is."""
    found: list[tuple[float, Violation]] = []
    for quantity, first, computed, expected in judged:
        expected, allowed = (rows(e, first, computed.shape) for e in (expected, coarse[quantity]))
        (ours, _), (mask, ratio) = (differs(Bounded(computed), each) for each in (expected, allowed))
        ratio = np.where(mask & ours, ratio, 0.0)
        for case in np.flatnonzero(ratio.reshape(len(ratio), -1).any(axis=1))[:MOST]:
            only = np.where(np.arange(len(ratio)).reshape(-1, *(1,) * (ratio.ndim - 1)) == case, ratio, 0.0)
            seen = _violation(quantity, first, only, computed, expected, inputs, kink)
            at = (case, *seen.index)
            drawn = {n: leaf[first + case : first + case + 1] for n, leaf in leaves.items()}
            found.append((weight(drawn), seen._replace(coarse=float(allowed.errors[at]))))
    return min(found, key=lambda each: each[0], default=(0.0, None))[1]


def _violation(
    quantity: str,
    first: int,
    ratio: Array,
    computed: Array,
    expected: Bounded,
    inputs: Mapping[str, Array] | None,
    kink: bool,
) -> Violation:
    """The element of the largest ratio."""
    at = tuple(int(i) for i in np.unravel_index(int(ratio.argmax()), ratio.shape))
    ours, theirs, allowed = (float(part[at]) for part in (computed, expected.value, expected.errors))
    case = first + at[0]
    given = inputs and {name: value[min(case, len(value) - 1)] for name, value in inputs.items()}
    return Violation(quantity, case, at[1:], ours, theirs, allowed, given, kink)


def rows(expected: Bounded, first: int, shape: tuple[int, ...]) -> Bounded:
    """What is expected of some cases, with an error for each element."""
    rows = slice(first, first + shape[0])
    parts = (expected.value, expected.errors + np.zeros(expected.value.shape))
    cases = max(rows.stop, *map(len, parts))
    return Bounded(*(np.broadcast_to(part, (cases, *shape[1:]))[rows] for part in parts))


def _ulps(computed: Array, expected: Bounded, ratio: Array, eps: float) -> float:
    """The largest difference, in units in the last place of the largest element of the same case.

    Cases that may lose more than LOST units are left out: there it is the problem that is ill-conditioned.
    """
    if not expected.value.size:
        return 0.0

    def largest(parts: Array) -> Array:
        return np.abs(parts).reshape(len(parts), -1).max(axis=1)

    with np.errstate(all="ignore"):
        size = largest(expected.value)
        unit = np.ldexp(eps, np.frexp(size)[1] - 1)
        ulps = largest(np.where(np.isnan(ratio), 0.0, computed - expected.value)) / unit
        counted = (size > 0) & np.isfinite(ulps) & (largest(expected.errors) <= LOST * unit)
    return float(np.max(ulps, where=counted, initial=0.0))


def together(one: Run, other: Run) -> Run:
    """Two runs of the same equation."""
    worse = max(one, other, key=lambda run: (run.loss is not None, run.worst))
    powers = [run.power for run in (one, other) if run.power is not None]
    return Run(
        one.cases + other.cases, one.exact + other.exact, one.kinks + other.kinks,
        max(one.worst, other.worst), max(one.ulps, other.ulps), min(powers, default=None), worse.violation,
        one.lost + other.lost, worse.loss, *fewest(one, other),
    )  # fmt: skip


class Digits(Protocol):
    """What knows how many digits were kept."""

    digits: float | None
    autodiff_digits: float | None


def fewest(*each: Digits) -> tuple[float | None, float | None]:
    """The digits kept, and those that `jax.grad` keeps there, where fewest of them are kept in comparison."""
    known = [(k.digits, k.autodiff_digits) for k in each if k.digits is not None and k.autodiff_digits]
    return min(known, key=lambda pair: pair[0] / pair[1], default=(None, None))
