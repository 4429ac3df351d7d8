"""Where a wrong equation is wrong, if not everywhere: a row, an element, a piece of an activation, a kink."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from verify.arithmetic.field.arithmetic import Field
from verify.arithmetic.field.value import Residues
from verify.counterexamples.search import FailingCase
from verify.diagnosis.sides import Sides
from verify.diagnosis.terms import shape_of, signed_text
from verify.generation.data import fill, kinks_of
from verify.generation.kinks import Site, sites
from verify.generation.residues import Points
from verify.generation.structures import STRUCTURE
from verify.lanes.trial import like, side_of
from verify.programs.pair import Pair
from verify.programs.tracing import Traced


def one_place(view: Sides) -> str | None:
    """One row, one column or one element."""
    wrong = np.asarray(view.unequal.any(axis=0))
    places = [_along(wrong, axis) for axis in range(wrong.ndim)]
    single = {
        axis: int(where[0]) for axis, where in enumerate(places) if len(where) == 1 and wrong.shape[axis] > 2
    }
    if not single:
        return None
    cut = tuple(single.get(axis, slice(None)) for axis in range(wrong.ndim))
    ours, theirs = (view.field.move(_cut(cut), _whole(view, side)) for side in (view.manual, view.right))
    constant = view.multiple(ours, theirs)
    where = ", ".join(_place(single[a], wrong.shape[a]) if a in single else ":" for a in range(wrong.ndim))
    what = f": there it is {signed_text(constant, 'jax.grad', view.sizes)}" if constant is not None else ""
    return f"manual differs in [{where}] only{what}"


def _along(wrong: np.ndarray, axis: int) -> np.ndarray:
    """The places of an axis at which something is wrong."""
    return np.flatnonzero(wrong.any(axis=tuple(other for other in range(wrong.ndim) if other != axis)))


def _cut(places: tuple[Any, ...]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda array: array[(slice(None), *places)]


def one_piece(view: Sides) -> str | None:
    """The argument of an activation or a loss lies on one piece of it wherever the two sides differ."""
    floats = {name: view.field.steer(value) for name, value in view.side.values.items()}
    for site in sites(view.pair.derivation, view.pair.choices, floats):
        if site.at.shape[1:] != view.unequal.shape[1:]:
            continue
        at = np.broadcast_to(site.at, view.unequal.shape)
        pieces = set(np.searchsorted(site.row.kinks, at[view.unequal]).tolist())
        if len(pieces) == 1:
            return f"manual differs only where {_interval(view.pair, site, pieces.pop())}, a piece of {site.row.name}"
    return None


def at_a_kink(pair: Pair, name: str, found: FailingCase, rng: np.random.Generator) -> str | None:
    """Equal at all random points, so different at a kink: which one it is, the lattice shows."""
    sizes, programs = found.sizes, pair.programs(found.sizes, concrete=found.concrete)
    specs, traced = pair.specs(sizes), programs.equations.get(name)
    if not isinstance(traced, Traced):
        return None
    drawn = fill(rng, sizes, specs, STRUCTURE["kinks"], 64, kinks=kinks_of(pair.choices))
    leaves = {leaf: np.concatenate([found.leaves[leaf], values]) for leaf, values in drawn.items()}
    side = side_of(pair, programs, sizes, Points.exact(specs, leaves))
    field: Field = like(side.arithmetic)
    manual = field.lifted(traced(field, sizes, side.values))
    unequal, _ = field.unequal(manual, field.lifted(side.values[name]))
    floats = {symbol: field.steer(value) for symbol, value in side.values.items()}
    for site in sites(pair.derivation, pair.choices, floats):
        if site.at.shape[1:] != unequal.shape[1:] or not unequal.any():
            continue
        at = np.broadcast_to(site.at, unequal.shape)[unequal]
        kinks = sorted(set(at.tolist()))
        if set(kinks) <= set(site.row.kinks):
            where = " or ".join(f"{kink:g}" for kink in kinks)
            return f"manual differs only where {_argument(pair, site)} = {where}, a kink of {site.row.name}"
    return None


def _place(place: int, size: int) -> str:
    return "-1" if place == size - 1 else str(place)


def _argument(pair: Pair, site: Site) -> str:
    """What a row is applied to, by name."""
    step = next(step for step in pair.derivation.graph.steps.values() if site.choice in step.choices)
    return " - ".join(step.parameters[:2])


def _interval(pair: Pair, site: Site, piece: int) -> str:
    kinks, what = site.row.kinks, _argument(pair, site)
    if piece == 0:
        return f"{what} < {kinks[0]:g}"
    if piece == len(kinks):
        return f"{what} > {kinks[-1]:g}"
    return f"{kinks[piece - 1]:g} < {what} < {kinks[piece]:g}"


def _whole(view: Sides, value: Residues) -> Residues:
    """The value with all of its elements there, however lazily it was broadcast."""
    shape = shape_of(view.right)
    return view.field.move(lambda array: np.broadcast_to(array, (len(array), *shape)), value)
