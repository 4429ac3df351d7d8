"""Shows what can be judged, by chapter, with the verdicts of the last run where there are any."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from manual_bp.description.formula import to_unicode
from verify.report import columns
from verify.report.terminal import STYLES
from verify.verdict import EquationReport, Report

# a derivation: its name, its source, and (name, TeX, the book's label or nothing) of its equations
Listed = tuple[str, str, list[tuple[str, str, str]]]
Judged = Mapping[str, EquationReport]  # by `derivation/equation`


def judged_in(report: Report | None) -> dict[str, EquationReport]:
    """What a report says of each `derivation/equation`; nothing where there is none."""
    derivations = () if report is None else report.derivations
    return {f"{d.name}/{equation.name}": equation for d in derivations for equation in d.equations}


def chapter_of(source: str) -> tuple[str, str]:
    """A source up to the chapter that it names between quotation marks, and the rest; all of it where it names none."""
    before, quote, rest = source.partition("'")
    chapter, closed, more = rest.partition("'")
    return (f"{before}'{chapter}'", more.strip(" ,")) if quote and closed else (source, "")


def show(derivations: Iterable[Listed], console: Console, judged: Judged) -> None:
    """Print the derivations under their chapters: each equation with its formula, label, verdict, and sizes proved."""
    chapters: dict[str, list[tuple[str, Listed]]] = {}
    for derivation in derivations:
        chapter, part = chapter_of(derivation[1])
        chapters.setdefault(chapter, []).append((part, derivation))
    for chapter, found in chapters.items():
        console.print(Text(chapter, style="bold"), soft_wrap=True)
        for part, (name, _, equations) in found:
            console.print(Text.assemble("  ", (name, "bold"), (f"  {part}" if part else "", "dim")))
            console.print(_table(name, equations, judged))
        console.print()
    if judged:
        console.print(
            Text("verdicts, and the sizes at which it is proved: those of the last run", style="dim")
        )


def _table(derivation: str, equations: Iterable[tuple[str, str, str]], judged: Judged) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, tex, label in equations:
        report = judged.get(f"{derivation}/{name}")
        cells = [Text(f"    {name}"), Text.assemble(to_unicode(tex), (f"  {label}" if label else "", "dim"))]
        if judged:
            cells += [
                Text(
                    "" if report is None else str(report.verdict),
                    style=STYLES[report.verdict] if report else "",
                ),
                Text("" if report is None else columns.sizes(report)),
            ]
        table.add_row(*cells)
    return table
