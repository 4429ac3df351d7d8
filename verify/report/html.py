"""A report as a small table of HTML, for notebooks: no style sheet, no script, nothing that is fetched."""

from __future__ import annotations

from html import escape

from manual_bp.description.formula import to_unicode
from verify.report.story import story
from verify.verdict import DerivationReport, EquationReport, Report, Verdict

# Hues of middle lightness, which can be read on white and on black alike; everything else takes the page's own colour.
COLOURS = {
    Verdict.REFUTED: "#e5484d",
    Verdict.DISPUTED: "#c850c0",
    Verdict.INACCURATE: "#b98900",
    Verdict.INCONCLUSIVE: "#b98900",
    Verdict.VERIFIED: "#0091a8",
    Verdict.PRINTED_WRONG: "#2f9e56",
    Verdict.PROVED: "#2f9e56",
}
PLAIN = "color: inherit; background: none"
LINE = "border-bottom: 1px solid rgba(128, 128, 128, 0.35)"
CELL = "text-align: left; vertical-align: top; padding: 0.25em 0.9em 0.25em 0"


def table(report: Report) -> str:
    """One line an equation, under its derivation; the story of one that failed unfolds below it."""
    rows = "".join(map(_derivation, report.derivations)) or _row("nothing was judged")
    said = "interrupted: this is what was known by then" if report.interrupted else ""
    caption = f"{_verdict(report.verdict)} {escape(said)}"
    return (
        f'<table style="border-collapse: collapse; {PLAIN}">'
        f'<caption style="text-align: left; {PLAIN}">{caption}</caption>'
        f"<tbody>{rows}</tbody></table>"
    )


def _derivation(derivation: DerivationReport) -> str:
    heading = f"<strong>{escape(derivation.name)}</strong>"
    rows = [_row(heading, _verdict(derivation.verdict), _small(derivation.source))]
    rows += [_equation(equation, derivation.name) for equation in derivation.equations]
    if derivation.note:
        rows.append(_row(_small(derivation.note)))
    return "".join(rows)


def _equation(equation: EquationReport, derivation: str) -> str:
    formula = _small(to_unicode(equation.tex))
    if equation.because and (equation.verdict.good or equation.cut_short):
        formula += f"<br>{_small(equation.because)}"
    elif not equation.verdict.good:
        told = escape(story(equation, derivation))
        formula += f'<details><summary>why</summary><pre style="{PLAIN}">{told}</pre></details>'
    return _row(f"<code>{escape(equation.name)}</code>", _verdict(equation.verdict), formula)


def _row(*cells: str) -> str:
    """A line of the table; a cell alone runs across all of it."""
    span = ' colspan="3"' if len(cells) == 1 else ""
    return "<tr>" + "".join(f'<td{span} style="{CELL}; {LINE}">{cell}</td>' for cell in cells) + "</tr>"


def _verdict(verdict: Verdict) -> str:
    return f'<strong style="color: {COLOURS[verdict]}">{verdict}</strong>'


def _small(text: str) -> str:
    return f'<span style="opacity: 0.8">{escape(text)}</span>'
