"""Puts two reports side by side, of two devices, precisions or versions: which verdicts changed, and the figures."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from verify.report.columns import NONE
from verify.report.listing import judged_in
from verify.verdict import DeviceEvidence, EquationReport, Report, Verdict

SAME = (
    "jax",
    "python",
    "platform",
    "device",
    "precision",
)  # of the environment: shown, as what may explain a change


class Change(NamedTuple):
    """An equation, `derivation/equation`, whose verdict is another one; None where a report does not have it."""

    name: str
    before: EquationReport | None
    after: EquationReport | None

    @property
    def worse(self) -> bool:
        """Whether it got worse; what is judged no more has no verdict to rely on."""
        order = list(Verdict)
        if self.before is None or self.after is None:
            return self.after is None
        return order.index(self.after.verdict) < order.index(self.before.verdict)


def changes(a: Report, b: Report) -> list[Change]:
    """The equations whose verdicts differ, those that got worse first."""
    before, after = judged_in(a), judged_in(b)
    found = [Change(name, before.get(name), after.get(name)) for name in {**before, **after}]
    changed = [c for c in found if not (c.before and c.after and c.before.verdict is c.after.verdict)]
    return sorted(changed, key=lambda change: not change.worse)


def show(a: Report, b: Report, console: Console) -> bool:
    """Print what changed from `a` to `b`, then the figures of both; whether no verdict got worse."""
    for side, report in (("A", a), ("B", b)):
        where = ", ".join(f"{key} {report.environment[key]}" for key in SAME if key in report.environment)
        console.print(f"{side}: {report.verdict}; {where}", soft_wrap=True)
    console.print()
    changed = changes(a, b)
    for change in changed:
        sides = [NONE if side is None else str(side.verdict) for side in (change.before, change.after)]
        style = "bold red" if change.worse else "green"
        why = f": {change.after.because}" if change.after is not None and change.after.because else ""
        console.print(Text.assemble(change.name, "  ", (" → ".join(sides), style), why), soft_wrap=True)
    if changed:
        console.print()
    console.print(_figures(a, b, console.width), end="\n\n")
    console.print(LEGEND, style="dim", end="\n\n")
    worse = sum(change.worse for change in changed)
    same = len(judged_in(a).keys() & judged_in(b).keys()) - sum(bool(c.before and c.after) for c in changed)
    console.print(f"{same:,} verdicts are the same, {len(changed):,} differ, {worse:,} of them for the worse")
    return not worse


LEGEND = (
    "worst: the largest difference over the rounding error that explains it, 1 being a violation; ulps, jax.grad: the "
    "largest error in units in the last place, by hand and, on the same cases, of jax.grad."
)


def _figures(a: Report, b: Report, width: int) -> Table:
    """A row for each equation and dtype that both reports have."""
    columns = COLUMNS if width >= WIDE else COLUMNS[:2]
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("\nequation", overflow="fold")
    table.add_column("\ndtype", no_wrap=True)
    for heading, _ in columns:
        table.add_column(f"{heading}\nA", justify="right", no_wrap=True)
        table.add_column("\nB", justify="right", no_wrap=True)
    for name, *sides in _pairs(a, b):
        cells = [_said(figure(side)) for _, figure in columns for side in sides]
        table.add_row(name, sides[0].dtype, *cells)
    return table


def _by_hand(evidence: DeviceEvidence) -> float:
    """On the cases of `jax.grad`, where it was run."""
    return evidence.ulps if evidence.manual_ulps is None else evidence.manual_ulps


WIDE = 100  # columns from which there is room for everything
COLUMNS: tuple[tuple[str, Callable[[DeviceEvidence], float | None]], ...] = (
    ("worst", lambda evidence: evidence.worst),
    ("ulps", _by_hand),
    ("jax.grad", lambda evidence: evidence.autodiff_ulps),
)


def _pairs(a: Report, b: Report) -> Iterator[tuple[str, DeviceEvidence, DeviceEvidence]]:
    after = judged_in(b)
    for name, equation in judged_in(a).items():
        theirs = {evidence.dtype: evidence for evidence in after[name].device} if name in after else {}
        for evidence in equation.device:
            if evidence.dtype in theirs:
                yield name, evidence, theirs[evidence.dtype]


def _said(value: float | None) -> str:
    if value is None or math.isnan(value):
        return NONE
    return f"{value:.3g}"
