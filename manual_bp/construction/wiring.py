"""How names connect: which derivative a name reads as, in which order steps run, what a typo meant."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches


def listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the known one that is close to it, if any."""
    by_lower = {other.lower(): other for other in known}
    close = get_close_matches(name.lower(), by_lower, n=1)
    return f"; did you mean {by_lower[close[0]]!r}?" if close else ""


def in_order(takes: Mapping[str, Iterable[str]], part: str) -> tuple[str, ...]:
    """The names, each after those it takes, otherwise as given. Raises TypeError for a cycle."""
    order: list[str] = []
    path: list[str] = []

    def visit(name: str) -> None:
        if name in path:
            circle = " -> ".join([*path[path.index(name) :], name])
            raise TypeError(f"{part}: {circle} is a cycle, each takes the next; break it at one of them")
        if name in takes and name not in order:
            path.append(name)
            for other in takes[name]:
                visit(other)
            order.append(path.pop())

    for name in takes:
        visit(name)
    return tuple(order)


def upstream(takes: Mapping[str, Iterable[str]], order: Iterable[str]) -> dict[str, set[str]]:
    """For each node, itself and everything that it is computed from."""
    found: dict[str, set[str]] = {}
    for name in order:
        found[name] = {name}.union(*(found.get(other, {other}) for other in takes[name]))
    return found


def splits(name: str) -> list[tuple[str, str]]:
    """Every way to read a name as `d<root>_d<symbol>`."""
    if not name.startswith("d"):
        return []
    return [(name[1:i], name[i + 2 :]) for i in range(2, len(name) - 2) if name.startswith("_d", i)]


def derivative(name: str, roots: Collection[str], symbols: Collection[str]) -> tuple[str, str] | None:
    """The root and the symbol that a name reads as, or None. Raises TypeError where it reads in two ways."""
    readings = [(root, symbol) for root, symbol in splits(name) if root in roots and symbol in symbols]
    if len(readings) > 1:
        ways = " or ".join(f"{root} by {symbol}" for root, symbol in readings)
        raise TypeError(
            f"{name}: reads as the derivative of {ways}; rename a symbol so that one reading is left"
        )
    return readings[0] if readings else None


def why_no_derivative(name: str, roots: Collection[str], symbols: Collection[str]) -> str:
    for root, symbol in splits(name):
        if root in roots:
            return f"{symbol!r} is no symbol ({listed(symbols)}){nearest(symbol, symbols)}"
        if symbol in symbols:
            return f"{root!r} is no node ({listed(roots)}){nearest(root, roots)}"
    return f"is not named d<node>_d<symbol>; nodes: {listed(roots)}; symbols: {listed(symbols)}"


def closed_by(
    cotangent: str, takes: Mapping[str, Iterable[str]], symbols: Collection[str]
) -> tuple[str, str]:
    """The virtual root and the output of a cotangent such as `dJ_dy`. Raises TypeError for no output."""
    readings = [(root, node) for root, node in splits(cotangent) if node in takes and root not in symbols]
    if len(readings) != 1:
        raise TypeError(
            f"cotangent {cotangent!r}: is not named d<root>_d<node>, as in 'dJ_dy', for a root that is "
            f"no symbol; nodes: {listed(takes)}{nearest(cotangent.rpartition('_d')[2], takes)}"
        )
    root, node = readings[0]
    takers = [taker for taker, others in takes.items() if node in others]
    if takers:
        raise TypeError(
            f"cotangent {cotangent!r}: {node} is no output, {listed(takers)} takes it; "
            f"make the output a node of its own"
        )
    return root, node
