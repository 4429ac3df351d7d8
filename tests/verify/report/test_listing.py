"""What can be judged: under its chapter, with the verdicts of the last run where there are any."""

import io

import pytest
from rich.console import Console

from verify.report.listing import chapter_of, judged_in, show
from verify.verdict import DerivationReport, EquationReport, ProofEvidence, Report, SizeEvidence, Verdict

LISTED = [
    (
        "batch-norm",
        "The Book, 'Normalization'",
        [("dJ_dX", r"\frac{\partial J}{\partial X}", "eq_batchnorm")],
    ),
    ("dropout", "The Book, 'Dropout'", [("dJ_dh", "h", "")]),
    (
        "layer-norm",
        "The Book, 'Normalization', of each example",
        [("dJ_dX", "X", ""), ("gradient", "all", "")],
    ),
]


def shown(report: Report | None) -> str:
    console = Console(file=io.StringIO(), width=100, force_terminal=False, highlight=False, markup=False)
    with console.capture() as printed:
        show(LISTED, console, judged_in(report))
    return "\n".join(line.rstrip() for line in printed.get().splitlines())


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("The Book, 'Dropout'", ("The Book, 'Dropout'", "")),
        ("The Book, 'Dropout', exercises", ("The Book, 'Dropout'", "exercises")),
        ("llm.c, doc/layernorm", ("llm.c, doc/layernorm", "")),
        ("the user's page", ("the user's page", "")),
    ],
)
def test_a_chapter_stands_between_quotation_marks(source: str, expected: tuple[str, str]):
    assert chapter_of(source) == expected


def test_derivations_stand_under_their_chapters():
    text = shown(None)
    assert text.count("The Book, 'Normalization'") == 1
    order = [
        "'Normalization'",
        "batch-norm",
        "∂J/∂X  eq_batchnorm",
        "layer-norm  of each example",
        "gradient",
        "'Dropout'",
        "dropout",
    ]
    places = [text.index(word) for word in order]
    assert places == sorted(places) and "last run" not in text


def test_the_last_run_says_how_each_was_judged():
    proof = ProofEvidence(sizes=SizeEvidence({"n": 1}))
    equations = [EquationReport("dJ_dX", "X", Verdict.PROVED, proof=proof)]
    text = shown(Report({}, {}, {}, [DerivationReport("layer-norm", "", equations)]))
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "dJ_dX X proved every" in lines and "dJ_dh h" in lines
    assert "those of the last run" in text
