"""The device lane: what really runs, against the bound of its dtype and precision.

Each equation alone is given autodiff's values rounded to the dtype, and more cases that lie exactly at the
kinks; the composed gradient and `jax.grad` are judged as a user calls them. Where the bound is zero, the device
must give the very number. What no arithmetic enters is judged here alone, against the reference's bound.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from verify.arithmetic.bounds.arithmetic import Bounds
from verify.arithmetic.bounds.value import Bounded, differs
from verify.generation.data import rounded
from verify.generation.kinks import hits, sites
from verify.interpreter.walker import Sizes
from verify.lanes.bounds import as_bounded, lift
from verify.lanes.device.accuracy import Accuracy, given
from verify.lanes.device.calibration import bounds_on
from verify.lanes.device.execution import SINGLE, WAYS, Fed, Runner
from verify.lanes.device.kink_injection import Injected, Injection
from verify.lanes.device.opaque_bounds import COARSEST, centred_at, opaque_bound, rounding
from verify.lanes.device.violations import Judged, Run, beyond, compare, together
from verify.lanes.subgradients import STEP, ours_at_kinks
from verify.programs.pair import Pair
from verify.programs.tracing import GRADIENT, Programs, Traced

Array = np.ndarray[Any, Any]


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
    refused: dict[str, str] = field(default_factory=dict)  # what does not run in this dtype, and why


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
        self.own = functools.partial(bounds_on, dtype, precision, platform, pair.dtype)
        self.rounding = [
            functools.partial(rounding, each, precision, platform, pair.dtype) for each in (dtype, COARSEST)
        ]  # of what no arithmetic enters
        self.accuracy = Accuracy(pair, dtype, self.own, self.rounding[0])
        self.injection = Injection(pair)

    def __call__(
        self,
        sizes: Sizes,
        leaves: Mapping[str, Array],
        ways: Sequence[str] = WAYS,
        *,
        autodiff: Sequence[str] | None = None,
        alone: bool = True,
        aim: np.random.Generator | None = None,
    ) -> Device:
        """Runs and judges these cases at one shape: the gradient in these ways, `jax.grad` in others or in the same,
        and every equation alone. With `aim` more cases are drawn where the program by hand may lose its digits.
        """
        autodiff = ways if autodiff is None else autodiff
        pair, specs = self.pair, self.pair.specs(sizes)
        programs = pair.programs(sizes)
        leaves = rounded(leaves, specs, self.dtype)
        if aim is not None and isinstance(programs.composed, Traced):
            more = self.accuracy.aimed(programs, sizes, aim)
            leaves = {name: np.concatenate([leaf, more[name]]) for name, leaf in leaves.items()}
        float64 = Bounds(traced=pair.dtype)
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
        result.refused = dict(self.runner.refused)
        self._judge_alone(result, programs, sizes, values, computed, reference)
        if computed and programs.opaque:
            self._judge_closed(result, programs, sizes, values, reference, computed[0])
        for place, each in enumerate(injected, start=1):
            self._judge_kinks(result, each, programs, sizes, computed[place] if computed else {})
        if whole:
            self._judge_whole(result, programs, sizes, lifted, whole)
            cases = result.runs[GRADIENT].cases
            result.ways = {way: SINGLE if way == "single" else cases for way in self.runner.called}
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
        truth: Mapping[str, Any],
    ) -> None:
        if not alone:
            return
        own = self.own()
        walked = alone[0].keys() - programs.opaque.keys()
        others = [ours_at_kinks(self.pair, name, sizes, result.leaves, truth) for name in walked]
        truth = {**truth, **{name: value for found in others for name, value in found.items()}}
        held = self.accuracy.held_to(programs.reference, sizes, result.leaves, truth)
        for name, computed in alone[0].items():
            if name not in programs.opaque:
                program, taken = _traced(programs.equations[name]), self._taken(name, values)
                (expected,) = own.settle([as_bounded(program(own, sizes, given(own, values)))])
                judged = [(name, 0, computed, expected)]
                run = result.runs[name] = self._compare(judged, taken)
                self.accuracy.enter(run, judged, held.where(taken, truth), program, sizes, values, taken)

    def _judge_closed(
        self,
        result: Device,
        programs: Programs,
        sizes: Sizes,
        values: Mapping[str, Array],
        truth: Mapping[str, Any],
        alone: Mapping[str, Array],
    ) -> None:
        """Equations that no arithmetic enters, against the reference from the leaves on."""
        leaves = result.leaves
        fine, coarse = (
            opaque_bound(programs.reference, sizes, leaves, truth, each()) for each in self.rounding
        )
        for name in programs.opaque.keys() & alone.keys():
            judged = [(name, 0, alone[name], fine[name])]
            run = self._compare(judged, self._taken(name, values))
            if run.violation is not None:
                worse = beyond(judged, coarse, leaves, self._taken(name, values))
                run.violation = worse or run.violation
            result.runs[name] = run

    def _taken(self, name: str, values: Mapping[str, Array]) -> dict[str, Array]:
        """What an equation alone is given."""
        return {p: values[p] for p in self.pair.derivation.equations[name].parameters}

    def _judge_kinks(
        self, result: Device, injected: Injected, programs: Programs, sizes: Sizes, alone: Mapping[str, Array]
    ) -> None:
        """At the kinks the equation must give what autodiff gives, whatever its own formula says."""
        name = injected.place.equation.name
        if name not in alone:
            return

        def expected(own: Bounds) -> Bounded:
            lifted = given(own, injected.values)
            return own.settle([as_bounded(self.injection.reference(injected.place, own, sizes, lifted)[0])])[
                0
            ]

        closed, taken = name in programs.opaque, self._taken(name, injected.values)
        taken |= {other: injected.values[other] for other in injected.place.decides}  # to be seen by a reader
        judged = [(name, 0, alone[name], expected(self.rounding[0]() if closed else self.own()))]
        if self.pair.kinks == "any":
            judged = [self._between_slopes(injected, sizes, *judged[0])]
        there = self._compare(judged, taken, kink=True)
        if there.violation is not None and closed:
            coarse = {name: expected(self.rounding[1]())}
            there.violation = beyond(judged, coarse, taken, taken, kink=True) or there.violation
        elif there.violation is not None and self._slopes_differ(injected, programs, sizes):
            there.violation = there.violation._replace(wrong=True)
        result.runs[name] = together(result.runs[name], there)
        self._count(result, injected.place.choice, injected.place.row, injected.hits, name)

    def _between_slopes(
        self, injected: Injected, sizes: Sizes, name: str, first: int, got: Array, expected: Bounded
    ) -> Judged:
        """What is expected at the kinks, and what was given where it lies between the slopes on both sides."""
        exact, argument = Bounds(traced=self.pair.dtype), injected.place.argument
        slopes = []
        for step in (-STEP, STEP):
            values = {**injected.values, argument: injected.values[argument] + step}
            slope, _ = self.injection.reference(injected.place, exact, sizes, given(exact, values))
            slopes.append(as_bounded(slope).value)
        low, high = np.minimum(*slopes), np.maximum(*slopes)
        room = expected.errors + 4 * STEP * (1 + np.abs(low) + np.abs(high))
        right = (got >= low - room) & (got <= high + room)
        return name, first, got, Bounded(np.where(right, got, expected.value), expected.errors)

    def _slopes_differ(self, injected: Injected, programs: Programs, sizes: Sizes) -> bool:
        """Whether the equation and autodiff give different numbers at the kinks in float64, too."""
        exact = Bounds(traced=self.pair.dtype)
        lifted = given(exact, injected.values)
        ours = _traced(programs.equations[injected.place.equation.name])(exact, sizes, lifted)
        theirs, _ = self.injection.reference(injected.place, exact, sizes, lifted)
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
        plain = programs.autodiff(Bounds(traced=self.pair.dtype), sizes, lifted)
        truth = {**plain, **ours_at_kinks(self.pair, GRADIENT, sizes, result.leaves, plain)}

        def judged(side: str, expected: Mapping[str, Bounded]) -> list[Judged]:
            return [(key, first, got, expected[key]) for key, first, got in whole[side]]

        def walked(program: Traced, truth: Mapping[str, Any]) -> dict[str, Bounded]:
            own = self.own()
            bound = program(own, sizes, given(own, result.leaves))
            return {key: centred_at(truth[key], own.settle([as_bounded(bound[key])])[0]) for key in bound}

        if isinstance(programs.composed, Traced):
            manual = judged("manual", walked(programs.composed, truth))
            run = result.runs[GRADIENT] = self._compare(manual)
            held = self.accuracy.held_to(programs.autodiff, sizes, result.leaves, truth)
            self.accuracy.enter(run, manual, held, programs.composed, sizes, result.leaves)
        else:
            fine, coarse = (
                opaque_bound(programs.autodiff, sizes, result.leaves, truth, each()) for each in self.rounding
            )
            manual = judged("manual", fine)
            run = result.runs[GRADIENT] = self._compare(manual)
            if run.violation is not None:
                run.violation = beyond(manual, coarse, result.leaves) or run.violation
        if whole["jax.grad"]:
            result.autodiff = self._compare(judged("jax.grad", walked(programs.autodiff, plain)))

    def _compare(
        self, judged: Sequence[Judged], inputs: Mapping[str, Array] | None = None, *, kink: bool = False
    ) -> Run:
        return compare(judged, self.dtype, self.runner.store, inputs, kink=kink)

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


def _traced(program: Any) -> Traced:
    assert isinstance(program, Traced)
    return program
