"""One line on a unit of work: how much was done, what it took, and what was found against which equation."""

from __future__ import annotations

from verify.campaign.work import Findings
from verify.verdict import EquationReport, Status

SHORT = 0.05  # seconds that are not worth a word


def unit_summary(findings: Findings) -> str:
    """What was done and found, as the rest of a sentence that names the unit."""
    points = max((each.proof.points for each in findings.equations.values()), default=0)
    done = (
        f"{len(findings.shapes):,} shapes, {points:,} points, {findings.cases:,} cases, "
        f"{findings.programs:,} programs"
    )
    spent = [
        f"{what} {seconds:.1f} s"
        for what, seconds in sorted(findings.seconds.items(), key=lambda item: -item[1])
        if seconds >= SHORT
    ]
    against = [said for each in findings.equations.values() if (said := _against(each, findings))]
    return "; ".join([done, *([", ".join(spent)] if spent else []), ", ".join(against) or "all hold"])


def _against(report: EquationReport, findings: Findings) -> str | None:
    """What was found against an equation, and in which lane; None where nothing was."""
    name = report.name
    if name in findings.faults:
        return findings.faults[name].message
    if report.proof.status is Status.FAILED:
        return f"{name} differs in the field"
    if report.bounds.worst > 1:
        return f"{name} differs in float64, {report.bounds.worst:.3g} times its bound"
    for evidence in report.device:
        if evidence.worst > 1:
            return f"{name} is off in {evidence.dtype} on the device, {evidence.worst:.3g} times its bound"
        if evidence.loss:
            return f"{name} loses digits in {evidence.dtype}"
    if report.proof.status is Status.OPEN:
        return f"{name} is not proved"
    return None
