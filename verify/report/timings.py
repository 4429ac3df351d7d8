"""Shows where the time of a run went, in all of its processes."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from verify.verdict import Report


def show(report: Report, console: Console) -> None:
    """Print what the time was spent on, most first, with the share of each."""
    spent = report.totals.get("timings", {})
    total = sum(spent.values())
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("spent on")
    table.add_column("seconds", justify="right")
    table.add_column("share", justify="right")
    for what, seconds in spent.items():
        table.add_row(what, f"{seconds:.1f}", f"{seconds / total:.0%}" if total else "")
    table.add_row("all processes together", f"{total:.1f}", "")
    console.print(table, end="\n\n")
