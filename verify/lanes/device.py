"""The device lane: what really runs, against the bound of its dtype and precision.

Each equation alone is given autodiff's values rounded to the dtype, and more cases that lie exactly at the
kinks; the composed gradient and `jax.grad` are judged as a user calls them. Where the bound is zero, the device
must give the very number.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from verify.arithmetic.bounds import Bounded, Bounds, differs
from verify.data import rounded
from verify.interpret import Sizes
from verify.kinks import hits, sites
from verify.lanes.bounding import as_bounded, lift, measured_power
from verify.lanes.calibration import bounds_on
from verify.lanes.injection import Injected, Injection
from verify.lanes.running import SINGLE, WAYS, Fed, Runner
from verify.programs import GRADIENT, Fault, Pair, Programs, Traced

Array = np.ndarray[Any, Any]
LOST = 1024.0  # units in the last place


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


@dataclass
class Device:
    """What one compiled shape said; `leaves` are the drawn ones, rounded to the dtype."""

    leaves: dict[str, Array]
    runs: dict[str, Run] = field(default_factory=dict)
    autodiff: Run | None = None  # `jax.grad` on the cases of the gradient
    ways: dict[str, int] = field(default_factory=dict)  # cases of the gradient by the way it was called
    kinks: dict[tuple[str, str, float], int] = field(
        default_factory=dict
    )  # choice, row, kink: elements exactly there
    programs: int = 0


class Compiled:
    """One pair in one dtype at one precision on one platform: run, and judged."""

    def __init__(
        self,
        pair: Pair,
        dtype: str,
        precision: str = "highest",
        platform: str | None = None,
        *,
        apart: bool = False,
    ):
        self.pair, self.dtype = pair, dtype
        self.runner = Runner(pair, dtype, precision, platform, apart=apart)
        self.own = functools.partial(bounds_on, dtype, precision, platform)
        self.injection = Injection(pair)

    def __call__(
        self,
        sizes: Sizes,
        leaves: Mapping[str, Array],
        ways: Sequence[str] = WAYS,
        *,
        autodiff: Sequence[str] | None = None,
        alone: bool = True,
    ) -> Device:
        """Runs and judges these cases at one shape: the gradient in these ways, `jax.grad` in others or in the same,
        and every equation alone.
        """
        autodiff = ways if autodiff is None else autodiff
        pair, specs = self.pair, self.pair.specs(sizes)
        programs = pair.programs(sizes)
        leaves = rounded(leaves, specs, self.dtype)
        float64 = Bounds()
        lifted = lift(float64, specs, leaves)
        reference = programs.reference(float64, sizes, lifted)
        values = {
            name: leaves[name] if name in leaves else self.runner.stored(value)
            for name, value in reference.items()
        }
        injected = self.injection.cases(sizes, values) if alone else []
        result = Device(leaves)
        with self.runner.environment():
            sets = [values, *(each.values for each in injected)]
            computed = self.runner.alone(programs, sets) if alone else []
            whole = self.runner.whole(programs, leaves, ways, autodiff)
        result.programs = bool(computed) + (len(ways) + len(autodiff)) * bool(whole)
        self._judge_alone(result, programs, sizes, values, computed)
        for place, each in enumerate(injected, start=1):
            self._judge_kinks(result, each, programs, sizes, computed[place] if computed else {})
        if whole:
            self._judge_whole(result, programs, sizes, lifted, whole)
            result.ways = {way: SINGLE if way == "single" else result.runs[GRADIENT].cases for way in ways}
        for site in sites(pair.derivation, pair.choices, values) if alone else ():
            self._count(result, site.choice, site.row, hits(site))
        return result

    # --- what is expected of it ---

    def _judge_alone(
        self,
        result: Device,
        programs: Programs,
        sizes: Sizes,
        values: Mapping[str, Array],
        alone: list[dict[str, Array]],
    ) -> None:
        own = self.own()
        given = self._given(own, values)
        for name, computed in (alone[0] if alone else {}).items():
            (expected,) = own.settle([as_bounded(_traced(programs.equations[name])(own, sizes, given))])
            taken = {p: values[p] for p in self.pair.derivation.equations[name].parameters}
            result.runs[name] = self._judged([(name, 0, computed, expected)], taken)

    def _judge_kinks(
        self, result: Device, injected: Injected, programs: Programs, sizes: Sizes, alone: Mapping[str, Array]
    ) -> None:
        """At the kinks the equation must give what autodiff gives, whatever its own formula says."""
        name, own = injected.place.equation.name, self.own()
        if name not in alone:
            return
        expected, _ = self.injection.reference(injected.place, own, sizes, self._given(own, injected.values))
        (expected,) = own.settle([as_bounded(expected)])
        taken = {p: injected.values[p] for p in injected.place.equation.parameters}
        there = self._judged([(name, 0, alone[name], expected)], taken, kink=True)
        if there.violation is not None and self._slopes_differ(injected, programs, sizes):
            there.violation = there.violation._replace(wrong=True)
        result.runs[name] = _together(result.runs[name], there)
        self._count(result, injected.place.choice, injected.place.row, injected.hits, name)

    def _slopes_differ(self, injected: Injected, programs: Programs, sizes: Sizes) -> bool:
        """Whether the equation and autodiff give different numbers at the kinks in float64, too."""
        exact = Bounds()
        given = self._given(exact, injected.values)
        ours = _traced(programs.equations[injected.place.equation.name])(exact, sizes, given)
        theirs, _ = self.injection.reference(injected.place, exact, sizes, given)
        mask, _ = differs(as_bounded(ours), as_bounded(theirs))
        return bool(mask.any())

    def _judge_whole(
        self,
        result: Device,
        programs: Programs,
        sizes: Sizes,
        lifted: Mapping[str, Any],
        whole: Mapping[str, list[Fed]],
    ) -> None:
        assert programs.autodiff is not None
        truth = programs.autodiff(Bounds(), sizes, lifted)
        runs = {}
        for side, program in (("manual", _traced(programs.composed)), ("jax.grad", programs.autodiff)):
            own = self.own()
            bound = program(own, sizes, self._given(own, result.leaves))
            settled = {
                key: own.settle([as_bounded(bound[key])])[0] for key in {key for key, *_ in whole[side]}
            }
            around = {key: _around(truth[key], value) for key, value in settled.items()}
            runs[side] = self._judged([(key, first, got, around[key]) for key, first, got in whole[side]])
        result.runs[GRADIENT] = runs["manual"]
        result.autodiff = runs["jax.grad"] if whole["jax.grad"] else None

    def _given(self, arithmetic: Bounds, values: Mapping[str, Array]) -> dict[str, Any]:
        return {
            name: arithmetic.exact(value) if value.dtype.kind == "f" else value
            for name, value in values.items()
        }

    def _judged(
        self,
        judged: Sequence[tuple[str, int, Array, Bounded]],
        inputs: Mapping[str, Array] | None = None,
        kink: bool = False,
    ) -> Run:
        """The one criterion, over quantities given with their first case, and both sides."""
        run = Run()
        for quantity, first, computed, expected in judged:
            expected = _rows(expected, first, computed.shape)
            _, ratio = differs(Bounded(computed), expected)
            run.ulps = max(run.ulps, _ulps(computed, expected, ratio, float(jnp.finfo(self.dtype).eps)))
            ratio = np.where(np.isnan(ratio), 0.0, ratio)
            run.cases = max(run.cases, len(computed))
            run.exact += int((expected.errors == 0).sum())
            seen = [run.power, measured_power(Bounded(computed), expected, self.runner.store)]
            run.power = min((power for power in seen if power is not None), default=None)
            if ratio.size and ratio.max() > run.worst:
                run.worst = float(ratio.max())
                at = tuple(int(i) for i in np.unravel_index(int(ratio.argmax()), ratio.shape))
                ours, theirs, allowed = (
                    float(part[at]) for part in (computed, expected.value, expected.errors)
                )
                case = first + at[0]
                given = inputs and {name: value[min(case, len(value) - 1)] for name, value in inputs.items()}
                run.violation = Violation(quantity, case, at[1:], ours, theirs, allowed, given, kink)
        if run.worst <= 1:
            run.violation = None
        return run

    def _count(
        self, result: Device, choice: str, row: Any, found: Mapping[float, int], only: str = ""
    ) -> None:
        """Elements exactly at each kink, for the row and for the equations that take it."""
        for kink, count in found.items():
            key = (choice, row.name, kink)
            result.kinks[key] = result.kinks.get(key, 0) + count
        for name, equation in self.pair.derivation.equations.items():
            if choice in equation.choices and name in result.runs and only in ("", name):
                result.runs[name].kinks += sum(found.values())


def _traced(program: Traced | Fault | None) -> Traced:
    assert isinstance(program, Traced)
    return program


def _around(truth: Any, bound: Bounded) -> Bounded:
    """The value of the reference, with both bounds together."""
    truth = as_bounded(truth)
    return Bounded(truth.value, np.broadcast_to(bound.errors + truth.errors, truth.value.shape))


def _rows(expected: Bounded, first: int, shape: tuple[int, ...]) -> Bounded:
    """What is expected of some cases, with an error for each element."""
    rows = slice(first, first + shape[0])
    cases = max(len(expected.value), rows.stop)
    parts = (expected.value, expected.errors + np.zeros(expected.value.shape))
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


def _together(one: Run, other: Run) -> Run:
    """Two runs of the same equation."""
    worse = max(one, other, key=lambda run: run.worst)
    powers = [run.power for run in (one, other) if run.power is not None]
    return Run(
        one.cases + other.cases, one.exact + other.exact, one.kinks + other.kinks,
        worse.worst, max(one.ulps, other.ulps), min(powers, default=None), worse.violation,
    )  # fmt: skip
