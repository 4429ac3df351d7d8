"""What is known of an equation, put together: each lane's word entered, and the reports of all units merged.

Everywhere counts add up and the worst of everything stays.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from verify.interpreter.opaque import Opaque, on_device_alone
from verify.lanes.bounds import Comparison
from verify.lanes.device.violations import Run, fewest
from verify.lanes.opinions.opinions import worst
from verify.lanes.proof import Outcome
from verify.verdict import (
    BoundsEvidence,
    DeviceEvidence,
    EquationReport,
    ProofEvidence,
    SizeEvidence,
    Status,
    Verdict,
)

WEAKEST = -64.0  # log2 of the largest probability of error with which anything is called proved
TOO_CLOSE = "the sides differ by less than float64 can see, as when a constant is rounded"
ENOUGH = 64  # points at which every element must have been compared, or a shape proves nothing
AGAIN = 8  # times the points, at most, where so many as were drawn do not decide
WORST_STATUS = (Status.FAILED, Status.OPEN, Status.CLOSED)


def least(*powers: float | None) -> float | None:
    """The smallest of those that are known."""
    return min((power for power in powers if power is not None), default=None)


def most(*errors: float | None) -> float | None:
    """The largest of those that are known."""
    return max((error for error in errors if error is not None), default=None)


def points_needed(outcomes: Iterable[Outcome], points: int, large: bool) -> int:
    """How many points a shape should have had: more where too few had a value, or each says too little.

    At most AGAIN times as many; where the shape is large, only for the second reason.
    """
    needed = points
    for outcome in outcomes:
        if not outcome.equal:
            continue
        if outcome.points < ENOUGH and not large:
            return AGAIN * points
        if outcome.points >= ENOUGH and WEAKEST < outcome.log2_error < 0:
            more = math.ceil(points * (WEAKEST - 1) / outcome.log2_error)
            needed = max(needed, more if more <= AGAIN * points else points)
    return needed


# --- a lane's word ----------------------------------------------------------------------------------------------------


def enter_outcome(evidence: ProofEvidence, outcome: Outcome) -> None:
    """What the points of one shape said."""
    if not outcome.equal:
        evidence.status = Status.FAILED
    elif outcome.points >= ENOUGH:
        first = not evidence.shapes
        evidence.log2_error = outcome.log2_error if first else max(evidence.log2_error, outcome.log2_error)
        evidence.shapes += 1
        evidence.points += outcome.points
        if evidence.status is Status.OPEN:
            evidence.status = Status.CLOSED
    evidence.branches += len(outcome.patterns)
    evidence.dropped += sum(agreement.dropped for agreement in outcome.agreements.values())
    if outcome.theorem == "exponential":
        evidence.theorem = outcome.theorem
    if outcome.uninterpreted and not outcome.equal:
        evidence.open_because = "no relation is known for " + ", ".join(sorted(outcome.uninterpreted))


def enter_opaque(evidence: ProofEvidence, opaque: Opaque) -> None:
    """No lane but the device has a word."""
    evidence.opaque = tuple(sorted({*evidence.opaque, *opaque.primitives}))
    evidence.open_because = on_device_alone(evidence.opaque)


def enter_comparison(evidence: BoundsEvidence, comparison: Comparison, cases: int) -> None:
    """What so many cases in float64 said."""
    evidence.cases += cases
    evidence.worst = max(evidence.worst, comparison.worst)
    evidence.power = least(evidence.power, comparison.power)


def on(found: list[DeviceEvidence], dtype: str, precision: str) -> DeviceEvidence:
    """The evidence in this dtype at this precision, entered where it is not there yet."""
    for evidence in found:
        if (evidence.dtype, evidence.precision) == (dtype, precision):
            return evidence
    found.append(DeviceEvidence(dtype, precision))
    return found[-1]


def add_run(evidence: DeviceEvidence, run: Run | DeviceEvidence) -> None:
    evidence.cases += run.cases
    evidence.exact += run.exact
    evidence.kinks += run.kinks
    evidence.worst = max(evidence.worst, run.worst)
    evidence.ulps = max(evidence.ulps, run.ulps)
    evidence.power = least(evidence.power, run.power)
    evidence.lost += run.lost
    evidence.loss = evidence.loss or run.loss
    evidence.digits, evidence.autodiff_digits = fewest(evidence, run)


def add_autodiff(
    evidence: DeviceEvidence, worst: float | None, ulps: float | None, manual_ulps: float | None
) -> None:
    """How far off `jax.grad` was, and how far the gradient by hand in the very same cases."""
    evidence.autodiff_worst = most(evidence.autodiff_worst, worst)
    evidence.autodiff_ulps = most(evidence.autodiff_ulps, ulps)
    evidence.manual_ulps = most(evidence.manual_ulps, manual_ulps)


def add_ways(evidence: DeviceEvidence, ways: Mapping[str, int]) -> None:
    for way, cases in ways.items():
        evidence.ways[way] = evidence.ways.get(way, 0) + cases


# --- all units --------------------------------------------------------------------------------------------------------


def merge(reports: Sequence[EquationReport]) -> EquationReport:
    """One equation's evidence over all units."""
    merged = EquationReport(reports[0].name, reports[0].tex)
    merged.proof = merge_proofs([report.proof for report in reports])
    merged.bounds.cases = sum(report.bounds.cases for report in reports)
    merged.bounds.worst = max(report.bounds.worst for report in reports)
    merged.bounds.power = least(*(report.bounds.power for report in reports))
    for evidence in (evidence for report in reports for evidence in report.device):
        same = on(merged.device, evidence.dtype, evidence.precision)
        add_run(same, evidence)
        add_autodiff(same, evidence.autodiff_worst, evidence.autodiff_ulps, evidence.manual_ulps)
        add_ways(same, evidence.ways)
        same.refused = same.refused or evidence.refused
    merged.verdict = Verdict.worst(report.verdict for report in reports)  # what the units concluded already
    with_case = [report for report in reports if report.counterexample is not None]
    if with_case:
        shown = min(with_case, key=rank_of)
        merged.counterexample, merged.cause = shown.counterexample, shown.cause
    said = Counter(report.diagnosis for report in reports if report.diagnosis is not None)
    merged.diagnosis = said.most_common(1)[0][0] if said else None
    merged.dispute = next((report.dispute for report in reports if report.dispute), None)
    merged.opinions = worst(*(report.opinions for report in reports))
    merged.note = next((report.note for report in reports if report.note), None)
    return merged


def merge_proofs(proofs: Sequence[ProofEvidence]) -> ProofEvidence:
    shown = [proof for proof in proofs if proof.points] or proofs
    return ProofEvidence(
        points=sum(proof.points for proof in proofs),
        shapes=sum(proof.shapes for proof in proofs),
        branches=sum(proof.branches for proof in proofs),
        status=min((proof.status for proof in proofs), key=WORST_STATUS.index),
        log2_error=max(proof.log2_error for proof in shown),
        theorem="exponential" if any(proof.theorem == "exponential" for proof in proofs) else "rational",
        open_because=next((proof.open_because for proof in proofs if proof.open_because), None),
        dropped=sum(proof.dropped for proof in proofs),
        opaque=tuple(sorted({primitive for proof in proofs for primitive in proof.opaque})),
        sizes=merge_sizes([proof.sizes for proof in proofs]),
    )


def merge_sizes(claims: Sequence[SizeEvidence]) -> SizeEvidence:
    """What holds of all of them: a dimension that one of them does not have does not matter there."""
    sampled: dict[str, str] = {}
    every: dict[str, int] = {}
    for claim in claims:
        for dim, why in claim.sampled.items():
            sampled.setdefault(dim, why)
        for dim, reach in claim.every.items():
            every[dim] = max(reach, every.get(dim, 0))
    every = {dim: reach for dim, reach in every.items() if dim not in sampled}
    return SizeEvidence(every, sampled, max((claim.log2_error for claim in claims), default=0.0))


def rank_of(report: EquationReport) -> tuple[int, int]:
    """Of several counterexamples, that of the lowest rank is shown: the worst verdict, the fewest words."""
    assert report.counterexample is not None
    return list(Verdict).index(report.verdict), len(repr(report.counterexample.leaves))
