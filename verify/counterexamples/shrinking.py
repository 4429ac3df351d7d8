"""Makes a failing case simpler, number by number, many candidates in one walk.

A walk over a hundred cases costs hardly more than a walk over one, so all the ways of making one number
simpler are tried together, and then as many of those that worked as still work together: a few walks bring a
case down to the numbers that matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import numpy as np

from manual_bp import domains
from verify.generation.data import Leaves, Spec, dyadics, resolve
from verify.generation.simplicity import weight, weights

Array = np.ndarray[Any, Any]
Differ = Callable[[Leaves], Array]  # many cases -> which of them still fail

ROUNDS: Final = 24
BATCH: Final = 512  # cases in one walk
NUMBERS: Final = 1 << 21  # and in all of them together, as far as MANY cases have no more
MANY: Final = 64  # numbers in a leaf, up to which each is tried by itself, and groups of more
INTEGERS: Final = (0, 1, 2, 3)
NONNEGATIVE: Final = (0.0, 1.0, 2.0, 0.5, 2.0**-10)
ELEMENTS: Final[Mapping[type[domains.Domain], tuple[Any, ...]]] = {
    domains.Real: (0.0, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 0.5, -0.5, 6.0, -6.0),
    domains.Nonnegative: NONNEGATIVE,
    domains.Positive: NONNEGATIVE[1:],
    domains.Binary: (0, 1),
    domains.Counts: INTEGERS,
    domains.Mask: (False, True),
}


class Change(NamedTuple):
    """One leaf, in some of its places, made simpler."""

    leaf: str
    where: Any  # an index into one case's array, flat or by rows
    value: Any
    gain: float


def simplify(leaves: Leaves, specs: Mapping[str, Spec], sizes: Mapping[str, int], differ: Differ) -> Leaves:
    """A case as simple as can be found that still fails; `leaves` is one case, with its data axis."""
    batch = min(BATCH, max(MANY, NUMBERS // max(1, sum(leaf.size for leaf in leaves.values()))))
    for _ in range(ROUNDS):
        changes = sorted(_changes(leaves, specs, sizes), key=lambda change: -change.gain)
        worked: list[Change] = []
        for start in range(0, len(changes), batch):
            tried = changes[start : start + batch]
            fails = differ(_stacked([_changed(leaves, [change]) for change in tried]))
            worked += [change for change, still in zip(tried, fails, strict=True) if still]
            if worked:
                break
        if not worked:
            return leaves
        together = [_changed(leaves, _apart(worked[: 2**i])) for i in range(len(worked).bit_length() + 1)]
        fails = differ(_stacked(together))
        leaves = min((case for case, still in zip(together, fails, strict=True) if still), key=weight)
    return leaves


def _changes(leaves: Leaves, specs: Mapping[str, Spec], sizes: Mapping[str, int]) -> Iterator[Change]:
    """Every change that makes one number, one row of probabilities or one whole leaf simpler."""
    for name, spec in specs.items():
        domain, _, size = resolve(name, spec, sizes)
        (array,) = leaves[name]
        if isinstance(domain, (domains.Simplex, domains.OneHot)):
            yield from _rows(name, array)
            continue
        flat = array.reshape(-1)
        match domain:
            case domains.Index():
                elements: tuple[Any, ...] = tuple(range(min(size, 4)))
            case domains.Interval(low, high):
                elements = tuple(dyadics(low, high))
            case _:
                elements = ELEMENTS[type(domain)]
        places = _places(flat)
        near = (
            [np.round(flat, digits) for digits in (0, 2)]
            if spec.kind == "float" and isinstance(domain, domains.Real)
            else []
        )
        for place in places:
            before = float(weights(flat[place]).sum())
            for value in (*elements, *(each[place] for each in near)):
                new = np.broadcast_to(np.asarray(value, flat.dtype), np.shape(flat[place]))
                gain = before - float(weights(new).sum())
                if gain > 0:
                    yield Change(name, place, value, gain)


def _places(flat: Array) -> list[Any]:
    """What is made simpler at once: the whole, and one by one the numbers that are not simplest yet; of many of those
    groups, which get smaller as the others become 0.
    """
    if flat.size <= MANY:
        return [slice(None), *range(flat.size)] if flat.size > 1 else [*range(flat.size)]
    left = np.flatnonzero(weights(flat) > 0)
    groups = np.array_split(left, min(MANY, max(len(left), 1)))
    return [slice(None), *(group if len(group) > 1 else int(group[0]) for group in groups if len(group))]


def _rows(name: str, array: Array) -> Iterator[Change]:
    """Probabilities stay such: a row becomes certain, the sooner the simpler."""
    rows = array.reshape(-1, array.shape[-1])
    for place, row in enumerate(rows):
        for certain, new in enumerate(np.eye(len(row))):
            gain = _order(row) - certain
            if gain > 0:
                yield Change(name, (place,), new, gain / 64)


def _order(row: Array) -> float:
    """Where a certain row has its 1; more than all of those for a mixed one."""
    return float(row.argmax()) if row.max() == 1 else 2.0 * len(row)


def _changed(leaves: Leaves, changes: list[Change]) -> Leaves:
    case = {name: leaf.copy() for name, leaf in leaves.items()}
    for change in changes:
        array = case[change.leaf]
        rows = array.reshape(-1, array.shape[-1]) if isinstance(change.where, tuple) else array.reshape(-1)
        rows[change.where] = change.value
    return case


def _apart(changes: list[Change]) -> list[Change]:
    """Of the changes of one place the best, of those of a leaf either the whole or its places."""
    chosen: dict[Any, Change] = {}
    for change in changes:
        whole = (change.leaf, "all") in chosen
        place = int(change.where[0]) if isinstance(change.where, np.ndarray) else change.where
        key = (change.leaf, "all" if isinstance(change.where, slice) else place)
        if not whole and key not in chosen:
            chosen[key] = change
    return list(chosen.values())


def _stacked(cases: list[Leaves]) -> Leaves:
    return {name: np.concatenate([case[name] for case in cases]) for name in cases[0]}
