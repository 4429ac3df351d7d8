"""Another subgradient than `jax.grad`'s: at a kink or a tie, any between those of the neighbouring pieces is right.

A function that is made of smooth pieces has, where they meet, as many derivatives as the convex hull of theirs has
points: at a maximum of two equal numbers all from (1, 0) to (0, 1), but not (1, 1). The neighbouring pieces are found
by steps away from the point, within the leaves' domains. What differs there too, or lies outside the hull, is wrong.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.optimize import linprog

from manual_bp import domains
from verify.arithmetic.bounds.arithmetic import Bounds
from verify.arithmetic.bounds.value import Bounded, differs
from verify.generation.data import Spec
from verify.interpreter.walker import Sizes
from verify.lanes.bounds import as_bounded, lift
from verify.programs.pair import Pair
from verify.programs.reference import COTANGENT
from verify.programs.tracing import GRADIENT, Traced

Array = np.ndarray[Any, Any]
STEP = 2.0**-44  # relative to the number, or to 1
WITHIN = 2.0**-16  # of the hull, relative to its size: a smooth piece changes by less in a step that small
DRAWN = 24  # directions, each with its opposite
MOST = 8  # numbers that move, up to which every pattern of their signs is a direction
FIRST = 4  # cases among which there is one at a kink, where all that differ are
FIXED = (domains.Simplex, domains.OneHot, domains.Index, domains.Binary, domains.Mask, domains.Counts)


def accepted(
    pair: Pair, name: str, sizes: Sizes, leaves: Mapping[str, Array], *, concrete: bool = False
) -> bool:
    """Whether the two sides differ at this case (with its data axis) alone, and ours is a subgradient there."""
    here = sides(pair, name, sizes, leaves, concrete=concrete)
    if here is None:
        return False
    along = {quantity.rpartition("_d")[2]: manual.value for quantity, (manual, _) in here.items()}
    around = neighbours(pair, name, sizes, leaves, concrete=concrete, along=along)
    if around is None:
        return False
    good = ~np.any([_unequal(*sides) for sides in around.values()], axis=0)
    if not good[:-1].all():  # the last is no direction at random: it may lie along a kink
        return False
    ours, hull = [], []
    for quantity, (manual, autodiff) in here.items():
        if differs(manual, autodiff)[0].any():
            ours.append(manual.value[0].ravel())
            hull.append(around[quantity][1].value.reshape(len(good), -1)[good])
    return bool(ours) and in_hull(np.concatenate(ours), np.concatenate(hull, axis=1))


def _unequal(ours: Bounded, theirs: Bounded) -> Array:
    """The cases in which two results differ, or are no numbers."""
    unequal = np.asarray(differs(ours, theirs)[0] | ~np.isfinite(theirs.value))
    return np.asarray(unequal.reshape(len(unequal), -1).any(axis=1))


def ours_at_kinks(
    pair: Pair, name: str, sizes: Sizes, leaves: Mapping[str, Array], truth: Mapping[str, Any]
) -> dict[str, Bounded]:
    """The reference's values that differ from ours, with ours in them where any subgradient is right and ours is."""
    if pair.kinks != "any":
        return {}
    both = sides(pair, name, sizes, leaves, known=None if name == GRADIENT else truth) or {}
    masks = {quantity: differs(ours, theirs)[0] for quantity, (ours, theirs) in both.items()}
    touched = [mask.reshape(len(mask), -1).any(axis=1) for mask in masks.values()]
    cases = np.flatnonzero(np.any(touched, axis=0)) if touched else np.zeros(0, int)
    right = _right(pair, name, sizes, leaves, cases[:FIRST], masks)
    if right and len(cases) > FIRST:  # what is wrong at every one of the first is wrong, and not at kinks
        right = _right(pair, name, sizes, leaves, cases, masks)
    found: dict[str, Bounded] = {}
    for quantity, mask in right.items():
        ours, theirs = both[quantity]
        here = np.zeros(masks[quantity].shape, bool)
        here[cases[: len(mask)]] = mask
        found[quantity] = Bounded(
            np.where(here, ours.value, theirs.value), np.where(here, ours.errors, theirs.errors)
        )
    return found


def _right(
    pair: Pair,
    name: str,
    sizes: Sizes,
    leaves: Mapping[str, Array],
    cases: Array,
    differing: Mapping[str, Array],
) -> dict[str, Array]:
    """Where, of these cases, ours differs and is a subgradient, of the quantities of which it is anywhere."""
    if not len(cases):
        return {}
    some = {leaf: array[cases] for leaf, array in leaves.items()}
    inside = between(pair, name, sizes, some)
    right = {quantity: inside[quantity] & mask[cases] for quantity, mask in differing.items()}
    return {quantity: mask for quantity, mask in right.items() if mask.any()}


def between(
    pair: Pair, name: str, sizes: Sizes, leaves: Mapping[str, Array], *, concrete: bool = False
) -> dict[str, Array]:
    """For each quantity where, of many cases, our side is between the smallest and the largest number around it."""
    here = sides(pair, name, sizes, leaves, concrete=concrete) or {}
    cases = len(next(iter(leaves.values())))
    found = {quantity: np.zeros(manual.value.shape, bool) for quantity, (manual, _) in here.items()}
    for case in range(cases):
        one = {leaf: array[case : case + 1] for leaf, array in leaves.items()}
        around = neighbours(pair, name, sizes, one, concrete=concrete)
        if around is None:
            continue
        for quantity, (manual, _) in here.items():
            near, nearby = (side.value for side in around[quantity])
            low, high = nearby.min(axis=0), nearby.max(axis=0)
            room = WITHIN * (1 + np.abs(low) + np.abs(high))
            value = manual.value[case]
            settled = (np.abs(near - nearby) <= room).all(axis=0)
            found[quantity][case] = settled & (value >= low - room) & (value <= high + room)
    return found


def sides(
    pair: Pair,
    name: str,
    sizes: Sizes,
    leaves: Mapping[str, Array],
    *,
    concrete: bool = False,
    known: Mapping[str, Any] | None = None,
) -> dict[str, tuple[Bounded, Bounded]] | None:
    """Both sides of an equation, or of every quantity of the gradient whole; None where one cannot be walked.

    `known` are the reference's values, where they are known already. Each side has every case on its data axis, a
    result that no case changes too.
    """
    programs = pair.programs(sizes, concrete=concrete)
    exact = Bounds(traced=pair.dtype, rounds_casts=pair.rounds_casts)
    lifted = lift(exact, pair.specs(sizes), leaves)
    if name == GRADIENT:
        if not (isinstance(programs.composed, Traced) and isinstance(programs.autodiff, Traced)):
            return None
        ours, theirs = (program(exact, sizes, lifted) for program in (programs.composed, programs.autodiff))
    else:
        equation = programs.equations[name]
        if not isinstance(equation, Traced):
            return None
        theirs = programs.reference(exact, sizes, lifted) if known is None else known
        ours = {name: equation(exact, sizes, theirs)}
    count = len(next(iter(leaves.values())))
    return {
        quantity: (_every_case(value, count), _every_case(theirs[quantity], count))
        for quantity, value in ours.items()
    }


def _every_case(result: Any, count: int) -> Bounded:
    """A result with its data axis at full length: what no case changes has one of length 1."""
    bounded = as_bounded(result)
    shape = (count, *bounded.value.shape[1:])
    return Bounded(np.broadcast_to(bounded.value, shape), np.broadcast_to(bounded.errors, shape))


def neighbours(
    pair: Pair,
    name: str,
    sizes: Sizes,
    leaves: Mapping[str, Array],
    *,
    concrete: bool = False,
    along: Mapping[str, Array] | None = None,
) -> dict[str, tuple[Bounded, Bounded]] | None:
    """Both sides a small step away from one case, in many directions, and `along` what is given by leaf.

    Along a subgradient of a norm, the gradient is that subgradient: no direction at random would meet it.
    """
    return sides(pair, name, sizes, stepped(pair.specs(sizes), leaves, along or {}), concrete=concrete)


def stepped(
    specs: Mapping[str, Spec], leaves: Mapping[str, Array], along: Mapping[str, Array]
) -> dict[str, Array]:
    """Copies of one case, the real numbers of each moved a little, but for the cotangents."""
    moving = [
        name
        for name, spec in specs.items()
        if spec.kind == "float"
        and not spec.cotangent
        and not isinstance(spec.domain, FIXED)
        and name != COTANGENT
    ]
    ends = np.cumsum([0, *(leaves[name].size for name in moving)])
    directions = _directions(int(ends[-1]))
    given = np.concatenate(
        [
            np.zeros(0),
            *(along[n].ravel() if n in along and along[n].size == leaves[n].size else np.zeros(leaves[n].size)
              for n in moving),
        ]
    )  # fmt: skip
    usable = np.isfinite(given).all() and given.any()
    last = given[None] / np.abs(given).max() if usable else directions[:1]
    directions = np.concatenate([directions, last])
    found = {}
    for name, leaf in leaves.items():
        copies = np.repeat(leaf, len(directions), axis=0)
        if name in moving:
            place = moving.index(name)
            way = directions[:, ends[place] : ends[place + 1]].reshape(copies.shape)
            copies = _inside(specs[name].domain, copies + STEP * np.maximum(1.0, np.abs(copies)) * way)
        found[name] = copies
    return found


def _directions(count: int) -> Array:
    """Every pattern of signs, or many; and as many at random, each with its opposite."""
    rng = np.random.default_rng(count)
    signs = (
        np.array([*itertools.product((-1.0, 1.0), repeat=count)]).reshape(-1, count)
        if count <= MOST
        else rng.choice((-1.0, 1.0), (4 * DRAWN, count))
    )
    sizes = rng.uniform(0.5, 1.0, (len(signs), count))
    drawn = rng.normal(size=(DRAWN, count))
    return np.concatenate([signs * sizes, -signs * sizes, drawn, -drawn])


def _inside(domain: domains.Domain, values: Array) -> Array:
    match domain:
        case domains.Nonnegative() | domains.Positive():
            return np.abs(values)
        case domains.Interval(low, high):
            return np.clip(values, low, high)
        case _:
            return values


def in_hull(point: Array, corners: Array) -> bool:
    """Whether a point is, but for WITHIN, a convex combination of the rows of `corners`: a linear program."""
    if not np.isfinite(point).all():
        return False
    corners = np.unique(np.round(corners / WITHIN) * WITHIN, axis=0)
    room = WITHIN * (1 + np.abs(corners).max(initial=0.0))
    above = np.concatenate([corners.T, -corners.T])
    limits = np.concatenate([point + room, room - point])
    ones = np.ones((1, len(corners)))
    found = linprog(np.zeros(len(corners)), A_ub=above, b_ub=limits, A_eq=ones, b_eq=[1.0], bounds=(0, None))
    return found.status == 0
