"""Leaves at the thresholds of a pair's programs: exactly there, on both sides, and between neighbouring thresholds."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from manual_bp import domains
from verify.branches.analysis import Path, Site
from verify.branches.coverage import Coverage
from verify.branches.inversion import Drawn, Index, Inversion, fit
from verify.branches.outcomes import CHOICES, RELATED, numbers
from verify.branches.ranges import COMPARISONS
from verify.branches.tape import Entry, Tape, recorded
from verify.generation.data import Leaves, Spec, generic, kinks_of, resolve
from verify.interpreter.walker import Sizes
from verify.programs.pair import Pair
from verify.programs.tracing import Programs, Traced

BASES = 12  # cases from which one or a few numbers are moved to a threshold
MOST = 64  # points that are aimed
SITES = 16  # whose thresholds are aimed at
NEAR = 1e-9  # of a threshold, relative
WILD = 24  # points of any magnitude, for what was not met
REACH = 15  # of their decimal exponent
GRID = 2.0**20  # of probabilities
ATTEMPTS = 8  # at an outcome that was not met

Targets = Mapping[tuple[str, Index], float]  # numbers of leaves that are to be others


class Goal(NamedTuple):
    """What is to come of a site: an outcome, or a relation between what is compared."""

    path: Path
    outcome: int | None = None  # a bit of the site
    relation: str = ""
    distance: float | None = None


def aimed(
    pair: Pair, coverage: Coverage, sizes: Sizes, rng: np.random.Generator, *, unmet: bool = False
) -> Leaves | None:
    """Cases at the thresholds of every site, or for what is `unmet` alone; None where there is nothing to aim at."""
    programs = pair.programs(sizes)
    paths = coverage.paths(programs)
    goals = _unmet(coverage, paths) if unmet else _thresholds(coverage, paths)
    if not goals:
        return None
    specs = pair.specs(sizes)
    drawn = {}
    for name, spec in specs.items():
        domain, _, size = resolve(name, spec, sizes)
        drawn[name] = Drawn(domain, size)
    bases = _bases(pair, sizes, specs, rng)
    tape = _tape(programs, coverage, goals, sizes, specs, bases)
    found: list[tuple[int, Targets]] = []
    thresholds: dict[str, set[float]] = {}
    for goal in goals:
        inversion = _reached(tape, coverage.sites[goal.path], goal, drawn, rng)
        if inversion is not None and inversion.targets:
            found.append((inversion.case, inversion.targets))
            for (leaf, _), target in inversion.targets.items() if goal.relation == "=" else ():
                thresholds.setdefault(leaf, set()).add(target)
    found += _in_bands(thresholds, drawn, bases, rng)
    chosen = [found[i] for i in sorted(rng.permutation(len(found))[:MOST].tolist())]
    chosen += _at_any_magnitude(drawn, bases, rng) if unmet else []
    if not chosen:
        return None
    leaves = {name: base[[case for case, _ in chosen]].copy() for name, base in bases.items()}
    for point, (_, targets) in enumerate(chosen):
        for (leaf, index), target in targets.items():
            leaves[leaf][(point, *index)] = target
    return leaves


def _bases(pair: Pair, sizes: Sizes, specs: Mapping[str, Spec], rng: np.random.Generator) -> Leaves:
    """Generic cases; probabilities are dyadic, so that they sum to 1 exactly."""
    bases = generic(rng, sizes, specs, BASES, kinks=kinks_of(pair.choices))
    for name, spec in specs.items():
        if isinstance(spec.domain, domains.Simplex):
            bases[name] = np.floor(bases[name] * GRID) / GRID
            bases[name][..., -1] += 1 - bases[name].sum(-1)
    return bases


def _tape(
    programs: Programs,
    coverage: Coverage,
    goals: Sequence[Goal],
    sizes: Sizes,
    specs: Mapping[str, Spec],
    leaves: Leaves,
) -> Tape:
    """A walk through all that any goal lies in."""
    wanted = {goal.path for goal in goals}
    composed = [each for each in (programs.composed, programs.autodiff) if isinstance(each, Traced)]
    whole = [each for each in composed if wanted.intersection(coverage.paths_in(each))]
    return recorded(programs, whole, sizes, specs, leaves)


# --- goals ------------------------------------------------------------------------------------------------------------


def _thresholds(coverage: Coverage, paths: Iterable[Path]) -> list[Goal]:
    """Every threshold once, wherever the same words stand at the same place: at it, and on both sides."""
    chosen: dict[tuple[object, ...], Path] = {}
    for path in paths:
        site = coverage.sites[path]
        if site.primitive in RELATED:
            chosen.setdefault((site.place, site.words, site.primitive), path)
    return [
        Goal(path, relation=relation, distance=distance)
        for path in list(chosen.values())[:SITES]
        for relation, distance in (("=", 0.0), ("<", NEAR), (">", NEAR), ("<", None), (">", None))
    ]


def _unmet(coverage: Coverage, paths: Iterable[Path]) -> list[Goal]:
    goals = [
        Goal(path, outcome)
        for path in paths
        for outcome in range(len(coverage.sites[path].words))
        if coverage.missing(path) >> outcome & 1
    ]
    return (goals * ATTEMPTS)[:MOST]


def _reached(
    tape: Tape, site: Site, goal: Goal, drawn: Mapping[str, Drawn], rng: np.random.Generator
) -> Inversion | None:
    """The leaves that reach a goal, at a case and an element drawn at random; None where none were found."""
    entries = tape.entries.get(goal.path)
    if not entries:
        return None
    entry = entries[rng.integers(len(entries))]
    inversion = Inversion(tape, drawn, int(rng.integers(BASES)), rng)
    shape = entry.step.outputs[0].shape
    if 0 in shape:
        return None
    index = tuple(int(rng.integers(size)) for size in shape)
    return inversion if _reach(inversion, entry, site, goal, index) else None


def _reach(inversion: Inversion, entry: Entry, site: Site, goal: Goal, index: Index) -> bool:
    operands, outcome, relation = entry.operands, goal.outcome, goal.relation
    if site.primitive in CHOICES:
        which = operands[0]
        if numbers(which).dtype == bool:
            return inversion.decide(which, index, bool(outcome))
        return inversion.aim(which, index, float(outcome or 0))
    if site.primitive in COMPARISONS and outcome is not None:
        return inversion.decide(entry.results[0], index, bool(outcome))
    if site.primitive == "clamp":
        low, a, high = operands
        if outcome == 1:
            middle = inversion.number(low, index) / 2 + inversion.number(high, index) / 2
            return inversion.aim(a, index, middle)
        side = inversion.rng.integers(2) if outcome is None else outcome // 2
        return inversion.relate(a, (low, high)[side], index, relation or "<>"[side], goal.distance)
    other = np.zeros(1) if site.primitive in ("abs", "sign") else operands[1]
    return inversion.relate(operands[0], other, index, relation or "<>"[outcome or 0], goal.distance)


def _at_any_magnitude(
    drawn: Mapping[str, Drawn], bases: Leaves, rng: np.random.Generator
) -> Iterable[tuple[int, Targets]]:
    """For thresholds that cannot be traced back to a leaf, as behind a loop: numbers of a leaf, from tiny to huge."""
    for _ in range(WILD):
        leaf = str(rng.choice(list(bases)))
        shape = bases[leaf].shape[1:]
        places = list(np.ndindex(shape))
        if places and rng.random() < 0.5:
            places = [places[rng.integers(len(places))]]
        scale = rng.choice((-1.0, 1.0)) * 10.0 ** rng.uniform(-REACH, REACH)
        fitted = {(leaf, at): fit(drawn[leaf], scale * rng.uniform(0.5, 2.0), rng) for at in places}
        targets = {key: number for key, number in fitted.items() if number is not None}
        if targets:
            yield int(rng.integers(BASES)), targets


def _in_bands(
    thresholds: Mapping[str, set[float]],
    drawn: Mapping[str, Drawn],
    bases: Leaves,
    rng: np.random.Generator,
) -> Iterable[tuple[int, Targets]]:
    """A number of each leaf between every two neighbouring thresholds: half-way, and half-way by magnitude."""
    for leaf, targets in thresholds.items():
        ordered = sorted(targets)
        for low, high in itertools.pairwise(ordered):
            between = [low / 2 + high / 2]
            if low * high > 0:
                between.append(float(np.sign(low) * np.sqrt(abs(low)) * np.sqrt(abs(high))))
            for number in between:
                index = tuple(int(rng.integers(size)) for size in bases[leaf].shape[1:])
                fitted = fit(drawn[leaf], number, rng)
                if fitted is not None:
                    yield int(rng.integers(BASES)), {(leaf, index): fitted}
