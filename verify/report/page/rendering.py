"""Puts a report into the templates of the page."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from manual_bp.description.formula import to_unicode
from verify.report import columns
from verify.report.page import graph, plots
from verify.report.page.mathematics import mathml
from verify.report.story import commands, drawn_sizes, given, numbers_of, remarks, stories, where
from verify.verdict import COMPOSED, Counterexample, DerivationReport, EquationReport, Report, Verdict

LONGEST = 100_000  # characters of a script that are shown
WIDE = 30  # characters of a formula that a narrow window may not hold, so that it scrolls


@dataclass
class Equation:
    """An equation as a row of its derivation's table, and as a story where it failed."""

    of: str
    report: EquationReport
    anchor: str

    @property
    def math(self) -> Markup:
        return mathml(self.report.tex)

    @property
    def wide(self) -> bool:
        return len(to_unicode(self.report.tex)) > WIDE

    @property
    def figures(self) -> list[tuple[str, str]]:
        """Under their headings, what is known of it."""
        return [
            ("points", columns.count(self.report.proof.points)),
            ("at sizes", columns.sizes(self.report)),
            ("error", columns.certainty(self.report)),
            ("cases", columns.count(self.report.bounds.cases + sum(e.cases for e in self.report.device))),
            ("worst", columns.worst(self.report)),
        ]

    @property
    def reasons(self) -> Iterator[str]:
        """What is said of it besides its verdict."""
        yield from remarks(self.report)
        yield from drawn_sizes(self.report)

    @property
    def case(self) -> Case | None:
        found = self.report.counterexample
        return None if found is None else Case(self.report.name, found)


@dataclass
class Case:
    """A counterexample: where, both sides, and how to see it again."""

    name: str
    case: Counterexample

    @property
    def where(self) -> str:
        return where(self.case)

    @property
    def element(self) -> str:
        at = ", ".join(map(str, self.case.index))
        return (self.case.quantity or self.name) + (f"[{at}]" if at else "")

    @property
    def sides(self) -> list[tuple[str, str]]:
        case = self.case
        return [
            ("by hand", repr(case.manual)),
            ("jax.grad", repr(case.autodiff)),
            ("difference", f"{abs(case.manual - case.autodiff):.3g}"),
            ("what rounding could explain", f"{case.bound:.3g}"),
        ]

    @property
    def numbers(self) -> str:
        return textwrap.dedent("\n".join(numbers_of(self.case)))

    @property
    def inputs(self) -> str:
        return textwrap.dedent("\n".join(given(self.case)))

    @property
    def commands(self) -> list[str]:
        return commands(self.case)

    @property
    def script(self) -> str | None:
        """The script, where it is still there."""
        try:
            text = Path(self.case.script).read_text(encoding="utf-8") if self.case.script else ""
        except OSError:
            return None
        return text if 0 < len(text) <= LONGEST else None


@dataclass
class Section:
    """A derivation: its graph, its equations, and what it met."""

    report: DerivationReport
    anchor: str
    equations: list[Equation]

    @property
    def drawing(self) -> graph.Drawing | None:
        verdicts = {each.report.name: each.report.verdict for each in self.equations}
        return graph.drawing(self.report.wiring, verdicts) if self.report.wiring.nodes else None

    @property
    def errors(self) -> plots.Plot | None:
        return plots.errors(self.report)

    @property
    def undrawn(self) -> list[str]:
        return plots.undrawn(self.report)

    @property
    def sizes(self) -> plots.Plot | None:
        return plots.sizes(self.report)


def page(report: Report) -> str:
    """The whole page."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("verify.report.page"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals.update(
        signs=graph.SIGNS, height=graph.HEIGHT, in_words=plots.in_words, mathml=mathml, number="{:,}".format
    )
    environment.filters["slug"] = graph.slug
    sections = list(_sections(report))
    equations = [equation for section in sections for equation in section.equations]
    stories_told = {id(equation) for _, equation in stories(report.derivations).told}
    failed = [equation for equation in equations if id(equation.report) in stories_told]
    counts = Counter(equation.report.verdict for equation in equations)
    return environment.get_template("page.html").render(
        report=report,
        sections=sections,
        failed=failed,
        told={equation.anchor for equation in failed},
        errata=[
            e for e in equations if e.report.verdict is Verdict.PRINTED_WRONG and e.report.name != COMPOSED
        ],
        counts=[(verdict, counts[verdict]) for verdict in Verdict if counts[verdict]],
        about=list(_about(report)),
        kinks=_kinks(report.totals.get("kinks", {})),
    )


def _sections(report: Report) -> Iterator[Section]:
    for place, derivation in enumerate(report.derivations):
        anchor = f"{_slug(derivation.name)}-{place}"
        equations = [
            Equation(derivation.name, equation, f"{anchor}-{_slug(equation.name)}")
            for equation in derivation.equations
        ]
        yield Section(derivation, anchor, equations)


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "-", name).strip("-") or "x"


def _about(report: Report) -> Iterator[tuple[str, str]]:
    """What the run was, in names and values."""
    for name, value in {**report.environment, **report.settings}.items():
        if value is not None:
            yield name, ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    for name in ("points", "cases", "shapes", "programs"):
        if name in report.totals:
            yield name, f"{report.totals[name]:,}"
    if "seconds" in report.totals:
        yield "time", f"{report.totals['seconds']:.0f} s"


def _kinks(found: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    """How often each kink was met exactly on the device, and which were not."""
    return [
        (row, ", ".join(f"{at}: {f'{count:,} times' if count else 'not met'}" for at, count in table.items()))
        for row, table in found.items()
    ]
