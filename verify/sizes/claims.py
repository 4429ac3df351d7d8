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

Square roots of sums: a root r is one more variable whose square is R, so a side is A + r B, with degrees that count r
as half of R. If the sides agree with r of either sign, they agree in A and in B, and these are rational: the theorem
holds for each. So there the points are walked once more with signs drawn root by root; if some part with m roots
differed, it would be seen at a point with probability at least 2^-m.

Logarithms of sums are kept with their antilogarithms, as the field does: exp(a - log b) is exp(a) / b.

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
from verify.generation.data import Leaves, generic, kinks_of
from verify.generation.residues import Points
from verify.interpreter.walker import Sizes
from verify.lanes.proof import Outcome, Tower, prove_equal
from verify.programs.pair import Pair
from verify.programs.tracing import WalkError
from verify.sizes import patterns
from verify.sizes.degrees import NoClaim
from verify.sizes.local_programs import LocalPrograms, local_programs
from verify.sizes.local_rules import NoLocalRule
from verify.sizes.reach import Reached, decide, fitting_in, leave_out

POINTS = (128, 1024)  # at a shape; the more where few do not meet every combination of branches
ENOUGH = 64  # points at which every element must have been compared
WEAKEST = -64.0  # log2 of the largest probability of error of a claim
MOST_ROOTS = 4
MOST_SHAPES = 64  # in a box
MOST_OPERATIONS = 8_000  # of all walks through a box
PRIMES = (5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97)
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
    length = len(programs.flat.operations)
    if length > MOST_OPERATIONS // 8:
        return SizeClaim(sampled=dict.fromkeys(dims, "its local rule is too long a program"))
    readings, why = decide(programs, dims)
    readings = fitting_in(readings, why, min(MOST_SHAPES, MOST_OPERATIONS // (1 + length)))
    while readings:
        try:
            points, error = _Box(pair, programs, readings, np.random.default_rng(seed)).prove()
        except _Unmet as unmet:
            leave_out(readings, unmet.dimension, str(unmet), why)
        except (NoLocalRule, WalkError) as none:
            reason = none if isinstance(none, NoLocalRule) else "its local rule cannot be walked"
            return SizeClaim(sampled=dict.fromkeys(dims, str(reason)))
        else:
            every = {dim: reach for dim, (_, reach) in readings.items()}
            return SizeClaim(every, {dim: why[dim] for dim in dims if dim not in every}, points, error)
    return SizeClaim(sampled=why)


class _Unmet(NoClaim):
    """What was not met at the sizes of one dimension: a combination of branches, or a root's other sign."""

    def __init__(self, dimension: str, why: str):
        super().__init__(why)
        self.dimension = dimension


@dataclass
class _Box:
    """Every shape up to the reach of each dimension, at a few sizes of those for which there is no claim."""

    pair: Pair
    programs: LocalPrograms
    readings: Mapping[str, Reached]
    rng: np.random.Generator
    tower: Tower = field(default_factory=Tower)

    def prove(self) -> tuple[int, float]:
        """The fewest points at any shape, and the logarithm of the probability of error of all of them.

        Raises NoLocalRule where the rule does not hold or too few points have a value; _Unmet.
        """
        rooted = {dim: reading.roots for dim, (reading, _) in self.readings.items() if reading.roots}
        fewest, errors = 0, list[float]()
        for sizes in self.shapes():
            for count in POINTS:
                outcome, watcher, floats = self.at(sizes, count)
                try:
                    self.check_branches(sizes, watcher, floats)
                except _Unmet:
                    if count == POINTS[-1]:
                        raise
                else:
                    break
            fewest = min(fewest or outcome.points, outcome.points)
            errors.append(outcome.log2_error)
            if rooted:
                errors.append(self.with_other_roots(sizes, rooted))
        self.at_numbers()
        error = float(np.logaddexp2.reduce(errors))
        if error > WEAKEST:
            raise NoLocalRule("the probability of error is too large at the sizes that decide")
        return fewest, error

    def shapes(self) -> list[Sizes]:
        ranges = [range(1, reach + 1) for _, reach in self.readings.values()]
        others = [dim for dim in self.pair.dims if dim not in self.readings]
        sampled = [{dim: size + turn for turn, dim in enumerate(others)} for size in OTHER_SIZES]
        return [
            {**dict(zip(self.readings, sizes, strict=True)), **other}
            for sizes in itertools.product(*ranges)
            for other in (sampled if others else [{}])
        ]

    def at(
        self, sizes: Sizes, count: int, *, either_root: bool = False
    ) -> tuple[Outcome, patterns.Watcher, Leaves]:
        """What so many points of one shape say, who saw what they decided, and the numbers that steered them."""
        traced, specs = self.programs.traced, self.programs.specs
        floats = generic(self.rng, sizes, specs, count, kinks=kinks_of(self.pair.choices))
        tower = Tower() if either_root else self.tower
        points, name = Points.random(self.rng, specs, floats), self.programs.rule.equation.name
        watcher = patterns.Watcher([operation.equation for operation in self.programs.flat.operations])
        traced.observer = watcher
        try:
            outcome = prove_equal(tower, traced, sizes, points, name, either_root=either_root)
        finally:
            traced.observer = None
        if outcome is None or not outcome.equal:
            raise NoLocalRule("the local rule does not hold by itself")
        if outcome.points < ENOUGH:
            raise NoLocalRule("too few points have a value")
        return outcome, watcher, floats

    def at_numbers(self) -> None:
        """The same at one larger shape, traced with numbers for sizes: a function may ask whether they are."""
        larger = (size for size in PRIMES if size > max(reach for _, reach in self.readings.values()))
        sizes = {dim: next(larger) if dim in self.readings else OTHER_SIZES[-1] for dim in self.pair.dims}
        floats = generic(self.rng, sizes, self.programs.specs, POINTS[0], kinks=kinks_of(self.pair.choices))
        points = Points.random(self.rng, self.programs.specs, floats)
        try:
            outcome = prove_equal(Tower(), self.programs.at(sizes), sizes, points, "")
        except Exception:
            outcome = None
        if outcome is None or not outcome.equal:
            raise NoLocalRule("it is another function where sizes are numbers")

    def check_branches(self, sizes: Sizes, watcher: patterns.Watcher, floats: Leaves) -> None:
        for dim, (reading, _) in self.readings.items():
            unlikely = {id(reading.made[number].equation) for number in reading.at_most_one}
            sites = [*watcher.sites, *patterns.of_leaves(self.programs.specs, floats, dim, sizes[dim])]
            try:
                patterns.check(reading, sizes[dim], sites, unlikely, watcher.unfollowed)
            except NoClaim as none:
                raise _Unmet(dim, str(none)) from none

    def with_other_roots(self, sizes: Sizes, rooted: Mapping[str, int]) -> float:
        """The same with roots of either sign, and the logarithm of the probability of error."""
        dim = max(rooted, key=lambda dim: rooted[dim])
        if rooted[dim] > MOST_ROOTS:
            raise _Unmet(dim, "too many roots of sums over it")
        try:
            outcome, _, _ = self.at(sizes, POINTS[-1], either_root=True)
        except NoLocalRule:
            why = "a root of a sum over it, with whose other sign the two sides are not equal"
            raise _Unmet(dim, why) from None
        return max(outcome.points * math.log2(1 - 2.0 ** -rooted[dim]), outcome.log2_error)
