"""A unit of work: one derivation with one choice of rows, judged by all three lanes; what a process of a campaign does."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import hypothesis
import numpy as np

from manual_bp.derivation import Derivation
from verify import shrink
from verify.data import fill, kinks_of
from verify.interpret import Sizes, forget_programs
from verify.lanes.bounding import bound
from verify.lanes.device import Compiled, Device
from verify.lanes.proof import Proof, prove
from verify.programs import GRADIENT, Fault, Pair
from verify.settings import Settings
from verify.strategies import Case, cases, ladder
from verify.structures import STRUCTURES
from verify.verdict import Counterexample, DeviceEvidence, EquationReport, Status, Verdict

POINTS = 96  # of the proof, at each shape
ENOUGH = 64  # points at which every element must have been compared
RUNGS = 3  # of the ladder that each of several pairs climbs: the lowest, traced at its own sizes, and others by turns
BOUNDED_EVERY = 3  # one in so many explored shapes goes through the bounds lane as well
BOUNDED = 24  # cases of the bounds lane at a shape
BATCH = 24  # cases of each structure that one compiled shape is run on
DEVICE_SHAPES = 2


@dataclass(frozen=True)
class Unit:
    """What is to be judged, as plain data: it travels to another process."""

    spec: str  # where the derivation is loaded from
    index: int  # of the pair in the derivation's rotation
    choices: dict[str, str]  # names of rows
    explored: int  # shapes that Hypothesis draws
    on_device: bool
    settings: Settings
    replays: tuple[dict[str, Any], ...] = ()  # stored counterexamples of these choices, judged first


@dataclass
class Findings:
    """What a unit found, equation by equation, as plain data."""

    equations: dict[str, EquationReport]
    faults: dict[str, Fault] = field(default_factory=dict)
    shapes: set[tuple[tuple[str, int], ...]] = field(default_factory=set)
    cases: int = 0
    programs: int = 0
    kinks: dict[tuple[str, str, float], int] = field(default_factory=dict)
    unmet: list[str] = field(default_factory=list)  # pieces of activations and losses that no point reached


class Judge:
    """Collects what the lanes say of one pair."""

    def __init__(self, derivation: Derivation, unit: Unit):
        settings = unit.settings
        names = [*derivation.equations, GRADIENT]
        self.unit, self.settings = unit, settings
        self.choices = {name: derivation.choices[name][row] for name, row in unit.choices.items()}
        self.seed = zlib.crc32(f"{settings.seed} {derivation.name} {unit.index}".encode())
        self.rng = np.random.default_rng(self.seed)
        self.derivation = derivation
        self.findings = Findings(
            {n: EquationReport(n, tex_of(derivation, n)) for n in names if settings.selects(derivation.name, n)}
        )
        self.suspects: dict[str, list[shrink.Found]] = {}
        self.pieces: dict[tuple[str, str, int], int] = {}

    def run(self) -> Findings:
        """Judges the pair. Whatever the forward functions raise is a fault of every equation."""
        try:
            self.pair = Pair(self.derivation, self.choices)
            smallest = self.pair.programs(ladder(self.derivation, rungs=1)[0], concrete=True)
        except Exception as error:
            fault = Fault(f"the forward pass raised {type(error).__name__}: {error}", wrong=False)
            self.findings.faults = dict.fromkeys(self.findings.equations, fault)
            return self.findings
        self.findings.faults = dict(smallest.faults)
        self.findings.programs = 3 + len(self.derivation.equations)
        if not self.pair.symbols:
            self.findings.equations.pop(GRADIENT, None)
        self._climb()
        self._explore()
        if self.unit.on_device:
            self._run_on_device()
        self._conclude()
        forget_programs()
        return self.findings

    # --- shapes ---

    def _climb(self) -> None:
        lowest, *higher = ladder(self.derivation)
        turn = self.unit.index * (RUNGS - 1)
        some = [higher[(turn + i) % len(higher)] for i in range(RUNGS - 1)] if self.choices and higher else higher
        for rung, sizes in enumerate([lowest, *some]):
            concrete = rung == 0
            self._prove(sizes, concrete=concrete)
            self._bound(sizes, self._mixed(sizes, BOUNDED // 4), concrete=concrete)

    def _explore(self) -> None:
        turn = iter(range(self.unit.explored))

        @hypothesis.seed(self.seed)
        @hypothesis.settings(
            max_examples=max(self.unit.explored, 1),
            database=None,
            deadline=None,
            phases=(hypothesis.Phase.generate,),
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        @hypothesis.given(cases(self.derivation))
        def explore(case: Case) -> None:
            drawn = next(turn, None)
            if drawn is None:
                return
            self._prove(case.dims)
            if drawn % BOUNDED_EVERY:
                return
            specs = self.pair.specs(case.dims)
            self._bound(case.dims, case.leaves(specs, BOUNDED, kinks=kinks_of(self.choices)))

        if self.unit.explored:
            explore()

    # --- lanes ---

    def _prove(self, sizes: Sizes, *, concrete: bool = False) -> None:
        proof = prove(self.pair, sizes, self.rng, POINTS, concrete=concrete)
        self._note(sizes, POINTS)
        self._note_faults(sizes, concrete)
        for key, count in proof.pieces.items():
            self.pieces[key] = self.pieces.get(key, 0) + count
        for name, report in self._judged(proof):
            outcome, evidence = proof.outcomes[name], report.proof
            if not outcome.equal:
                evidence.status = Status.FAILED
                points = {a.mismatch[0] for a in outcome.agreements.values() if a.mismatch is not None}
                self._suspect(name, shrink.Found(sizes, shrink.one(proof.floats, min(points)), concrete))
            elif outcome.points >= 1:
                worst = outcome.log2_error if not evidence.shapes else max(evidence.log2_error, outcome.log2_error)
                evidence.log2_error = worst
                evidence.shapes += 1
                if evidence.status is Status.OPEN:
                    evidence.status = Status.CLOSED
            evidence.points += outcome.points
            evidence.branches += len(outcome.patterns)
            evidence.dropped += sum(agreement.dropped for agreement in outcome.agreements.values())
            if outcome.theorem == "exponential":
                evidence.theorem = outcome.theorem
            if outcome.uninterpreted and not outcome.equal:
                evidence.open_because = "no relation is known for " + ", ".join(sorted(outcome.uninterpreted))

    def _judged(self, proof: Proof) -> Iterator[tuple[str, EquationReport]]:
        return ((name, report) for name, report in self.findings.equations.items() if name in proof.outcomes)

    def _bound(self, sizes: Sizes, leaves: Mapping[str, np.ndarray], *, concrete: bool = False) -> None:
        bounding = bound(self.pair, sizes, leaves, concrete=concrete)
        count = len(next(iter(leaves.values())))
        self._note(sizes, count)
        for name, comparison in bounding.comparisons.items():
            if name not in self.findings.equations:
                continue
            report = self.findings.equations[name]
            report.bounds.cases += count
            report.bounds.worst = max(report.bounds.worst, comparison.worst)
            powers = [p for p in (report.bounds.power, comparison.power) if p is not None]
            report.bounds.power = min(powers, default=None)
            if comparison.differ:
                case = shrink.one(leaves, int(comparison.differing.argmax()))
                self._suspect(name, shrink.Found(sizes, case, concrete))

    def _run_on_device(self) -> None:
        shapes = ladder(self.derivation, rungs=64)[-DEVICE_SHAPES:]
        for dtype in self.settings.dtypes:
            compiled = Compiled(self.pair, dtype, self.settings.precision, self.settings.platform)
            for sizes in shapes:
                leaves = self._mixed(sizes, BATCH)
                try:
                    device = compiled(sizes, leaves)
                except Exception as error:  # a derivation may trace and still not run: the others go on
                    fault = Fault(f"raised {type(error).__name__} in {dtype}: {str(error).splitlines()[0]}", wrong=False)
                    self.findings.faults = {**dict.fromkeys(self.findings.equations, fault), **self.findings.faults}
                    return
                self._note(sizes, len(next(iter(leaves.values()))))
                self._enter(device, dtype, sizes)

    def _enter(self, device: Device, dtype: str, sizes: Sizes) -> None:
        self.findings.programs += device.programs
        for key, count in device.kinks.items():
            self.findings.kinks[key] = self.findings.kinks.get(key, 0) + count
        for name, run in device.runs.items():
            if name not in self.findings.equations:
                continue
            report = self.findings.equations[name]
            evidence = next((e for e in report.device if e.dtype == dtype), None)
            if evidence is None:
                evidence = DeviceEvidence(dtype, self.settings.precision)
                report.device.append(evidence)
            evidence.cases += run.cases
            evidence.exact += run.exact
            evidence.kinks += run.kinks
            evidence.worst = max(evidence.worst, run.worst)
            if run.violation is not None and report.counterexample is None:
                seen = run.violation
                case = shrink.one(device.leaves, seen.case)
                report.counterexample = Counterexample(
                    lane="device",
                    choices=self.unit.choices,
                    dims=dict(sizes),
                    leaves={n: leaf[0].tolist() for n, leaf in case.items() if n in self.derivation.leaves},
                    inputs={},
                    index=seen.index,
                    quantity=seen.quantity,
                    manual=seen.computed,
                    autodiff=seen.expected,
                    bound=seen.bound,
                    dtype=dtype,
                    replay=self._replay(name),
                )

    # --- data ---

    def _mixed(self, sizes: Sizes, count: int) -> dict[str, np.ndarray]:
        """That many cases of every structure."""
        specs, kinks = self.pair.specs(sizes), kinks_of(self.choices)
        drawn = [fill(self.rng, sizes, specs, row, count, kinks=kinks) for row in STRUCTURES]
        return {leaf: np.concatenate([case[leaf] for case in drawn]) for leaf in specs}

    def _note(self, sizes: Sizes, count: int) -> None:
        self.findings.shapes.add(tuple(sorted(sizes.items())))
        self.findings.cases += count

    def _note_faults(self, sizes: Sizes, concrete: bool) -> None:
        """What cannot be traced at these sizes may still have been at the smallest."""
        at = ", ".join(f"{name} = {size}" for name, size in sizes.items())
        for name, fault in self.pair.programs(sizes, concrete=concrete).faults.items():
            known = self.findings.faults.get(name)
            if name in self.findings.equations and (known is None or (fault.wrong and not known.wrong)):
                self.findings.faults[name] = replace(fault, message=f"{fault.message} ({at})")

    # --- conclusions ---

    def _suspect(self, name: str, case: shrink.Found) -> None:
        self.suspects.setdefault(name, []).append(case)

    def _conclude(self) -> None:
        """Looks for a counterexample wherever the two sides differed, and says what kind of difference it is."""
        for name in self.findings.faults:
            if self.findings.equations[name].bounds.cases:  # it ran at some sizes: is it wrong there?
                self.suspects.setdefault(name, [])
        for name, first in self.suspects.items():
            report = self.findings.equations[name]
            found = shrink.search(self.pair, name, self.seed, first)
            if found is None:
                report.proof.status = Status.OPEN
                continue
            wrong = report.proof.status is Status.FAILED or shrink.algebraic(self.pair, name, found)
            report.verdict = Verdict.REFUTED if wrong else Verdict.INACCURATE
            holds = tuple(n for n in upstream(self.derivation, name) if n not in self.suspects)
            report.counterexample = shrink.describe(self.pair, name, found, holds, self._replay(name))
        tables = {(choice, row.name): row for choice, row in self.choices.items() if getattr(row, "kinks", ())}
        for (choice, name), row in tables.items():
            for piece in range(len(row.kinks) + 1):
                if not self.pieces.get((choice, name, piece)):
                    self.findings.unmet.append(f"piece {piece + 1} of {name}")

    def _replay(self, name: str) -> str:
        origin = self.unit.spec.partition(":")[0]
        target = self.derivation.name if origin.startswith("manual_bp.") else origin
        return f"python -m verify {target} --only '{self.derivation.name}/{name}' --seed {self.settings.seed}"


def tex_of(derivation: Derivation, name: str) -> str:
    """The formula of an equation, and of the gradient as a whole."""
    if name in derivation.equations:
        return derivation.equations[name].tex
    root = derivation.objective
    return r"\nabla " + root + r" \text{ composed of the equations}"


def upstream(derivation: Derivation, name: str) -> list[str]:
    """The equations that an equation takes, and those that they take, in the derivation's order."""
    if name == GRADIENT:
        return list(derivation.equations)
    seen: set[str] = set()
    wanted = list(derivation.equations[name].parameters)
    while wanted:
        parameter = wanted.pop()
        if parameter in derivation.equations and parameter not in seen:
            seen.add(parameter)
            wanted.extend(derivation.equations[parameter].parameters)
    return [equation for equation in derivation.equations if equation in seen]


def judge(derivation: Derivation, unit: Unit) -> Findings:
    """Judges one unit of work."""
    return Judge(derivation, unit).run()
