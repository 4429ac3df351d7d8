"""Shows a report on the screen: one line an equation, the story of each that failed, and a summary."""

from __future__ import annotations

import io
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column as RichColumn
from rich.table import Table
from rich.text import Text

from manual_bp.description.formula import to_unicode
from verify.report.columns import COLUMNS, NONE, WIDE_COLUMNS, Column, is_closed
from verify.report.story import drawn_sizes, listing, remarks, stories, story, told
from verify.verdict import Counterexample, DerivationReport, EquationReport, Report, Verdict

STYLES = {
    Verdict.REFUTED: "bold red",
    Verdict.DISPUTED: "bold magenta",
    Verdict.INACCURATE: "bold yellow",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.VERIFIED: "cyan",
    Verdict.PRINTED_WRONG: "green",
    Verdict.PROVED: "green",
}
WIDE = 110  # columns from which there is room for everything


def console() -> Console:
    """Standard output: with colours and motion only where it is a terminal and NO_COLOR is not set."""
    lively = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # an encoding without some sign is no reason to stop
    return Output(force_terminal=lively, no_color=not lively, highlight=False, markup=False, emoji=False)


class Output(Console):
    """A console whose reader may leave, as `head` does: the rest is dropped, and the exit code stays the verdict's."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())


@contextmanager
def progress(console: Console, *, quiet: bool = False) -> Iterator[Callable[[str, int, int], None]]:
    """A bar that `update(label, done, total)` moves; where the console is no terminal, a line for each tenth."""
    if quiet or not console.is_terminal:
        yield _nothing if quiet else _tenth_by_tenth
        return
    label = TextColumn(
        "{task.description}", markup=False, table_column=RichColumn(no_wrap=True, max_width=36)
    )
    columns = (label, BarColumn(bar_width=20), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda label, done, total: bar.update(task, description=label, completed=done, total=total)


def _nothing(label: str, done: int, total: int) -> None:
    """Tells nothing."""


def _tenth_by_tenth(label: str, done: int, total: int) -> None:
    """Prints a line to standard error when another tenth is done: standard output is the report's."""
    if 10 * done // total > 10 * (done - 1) // total:
        print(f"verify: {done} of {total} done, {label.strip()} last", file=sys.stderr, flush=True)


def text(report: Report) -> str:
    """What `show` prints, without colours, as wide as the terminal."""
    console = Console(
        file=io.StringIO(), no_color=True, force_terminal=False, highlight=False, markup=False, emoji=False
    )
    with console.capture() as printed:
        show(report, console)
    return "\n".join(line.rstrip() for line in printed.get().splitlines()).rstrip()


def show(
    report: Report,
    console: Console,
    saved: Path | None = None,
    page: str | None = None,
    *,
    quiet: bool = False,
) -> None:
    """Print the whole of `report`, and that it was saved to `saved`; `quiet`: what failed and the summary alone.

    `page` says where the page is, or what to install for one.
    """
    columns = WIDE_COLUMNS if console.width >= WIDE else COLUMNS
    for derivation in () if quiet else report.derivations:
        _show_derivation(derivation, columns, console)
    equations = [] if quiet else report.equations
    if equations:
        console.print(Text(_legend(equations, columns), style="dim"), end="\n\n")
    found = stories(report.derivations)
    for name, equation in found.told:
        _show_story(equation, name, console)
    if rest := listing(found.listed):
        console.print(Text(rest), soft_wrap=True, end="\n\n")
    _show_summary(report, console, saved)
    if page is not None:
        console.print(page, soft_wrap=True)


def show_again(
    token: str, equation: str, case: Counterexample | None, fault: str | None, console: Console
) -> None:
    """Print what became of a case that was judged once more."""
    if fault is not None:
        console.print(Text(f"{token}: {fault}"), soft_wrap=True)
    elif case is None:
        console.print(Text.assemble(f"{token}: ", ("the two sides agree now", STYLES[Verdict.PROVED])))
    else:
        console.print(Text.assemble(f"{token}: ", ("the two sides still differ", STYLES[Verdict.REFUTED])))
        console.print(Text("\n".join(told(case, equation))), soft_wrap=True)


def _show_derivation(derivation: DerivationReport, columns: tuple[Column, ...], console: Console) -> None:
    console.print(Text.assemble((derivation.name, "bold"), "  ", _verdict(derivation.verdict)))
    console.print(Text(derivation.source, style="dim"))
    table = Table(box=None, expand=True, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("\nequation", ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column("\nverdict", width=13, no_wrap=True)
    for column in columns:
        table.add_column(column.heading, width=column.width, justify="right", no_wrap=True)
    for equation in derivation.equations:
        cells = [Text(column.cell(equation)) for column in columns]
        table.add_row(Text(_title(equation, columns)), _verdict(equation.verdict), *cells)
    console.print(table)
    reasons: dict[str, list[str]] = {}
    for said_of in (remarks, drawn_sizes):
        for equation in derivation.equations:
            for said in said_of(equation):
                reasons.setdefault(said, []).append(equation.name)
    notes = [f"{', '.join(names)}: {reason}" for reason, names in reasons.items()]
    for note in [*notes, *filter(None, [derivation.note])]:
        console.print(Padding(Text(note, style="dim"), (0, 0, 0, 2), expand=False))
    console.print()


def _show_story(equation: EquationReport, derivation: str, console: Console) -> None:
    headline, newline, rest = story(equation, derivation).partition("\n")
    console.print(Text.assemble((headline, STYLES[equation.verdict]), newline + rest), end="\n\n")


def _show_summary(report: Report, console: Console, saved: Path | None) -> None:
    equations, totals, environment = report.equations, report.totals, report.environment
    counts = Counter(equation.verdict for equation in equations)
    found = (
        ", ".join(f"{counts[verdict]:,} {verdict}" for verdict in Verdict if counts[verdict]) or "none judged"
    )
    if report.interrupted:
        console.print("interrupted: this is what was known by then")
    console.print(
        Text.assemble(
            _verdict(report.verdict),
            f": {len(report.derivations):,} {_plural('derivation', len(report.derivations))}, "
            f"{len(equations):,} {_plural('equation', len(equations))}: {found}",
        )
    )
    points = totals.get("points", sum(equation.proof.points for equation in equations))
    dtypes = ", ".join(report.settings.get("dtypes", ()))
    console.print(
        f"{points:,} points and {totals.get('cases', 0):,} cases at {totals.get('shapes', 0):,} shapes; "
        f"{totals.get('programs', 0):,} programs on {environment.get('platform', 'no device')} ({dtypes}, "
        f"precision {environment.get('precision', NONE)}); {totals.get('seconds', 0.0):.0f} s"
    )
    if saved is not None:
        console.print(f"report: {saved}", soft_wrap=True)


def _title(equation: EquationReport, columns: tuple[Column, ...]) -> str:
    formula = to_unicode(equation.tex)
    if columns is not WIDE_COLUMNS or not formula:
        return formula or equation.name
    return f"{equation.name:<10} {formula}"


def _legend(equations: list[EquationReport], columns: tuple[Column, ...]) -> str:
    wide = columns is WIDE_COLUMNS
    legend = (
        "points: random points of finite fields at which both sides were compared; cases: data in float64 with "
        "bounds, and on the device; "
    )
    if any(equation.proof.sizes.every for equation in equations):
        legend += (
            "sizes: the dimensions at every size of which it is proved; of others at those that were drawn; "
        )
    if wide:
        legend += "branches: patterns of choices that the points met; exact: numbers judged to the bit; "
    legend += "error: the probability that a wrong equation would have passed the proof; "
    sign = "worst" if wide else "≤ and ×"
    legend += f"{sign}: the largest difference over the rounding error that explains it, 1 being a violation."
    if any(is_closed(equation) and equation.proof.theorem == "exponential" for equation in equations):
        legend += " *: with exponentials as variables of their own."
    return legend


def _verdict(verdict: Verdict) -> Text:
    return Text(str(verdict), style=STYLES[verdict])


def _plural(noun: str, count: int) -> str:
    return noun if count == 1 else f"{noun}s"
