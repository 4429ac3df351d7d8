"""Writes the page of the book: each chapter's equations, with their verdicts where a report has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from manual_bp.derivation import Derivation
from verify.report import columns
from verify.report.listing import Judged, chapter_of, judged_in
from verify.report.saved import SavedReportError, load
from verify.report.story import drawn_sizes
from verify.targets.discovery import resolve
from verify.verdict import EquationReport

START = """# The book

Every equation that *Dive into Deep Learning* prints of a derivative, and those that it leaves to be derived, written by
hand in `manual_bp.book`. {said}

"""


def write(page: Path, report: Path) -> None:
    """Write `page`, with the verdicts of a report where there is one."""
    derivations = [target.derivation for target in resolve()]
    page.write_text(text(derivations, verdicts(report)), encoding="utf-8")


def verdicts(report: Path) -> Judged:
    """What a saved report says of each `derivation/equation`; nothing where there is none."""
    try:
        return judged_in(load(report))
    except SavedReportError:
        return {}


def text(derivations: Sequence[Derivation], judged: Judged) -> str:
    """The page in Markdown, its chapters in the order of their sources."""
    said = (
        "The verdicts are those of a run."
        if judged
        else "`python -m verify` judges them; no run was at hand here."
    )
    chapters: dict[str, list[Derivation]] = {}
    for derivation in derivations:
        chapters.setdefault(_title(derivation.source), []).append(derivation)
    lines = [START.format(said=said)]
    for chapter, found in chapters.items():
        lines.append(f"## {chapter}\n")
        for derivation in found:
            lines += section(derivation, judged)
    return "\n".join(lines)


def _title(source: str) -> str:
    """The chapter alone, without the book and the quotation marks."""
    chapter, _ = chapter_of(source)
    return chapter.partition("'")[2].removesuffix("'") or chapter


def section(derivation: Derivation, judged: Judged) -> Iterator[str]:
    """A derivation: its name, its source, and a line for each equation."""
    yield f"### `{derivation.name}`\n"
    yield f"{derivation.source}\n"
    for name, equation in derivation.equations.items():
        yield f"$${equation.tex}$$\n"
        label = f", the book's `{equation.label}`" if equation.label else ""
        yield f"`{name}`{label}{_evidence(judged.get(f'{derivation.name}/{name}'))}\n"


def _evidence(report: EquationReport | None) -> str:
    if report is None:
        return ""
    sizes = columns.sizes(report)
    where = {"every": ", at every size", "drawn": "", columns.NONE: ""}.get(
        sizes, f", at every size of {sizes}"
    )
    because = f": {report.because}" if report.because else "".join(f"; {why}" for why in drawn_sizes(report))
    return f": **{report.verdict}**{where}{because}"
