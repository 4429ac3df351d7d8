"""Shows what became of the mutants: which lane caught each kind, after how much, and what escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from verify.mutants.kills import KillMatrix, Mutant, MutantStatus

LANES = ("trace", "purity", "proof", "bounds", "opinions")
NONE = "–"
SHOWN = 20  # of the mutants that escaped
LEGEND = (
    "By lane, the mutants killed; needed: traces, points or cases until the last of them was caught; same: the same "
    "function, which does not count; esc.: escaped, as it survived, or was called by another verdict or name. Purity "
    "notices functions that change from trace to trace; opinions notice an oracle that is wrong, and no equation is "
    "blamed then. Below, the mutants killed, by class: M1 cotangent dropped, M2 taken for a scalar, M3 denominator, M4 "
    "option ignored, M5 precision, M6 cancellation, M7 overwritten, M8 sizes, M9 broadcast sum, M10 swapped index, M11 "
    "rows not written, M12 NaN and infinity, M13 term missing or twice, M14 sign or region, M15 randomness, M16 primal "
    "value, M17 oracle, M18 untaken branch."
)


def show(matrix: KillMatrix, console: Console, saved: Path) -> None:
    """Print the table of operators, that of equations, every mutant that escaped, and a summary."""
    if matrix.mutants:
        console.print(_operators(matrix.mutants), end="\n\n")
        console.print(Text(LEGEND, style="dim"), end="\n\n")
        for derivation in dict.fromkeys(mutant.derivation for mutant in matrix.mutants):
            console.print(Text(derivation, style="bold"))
            console.print(_equations([m for m in matrix.mutants if m.derivation == derivation]), end="\n\n")
    escaped = [
        mutant for mutant in matrix.mutants if mutant.fate in (MutantStatus.SURVIVED, MutantStatus.MISTAKEN)
    ]
    for mutant in escaped[:SHOWN]:
        console.print(Text(_escaped(mutant), style="bold red"))
    if len(escaped) > SHOWN:
        console.print(f"and {len(escaped) - SHOWN:,} more, in {saved}", soft_wrap=True)
    if matrix.interrupted:
        console.print("interrupted: this is what was known by then")
    console.print(_summary(matrix))
    console.print(f"matrix: {saved}", soft_wrap=True)


def _operators(mutants: Sequence[Mutant]) -> Table:
    met = [lane for lane in LANES if any(mutant.lane == lane for mutant in mutants)]
    table = _table("operator", "class", *met, "same", "esc.", "needed")
    for name, kind in dict.fromkeys((mutant.operator, mutant.kind) for mutant in mutants):
        mine = [mutant for mutant in mutants if (mutant.operator, mutant.kind) == (name, kind)]
        killed = [mutant for mutant in mine if mutant.fate is MutantStatus.KILLED]
        lanes = [_count(mutant.lane == lane for mutant in killed) for lane in met]
        same = _count(mutant.fate is MutantStatus.SAME for mutant in mine)
        needed = max((mutant.needed for mutant in killed), default=0)
        table.add_row(name, kind, *lanes, same, _red(mine), f"{needed:,}" if needed else NONE)
    return table


def _equations(mutants: Sequence[Mutant]) -> Table:
    kinds = sorted({mutant.kind for mutant in mutants}, key=lambda kind: (kind != "plain", len(kind), kind))
    table = _table("", *kinds, "same")
    for name in dict.fromkeys(mutant.equation for mutant in mutants):
        mine = [mutant for mutant in mutants if mutant.equation == name]
        cells = [_count(m.kind == kind and m.fate is MutantStatus.KILLED for m in mine) for kind in kinds]
        table.add_row(name, *cells, _count(mutant.fate is MutantStatus.SAME for mutant in mine))
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    table.add_column(first, no_wrap=True)
    for heading in others:
        table.add_column(heading, justify="right", no_wrap=True, min_width=len(heading))
    return table


def _count(those: Iterable[bool]) -> str:
    return str(sum(those) or NONE)


def _red(mutants: Iterable[Mutant]) -> Text:
    escaped = sum(mutant.fate in (MutantStatus.SURVIVED, MutantStatus.MISTAKEN) for mutant in mutants)
    return Text(str(escaped), style="bold red") if escaped else Text(NONE)


def _escaped(mutant: Mutant) -> str:
    what = f"{mutant.derivation}/{mutant.equation} ({mutant.rows}): {mutant.operator}"
    what += f" ({mutant.detail})" if mutant.detail else ""
    if mutant.fate is MutantStatus.SURVIVED:
        return f"{what}: survived; no lane saw it within its budget"
    return f"{what}: called {mutant.verdict} by the {mutant.lane} lane, blamed {', '.join(mutant.blamed)}"


def _summary(matrix: KillMatrix) -> Text:
    killed, same = matrix.count(MutantStatus.KILLED), matrix.count(MutantStatus.SAME)
    wrong = killed + matrix.count(MutantStatus.SURVIVED, MutantStatus.MISTAKEN)
    share = f"{killed:,} of {wrong:,} wrong equations killed and named"
    rest = f"; {same:,} mutants are the same function and do not count; {matrix.seconds:.0f} s"
    return Text.assemble((share, "green" if matrix.good else "bold red"), rest)
