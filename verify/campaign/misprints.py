"""Equations that a book prints wrong: kept as printed, and marked, they must be refuted."""

from __future__ import annotations

from collections.abc import Mapping

from verify.programs.tracing import GRADIENT
from verify.verdict import Counterexample, DerivationReport, EquationReport, Verdict

LONGEST = 160  # characters of a case that are shown in a line


def expected(report: DerivationReport, printed_wrong: Mapping[str, str]) -> DerivationReport:
    """The report with each equation that is marked judged by whether it is refuted, as it should be.

    The gradient that is composed of one is no worse than it.
    """
    marked = [equation for equation in report.equations if equation.name in printed_wrong]
    for equation in marked:
        if equation.verdict is Verdict.REFUTED:
            equation.verdict = Verdict.PRINTED_WRONG
            equation.because = f"{printed_wrong[equation.name]}{_shown(equation.counterexample)}"
        elif equation.verdict.good:
            what = f"marked as printed wrong ({printed_wrong[equation.name]}), and {equation.verdict}"
            equation.verdict = Verdict.INCONCLUSIVE
            equation.because = f"{what}; take it out of printed_wrong"
    found = [equation.name for equation in marked if equation.verdict is Verdict.PRINTED_WRONG]
    whole = next((equation for equation in report.equations if equation.name == GRADIENT), None)
    alone = not any(_refuted(equation) for equation in report.equations if equation is not whole)
    if whole is not None and found and _refuted(whole) and alone:
        whole.verdict, whole.because = Verdict.PRINTED_WRONG, f"it is composed of {', '.join(found)}"
    return report


def _refuted(equation: EquationReport) -> bool:
    return equation.verdict is Verdict.REFUTED


def _shown(case: Counterexample | None) -> str:
    if case is None:
        return ""
    values = f"it gives {case.manual:g}, jax.grad {case.autodiff:g}"
    at = ", ".join(f"{name} = {value}" for name, value in {**case.choices, **case.leaves}.items())
    return f"; at {at} {values}" if at and len(at) <= LONGEST else f"; at the smallest case {values}"
