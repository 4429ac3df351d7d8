"""The page of the book: every equation, under its chapter, with its verdict where a run has one."""

from pathlib import Path

from docs.book import text, verdicts, write
from verify.report.json import save
from verify.targets.discovery import resolve
from verify.verdict import DerivationReport, EquationReport, ProofEvidence, Report, SizeEvidence, Verdict

DERIVATIONS = [target.derivation for target in resolve()]


def test_every_equation_is_on_the_page():
    page = text(DERIVATIONS, {})
    assert all(f"### `{derivation.name}`" in page for derivation in DERIVATIONS)
    formulas = [equation.tex for derivation in DERIVATIONS for equation in derivation.equations.values()]
    assert [tex for tex in formulas if f"$${tex}$$" not in page] == []
    assert "no run was at hand" in page
    assert "`dh_dw_h`, the book's `eq_bptt_partial_ht_wh_recur`" in page


def test_verdicts_are_those_of_a_report(tmp_path: Path):
    equations = [
        EquationReport("dJ_do", "o", Verdict.PROVED, proof=ProofEvidence(sizes=SizeEvidence({"q": 1}))),
        EquationReport("dJ_dh", "h", Verdict.VERIFIED, "the proof stayed open"),
    ]
    save(Report({}, {}, {}, [DerivationReport("backprop", "", equations)]), tmp_path / "report.json")
    write(tmp_path / "book.md", tmp_path / "report.json")
    page = (tmp_path / "book.md").read_text()
    assert "`dJ_do`: **proved**, at every size" in page
    assert "`dJ_dh`: **verified**: the proof stayed open" in page
    assert verdicts(tmp_path / "no such report.json") == {}
