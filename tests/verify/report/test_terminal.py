"""The table: one line an equation at 80 and 120 columns, whole numbers, reasons and a summary."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from verify.report import terminal
from verify.report.story import stories
from verify.verdict import (
    BoundsEvidence,
    DerivationReport,
    DeviceEvidence,
    EquationReport,
    ProofEvidence,
    Report,
    SizeEvidence,
    Status,
    Verdict,
)

TEX = r"\partial J/\partial W^{(2)} = \partial J/\partial o\, h^\top + \lambda W^{(2)}"
FORMULA = "∂J/∂W⁽²⁾ = ∂J/∂o hᵀ + λW⁽²⁾"


def equation(name="dJ_dW2", verdict=Verdict.PROVED, tex=TEX, theorem="rational", **more) -> EquationReport:
    proof = ProofEvidence(12345, 64, 12, Status.CLOSED, -1800.6, theorem)
    device = [DeviceEvidence(dtype, "highest", 20480, 1234, 100, 0.31) for dtype in ("float32", "bfloat16")]
    return EquationReport(name, tex, verdict, proof=more.pop("proof", proof), device=device, **more)


def shown(*equations: EquationReport, width: int = 80, **more) -> list[str]:
    console = Console(width=width, record=True, file=io.StringIO(), force_terminal=True, highlight=False)
    report = Report(
        {"platform": "cpu", "precision": "highest"},
        {"dtypes": ["float32", "bfloat16"]},
        {"cases": 20480, "shapes": 1204, "programs": 44, "seconds": 83.2},
        [DerivationReport("backprop", "the book", list(equations))],
        **more,
    )
    terminal.show(report, console, Path(".verify/report.json"))
    return console.export_text().splitlines()


def row(lines: list[str], start: str) -> list[str]:
    (line,) = [line for line in lines if line.startswith(start)]
    return line.removeprefix(start).split()


def test_a_proved_equation_at_80_columns():
    lines = shown(equation())
    assert row(lines, FORMULA) == ["proved", "12,345", "–", "–", "40,960", "2⁻¹⁸⁰⁰"]
    assert max(map(len, lines)) <= 80


def test_a_proved_equation_at_120_columns():
    lines = shown(equation(), width=120)
    assert row(lines, f"dJ_dW2     {FORMULA}") == [
        *("proved", "12,345", "–", "12", "2⁻¹⁸⁰⁰", "–"),
        *("40,960", "2,468", "0.31"),
    ]
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize(
    ("sizes", "cell", "note"),
    [
        (SizeEvidence({"d": 1, "q": 2}), "every", None),
        (
            SizeEvidence({"d": 1}, {"q": "a branch"}),
            "d",
            "dJ_dW2: at the sizes of q that were drawn: a branch",
        ),
        (SizeEvidence({}, {"q": "a branch"}), "drawn", "dJ_dW2: at the sizes of q that were drawn: a branch"),
    ],
)
@pytest.mark.parametrize("width", [80, 120])
def test_the_dimensions_at_every_size_of_which_it_is_proved(sizes, cell, note, width):
    proof = ProofEvidence(12345, 64, 12, Status.CLOSED, -1800.6, sizes=sizes)
    lines = shown(equation(proof=proof), width=width)
    assert row(lines, FORMULA if width == 80 else f"dJ_dW2     {FORMULA}")[2] == cell
    said = [line.strip() for line in lines if "that were drawn:" in line]
    assert said == ([note] if note else [])


@pytest.mark.parametrize("width", [80, 120])
def test_long_formulas_take_one_line(width):
    lines = shown(equation(tex=TEX + " + \\lambda W^{(2)}" * 10), width=width)
    (line,) = [line for line in lines if "∂J/∂W⁽²⁾" in line]
    assert "…" in line


def test_a_theorem_with_exponentials_is_marked_and_explained():
    lines = shown(equation(theorem="exponential"))
    assert row(lines, FORMULA)[-1] == "2⁻¹⁸⁰⁰*"
    assert "*: with exponentials as variables of their own." in " ".join(" ".join(lines).split())


def test_an_open_proof_shows_the_worst_difference_and_why():
    proof = ProofEvidence(640, 8, 2, Status.OPEN)
    evidence = BoundsEvidence(1_234_567, 0.52, 3e-14)
    lines = shown(
        equation(verdict=Verdict.VERIFIED, proof=proof, bounds=evidence, because="erfc has no relation")
    )
    assert row(lines, FORMULA) == ["verified", "640", "–", "1.2M", "40,960", "≤", "0.52"]
    assert "  dJ_dW2: erfc has no relation" in [line.rstrip() for line in lines]


def test_equations_with_one_reason_share_its_line():
    lines = shown(*[equation(name, Verdict.VERIFIED, because="erfc") for name in ("dJ_dz", "dJ_dW1")])
    assert "  dJ_dz, dJ_dW1: erfc" in [line.rstrip() for line in lines]


def test_a_failure_has_its_story_and_the_rest_has_none():
    lines = shown(equation(), equation("dJ_dz", Verdict.REFUTED, because="minus is missing"))
    assert "backprop/dJ_dz is refuted: it is not the derivative" in lines
    assert not any(line.startswith("backprop/dJ_dW2") for line in lines)


def test_one_mistake_is_told_once():
    """Of the gradient composed of a wrong equation, and of the laws of a wrong rule, it is said that they fail."""
    report = Report(
        {},
        {},
        {},
        [
            DerivationReport(
                "mine",
                "",
                [
                    equation("dJ_dx", Verdict.REFUTED),
                    equation("gradient", Verdict.REFUTED),
                    equation("dJ_dy"),
                ],
            ),
            DerivationReport("mine: laws", "", [equation("djit_x_dunit", Verdict.REFUTED)]),
            DerivationReport("other", "", [equation("dJ_dx", Verdict.REFUTED)]),
        ],
    )
    found = stories(report.derivations)
    assert [(name, each.name) for name, each in found.told] == [("mine", "dJ_dx"), ("other", "dJ_dx")]
    text = terminal.text(report)
    assert "mine/gradient is refuted: it is not" not in text
    assert "  mine/gradient is refuted\n  mine: laws/djit_x_dunit is refuted" in text


def test_another_verdict_is_another_story():
    lines = shown(equation("dJ_dx", Verdict.INACCURATE), equation("gradient", Verdict.REFUTED))
    assert "backprop/gradient is refuted: it is not the derivative" in lines


@pytest.mark.parametrize(
    ("worst", "cell"), [(0.31, "0.31"), (0.99988, "<1"), (1.0, "1"), (1.0004, ">1"), (1.3e14, "1e14")]
)
def test_a_difference_is_never_rounded_to_the_limit(worst, cell):
    lines = shown(equation(verdict=Verdict.INACCURATE, bounds=BoundsEvidence(3, worst)))
    assert row(lines, FORMULA)[-2:] == ["×", cell]
    assert row(shown(equation(verdict=Verdict.REFUTED, bounds=BoundsEvidence(3, worst))), FORMULA)[-1] == "–"


def test_the_summary():
    lines = shown(equation(), equation(verdict=Verdict.VERIFIED), equation(verdict=Verdict.VERIFIED))
    assert "verified: 1 derivation, 3 equations: 2 verified, 1 proved" in lines
    assert "37,035 points and 20,480 cases at 1,204 shapes; 44 programs on cpu (float32," in [
        x.strip() for x in lines
    ]
    assert lines[-1] == "report: .verify/report.json"


def test_nothing_judged_is_no_success():
    assert "inconclusive: 1 derivation, 0 equations: none judged" in shown()


def test_interrupted_is_said():
    assert "interrupted: this is what was known by then" in shown(equation(), interrupted=True)


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "–"), (9, "9"), (99_999, "99,999"), (100_000, "100k"), (999_499, "999k"), (999_500, "1.0M")],
)
def test_counts_fit_six_columns(number, text):
    lines = shown(equation(bounds=BoundsEvidence(number)))
    assert row(lines, FORMULA)[3] == text


def test_no_motion_where_there_is_no_terminal():
    console = Console(force_terminal=False, record=True)
    with terminal.progress(console) as update:
        update("backprop", 1, 2)
    assert console.export_text() == ""
