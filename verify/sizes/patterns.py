"""The branches that the elements of a dimension took, and whether every combination of them was met."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from manual_bp import domains
from verify.generation.data import Spec
from verify.sizes.degrees import NoClaim
from verify.sizes.flat import sizes_in
from verify.sizes.reading import Reading

MOST = 4096  # combinations that are looked for
COMPARISONS = frozenset({"eq", "ne", "lt", "le", "gt", "ge"})
STEPS = frozenset({"abs", "sign", "floor", "ceil", "round"})
EXTREMES = frozenset({"reduce_max", "reduce_min", "argmax", "argmin"})
FOLLOWED = COMPARISONS | STEPS | EXTREMES | {"max", "min", "clamp", "is_finite"}
DISCRETE = (domains.Binary, domains.Mask, domains.OneHot, domains.Index)


@dataclass
class Site:
    """What every point decided at one operation: an array of outcomes, and the dimensions of its axes."""

    dims: tuple[Any, ...]
    outcomes: np.ndarray  # with the points first
    equation: int  # by identity; 0 for a leaf
    one: bool = False  # of the elements along an axis exactly one has outcome 1
    over: tuple[int, ...] = ()  # the axes along which that is so


class Watcher:
    """Looks on while a program is walked, and keeps what was decided by the points."""

    def __init__(self, equations: Sequence[Any]):
        self._wanted = {id(equation) for equation in equations}
        self.begin()

    def begin(self) -> None:
        self.sites: list[Site] = []
        self.unfollowed: dict[str, set[str]] = {}  # by primitive, the sizes of its arrays
        self._within: list[Any] = []

    def enter(self, step: Any) -> None:
        self._within.append(step)

    def branched(self) -> None:
        """A rule of the field has decided something; what is not followed here is noted."""
        step = next((step for step in reversed(self._within) if id(step.equation) in self._wanted), None)
        if step is not None and step.primitive not in FOLLOWED:
            atoms = (*step.equation.invars, *step.equation.outvars)
            found = sizes_in([tuple(getattr(atom.aval, "shape", ())) for atom in atoms])
            self.unfollowed.setdefault(step.primitive, set()).update(found)

    def leave(self, step: Any, operands: Sequence[Any], results: Sequence[Any]) -> None:
        self._within.pop()
        if id(step.equation) in self._wanted:
            for site in _decided(step, [_numbers(operand) for operand in operands], results):
                if len(site.outcomes) > 1:
                    self.sites.append(site)


def _numbers(value: Any) -> np.ndarray:
    return np.asarray(getattr(value, "x", value))


def _decided(step: Any, operands: Sequence[np.ndarray], results: Sequence[Any]) -> Iterator[Site]:
    name, where = step.primitive, id(step.equation)
    result = tuple(step.equation.outvars[0].aval.shape)
    if name in COMPARISONS:
        yield Site(result, _numbers(results[0]), where)
    elif name in ("max", "min"):
        a, b = (_fit(operand, len(result)) for operand in operands)
        yield Site(result, np.broadcast_arrays(a >= b, _numbers(results[0]))[0], where)
    elif name == "clamp":
        low, value, high = (_fit(operand, len(result)) for operand in operands)
        yield Site(result, (value < low) + 2 * (value > high), where)
    elif name in STEPS:
        yield Site(result, np.sign(operands[0]) if name in ("abs", "sign") else _numbers(results[0]), where)
    elif name in EXTREMES:
        axes = tuple(int(axis) for axis in step.params["axes"])
        value = operands[0] if name in ("reduce_max", "argmax") else -operands[0]
        first = np.moveaxis(value, [axis + 1 for axis in axes], range(-len(axes), 0))
        flat = first.reshape(*first.shape[: value.ndim - len(axes)], -1)
        won = np.arange(flat.shape[-1]) == flat.argmax(-1)[..., None]
        back = np.moveaxis(won.reshape(first.shape), range(-len(axes), 0), [axis + 1 for axis in axes])
        yield Site(tuple(step.equation.invars[0].aval.shape), back, where, one=True, over=axes)


def _fit(operand: np.ndarray, rank: int) -> np.ndarray:
    """A number beside arrays, with as many axes as these."""
    return operand.reshape(*operand.shape, *(1,) * (rank + 1 - operand.ndim))


def of_leaves(
    specs: Mapping[str, Spec], leaves: Mapping[str, np.ndarray], dimension: str, size: int
) -> Iterator[Site]:
    """What leaves decide that take few values: which, or which element of the dimension they name."""
    for name, spec in specs.items():
        if not isinstance(spec.domain, DISCRETE) and spec.kind == "float":
            continue
        if isinstance(spec.domain, domains.Index) and spec.domain.size == dimension:
            named = leaves[name][..., None] == np.arange(size)
            yield Site((*spec.dims, dimension), named, 0, one=True, over=(len(spec.dims),))
        else:
            last = (len(spec.dims) - 1,) if isinstance(spec.domain, domains.OneHot) else ()
            yield Site(tuple(spec.dims), leaves[name], 0, one=bool(last), over=last)


def check(
    reading: Reading,
    size: int,
    sites: Sequence[Site],
    unlikely: set[int],
    unfollowed: Mapping[str, set[str]] = MappingProxyType({}),
) -> None:
    """Raises NoClaim where some combination of what the elements can decide was not met.

    `unlikely` are the equations whose condition at most one element fulfils, `unfollowed` primitives that decide
    something which is not followed, with the dimensions that they touch.
    """
    if size == 1:
        return
    for primitive, dims in unfollowed.items():
        if reading.dimension in dims or sites:
            raise NoClaim(f"what {primitive} decides is not followed")
    rows, single, several, common = [], [], [], []
    points = max((len(site.outcomes) for site in sites), default=0)
    for site in sites:
        axes = [axis for axis, dim in enumerate(site.dims) if reading.is_it(dim) or dim == reading.dimension]
        if len(axes) > 1:
            raise NoClaim("a branch on pairs of its elements")
        outcomes = np.broadcast_to(site.outcomes, (points, *site.outcomes.shape[1:]))
        if not axes:
            common.append(outcomes.reshape(points, -1))
            continue
        table = np.moveaxis(outcomes, axes[0] + 1, 1).reshape(points, size, -1)
        rows.append(table)
        single += [site.one and axes[0] in site.over] * table.shape[-1]
        several += [site.equation in unlikely and site.equation != 0] * table.shape[-1]
    if not rows:
        return
    table = np.concatenate([row.astype(np.float64) for row in rows], axis=-1)
    shared = np.concatenate([np.zeros((points, 1)), *(each.astype(np.float64) for each in common)], axis=-1)
    kinds, which = np.unique(table.reshape(points * size, -1), axis=0, return_inverse=True)
    which = which.reshape(points, size)
    _, ground = np.unique(shared, axis=0, return_inverse=True)
    ground = ground.reshape(points)
    met = {(int(g), _ordered(reading, row)) for g, row in zip(ground, which.tolist(), strict=True)}
    wanted = _combinations(reading, kinds, size, np.array(single), np.array(several))
    for each in wanted:
        if any((g, each) not in met for g in range(int(ground.max()) + 1)):
            raise NoClaim(f"not every combination of branches of {size} elements was met")


def _ordered(reading: Reading, row: Sequence[int]) -> tuple[int, ...]:
    return tuple(row) if reading.ordered else tuple(sorted(row))


def _combinations(
    reading: Reading, kinds: np.ndarray, size: int, single: np.ndarray, several: np.ndarray
) -> list[tuple[int, ...]]:
    """Every combination that so many elements can have."""
    numbers = range(len(kinds))
    found: list[tuple[int, ...]] = []
    drawn: Iterator[tuple[int, ...]] = (
        itertools.product(numbers, repeat=size)
        if reading.ordered
        else itertools.combinations_with_replacement(numbers, size)
    )
    for count, each in enumerate(drawn):
        if count >= MOST:
            raise NoClaim(f"more combinations of branches of {size} elements than can be looked for")
        sums = kinds[list(each)].sum(axis=0)
        if (sums[single] != 1).any() or (sums[several] > 1).any():
            continue
        if size < reading.smallest and (sums[several] != 1).any():
            continue
        found.append(each)
    return found
