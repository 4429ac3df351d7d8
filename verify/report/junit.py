"""A report as JUnit's XML, which continuous integration reads: a suite a derivation, a case an equation."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from verify.report.story import story
from verify.runtime import files
from verify.verdict import EquationReport, Report, Verdict

FAILURES = (Verdict.REFUTED, Verdict.INACCURATE)  # the equation is wrong, or its result is
ERRORS = (Verdict.DISPUTED, Verdict.INCONCLUSIVE)  # nothing is concluded
FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # in XML 1.0


def save(report: Report, path: Path) -> None:
    """Write `report` to `path`, whole or not at all."""
    files.write(path, text(report))


def text(report: Report) -> str:
    """A refuted or inaccurate equation is a failure, a disputed or inconclusive one an error; each with its story."""
    whole = ElementTree.Element("testsuites", {"name": "verify", **_counts(report.equations)})
    whole.set("time", f"{report.totals.get('seconds', 0.0):.3f}")
    for derivation in report.derivations:
        counts = {"name": _legal(derivation.name), **_counts(derivation.equations)}
        suite = ElementTree.SubElement(whole, "testsuite", counts)
        for equation in derivation.equations:
            case = ElementTree.SubElement(
                suite, "testcase", classname=_legal(derivation.name), name=_legal(equation.name), time="0"
            )
            _enter(case, equation, derivation.name)
    if not report.equations:  # a service that counts failures alone would take nothing for a success
        whole.set("tests", "1")
        whole.set("errors", "1")
        counts = {"name": "verify", "tests": "1", "failures": "0", "errors": "1", "skipped": "0"}
        case = ElementTree.SubElement(
            ElementTree.SubElement(whole, "testsuite", counts),
            "testcase",
            {"classname": "verify", "name": "nothing was judged", "time": "0"},
        )
        ElementTree.SubElement(case, "error", message="nothing was judged", type=str(report.verdict))
    ElementTree.indent(whole)
    return ElementTree.tostring(whole, encoding="unicode", xml_declaration=True) + "\n"


def _counts(equations: list[EquationReport]) -> dict[str, str]:
    verdicts = [equation.verdict for equation in equations]
    return {
        "tests": str(len(verdicts)),
        "failures": str(sum(verdict in FAILURES for verdict in verdicts)),
        "errors": str(sum(verdict in ERRORS for verdict in verdicts)),
        "skipped": "0",
    }


def _enter(case: ElementTree.Element, equation: EquationReport, derivation: str) -> None:
    if equation.verdict.good:
        said = f"{equation.verdict}: {equation.because}" if equation.because else str(equation.verdict)
        ElementTree.SubElement(case, "system-out").text = _legal(said)
        return
    kind = "failure" if equation.verdict in FAILURES else "error"
    headline = _legal(equation.because or str(equation.verdict))
    found = ElementTree.SubElement(case, kind, message=headline, type=str(equation.verdict))
    found.text = _legal(story(equation, derivation))


def _legal(words: str) -> str:
    """Without the signs that no XML may have."""
    return FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", words)
