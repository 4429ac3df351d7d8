"""Reports for other programs: a summary in Markdown, and JUnit's XML."""

from xml.etree import ElementTree

import pytest

from verify.report import junit, markdown
from verify.verdict import (
    DerivationReport,
    EquationReport,
    ProofEvidence,
    Report,
    SizeEvidence,
    Status,
    Verdict,
)

TEX = r"\partial J/\partial z = \partial J/\partial h \odot \varphi'(z)"


def report(*verdicts, interrupted=False):
    proof = ProofEvidence(1234, 8, 2, Status.CLOSED, -700.0, sizes=SizeEvidence({"h": 1}, {"q": "a branch"}))
    equations = [
        EquationReport(f"dJ_d{i}", TEX, verdict, "because | of `a_b` <\x00>", proof)
        for i, verdict in enumerate(verdicts)
    ]
    totals = {"seconds": 1.5}
    return Report({}, {}, totals, [DerivationReport("my_layer", "a <b> source", equations)], interrupted)


def test_a_table_and_what_failed_folded_up():
    text = markdown.text(report(Verdict.PROVED, Verdict.REFUTED))
    assert text.startswith("## ❌ refuted: 1 refuted, 1 proved\n")
    assert "### my\\_layer: refuted" in text
    assert "a &lt;b&gt; source" in text
    rows = [line for line in text.splitlines() if line.startswith("| `dJ_d")]
    assert [row.count("|") - row.count("\\|") for row in rows] == [7, 7]
    assert "| ✅ proved: because \\| of \\`a\\_b\\`" in rows[0]
    assert "| 1,234 | h | 2⁻⁷⁰⁰ |" in rows[0]
    assert "<details><summary>my_layer/dJ_d1 is refuted: it is not the derivative</summary>" in text
    assert text.count("```") % 2 == 0


@pytest.mark.parametrize(("interrupted", "said"), [(True, True), (False, False)])
def test_an_interrupted_run_is_said(interrupted, said):
    assert ("The run was interrupted" in markdown.text(report(interrupted=interrupted))) is said


def test_nothing_judged_is_said():
    assert "no equation was judged" in markdown.text(report())
    whole = ElementTree.fromstring(junit.text(report()))
    assert (whole.get("errors"), [case.tag for case in whole.iter("error")]) == ("1", ["error"])


def test_a_summary_is_no_longer_than_is_shown(monkeypatch):
    monkeypatch.setattr(markdown, "MOST", 3_000)
    text = markdown.text(report(*[Verdict.REFUTED] * 12))
    assert 0 < text.count("<details>") < 12 and text.count("<details>") == text.count("</details>")
    assert f"{12 - text.count('<details>')} more are told of in the report" in text


def test_a_failure_is_of_the_equation_and_an_error_of_the_run():
    whole = ElementTree.fromstring(junit.text(report(*Verdict)))
    counts = {"tests": "7", "failures": "2", "errors": "2", "skipped": "0"}
    assert {name: whole.get(name) for name in counts} == counts
    assert whole.get("time") == "1.500"
    (suite,) = whole
    assert suite.get("name") == "my_layer"
    assert {name: suite.get(name) for name in counts} == counts
    kinds = {Verdict(list(Verdict)[i]): [child.tag for child in case] for i, case in enumerate(suite)}
    assert kinds == {
        Verdict.REFUTED: ["failure"],
        Verdict.DISPUTED: ["error"],
        Verdict.INACCURATE: ["failure"],
        Verdict.INCONCLUSIVE: ["error"],
        Verdict.VERIFIED: ["system-out"],
        Verdict.PRINTED_WRONG: ["system-out"],
        Verdict.PROVED: ["system-out"],
    }
    failure = suite[0][0]
    assert failure.get("type") == "refuted"
    assert (failure.text or "").startswith("my_layer/dJ_d0 is refuted")
    assert "\x00" not in junit.text(report(Verdict.REFUTED))
