r"""The claim that an equation holds at every size of some dimensions, and its proof from a few small sizes.

Theorem. Let both sides of an identity be rational functions of the weights w of one dimension (see `degrees`), with
degrees (p_1, q_1) and (p_2, q_2) that do not depend on how many elements N there are; let f be the number of elements
that the result's indices name, with those that winners and labels single out, and n_0 the smallest size at which both
sides have a value and every kind of branch pattern occurs. Put D = max(p_1 + q_2, p_2 + q_1) and K = D + max(f, n_0).
If the sides agree at every size up to K, they agree at every size.

Proof. The numerator of the difference is, at weights 0 and 1, a multilinear polynomial in w of degree at most D, for
w_i^2 = w_i there. Keep the named elements at weight 1, or n_0 others. In the rest of the weights it vanishes wherever
at most D are 1, for there the size is at most K. A multilinear polynomial of degree D that vanishes at these corners of
the cube is zero: by Moebius inversion each of its coefficients is an alternating sum of its values at corners with no
more ones than its degree. So it vanishes where all weights are 1, which is size N.

Several dimensions: one after the other, for each bound holds whatever the other sizes are; where it needs that another
dimension is small, that one comes first. The sizes form a box, and at each of its shapes the identity is decided at
random points of finite fields, so the probabilities of error are added up. The branches that K elements can take are
met in every combination up to their order, or there is no claim; the claim is about the branches that were met, as
`proved` is. Sources: Schwartz (1980), Zippel (1979) for the points; the idea that few sizes decide all is that of
TensorRight (Arora et al., POPL 2025), the argument by weights is this project's.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from manual_bp.construction.graph import Equation
from verify.generation.data import generic, kinks_of
from verify.generation.residues import Points
from verify.interpreter.walker import Sizes
from verify.lanes.proof import Tower, prove_equal
from verify.programs.pair import Pair
from verify.programs.tracing import WalkError
from verify.sizes import patterns
from verify.sizes.degrees import NoClaim
from verify.sizes.local_programs import LocalPrograms, local_programs
from verify.sizes.local_rules import NoLocalRule
from verify.sizes.reach import Reached, decide, fitting_in, leave_out

POINTS = (128, 1024)  # at a shape; the more where few do not meet every combination of branches
ENOUGH = 64  # points at which every element must have been compared
MOST_SHAPES = 64  # in a box
MOST_OPERATIONS = 8_000  # of all walks through a box
OTHER_SIZES = (1, 2, 3)  # of the dimensions for which there is no claim


@dataclass(frozen=True)
class SizeClaim:
    """For which dimensions an equation is proved at every size."""

    every: dict[str, int] = field(default_factory=dict)  # with the size up to which all were looked at
    sampled: dict[str, str] = field(default_factory=dict)  # with the reason
    points: int = 0
    log2_error: float = -math.inf


def claim(pair: Pair, equation: Equation, seed: int) -> SizeClaim:
    """Proves the local rule of an equation at a box of small shapes, and says for which dimensions these decide all."""
    dims = pair.dims
    try:
        programs = local_programs(pair, equation)
    except NoLocalRule as none:
        return SizeClaim(sampled=dict.fromkeys(dims, f"no local rule: {none}"))
    if len(programs.flat.operations) > MOST_OPERATIONS // 8:
        return SizeClaim(sampled=dict.fromkeys(dims, "its local rule is too long a program"))
    readings, why = decide(programs, dims)
    readings = fitting_in(
        readings, why, min(MOST_SHAPES, MOST_OPERATIONS // (1 + len(programs.flat.operations)))
    )
    while readings:
        try:
            points, error = _prove(pair, programs, readings, dims, seed)
        except _Unmet as unmet:
            leave_out(readings, unmet.dimension, str(unmet), why)
        except (NoLocalRule, WalkError) as none:
            reason = none if isinstance(none, NoLocalRule) else "its local rule cannot be walked"
            return SizeClaim(sampled=dict.fromkeys(dims, str(reason)))
        else:
            break
    else:
        return SizeClaim(sampled=why)
    every = {dim: reach for dim, (_, reach) in readings.items()}
    return SizeClaim(every, {dim: why[dim] for dim in dims if dim not in every}, points, error)


# --- the box ----------------------------------------------------------------------------------------------------------


class _Unmet(NoClaim):
    """A combination of branches that was not met, of the elements of one dimension."""

    def __init__(self, dimension: str, why: str):
        super().__init__(why)
        self.dimension = dimension


def _prove(
    pair: Pair, programs: LocalPrograms, readings: Mapping[str, Reached], dims: list[str], seed: int
) -> tuple[int, float]:
    """The fewest points at any shape of the box, and the logarithm of the probability of error of all of them.

    Raises NoLocalRule where the rule does not hold or too few points have a value; _Unmet.
    """
    rng, tower = np.random.default_rng(seed), Tower()
    fewest, errors = 0, list[float]()
    for sizes in _box(readings, dims):
        for count in POINTS:
            outcome = _prove_at(pair, programs, sizes, rng, count, tower)
            try:
                _check_patterns(programs, readings, sizes, outcome.watched, outcome.floats)
            except _Unmet:
                if count == POINTS[-1]:
                    raise
            else:
                break
        fewest = min(fewest or outcome.points, outcome.points)
        errors.append(outcome.log2_error)
    return fewest, float(np.logaddexp2.reduce(errors))


def _box(readings: Mapping[str, Reached], dims: list[str]) -> list[Sizes]:
    """Every shape up to the reach of each dimension, at a few sizes of those for which there is none."""
    ranges = [range(1, reach + 1) for _, reach in readings.values()]
    others = [dim for dim in dims if dim not in readings]
    sampled = (
        [{dim: size + turn for turn, dim in enumerate(others)} for size in OTHER_SIZES] if others else [{}]
    )
    return [
        {**dict(zip(readings, sizes, strict=True)), **other}
        for sizes in itertools.product(*ranges)
        for other in sampled
    ]


@dataclass
class _Outcome:
    points: int
    log2_error: float
    watched: list[patterns.Site]
    floats: Mapping[str, np.ndarray]


def _prove_at(
    pair: Pair, programs: LocalPrograms, sizes: Sizes, rng: np.random.Generator, count: int, tower: Tower
) -> _Outcome:
    floats = generic(rng, sizes, programs.specs, count, kinks=kinks_of(pair.choices))
    watcher = patterns.Watcher([operation.equation for operation in programs.flat.operations])
    programs.traced.observer = watcher
    try:
        outcome = prove_equal(
            tower,
            programs.traced,
            sizes,
            Points.random(rng, programs.specs, floats),
            programs.rule.equation.name,
        )
    finally:
        programs.traced.observer = None
    if outcome is None or not outcome.equal:
        raise NoLocalRule("the local rule does not hold by itself")
    if outcome.points < ENOUGH:
        raise NoLocalRule("too few points have a value")
    return _Outcome(outcome.points, outcome.log2_error, watcher.sites, floats)


def _check_patterns(
    programs: LocalPrograms,
    readings: Mapping[str, Reached],
    sizes: Sizes,
    watched: list[patterns.Site],
    floats: Mapping[str, np.ndarray],
) -> None:
    for dim, (reading, _) in readings.items():
        unlikely = {id(reading.made[number].equation) for number in reading.at_most_one}
        sites = [*watched, *patterns.of_leaves(programs.specs, floats, dim, sizes[dim])]
        try:
            patterns.check(reading, sizes[dim], sites, unlikely)
        except NoClaim as none:
            raise _Unmet(dim, str(none)) from none
