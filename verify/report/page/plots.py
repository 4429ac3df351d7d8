"""What is drawn of numbers: errors over their bounds by dtype, and the sizes that shapes had."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from verify.verdict import COMPOSED, DerivationReport

LEFT, WIDE, ROW = 142.0, 420.0, 22.0  # pixels: of labels, of the scale, of a row
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
            y = ROW * (rows.index((evidence.dtype, evidence.precision)) + 0.5)
            dots.append(_error(equation.name, "hand", evidence.worst, y - ROW / 6))
            if equation.name == COMPOSED and evidence.autodiff_worst is not None:
                dots.append(_error("jax.grad", "autodiff", evidence.autodiff_worst, y + ROW / 6))
    ticks = [
        (text, _scaled(value)) for value, text in ((1e-3, "≤ 0.001"), (0.01, "0.01"), (0.1, "0.1"), (1, "1"))
    ]
    labels = [(f"{dtype}, {precision}", ROW * (row + 0.5)) for row, (dtype, precision) in enumerate(rows)]
    return Plot(labels, dots, ticks, LEFT + WIDE + 20, ROW * len(rows) + 20, _scaled(1.0))


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
    largest = max(size for of in counts.values() for size in of)
    often = max(number for of in counts.values() for number in of.values())
    scale = WIDE / math.log2(largest + 1)

    def at(size: int) -> float:
        return LEFT + scale * math.log2(size + 1)

    dots = [
        Dot(
            at(size),
            ROW * (row + 0.5),
            "size",
            f"{name} = {size} in {_times(number)}",
            _radius(number / often),
        )
        for row, (name, of) in enumerate(counts.items())
        for size, number in of.items()
    ]
    labels = [(name, ROW * (row + 0.5)) for row, name in enumerate(counts)]
    ticks = [(str(size), at(size)) for size in _ticks(largest)]
    return Plot(labels, dots, ticks, LEFT + WIDE + 20, ROW * len(counts) + 20)


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
