"""A report as GitHub-flavoured Markdown, for the summary of a job: a table for each derivation, and what failed."""

from __future__ import annotations

from collections import Counter
from html import escape
from pathlib import Path

from manual_bp.description.formula import to_unicode
from verify.report import columns
from verify.report.story import listing, stories, story
from verify.runtime import files
from verify.verdict import DerivationReport, EquationReport, Report, Verdict

MOST = 500_000  # bytes; GitHub shows no summary of more than a mebibyte
SIGNS = {
    Verdict.REFUTED: "❌",
    Verdict.DISPUTED: "❔",
    Verdict.INACCURATE: "⚠️",
    Verdict.INCONCLUSIVE: "❔",
    Verdict.VERIFIED: "✅",
    Verdict.PRINTED_WRONG: "✅",
    Verdict.PROVED: "✅",
}


def save(report: Report, path: Path) -> None:
    """Write the summary of `report` to `path`, whole or not at all."""
    files.write(path, text(report))


def text(report: Report) -> str:
    """The verdict, each derivation as a table, and the story of each equation that was not accepted, folded up."""
    counts = Counter(equation.verdict for equation in report.equations)
    found = ", ".join(f"{counts[verdict]:,} {verdict}" for verdict in Verdict if counts[verdict])
    lines = [f"## {_said(report.verdict)}: {found or 'no equation was judged'}", ""]
    if report.interrupted:
        lines += ["The run was interrupted: this is what was known by then.", ""]
    for derivation in report.derivations:
        lines += [*_table(derivation), ""]
    told = stories(report.derivations)
    room = MOST - sum(len(line.encode()) + 1 for line in lines)
    for count, (name, equation) in enumerate(told.told):
        room -= len(story(equation, name).encode()) + 200
        if room < 0:
            lines += [
                f"{len(told.told) - count} more are told of in the report: a summary has to be short.",
                "",
            ]
            break
        headline, _, rest = story(equation, name).partition("\n")
        lines += [
            f"<details><summary>{escape(headline)}</summary>",
            "",
            "```text",
            *rest.splitlines(),
            "```",
            "",
        ]
        lines += ["</details>", ""]
    if rest := listing(told.listed):
        lines += ["```text", *rest.splitlines(), "```", ""]
    return "\n".join(lines).rstrip() + "\n"


def _table(derivation: DerivationReport) -> list[str]:
    rows = [
        f"### {_plain(derivation.name)}: {derivation.verdict}",
        "",
        _plain(derivation.source),
        "",
        "| equation | | verdict | points | at sizes | probability of error |",
        "|---|---|---|---:|---|---:|",
    ]
    for equation in derivation.equations:
        cells = [
            f"`{equation.name}`",
            _plain(to_unicode(equation.tex)),
            _said(equation.verdict) + _because(equation),
            columns.count(equation.proof.points),
            columns.sizes(equation),
            columns.certainty(equation),
        ]
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def _because(equation: EquationReport) -> str:
    shown = equation.because and (equation.verdict.good or equation.cut_short)
    return f": {_plain(equation.because or '')}" if shown else ""


def _said(verdict: Verdict) -> str:
    return f"{SIGNS[verdict]} {verdict}"


def _plain(words: str) -> str:
    """Text that Markdown takes as it stands, in one line of a table."""
    marked = escape(" ".join(words.split()), quote=False)
    for sign in "\\`*_[]|":
        marked = marked.replace(sign, f"\\{sign}")
    return marked
