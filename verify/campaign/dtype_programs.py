"""Judges the programs of a dtype that are other ones than those of float64: a user's code decided something by it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from verify.arithmetic.bounds.arithmetic import Bounds
from verify.campaign import suspicion
from verify.campaign.branch_search import BranchSearch
from verify.campaign.evidence import TOO_CLOSE
from verify.counterexamples import search
from verify.counterexamples.search import FailingCase
from verify.generation.data import Leaves, rounded
from verify.generation.exploration import climbed
from verify.interpreter.walker import Sizes
from verify.lanes.bounds import bound
from verify.lanes.proof import prove
from verify.programs.pair import Pair
from verify.programs.tracing import WalkError
from verify.runtime import tracebacks
from verify.settings import DTYPES
from verify.verdict import Status, Verdict

if TYPE_CHECKING:
    from verify.campaign.unit import Judge

POINTS = 104  # of the proof at a shape
CASES = 6  # of each structure in the bounds lane
EXPLORED = 16  # shapes that Hypothesis drew


def judge_in_dtypes(judge: Judge) -> None:
    """Judges the programs of those dtypes in which they are others; a unit that is not run looks at one, by turns.

    All dtypes are looked at, whichever are run: what is proved of float64 is not the program of float16.
    """
    dtypes = [dtype for dtype in DTYPES if dtype != judge.pair.dtype]
    if not (judge.unit.on_device or judge.findings.on_device_alone):
        dtypes = [dtypes[judge.unit.index % len(dtypes)]]
    for dtype in dtypes:
        if (pair := judge.pair.in_dtype(dtype)) is not judge.pair:
            try:
                DtypePrograms(judge, pair).judge()
            except WalkError as error:  # in the reference: an equation's own is isolated
                judge.pair.give_up_dtype(dtype)
                judge.findings.unmet.append(f"its program in {dtype} ({tracebacks.one_line(error.error)})")


class DtypePrograms:
    """What the lanes say of the programs that `pair` was traced to in its dtype, entered in the findings of a unit."""

    def __init__(self, judge: Judge, pair: Pair):
        self.unit, self.pair, self.dtype = judge, pair, pair.dtype
        self.suspects: dict[str, list[FailingCase]] = {}
        self.branch_search = BranchSearch(pair, judge.isolated, judge.rng)

    def judge(self) -> None:
        """Proves and bounds, at the small shapes and some of those explored; nothing is blamed twice.

        The smallest case at which the two sides differ is run on the device, in the dtype, and shown as what came of
        it.
        """
        unit = self.unit
        for sizes, concrete in climbed(unit.derivation, unit.unit.index, concrete=True, equal=False):
            self._prove(sizes, concrete=concrete)
            leaves = rounded(unit.mixed(sizes, CASES), self.pair.specs(sizes), self.dtype)
            self._bound(sizes, leaves, concrete=concrete)
        for planned in unit.unit.explored[:EXPLORED]:
            self._prove(planned.case.dims)
        for sizes in self.pair.deciding_sizes():
            self._prove(sizes)
        self.branch_search(self._prove, self._bound, thorough=True)
        for name, branch in self.branch_search.coverage.branches().items():
            words = tuple(f"{said} in {self.dtype}" for said in branch.words)
            unit.findings.branches[f"{self.dtype} {name}"] = branch._replace(words=words)
        for name, first in self.suspects.items():
            if name not in unit.suspects and name not in self.pair.given_up:
                unit.isolated("the search for a counterexample", self._explain, name, first)

    def _prove(
        self, sizes: Sizes, *, concrete: bool = False, floats: Mapping[str, np.ndarray] | None = None
    ) -> None:
        unit, points = self.unit, POINTS if floats is None else len(next(iter(floats.values())))
        self.branch_search.watch(sizes, concrete=concrete)
        options: dict[str, Any] = {"concrete": concrete, "floats": floats}
        where = f"the proof in {self.dtype}"
        proof = unit.isolated(where, prove, self.pair, sizes, unit.rng, points, **options)
        unit.note(sizes, points)
        for name, case in suspicion.by_proof(unit.findings, proof, sizes, concrete=concrete):
            self.suspects.setdefault(name, []).append(case)

    def _bound(
        self,
        sizes: Sizes,
        leaves: Leaves,
        *,
        concrete: bool = False,
        arithmetic: Bounds | None = None,
    ) -> None:
        unit = self.unit
        self.branch_search.watch(sizes, concrete=concrete)
        options: dict[str, Any] = {"concrete": concrete, "arithmetic": arithmetic}
        where = f"the bounds lane in {self.dtype}"
        bounding = unit.isolated(where, bound, self.pair, sizes, leaves, **options)
        unit.note(sizes, len(next(iter(leaves.values()))))
        for name, case in suspicion.by_bounds(unit.findings, bounding, sizes, leaves, concrete=concrete):
            self.suspects.setdefault(name, []).append(case)

    def _explain(self, name: str, first: list[FailingCase]) -> None:
        """What kind of difference it is, and the case that shows it."""
        unit, report = self.unit, self.unit.findings.equations[name]
        found = search.search(self.pair, name, unit.seed, first)
        if found is None:
            if report.proof.status is Status.FAILED:
                report.proof.status = Status.OPEN
                report.proof.open_because = report.proof.open_because or f"in {self.dtype} {TOO_CLOSE}"
            return
        wrong = report.proof.status is Status.FAILED or search.algebraic(self.pair, name, found)
        report.verdict = Verdict.REFUTED if wrong else Verdict.INACCURATE
        report.diagnosis = f"in {self.dtype}, where the program is another one" if wrong else None
        run, on_device = unit.compiled(self.dtype), f"the device in {self.dtype}"
        device = unit.isolated(on_device, run, found.sizes, found.leaves)
        if (seen := device.runs.get(name)) is not None and seen.violation is not None:
            unit.enter(dataclasses.replace(device, runs={name: seen}), self.dtype, found.sizes)
        if report.counterexample is None:  # the dtype rounds more than that
            case = search.describe(self.pair, name, found)
            report.counterexample = dataclasses.replace(case, dtype=self.dtype)
