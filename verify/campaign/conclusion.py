"""From evidence to a verdict: the findings of all units of a derivation, put together."""

from __future__ import annotations

from collections.abc import Sequence

from verify.campaign.evidence import ENOUGH, merge
from verify.campaign.work import Findings
from verify.interpreter.opaque import on_device_alone
from verify.programs.pair import GRADIENT, Fault
from verify.verdict import DerivationReport, DeviceEvidence, EquationReport, ProofEvidence, Status, Verdict


def conclude(name: str, source: str, units: Sequence[Findings]) -> DerivationReport:
    """The report of a derivation; `units` in the order in which they were planned."""
    report = DerivationReport(name, source)
    for equation in dict.fromkeys(name for unit in units for name in unit.equations):
        found = [unit for unit in units if equation in unit.equations]
        merged = merge([unit.equations[equation] for unit in found])
        faults = [unit.faults[equation] for unit in found if equation in unit.faults]
        unmet = sorted({piece for unit in found for piece in unit.unmet})
        if fatal := next(
            (fault for fault in faults if fault.fatal), None
        ):  # the rest depends on when it was found
            merged = EquationReport(merged.name, merged.tex, Verdict.INCONCLUSIVE, fatal.message)
        else:
            merged.verdict, merged.because = verdict(merged, faults, unmet)
        report.equations.append(merged)
    refuted = {
        equation.name: equation for equation in report.equations if equation.verdict is Verdict.REFUTED
    }
    whole = refuted.pop(GRADIENT, None)
    if whole is not None and refuted:
        whole.because = f"it is composed of {', '.join(refuted)}, refuted above"
    return report


def verdict(
    report: EquationReport, faults: Sequence[Fault], unmet: Sequence[str]
) -> tuple[Verdict, str | None]:
    """The verdict on merged evidence, and one line on why it is not `proved`."""
    proof, bounds = report.proof, report.bounds
    wrong = next((fault for fault in faults if fault.wrong), None)
    if wrong is not None:
        return Verdict.REFUTED, wrong.message
    if report.dispute is not None:
        return Verdict.DISPUTED, report.dispute
    if report.proof.opaque:
        return _on_device_alone(report, faults)
    if report.verdict is Verdict.REFUTED:
        said = f": {report.diagnosis}" if report.diagnosis else ""
        return Verdict.REFUTED, f"the two sides are different functions{said}"
    worst = max(report.device, key=lambda evidence: evidence.worst, default=None)
    if worst is not None and worst.worst > 1 and proof.status is not Status.CLOSED and _exact(report):
        return Verdict.REFUTED, "without any rounding, the device gives another number"
    if faults:
        return Verdict.INCONCLUSIVE, faults[0].message
    if report.verdict is Verdict.INACCURATE:
        said = "right in exact arithmetic, and farther off in float64 than its rounding explains"
        return Verdict.INACCURATE, said + (f": {report.cause}" if report.cause else "")
    if worst is not None and worst.worst > 1:
        return Verdict.INACCURATE, _inaccurate(worst, report.cause)
    if proof.status is Status.CLOSED and proof.points >= ENOUGH and not unmet:
        return Verdict.PROVED, None
    if bounds.cases and bounds.power is not None:
        return Verdict.VERIFIED, _open(proof, unmet)
    return (
        Verdict.INCONCLUSIVE,
        "no case had the power to refute: every bound was as large as the number itself",
    )


def _on_device_alone(report: EquationReport, faults: Sequence[Fault]) -> tuple[Verdict, str]:
    """The verdict on an equation that no arithmetic enters."""
    said = on_device_alone(report.proof.opaque)
    if refused := [f"{e.dtype} ({e.refused})" for e in report.device if e.refused]:
        said += f"; it does not run in {', '.join(refused)}"
    if report.verdict is Verdict.REFUTED:
        more = "farther off than rounding explains, even rounding to bfloat16, in every dtype tried"
        return Verdict.REFUTED, f"{more}; {said}"
    if faults:
        return Verdict.INCONCLUSIVE, faults[0].message
    worst = max(report.device, key=lambda evidence: evidence.worst, default=None)
    if worst is not None and worst.worst > 1:
        here = f"in {worst.dtype} at precision {worst.precision} {_times(worst)} as far off"
        cause = f": {report.cause}" if report.cause else ""
        return Verdict.INACCURATE, f"{here} as jax.grad's own rounding explains{cause}; {said}"
    if any(evidence.power is not None for evidence in report.device):
        return Verdict.VERIFIED, said
    return Verdict.INCONCLUSIVE, f"{said}; no case there had the power to refute"


def _exact(report: EquationReport) -> bool:
    return report.counterexample is not None and report.counterexample.bound == 0


def _inaccurate(worst: DeviceEvidence, cause: str | None) -> str:
    said = f"right in exact arithmetic; in {worst.dtype} at precision {worst.precision} {_times(worst)} as far off"
    return f"{said} as rounding explains" + (f": {cause}" if cause else "")


def _times(evidence: DeviceEvidence) -> str:
    return "infinitely" if evidence.worst == float("inf") else f"{evidence.worst:.3g} times"


def _open(proof: ProofEvidence, unmet: Sequence[str]) -> str:
    if proof.status is Status.OPEN and proof.open_because:
        return f"the proof stayed open: {proof.open_because}"
    if proof.status is Status.OPEN and proof.points:
        return "the proof stayed open: the sides differ by less than float64 can see, as when a constant is rounded"
    if unmet:
        return f"the proof stayed open: no point reached {', '.join(unmet)}"
    return f"the proof stayed open: only {proof.points} points have a value in the field"
