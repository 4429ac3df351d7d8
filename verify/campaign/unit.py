"""A unit of work, what a process of a campaign does: one derivation with one choice of rows, judged by all lanes."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from manual_bp.derivation import Derivation
from verify.arithmetic.bounds.arithmetic import Bounds
from verify.campaign import device_runs, other_subgradients, suspicion
from verify.campaign.branch_search import BranchSearch
from verify.campaign.dtype_programs import judge_in_dtypes
from verify.campaign.evidence import TOO_CLOSE, points_needed
from verify.campaign.isolation import Isolation
from verify.campaign.kept_cases import replay_kept
from verify.campaign.size_claims import enter_claims, everywhere
from verify.campaign.work import Findings, Unit, blank, upstream
from verify.counterexamples import search
from verify.counterexamples.search import FailingCase
from verify.diagnosis.inaccuracy import narrowed
from verify.diagnosis.recognition import diagnose
from verify.generation import ranks
from verify.generation.data import Leaves, fill, kinks_of
from verify.generation.exploration import climbed
from verify.generation.strategies import ladder, numbers
from verify.generation.structures import STRUCTURES
from verify.interpreter.walker import Sizes, forget_programs
from verify.lanes.bounds import bound
from verify.lanes.device.lane import Compiled, Device
from verify.lanes.opinions.opinions import ask_about, small_enough
from verify.lanes.proof import prove
from verify.programs.pair import Pair
from verify.programs.reference import incomplete
from verify.programs.tracing import GRADIENT, Fault
from verify.runtime import tracebacks
from verify.runtime.timings import taken, timed
from verify.verdict import Status, Verdict

POINTS = (104, 66)  # of the proof, at a small shape and at one whose leaves hold LARGE numbers or more
LARGE = 200
CONCRETE_EVERY = 4  # of so many pairs one is also traced at the lowest rung's own sizes
WHOLE_EVERY = 2  # at one in so many explored shapes the gradient whole is proved too
BOUNDED_EVERY = 4  # one in so many explored shapes goes through the bounds lane as well
CLAIMED_EVERY = 4  # one in so many is looked at where all equations are proved at every size
BOUNDED = 24  # cases of the bounds lane at a shape
BATCH = 24  # cases of each structure that one compiled shape is run on


class Judge:
    """Collects what the lanes say of one pair."""

    def __init__(self, derivation: Derivation, unit: Unit):
        settings = unit.settings
        self.unit, self.settings = unit, settings
        self.first = unit.index < ranks.turns(derivation)  # of the pairs at these ranks
        derivation, self.choices = ranks.chosen(derivation, unit.choices)
        self.seed = zlib.crc32(f"{settings.start} {derivation.name} {unit.index}".encode())
        self.rng = np.random.default_rng(self.seed)
        self.derivation, self.findings = derivation, Findings(blank(derivation, settings))
        self.suspects: dict[str, list[FailingCase]] = {}
        self.outside: set[str] = (
            set()
        )  # equations that give what is no subgradient, whoever says what of jax.grad
        self.found: dict[str, FailingCase] = {}  # the case that shows an equation to be wrong
        self.concrete = self.first or unit.index % CONCRETE_EVERY == 0
        self.replayed: dict[str, FailingCase] = {}  # what is kept from earlier runs and fails still
        self.replayed_on_device: dict[str, Callable[[], None]] = {}  # how to enter it
        self.pieces: dict[tuple[str, str, int], int] = {}

    def run(self) -> Findings:
        """Judges the pair. Whatever the forward functions raise is a fault of every equation."""
        lowest = ladder(self.derivation, rungs=1)[0]
        try:
            casts, kinks = "float64" in self.settings.dtypes, self.settings.kinks
            self.pair = Pair(self.derivation, self.choices, rounds_casts=casts, kinks=kinks)
            for name in {*self.derivation.equations, GRADIENT} - self.findings.equations.keys():
                self.pair.give_up(name, Fault(f"{name}: is left out", wrong=False))
            self.isolated = Isolation(self.pair, self.findings)
            self.branch_search = BranchSearch(self.pair, self.isolated, self.rng)
            for name, why in self.unit.lost:
                self.isolated.give_up(name, Fault(f"{name}: {why}", wrong=False, fatal=True))
            smallest = self.pair.programs(lowest, concrete=self.concrete)
        except (Exception, SystemExit) as error:
            return self._nothing(Fault(f"the forward pass raised {tracebacks.one_line(error)}", wrong=False))
        for name, fault in smallest.faults.items():
            self.isolated.note(name, replace(fault, message=fault.message + ranks.said(self.derivation)))
        if missing := incomplete(self.derivation):
            self.isolated.note(GRADIENT, Fault(missing, wrong=False))
        if fault := self.isolated.leave_out_complex(smallest):
            return self._nothing(fault)
        try:
            if self.concrete and (fault := self.isolated.leave_out_changing(lowest, self.mixed(lowest, 1))):
                return self._nothing(fault)
            replay_kept(self)
            if not self.unit.only_replays:
                self.findings.programs = 3 + len(self.derivation.equations)
                self._climb()
                enter_claims(self.pair, self.findings, self.seed)
                self._explore()
                self.branch_search(self._prove, self._bound, thorough=self.first)
                judge_in_dtypes(self)
                enter_claims(self.pair, self.findings, self.seed)
                if self.unit.on_device or self.findings.on_device_alone:
                    self._run_on_device()
            self._conclude()
        finally:
            forget_programs()
        return self.findings

    def _nothing(self, fault: Fault) -> Findings:
        """The same fault of every equation."""
        self.findings.faults = dict.fromkeys(self.findings.equations, fault)
        return self.findings

    # --- shapes ---

    def _climb(self) -> None:
        turn = self.unit.index
        for sizes, concrete in climbed(self.derivation, turn, concrete=self.concrete, equal=self.first):
            self._prove(sizes, concrete=concrete)
            self._bound(sizes, self.mixed(sizes, BOUNDED // 4), concrete=concrete)
        if self.first:
            for sizes in self.pair.deciding_sizes():
                self._prove(sizes)
                self._bound(sizes, self.mixed(sizes, 1))
            self.findings.unmet += self.pair.beyond()

    def _explore(self) -> None:
        explored = self.unit.explored[:: CLAIMED_EVERY if everywhere(self.findings) else 1]
        for turn, planned in enumerate(explored):
            case = planned.case
            self._prove(case.dims, whole=turn % WHOLE_EVERY == 0)
            if turn % BOUNDED_EVERY == 0:
                specs = self.pair.specs(case.dims)
                self._bound(case.dims, case.leaves(specs, BOUNDED, kinks=kinks_of(self.choices)))

    # --- lanes ---

    def _prove(
        self, sizes: Sizes, *, concrete: bool = False, whole: bool = True, floats: Leaves | None = None
    ) -> None:
        self.branch_search.watch(sizes, concrete=concrete)
        options = {"concrete": concrete, "whole": whole, "floats": floats}
        large = numbers(self.derivation, sizes) >= LARGE or floats is not None
        points = POINTS[large] if floats is None else len(next(iter(floats.values())))
        proof = self.isolated("the proof", prove, self.pair, sizes, self.rng, points, **options)
        if (more := points_needed(proof.outcomes.values(), points, large)) > points:
            points = more
            proof = self.isolated("the proof", prove, self.pair, sizes, self.rng, points, **options)
        self.note(sizes, points)
        self.isolated.note_all(sizes, concrete)
        for key, count in proof.pieces.items():
            self.pieces[key] = self.pieces.get(key, 0) + count
        for name, case in suspicion.by_proof(self.findings, proof, sizes, concrete=concrete):
            self.suspect(name, case)

    def _bound(
        self, sizes: Sizes, leaves: Leaves, *, concrete: bool = False, arithmetic: Bounds | None = None
    ) -> None:
        self.branch_search.watch(sizes, concrete=concrete)
        options = {"concrete": concrete, "arithmetic": arithmetic}
        bounding = self.isolated("the bounds lane", bound, self.pair, sizes, leaves, **options)
        self.note(sizes, len(next(iter(leaves.values()))))
        for name, case in suspicion.by_bounds(self.findings, bounding, sizes, leaves, concrete=concrete):
            self.suspect(name, case)

    def _run_on_device(self) -> None:
        for turn, dtype in enumerate(self.settings.dtypes, start=self.unit.index):
            compiled = self.compiled(dtype)
            plans = device_runs.plans(self.pair, turn, thorough=self.first)
            if self.findings.on_device_alone:
                plans += device_runs.largest(self.pair, (planned.case.dims for planned in self.unit.explored))
            for sizes, ways, autodiff, alone in plans:
                leaves = self.mixed(sizes, BATCH)
                how = dict(autodiff=autodiff, alone=alone, aim=self.rng)
                device = self.isolated(f"the device in {dtype}", compiled, sizes, leaves, ways, **how)
                self.note(sizes, len(next(iter(leaves.values()))))
                self.enter(device, dtype, sizes)

    def _ask_opinions(self) -> None:
        """Asks the other oracles about `jax.grad`, at one small shape and wherever an equation seems to be wrong."""
        small = small_enough(self.derivation, device_runs.plans(self.pair, self.unit.index)[0].sizes)
        asked = [(small, {})] if self.unit.on_device and not self.unit.only_replays else []
        asked += [(found.sizes, found.leaves) for found in self.found.values()]
        opinions = self.isolated("a second opinion", ask_about, self.pair, asked, self.seed)
        for name, report in self.findings.equations.items():
            report.opinions = opinions.said.get(name, {})
            if name not in self.outside:
                report.dispute = opinions.disputes.get(name)

    def compiled(self, dtype: str) -> Compiled:
        """The programs of a dtype on the device."""
        where = self.settings.precision, self.settings.platform
        return Compiled(self.pair.in_dtype(dtype), dtype, *where, apart=self.unit.apart)

    def enter(self, device: Device, dtype: str, sizes: Sizes) -> None:
        self.findings.programs += device.programs
        for key, count in device.kinks.items():
            self.findings.kinks[key] = self.findings.kinks.get(key, 0) + count
        for name in (*device.runs, *device.refused):
            if name in self.findings.equations:
                report = self.findings.equations[name]
                device_runs.enter(
                    report, device, self.pair, self.settings, dtype, sizes, name in self.suspects
                )

    # --- data ---

    def mixed(self, sizes: Sizes, count: int) -> dict[str, np.ndarray]:
        """That many cases of every structure."""
        specs, kinks = self.pair.specs(sizes), kinks_of(self.choices)
        drawn = [fill(self.rng, sizes, specs, row, count, kinks=kinks) for row in STRUCTURES]
        return {leaf: np.concatenate([case[leaf] for case in drawn]) for leaf in specs}

    def note(self, sizes: Sizes, count: int) -> None:
        self.findings.shapes.add(tuple(sorted(sizes.items())))
        self.findings.cases += count

    # --- conclusions ---

    def suspect(self, name: str, case: FailingCase) -> None:
        self.suspects.setdefault(name, []).append(case)

    def _conclude(self) -> None:
        """Looks for a counterexample wherever the two sides differed, and says what kind of difference it is."""
        for name in self.findings.faults:
            if self.findings.equations[name].bounds.cases:  # it ran at some sizes: is it wrong there?
                self.suspects.setdefault(name, [])
        for name, case in self.replayed.items():
            self.suspect(name, case)
        for name, first in self.suspects.items():
            if name not in self.pair.given_up:
                self.isolated("the search for a counterexample", self._explain, name, first)
        self._ask_opinions()
        for name, enter in self.replayed_on_device.items():
            if self.findings.equations[name].counterexample is None:
                enter()
        if self.unit.only_replays:
            reports = self.findings.equations.items()
            self.findings.equations = {
                name: report for name, report in reports if report.counterexample is not None
            }
        else:
            self._note_unmet()

    @timed("counterexamples")
    def _explain(self, name: str, first: list[FailingCase]) -> None:
        report = self.findings.equations[name]
        found = search.search(self.pair, name, self.seed, first)
        if found is None:
            if report.proof.status is Status.FAILED:
                report.proof.status = Status.OPEN
                report.proof.open_because = report.proof.open_because or TOO_CLOSE
            return
        if other_subgradients.enter(self.pair, report, found, first):
            return
        self.found[name] = found
        wrong = report.proof.status is Status.FAILED or search.algebraic(self.pair, name, found)
        report.verdict = Verdict.REFUTED if wrong else Verdict.INACCURATE
        report.cause = None if wrong else narrowed(self.pair, name, found.sizes, found.leaves)
        judged = [n for n in upstream(self.derivation, name) if n in self.findings.equations]
        holds = tuple(n for n in judged if n not in self.suspects)
        report.counterexample = search.describe(self.pair, name, found, holds)
        alone = other_subgradients.only_there(self.pair, name, found) if wrong else None
        if alone and self.pair.kinks == "any":
            self.outside.add(name)
        report.diagnosis = alone or (diagnose(self.pair, name, found, self.seed) if wrong else None)

    def _note_unmet(self) -> None:
        self.findings.branches |= self.branch_search.coverage.branches()
        for choice, row in self.choices.items():
            kinks = getattr(row, "kinks", ())
            for piece in range(len(kinks) + 1) if kinks else ():
                if not self.pieces.get((choice, row.name, piece)):
                    self.findings.unmet.append(f"piece {piece + 1} of {row.name}")


def judge(derivation: Derivation, unit: Unit) -> Findings:
    """Judges one unit of work."""
    findings = Judge(derivation, unit).run()
    findings.seconds = taken()
    return findings
