"""What the lanes say of one shape, entered as evidence; the equations that differ there, each with a case."""

from __future__ import annotations

from collections.abc import Iterator

from verify.campaign import evidence
from verify.campaign.work import Findings
from verify.counterexamples import search
from verify.counterexamples.search import FailingCase
from verify.generation.data import Leaves
from verify.interpreter.walker import Sizes
from verify.lanes.bounds import Bounding
from verify.lanes.proof import Proof


def by_proof(
    findings: Findings, proof: Proof, sizes: Sizes, *, concrete: bool
) -> Iterator[tuple[str, FailingCase]]:
    """Enters what random points said, and gives the floats of the first point at which the sides differ."""
    for name, outcome in proof.outcomes.items():
        if name in findings.equations:
            evidence.enter_outcome(findings.equations[name].proof, outcome)
            if not outcome.equal:
                case = search.one(proof.floats, outcome.first_mismatch)
                yield name, FailingCase(sizes, case, concrete)


def by_bounds(
    findings: Findings, bounding: Bounding, sizes: Sizes, leaves: Leaves, *, concrete: bool
) -> Iterator[tuple[str, FailingCase]]:
    """Enters what these cases said in float64, and gives the first that differs."""
    count = len(next(iter(leaves.values())))
    for name, comparison in bounding.comparisons.items():
        if name in findings.equations:
            evidence.enter_comparison(findings.equations[name].bounds, comparison, count)
            if comparison.differ:
                case = search.one(leaves, int(comparison.differing.argmax()))
                yield name, FailingCase(sizes, case, concrete)
