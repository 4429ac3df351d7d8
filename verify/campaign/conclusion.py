"""From evidence to a verdict: the findings of all units of a derivation, put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from verify.branches.coverage import REFERENCE, Branches, together
from verify.campaign import misprints
from verify.campaign.evidence import ENOUGH, TOO_CLOSE, WEAKEST, merge
from verify.campaign.work import Findings
from verify.interpreter.opaque import on_device_alone
from verify.programs.tracing import GRADIENT, Fault
from verify.verdict import (
    DerivationReport,
    DeviceEvidence,
    EquationReport,
    ProofEvidence,
    SizeEvidence,
    Status,
    Verdict,
)

NO_MARKS: Mapping[str, str] = MappingProxyType({})


def conclude(
    name: str, source: str, units: Sequence[Findings], printed_wrong: Mapping[str, str] = NO_MARKS
) -> DerivationReport:
    """The report of a derivation; `units` in the order in which they were planned.

    `printed_wrong` says of equations that are wrong on purpose what is wrong with them.
    """
    report = DerivationReport(name, source)
    gradients = [unit.equations[GRADIENT] for unit in units if GRADIENT in unit.equations]
    broken = broken_models(merge(gradients)) if gradients else {}
    for equation in dict.fromkeys(name for unit in units for name in unit.equations):
        found = [unit for unit in units if equation in unit.equations]
        merged = merge([unit.equations[equation] for unit in found])
        faults = [unit.faults[equation] for unit in found if equation in unit.faults]
        unmet = [*sorted({piece for unit in found for piece in unit.unmet}), *untaken(equation, found)]
        if fatal := next(
            (fault for fault in faults if fault.fatal), None
        ):  # the rest depends on when it was found
            merged = EquationReport(merged.name, merged.tex, Verdict.INCONCLUSIVE, fatal.message)
        else:
            merged.verdict, merged.because = verdict(merged, faults, unmet, broken)
            if merged.verdict is not Verdict.PROVED:
                merged.proof.sizes = SizeEvidence()
            elif merged.proof.log2_error > WEAKEST:
                merged.proof.log2_error = merged.proof.sizes.log2_error  # it is these that prove it
            case = merged.counterexample
            if case is not None and case.lane == "device" and merged.verdict is Verdict.INCONCLUSIVE:
                merged.counterexample = merged.cause = None  # it is not the equation's own
        report.equations.append(merged)
    refuted = {
        equation.name: equation for equation in report.equations if equation.verdict is Verdict.REFUTED
    }
    whole = refuted.pop(GRADIENT, None)
    if whole is not None and refuted:
        whole.because = f"it is composed of {', '.join(refuted)}, refuted above"
    return misprints.expected(report, printed_wrong) if printed_wrong else report


SHOWN = 3  # outcomes that are named


def untaken(equation: str, units: Sequence[Findings]) -> list[str]:
    """What could come of a comparison or a selection on either side of an equation, and came of it in no unit."""
    branches: Branches = {}
    for unit in units:
        together(branches, unit.branches)
    sides = {equation, REFERENCE}
    mine = [b for b in branches.values() if b.unmet and (equation == GRADIENT or b.program in sides)]
    first: dict[str, str] = {}  # one at each place: the others there follow from it
    for branch in mine:
        first.setdefault(branch.place or branch.unmet[0], branch.unmet[0])
    more = len(first) - SHOWN
    return [*list(first.values())[:SHOWN], *([f"{more} more"] if more > 0 else [])]


def broken_models(gradient: EquationReport) -> dict[str, float]:
    """The dtypes in which `jax.grad` itself was farther off than its own bound, and how many times: there the bounds
    are those of another program than the one that runs, and nobody is judged by them."""
    off = {evidence.dtype: evidence.autodiff_worst or 0.0 for evidence in gradient.device}
    return {dtype: worst for dtype, worst in off.items() if worst > 1}


def verdict(
    report: EquationReport,
    faults: Sequence[Fault],
    unmet: Sequence[str],
    broken: Mapping[str, float] | None = None,
) -> tuple[Verdict, str | None]:
    """The verdict on merged evidence, and one line on why it is not `proved`; `broken` as in `broken_models`."""
    found, why = _by_what_holds(report, faults, unmet, broken or {})
    if found.good and broken:
        return Verdict.INCONCLUSIVE, _said_of_broken(broken)
    return found, why


def _by_what_holds(
    report: EquationReport, faults: Sequence[Fault], unmet: Sequence[str], broken: Mapping[str, float]
) -> tuple[Verdict, str | None]:
    proof, bounds = report.proof, report.bounds
    wrong = next((fault for fault in faults if fault.wrong), None)
    if wrong is not None:
        return Verdict.REFUTED, wrong.message
    if report.dispute is not None:
        return Verdict.DISPUTED, report.dispute
    if report.proof.opaque:
        return _on_device_alone(report, faults, broken)
    if report.verdict is Verdict.REFUTED:
        said = f": {report.diagnosis}" if report.diagnosis else ""
        return Verdict.REFUTED, f"the two sides are different functions{said}"
    worst = _worst(report, broken)
    if worst is not None and worst.worst > 1 and proof.status is not Status.CLOSED and _exact(report):
        return Verdict.REFUTED, "without any rounding, the device gives another number"
    if faults:
        return Verdict.INCONCLUSIVE, faults[0].message
    if report.verdict is Verdict.INACCURATE:
        said = "right in exact arithmetic, and farther off in float64 than its rounding explains"
        return Verdict.INACCURATE, said + (f": {report.cause}" if report.cause else "")
    if lossy := next((e for e in report.device if e.loss and e.dtype not in broken), None):
        return Verdict.INACCURATE, f"right in exact arithmetic; {lossy.loss}"
    if worst is not None and worst.worst > 1:
        return Verdict.INACCURATE, _inaccurate(worst, report.cause)
    if report.device and all(evidence.refused for evidence in report.device):
        return Verdict.INCONCLUSIVE, f"it runs nowhere: {_refused(report)}"
    if _too_weak(proof):
        error = f"the error bound, 2^{proof.log2_error:.0f}, is too weak to prove it"
        found = Verdict.VERIFIED if bounds.power is not None else Verdict.INCONCLUSIVE
        return found, f"equal at all {proof.points:,} points, but {error}"
    blind = [f"{e.dtype}" for e in report.device if e.cases and e.power is None and not e.exact]
    closed = proof.status is Status.CLOSED and proof.points >= ENOUGH
    if closed and not blind:
        return (Verdict.VERIFIED, _open(proof, unmet)) if unmet else (Verdict.PROVED, None)
    if bounds.cases and bounds.power is not None:
        seen = f"no case on the device in {', '.join(blind)} had the power to refute"
        return Verdict.VERIFIED, seen if closed and not unmet else _open(proof, unmet)
    return (
        Verdict.INCONCLUSIVE,
        "no case had the power to refute: every bound was as large as the number itself",
    )


def _on_device_alone(
    report: EquationReport, faults: Sequence[Fault], broken: Mapping[str, float]
) -> tuple[Verdict, str]:
    """The verdict on an equation that no arithmetic enters."""
    said = on_device_alone(report.proof.opaque)
    if refused := _refused(report):
        said += f"; it does not run in {refused}"
    if report.verdict is Verdict.REFUTED:
        more = "farther off than rounding explains, even rounding to bfloat16, in every dtype tried"
        return Verdict.REFUTED, f"{more}; {said}"
    if faults:
        return Verdict.INCONCLUSIVE, faults[0].message
    worst = _worst(report, broken)
    if worst is not None and worst.worst > 1:
        here = f"in {worst.dtype} at precision {worst.precision} {_times(worst)} as far off"
        cause = f": {report.cause}" if report.cause else ""
        return Verdict.INACCURATE, f"{here} as jax.grad's own rounding explains{cause}; {said}"
    if any(evidence.power is not None for evidence in report.device):
        return Verdict.VERIFIED, said
    return Verdict.INCONCLUSIVE, f"{said}; no case there had the power to refute"


def _worst(report: EquationReport, broken: Mapping[str, float]) -> DeviceEvidence | None:
    """What the device gave that is farthest beyond its bound, in the dtypes whose bounds hold."""
    held = [evidence for evidence in report.device if evidence.dtype not in broken]
    return max(held, key=lambda evidence: evidence.worst, default=None)


def _too_weak(proof: ProofEvidence) -> bool:
    """Whether the sides agree at all points, and yet a wrong equation might have as well.

    What is proved at every size is proved by its local rule, whose degrees are those of a few small shapes.
    """
    agrees = proof.status is Status.CLOSED and proof.points >= ENOUGH
    everywhere = proof.sizes.every and not proof.sizes.sampled
    return agrees and proof.log2_error > WEAKEST and not everywhere


def _said_of_broken(broken: Mapping[str, float]) -> str:
    where = ", ".join(f"{dtype} ({worst:.3g} times)" for dtype, worst in broken.items())
    return f"jax.grad itself is farther off than its own bound in {where}: the bounds there are not those of what runs"


def _refused(report: EquationReport) -> str:
    return ", ".join(f"{e.dtype} ({e.refused})" for e in report.device if e.refused)


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
        return f"the proof stayed open: {TOO_CLOSE}"
    if unmet:
        return f"equal at all {proof.points:,} points, but no case reached {', '.join(unmet)}"
    return f"the proof stayed open: only {proof.points} points have a value in the field"
