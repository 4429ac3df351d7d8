"""Judges the programs of a dtype that are other ones than those of float64: a user's code decided something by it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from verify.campaign import evidence
from verify.counterexamples import search
from verify.counterexamples.search import FailingCase
from verify.generation.data import rounded
from verify.generation.exploration import climbed
from verify.interpreter.walker import Sizes
from verify.lanes.bounds import bound
from verify.lanes.proof import prove
from verify.programs.pair import Pair
from verify.settings import DTYPES
from verify.verdict import Status, Verdict

if TYPE_CHECKING:
    from verify.campaign.unit import Judge

POINTS = 104  # of the proof at a shape
CASES = 6  # of each structure in the bounds lane
EXPLORED = 16  # shapes that Hypothesis drew
TOO_CLOSE = "in {} the sides differ by less than float64 can see, as when a constant is rounded"


def judge_in_dtypes(judge: Judge) -> None:
    """Judges the programs of those dtypes in which they are others; a unit that is not run looks at one, by turns.

    All dtypes are looked at, whichever are run: what is proved of float64 is not the program of float16.
    """
    dtypes = [dtype for dtype in DTYPES if dtype != judge.pair.dtype]
    if not (judge.unit.on_device or judge.findings.on_device_alone):
        dtypes = [dtypes[judge.unit.index % len(dtypes)]]
    for dtype in dtypes:
        if (pair := judge.pair.in_dtype(dtype)) is not judge.pair:
            judge_program(judge, pair, dtype)


def judge_program(judge: Judge, pair: Pair, dtype: str) -> None:
    """Proves and bounds what `pair` was traced to in its dtype, and enters what is found; nothing is blamed twice.

    The smallest case at which the two sides differ is run on the device, in the dtype, and shown as what came of it.
    """
    suspects: dict[str, list[FailingCase]] = {}
    shapes = climbed(judge.derivation, judge.unit.index, concrete=True, equal=False)
    explored = [(planned.case.dims, False) for planned in judge.unit.explored[:EXPLORED]]
    for sizes, concrete in (*shapes, *explored):
        for name, case in _differing(judge, pair, dtype, sizes, concrete).items():
            suspects.setdefault(name, []).append(case)
    for name, first in suspects.items():
        if name not in judge.suspects and name not in pair.given_up:
            judge.isolated("the search for a counterexample", _explain, judge, pair, dtype, name, first)


def _differing(judge: Judge, pair: Pair, dtype: str, sizes: Sizes, concrete: bool) -> dict[str, FailingCase]:
    """The equations whose two sides differ at these sizes, each with a case; what was judged is entered."""
    known, found = judge.findings.equations, dict[str, FailingCase]()
    proof = judge.isolated(f"the proof in {dtype}", prove, pair, sizes, judge.rng, POINTS, concrete=concrete)
    leaves: Mapping[str, Any] = rounded(judge.mixed(sizes, CASES), pair.specs(sizes), dtype)
    bounding = judge.isolated(f"the bounds lane in {dtype}", bound, pair, sizes, leaves, concrete=concrete)
    cases = len(next(iter(leaves.values())))
    judge.note(sizes, POINTS + cases)
    for name, outcome in proof.outcomes.items():
        if name in known:
            evidence.enter_outcome(known[name].proof, outcome)
            if not outcome.equal:
                found[name] = FailingCase(sizes, search.one(proof.floats, outcome.first_mismatch), concrete)
    for name, comparison in bounding.comparisons.items():
        if name in known:
            evidence.enter_comparison(known[name].bounds, comparison, cases)
            if comparison.differ:
                case = search.one(leaves, int(comparison.differing.argmax()))
                found.setdefault(name, FailingCase(sizes, case, concrete))
    return found


def _explain(judge: Judge, pair: Pair, dtype: str, name: str, first: list[FailingCase]) -> None:
    """What kind of difference it is, and the case that shows it."""
    report = judge.findings.equations[name]
    found = search.search(pair, name, judge.seed, first)
    if found is None:
        if report.proof.status is Status.FAILED:
            report.proof.status = Status.OPEN
            report.proof.open_because = report.proof.open_because or TOO_CLOSE.format(dtype)
        return
    wrong = report.proof.status is Status.FAILED or search.algebraic(pair, name, found)
    report.verdict = Verdict.REFUTED if wrong else Verdict.INACCURATE
    report.diagnosis = f"in {dtype}, where the program is another one" if wrong else None
    device = judge.isolated(f"the device in {dtype}", judge.compiled(dtype), found.sizes, found.leaves)
    if (run := device.runs.get(name)) is not None and run.violation is not None:
        judge.enter(dataclasses.replace(device, runs={name: run}), dtype, found.sizes)
    if report.counterexample is None:  # the dtype rounds more than that
        report.counterexample = dataclasses.replace(search.describe(pair, name, found), dtype=dtype)
