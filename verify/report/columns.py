"""The columns of the table that the terminal shows: one number, or a word, for each equation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from manual_bp.description import signs
from verify.verdict import EquationReport, Status, Verdict

NONE = "–"


class Column(NamedTuple):
    """A column of numbers: its heading in two lines, its width, and what it says of an equation."""

    heading: str
    width: int
    cell: Callable[[EquationReport], str]


def is_closed(equation: EquationReport) -> bool:
    return equation.proof.status is Status.CLOSED and equation.proof.points > 0


def count(number: int) -> str:
    if number < 100_000:
        return f"{number:,}" if number else NONE
    return f"{number / 1e3:.0f}k" if number < 999_500 else f"{number / 1e6:.1f}M"


def _error(equation: EquationReport) -> str:
    if not is_closed(equation) or not math.isfinite(equation.proof.log2_error):
        return NONE
    exponent = str(math.ceil(equation.proof.log2_error)).replace("-", "−")
    mark = "*" if equation.proof.theorem == "exponential" else ""
    return "2" + "".join(signs.SUPERSCRIPT[digit] for digit in exponent) + mark


def worst(equation: EquationReport) -> str:
    """The largest difference over the rounding error that explains it, in float64 and on the device."""
    if not _bounded(equation):
        return NONE
    found = max([equation.bounds.worst, *(lane.worst for lane in equation.device)])
    if 1000 <= found < math.inf:
        return f"{found:.0e}".replace("e+0", "e").replace("e+", "e")
    text = f"{found:.2g}"
    return text if found == 1 or float(text) != 1 else ("<1" if found < 1 else ">1")


def _bounded(equation: EquationReport) -> int:
    return equation.bounds.cases + _device(equation, "cases")


def certainty(equation: EquationReport) -> str:
    """The probability of error of a proof; of what is verified or inaccurate, the worst difference."""
    largest = worst(equation)
    if (is_closed(equation) and equation.verdict is Verdict.PROVED) or largest == NONE:
        return _error(equation)
    if equation.verdict.good:
        return f"≤ {largest}"
    return f"× {largest}" if equation.verdict is Verdict.INACCURATE else NONE


def _device(equation: EquationReport, what: str) -> int:
    return sum(getattr(lane, what) for lane in equation.device)


def sizes(equation: EquationReport) -> str:
    """The dimensions at every size of which it is proved."""
    found = equation.proof.sizes
    if not (found.every or found.sampled):
        return NONE
    return ", ".join(found.every) or "drawn" if found.sampled else "every"


COLUMNS = (
    Column("proof\npoints", 6, lambda equation: count(equation.proof.points)),
    Column("at\nsizes", 6, sizes),
    Column("bounds\ncases", 6, lambda equation: count(equation.bounds.cases)),
    Column("device\ncases", 6, lambda equation: count(_device(equation, "cases"))),
    Column("\nerror", 8, certainty),
)
WIDE_COLUMNS = (
    Column("proof\npoints", 6, lambda equation: count(equation.proof.points)),
    Column("at\nsizes", 8, sizes),
    Column("\nbranches", 8, lambda equation: count(equation.proof.branches)),
    Column("\nerror", 8, _error),
    Column("bounds\ncases", 6, lambda equation: count(equation.bounds.cases)),
    Column("device\ncases", 6, lambda equation: count(_device(equation, "cases"))),
    Column("\nexact", 6, lambda equation: count(_device(equation, "exact"))),
    Column("\nworst", 7, worst),
)
