"""What is drawn of numbers: errors over their bounds by dtype, and the sizes that shapes had."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from verify.verdict import COMPOSED, DerivationReport

LEFT, WIDE, RIGHT = 24.0, 270.0, 12.0  # pixels: the scale between its margins, no wider than a telephone
ROW, LABEL, AXIS = 44.0, 13.0, 20.0  # pixels: of a row, down to its label, of the numbers below the scale
APART = 4.0  # from the middle of a row
LEAST, MOST = 1e-3, 10.0  # of the scale; what lies beyond stands at its end
RADIUS = 4.0
LARGEST = 8.0  # radius of the dot of the most frequent size


class Dot(NamedTuple):
    """A dot of a plot; `kind` says whose it is, and its title the number."""

    x: float
    y: float
    kind: str
    title: str
    radius: float = RADIUS


class Plot(NamedTuple):
    """Rows of dots over a scale, with what stands beside each row and at each tick."""

    rows: list[tuple[str, float]]
    dots: list[Dot]
    ticks: list[tuple[str, float]]
    width: float
    height: float
    limit: float | None = None  # where 1 stands


def errors(derivation: DerivationReport) -> Plot | None:
    """The largest error of each equation over its bound: by hand, and of `jax.grad` in the gradient's place.

    Each dtype and precision is a row; None where nothing was run on the device.
    """
    rows = list(
        dict.fromkeys((e.dtype, e.precision) for q in derivation.equations for e in q.device if e.cases)
    )
    if not rows:
        return None
    dots = []
    for equation in derivation.equations:
        for evidence in equation.device:
            if not evidence.cases:
                continue
            y = _middle(rows.index((evidence.dtype, evidence.precision)))
            dots.append(_error(equation.name, "hand", evidence.worst, y - APART))
            if equation.name == COMPOSED and evidence.autodiff_worst is not None:
                dots.append(_error("jax.grad", "autodiff", evidence.autodiff_worst, y + APART))
    ticks = [
        (text, _scaled(value)) for value, text in ((1e-3, "≤ 0.001"), (0.01, "0.01"), (0.1, "0.1"), (1, "1"))
    ]
    return _plot([f"{dtype}, {precision}" for dtype, precision in rows], dots, ticks, _scaled(1.0))


def _plot(
    labels: Sequence[str], dots: list[Dot], ticks: list[tuple[str, float]], limit: float | None = None
) -> Plot:
    rows = [(label, ROW * row + LABEL) for row, label in enumerate(labels)]
    return Plot(rows, dots, ticks, LEFT + WIDE + RIGHT, ROW * len(rows) + AXIS, limit)


def _middle(row: int) -> float:
    """Where the dots of a row stand, below its label."""
    return ROW * row + LABEL + 12.0


def _error(name: str, kind: str, value: float, y: float) -> Dot:
    return Dot(_scaled(value), y, f"{kind} beyond" if value > 1 else kind, f"{name}: {value:.3g}")


def _scaled(value: float) -> float:
    """Where a number stands on the logarithmic scale."""
    value = MOST if math.isnan(value) else min(max(value, LEAST), MOST)
    return LEFT + WIDE * math.log(value / LEAST) / math.log(MOST / LEAST)


def sizes(derivation: DerivationReport) -> Plot | None:
    """The sizes that each dimension had, larger where more shapes had them; None where there are no dimensions."""
    counts = derivation.met.sizes
    if not counts:
        return None
    smallest, largest = (edge(size for of in counts.values() for size in of) for edge in (min, max))
    often = max(number for of in counts.values() for number in of.values())
    scale = WIDE / max(math.log2((largest + 1) / (smallest + 1)), 1.0)

    def at(size: int) -> float:
        return LEFT + scale * math.log2((size + 1) / (smallest + 1))

    dots = [
        Dot(
            at(size),
            _middle(row),
            "size",
            f"{name} = {size} in {_times(number)}",
            _radius(number / often),
        )
        for row, (name, of) in enumerate(counts.items())
        for size, number in of.items()
    ]
    ticks = [(str(size), at(size)) for size in _ticks(largest) if size >= smallest]
    return _plot(list(counts), dots, ticks)


def undrawn(derivation: DerivationReport) -> list[str]:
    """Of each dimension the sizes that no shape had, up to the largest that one had: `n = 5, 7`."""
    found = {name: set(range(1, max(of) + 1)) - of.keys() for name, of in derivation.met.sizes.items() if of}
    return [f"{name} = {', '.join(map(str, sorted(missing)))}" for name, missing in found.items() if missing]


def _radius(share: float) -> float:
    return max(1.5, LARGEST * math.sqrt(share))


def _times(number: int) -> str:
    return "one shape" if number == 1 else f"{number} shapes"


def _ticks(largest: int) -> Iterator[int]:
    """Powers of two up to the largest size."""
    size = 1
    while size <= largest:
        yield size
        size *= 2


def in_words(plots: Sequence[Plot | None]) -> str:
    """What a screen reader is told of them: every number of every dot."""
    return "; ".join(dot.title for plot in plots if plot is not None for dot in plot.dots)
