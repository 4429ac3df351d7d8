"""The graph of a derivation as a drawing: nodes from left to right, and below each of them its adjoints, from right to
left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from verify.verdict import Verdict, Wiring

CHARACTER, PADDING, HEIGHT = 7.3, 9.0, 26.0  # of a box, in pixels
ACROSS, DOWN, BETWEEN = 46.0, 12.0, 34.0  # between columns, between boxes, between the two halves
HEAD = 7.0  # of an arrow
SIGNS = {
    Verdict.REFUTED: "✗",
    Verdict.DISPUTED: "?",
    Verdict.INACCURATE: "!",
    Verdict.INCONCLUSIVE: "?",
    Verdict.VERIFIED: "≈",
    Verdict.PRINTED_WRONG: "✗",
    Verdict.PROVED: "✓",
}


class Box(NamedTuple):
    """A named box, with what it is as a class of the style sheet, and what it takes as a tooltip."""

    name: str
    text: str
    kind: str
    title: str
    x: float
    y: float
    width: float

    @property
    def middle(self) -> float:
        """Of its column."""
        return round(self.x + self.width / 2, 3)


class Arrow(NamedTuple):
    """A curve from one box to another."""

    path: str
    head: str
    kind: str


@dataclass
class Drawing:
    """Boxes and arrows, and the size of the paper."""

    boxes: dict[str, Box] = field(default_factory=dict)
    arrows: list[Arrow] = field(default_factory=list)
    width: float = 0.0
    height: float = 0.0


def drawing(wiring: Wiring, verdicts: Mapping[str, Verdict]) -> Drawing:
    """The graph with forward values above and adjoints below, each in the column of the symbol that it belongs to."""
    column = _columns(wiring)
    above: dict[int, list[str]] = {}
    below: dict[int, list[str]] = {}
    for name in [*wiring.leaves, *wiring.nodes]:
        above.setdefault(column[name], []).append(name)
    last = max(column.values(), default=0)
    for name, (_, symbol) in wiring.derivatives.items():
        below.setdefault(column.get(symbol, last), []).append(name)
    texts = {name: _text(name, verdicts) for name in [*column, *wiring.equations]}
    widths = {name: len(text) * CHARACTER + 2 * PADDING for name, text in texts.items()}
    found, x = Drawing(), 1.0
    ground = max((len(names) for names in above.values()), default=0) * (HEIGHT + DOWN) + BETWEEN
    for place in range(last + 1):
        names = [*above.get(place, []), *below.get(place, [])]
        wide = max((widths[name] for name in names), default=0.0)
        for half, start in ((above, 1.0), (below, ground)):
            for row, name in enumerate(half.get(place, [])):
                kind, title = _said(name, wiring, verdicts)
                left = x + (wide - widths[name]) / 2
                y = start + row * (HEIGHT + DOWN)
                found.boxes[name] = Box(name, texts[name], kind, title, left, y, widths[name])
        x += wide + (ACROSS if place < last else 1.0)
    found.width = x
    found.height = max((box.y + HEIGHT for box in found.boxes.values()), default=0.0) + DOWN
    found.arrows = list(_arrows(wiring, found.boxes))
    return found


def _columns(wiring: Wiring) -> dict[str, int]:
    """Each node one step after the last of what it takes; a leaf right before the first that takes it."""
    column: dict[str, int] = {}
    for name, takes in wiring.nodes.items():
        column[name] = 1 + max((column.get(taken, 0) for taken in takes), default=0)
    for leaf in wiring.leaves:
        users = [column[name] for name, takes in wiring.nodes.items() if leaf in takes]
        column[leaf] = min(users, default=1) - 1
    first = min(column.values(), default=0)
    return {name: place - first for name, place in column.items()}


def _text(name: str, verdicts: Mapping[str, Verdict]) -> str:
    return f"{SIGNS[verdicts[name]]} {name}" if name in verdicts else name


def _said(name: str, wiring: Wiring, verdicts: Mapping[str, Verdict]) -> tuple[str, str]:
    """The class of a box, and what its tooltip says."""
    if name in wiring.leaves:
        return "leaf", f"{name}: a leaf"
    if name in wiring.nodes:
        objective = ", the objective" if name == wiring.objective else ""
        return "node", f"{name}, of {_listed(wiring.nodes[name])}{objective}"
    verdict = verdicts.get(name)
    kind = "adjoint" if verdict is None or verdict is Verdict.PROVED else f"adjoint {slug(verdict)}"
    return kind, f"{name}, of {_listed(wiring.equations[name])}: {verdict or 'not judged'}"


def slug(verdict: Verdict) -> str:
    """The class of a verdict in the style sheet."""
    return str(verdict).replace(" ", "-")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "nothing"


def _arrows(wiring: Wiring, boxes: Mapping[str, Box]) -> Iterator[Arrow]:
    above = [boxes[name] for name in boxes if name not in wiring.equations]
    below = [boxes[name] for name in boxes if name in wiring.equations]
    for name, takes in wiring.nodes.items():
        for taken in takes:
            if taken in boxes:
                yield _arrow(boxes[taken], boxes[name], "forward", above)
    for name, takes in wiring.equations.items():
        for taken in takes:
            if taken in wiring.equations and taken in boxes and name in boxes:
                yield _arrow(boxes[taken], boxes[name], "backward", below)


def _arrow(start: Box, end: Box, kind: str, others: Sequence[Box]) -> Arrow:
    """From the side of one box that faces the other, past those between them; to the right side within a column.

    It changes its height between columns only, where no box stands.
    """
    y1, y2 = start.y + HEIGHT / 2, end.y + HEIGHT / 2
    towards = -1 if end.middle <= start.middle else 1
    x1 = start.x if end.middle < start.middle else start.x + start.width
    x2 = (end.x if towards > 0 else end.x + end.width) - towards * HEAD
    head = f"M {x2 + towards * HEAD:.1f} {y2:.1f} l {-towards * HEAD:.1f} -3.5 v 7 z"
    if start.middle == end.middle:
        aside = max(x1, x2) + ACROSS / 2
        curve = f"C {aside:.1f} {y1:.1f} {aside:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
        return Arrow(f"M {x1:.1f} {y1:.1f} {curve}", head, kind)
    low, high = sorted((start.middle, end.middle))
    heights = {start.middle: y1, end.middle: y2}
    if between := [box for box in others if low < box.middle < high]:
        heights |= dict.fromkeys((box.middle for box in between), _lane(start, end, between))
    path, at = f"M {x1:.1f} {y1:.1f}", (x1, y1)
    for middle in sorted(heights, reverse=towards < 0):
        column = [box for box in others if box.middle == middle]
        edges = min(box.x for box in column) - HEAD, max(box.x + box.width for box in column) + HEAD
        near, far = edges[::towards]
        if middle != start.middle:
            path += _curve(*at, near, heights[middle])
        at = (far, heights[middle])
        path += f" H {far if middle != end.middle else x2:.1f}"
    return Arrow(path, head, kind)


def _lane(start: Box, end: Box, between: Sequence[Box]) -> float:
    """A height at which no box stands between: of the row of either, or else below or above the row of the start."""
    taken = {box.y for box in between}
    for row in (start.y, end.y):
        if row not in taken:
            return row + HEIGHT / 2
    return start.y - DOWN / 2 if end.y < start.y else start.y + HEIGHT + DOWN / 2


def _curve(x1: float, y1: float, x2: float, y2: float) -> str:
    """It leaves and arrives level."""
    x = (x1 + x2) / 2
    return f" C {x:.1f} {y1:.1f} {x:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
