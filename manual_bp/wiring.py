"""How names connect: which derivative a name reads as, in which order steps run, what an unknown name may have meant."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches


def listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def nearest(name: str, known: Collection[str]) -> str:
    """The end of a message about an unknown name: the known one it is close to, if any."""
    close = get_close_matches(name, known, n=1) or [other for other in known if other.lower() == name.lower()]
    return f"; did you mean {close[0]!r}?" if close else ""


def in_order(parameters: Mapping[str, Iterable[str]], part: str) -> tuple[str, ...]:
    """Names sorted so that each comes after those it takes, otherwise as given. Raises TypeError where they go in a circle."""
    order: list[str] = []
    path: list[str] = []

    def visit(name: str) -> None:
        if name in path:
            circle = " -> ".join([*path[path.index(name) :], name])
            raise TypeError(f"{part}: {circle} is a cycle (each takes the next); one of them must take something else")
        if name in order or name not in parameters:
            return
        path.append(name)
        for parameter in parameters[name]:
            visit(parameter)
        order.append(path.pop())

    for name in parameters:
        visit(name)
    return tuple(order)


def upstream(parameters: Mapping[str, Iterable[str]], order: Iterable[str]) -> dict[str, set[str]]:
    """For each node, itself and everything that it is computed from."""
    found: dict[str, set[str]] = {}
    for name in order:
        found[name] = {name}.union(*(found.get(parameter, {parameter}) for parameter in parameters[name]))
    return found


def splits(name: str) -> list[tuple[str, str]]:
    """Every way to read `name` as `d<root>_d<symbol>`."""
    if not name.startswith("d"):
        return []
    return [(name[1:i], name[i + 2 :]) for i in range(2, len(name) - 2) if name.startswith("_d", i)]


def derivative(name: str, roots: Collection[str], symbols: Collection[str]) -> tuple[str, str] | None:
    """The root and the symbol of `d<root>_d<symbol>`, None where it reads so in no way. Raises TypeError for two readings."""
    readings = [(root, symbol) for root, symbol in splits(name) if root in roots and symbol in symbols]
    if len(readings) > 1:
        ways = " or ".join(f"d({root})/d({symbol})" for root, symbol in readings)
        raise TypeError(f"{name}: reads as {ways}; rename a symbol so that one reading is left")
    return readings[0] if readings else None


def no_derivative(name: str, roots: Collection[str], symbols: Collection[str]) -> str:
    """Why `name` reads as no derivative."""
    for root, symbol in splits(name):
        if root in roots:
            return f"{symbol!r} is no symbol ({listed(symbols)}){nearest(symbol, symbols)}"
        if symbol in symbols:
            return f"{root!r} is no node ({listed(roots)}){nearest(root, roots)}"
    return f"name it d<root>_d<symbol>, with a node ({listed(roots)}) and a symbol ({listed(symbols)})"


def closed_by(cotangent: str, nodes: Mapping[str, Iterable[str]], symbols: Collection[str]) -> tuple[str, str]:
    """The virtual root and the output of a cotangent such as `dJ_dy`. Raises TypeError where it names no output."""
    readings = [(root, node) for root, node in splits(cotangent) if node in nodes and root not in symbols]
    if len(readings) != 1:
        raise TypeError(
            f"cotangent {cotangent!r}: name it d<root>_d<node>, as in 'dJ_dy', with a root that is no symbol "
            f"and a node ({listed(nodes)}){nearest(cotangent.rpartition('_d')[2], [*nodes])}"
        )
    root, node = readings[0]
    takers = [taker for taker, parameters in nodes.items() if node in parameters]
    if takers:
        raise TypeError(
            f"cotangent {cotangent!r}: {node} is also taken by {listed(takers)}, so that {cotangent} would be two things; "
            f"make the output a node of its own"
        )
    return root, node
