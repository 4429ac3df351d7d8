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
from verify.branches.refinement import Guess, placed, refined
from verify.branches.tape import Entry, Tape, recorded
from verify.generation.data import Leaves, Spec, generic, resolve
from verify.interpreter.walker import Sizes
from verify.programs.tracing import Programs, Traced

BASES = 12  # cases from which one or a few numbers are moved to a threshold
MOST = 64  # points that are aimed
SITES = 16  # whose thresholds are aimed at
NEAR = 1e-9  # of a threshold, relative
REACH = 15  # of the decimal exponent of points of any magnitude
GRID = 2.0**20  # of probabilities
ATTEMPTS = 8  # at an outcome that was not met


class Goal(NamedTuple):
    """What is to come of a site: an outcome, or a relation between what is compared."""

    path: Path
    outcome: int | None = None  # a bit of the site
    relation: str = ""
    distance: float | None = None


def aimed(
    programs: Programs,
    coverage: Coverage,
    goals: Sequence[Goal],
    bases: Leaves,
    specs: Mapping[str, Spec],
    sizes: Sizes,
    rng: np.random.Generator,
    *,
    wild: int = 0,
    refine: bool = False,
) -> Leaves | None:
    """Cases that reach goals, each made of one of the `bases` by changing a few numbers; None where there are none.

    So many that are `wild` are added, with numbers of any magnitude. Where points are to be refined, more walks bring
    them closer to thresholds.
    """
    drawn = {}
    for name, spec in specs.items():
        domain, _, size = resolve(name, spec, sizes)
        drawn[name] = Drawn(domain, size)

    def walk(leaves: Leaves) -> Tape:
        return recorded(programs, whole, sizes, specs, leaves)

    wanted = {goal.path for goal in goals}
    composed = [each for each in (programs.composed, programs.autodiff) if isinstance(each, Traced)]
    whole = [each for each in composed if wanted.intersection(coverage.paths_in(each))]
    tape = walk(bases)
    cases = _cases(bases)
    found: list[Guess] = []
    for goal in goals:
        guess = _guess(tape, coverage.sites[goal.path], goal, drawn, cases, rng, nudging=refine)
        found += [guess] if guess is not None and guess.targets else []
    found += _in_bands(found, drawn, bases, rng)
    chosen = [found[i] for i in sorted(rng.permutation(len(found))[:MOST].tolist())]
    chosen += _at_any_magnitude(wild, drawn, bases, rng)
    if not chosen:
        return None
    return refined(chosen, bases, drawn, tape, walk) if refine else placed(chosen, bases, drawn)


def generic_bases(
    sizes: Sizes, specs: Mapping[str, Spec], kinks: Sequence[float], rng: np.random.Generator
) -> Leaves:
    """Generic cases; probabilities are dyadic, so that they sum to 1 exactly."""
    bases = generic(rng, sizes, specs, BASES, kinks=kinks)
    for name, spec in specs.items():
        if isinstance(spec.domain, domains.Simplex):
            bases[name] = np.floor(bases[name] * GRID) / GRID
            bases[name][..., -1] += 1 - bases[name].sum(-1)
    return bases


def _cases(leaves: Leaves) -> int:
    return len(next(iter(leaves.values())))


# --- goals ------------------------------------------------------------------------------------------------------------


def at_thresholds(coverage: Coverage, paths: Iterable[Path]) -> list[Goal]:
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


def for_outcomes(outcomes: Iterable[tuple[Path, int]]) -> list[Goal]:
    """These outcomes, given as bits of a site, several times each."""
    goals = [Goal(path, i) for path, bits in outcomes for i in range(bits.bit_length()) if bits >> i & 1]
    return (goals * ATTEMPTS)[:MOST]


def _guess(
    tape: Tape,
    site: Site,
    goal: Goal,
    drawn: Mapping[str, Drawn],
    cases: int,
    rng: np.random.Generator,
    *,
    nudging: bool,
) -> Guess | None:
    """A point that is to reach a goal, at a case and an element drawn at random; None where none was found."""
    entries = tape.entries.get(goal.path)
    if not entries:
        return None
    turn, case = int(rng.integers(len(entries))), int(rng.integers(cases))
    shape = entries[turn].step.outputs[0].shape
    if 0 in shape:
        return None
    index = tuple(int(rng.integers(size)) for size in shape)
    inversion = Inversion(tape, drawn, case, rng, nudging=nudging and goal.distance is not None)
    if not _reach(inversion, entries[turn], site, goal, index):
        return None
    if goal.distance is None or site.primitive == "clamp":
        return Guess(case, inversion.targets)
    return Guess(case, inversion.targets, goal.path, turn, index, goal.relation, goal.distance)


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
    count: int, drawn: Mapping[str, Drawn], bases: Leaves, rng: np.random.Generator
) -> Iterable[Guess]:
    """For thresholds that cannot be traced back to a leaf, as behind a loop: numbers of a leaf, from tiny to huge."""
    for _ in range(count):
        leaf = str(rng.choice(list(bases)))
        shape = bases[leaf].shape[1:]
        places = list(np.ndindex(shape))
        if places and rng.random() < 0.5:
            places = [places[rng.integers(len(places))]]
        scale = rng.choice((-1.0, 1.0)) * 10.0 ** rng.uniform(-REACH, REACH)
        fitted = {(leaf, at): fit(drawn[leaf], scale * rng.uniform(0.5, 2.0), rng) for at in places}
        targets = {key: number for key, number in fitted.items() if number is not None}
        if targets:
            yield Guess(int(rng.integers(_cases(bases))), targets)


def _in_bands(
    guesses: Iterable[Guess], drawn: Mapping[str, Drawn], bases: Leaves, rng: np.random.Generator
) -> list[Guess]:
    """A number of each leaf between every two neighbouring thresholds: half-way, and half-way by magnitude."""
    thresholds: dict[str, set[float]] = {}
    for guess in guesses:
        for (leaf, _), target in guess.targets.items() if guess.relation == "=" else ():
            thresholds.setdefault(leaf, set()).add(target)
    found = []
    for leaf, targets in thresholds.items():
        for low, high in itertools.pairwise(sorted(targets)):
            between = [low / 2 + high / 2]
            if low * high > 0:
                between.append(float(np.sign(low) * np.sqrt(abs(low)) * np.sqrt(abs(high))))
            for number in between:
                index = tuple(int(rng.integers(size)) for size in bases[leaf].shape[1:])
                fitted = fit(drawn[leaf], number, rng)
                if fitted is not None:
                    found.append(Guess(int(rng.integers(_cases(bases))), {(leaf, index): fitted}))
    return found
