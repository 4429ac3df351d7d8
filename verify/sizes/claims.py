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
from typing import Any

import numpy as np

from manual_bp import domains
from manual_bp.construction.graph import Equation
from verify.generation.data import Spec, generic, kinks_of
from verify.generation.residues import Points
from verify.interpreter.walker import Sizes
from verify.lanes.proof import Tower, prove_equal
from verify.programs.pair import Pair
from verify.programs.size_decisions import noted
from verify.programs.tracing import Traced, alone
from verify.sizes import patterns
from verify.sizes.degrees import Degree, Factor, Known, NoClaim, Position, Unknown, degree, over_common
from verify.sizes.flat import Flat, flatten, sizes_in
from verify.sizes.local_rules import LocalRule, NoLocalRule, local_rule
from verify.sizes.reading import Reading, all_axes, read
from verify.sizes.table import RULES

POINTS = (128, 1024)  # at a shape; the more where few do not meet every combination of branches
ENOUGH = 64  # points at which every element must have been compared
MOST_SHAPES = 64  # in a box
OTHER_SIZES = (1, 2, 3)  # of the dimensions for which there is no claim


@dataclass(frozen=True)
class SizeClaim:
    """For which dimensions an equation is proved at every size."""

    every: dict[str, int] = field(default_factory=dict)  # with the size up to which all were looked at
    sampled: dict[str, str] = field(default_factory=dict)  # with the reason
    points: int = 0
    log2_error: float = -math.inf


@dataclass
class LocalPrograms:
    """Both sides of one equation as one program of what is free, and the same as a list of operations."""

    rule: LocalRule
    traced: Traced  # gives the manual side and the reference
    flat: Flat
    specs: dict[str, Spec]


def claim(pair: Pair, equation: Equation, seed: int) -> SizeClaim:
    """Proves the local rule of an equation at a box of small shapes, and says for which dimensions these decide all."""
    dims = pair.dims
    try:
        programs = local_programs(pair, equation)
    except NoLocalRule as none:
        return SizeClaim(sampled=dict.fromkeys(dims, f"no local rule: {none}"))
    readings, why = decide(programs, dims)
    readings = _fitting(readings, why)
    while True:
        try:
            points, error = _prove(pair, programs, readings, dims, seed)
        except _Unmet as unmet:
            del readings[unmet.dimension]
            why[unmet.dimension] = str(unmet)
        except NoLocalRule as none:
            return SizeClaim(sampled=dict.fromkeys(dims, str(none)))
        else:
            break
    every = {dim: reach for dim, (_, reach) in readings.items()}
    return SizeClaim(every, {dim: why[dim] for dim in dims if dim not in every}, points, error)


def local_programs(pair: Pair, equation: Equation) -> LocalPrograms:
    """Traces the local rule with symbolic sizes. Raises NoLocalRule."""
    whole = pair.symbolic if pair.dims else pair.programs({})
    if whole is None:
        asked = {name for each in pair.decisions.asked.values() for name in sizes_in([each.left, each.right])}
        raise NoLocalRule(
            f"a function decides something by {', '.join(sorted(asked))}" if asked else "sizes cannot be symbolic"
        )
    if not isinstance(whole.equations[equation.name], Traced):
        raise NoLocalRule("it cannot be walked")
    rule = local_rule(pair.derivation, equation)
    known = whole.reference.results
    inputs = {name: known[name] for name in (*rule.free, *rule.given)}
    names = dict.fromkeys((*equation.parameters, equation.root, equation.symbol))

    def both(**free: Any) -> tuple[Any, Any]:
        values = rule.values(pair.choices, free)
        manual = alone(equation, pair.choices)(**{name: values[name] for name in names})
        return manual, values[equation.name]

    with noted() as decisions:
        try:
            traced = Traced(both, inputs, equation.name, x64=pair.x64)
        except Exception as error:
            raise NoLocalRule(f"it cannot be traced: {type(error).__name__}") from error
    if decisions:
        raise NoLocalRule("a function decides something by a size")
    specs = {name: _spec(pair, name, inputs[name]) for name in inputs}
    return LocalPrograms(rule, traced, flatten(traced.closed), specs)


def _spec(pair: Pair, name: str, aval: Any) -> Spec:
    if name in pair.leaves:
        return pair.leaves[name]
    if aval.dtype.kind != "f":
        raise NoLocalRule(f"{name} is no floating-point number")
    dims = tuple(size if isinstance(size, int) else str(size).replace("^", "**") for size in aval.shape)
    return Spec(dims, "float", domains.real, cotangent=name not in pair.derivation.graph.steps)


# --- how far a size reaches -------------------------------------------------------------------------------------------


def decide(programs: LocalPrograms, dims: list[str]) -> tuple[dict[str, tuple[Reading, int]], dict[str, str]]:
    """For each dimension the size up to which all have to be looked at, in the order in which they are decided; or why
    there is none."""
    found: dict[str, tuple[Reading, int]] = {}
    why: dict[str, str] = {}
    while True:
        before = len(found)
        for dim in dims:
            if dim not in found:
                try:
                    found[dim] = _reach(programs, dim, {each: reach for each, (_, reach) in found.items()})
                except NoClaim as none:
                    why[dim] = str(none)
        if len(found) == before:
            return found, {dim: reason for dim, reason in why.items() if dim not in found}


def _reach(programs: LocalPrograms, dim: str, decided: Mapping[str, int]) -> tuple[Reading, int]:
    flat = programs.flat
    names = dict(zip(flat.inputs, programs.traced.names, strict=True))
    used = {number for operation in flat.operations for number in operation.inputs} | {*flat.outputs}
    probe = Reading(flat, dim, decided)
    leaves = {number: _leaf(probe, number, programs.specs[name], number in used) for number, name in names.items()}
    reading = read(flat, dim, leaves, decided, RULES)
    reading.named += probe.named
    (manual, expected), _ = zip(
        *((degree(reading.values[number]), number) for number in flat.outputs), strict=True
    )
    numerators, _ = over_common([manual, expected])
    indices = len(reading.along(flat.arrays[flat.outputs[1]]))
    return reading, max(numerators) + max(indices + reading.named, reading.smallest)


def _leaf(reading: Reading, number: int, spec: Spec, used: bool) -> Known:
    """An input: free, but for probabilities, which are parts of a sum, and for what names an element."""
    array = reading.flat.arrays[number]
    axes = all_axes(array)
    if not used:
        return Degree(axes=axes)
    if any(reading.dimension in sizes_in(size) and not reading.is_it(size) for size in array.shape):
        return Unknown("a leaf with an axis of another size made of it")
    last = frozenset({len(array.shape) - 1} if array.shape and reading.is_it(array.shape[-1]) else ())
    match spec.domain:
        case domains.Simplex() if last:
            return Degree(0, (Factor(("simplex", number), 1, axes - last),), axes)
        case domains.OneHot() if last:
            reading.name(array.shape, axes - last)
        case domains.Index(size) if size == reading.dimension:
            reading.name(array.shape, axes)
            return Position(axes, named=True)
        case domains.Index(str(size)) if reading.dimension in size:
            return Unknown("an index into an axis of another size made of it")
    return Degree(axes=axes)


def _fitting(readings: dict[str, tuple[Reading, int]], why: dict[str, str]) -> dict[str, tuple[Reading, int]]:
    """As many of the dimensions as a box of few shapes has room for, the last decided left out first."""
    fitting = dict(readings)
    while math.prod(reach for _, reach in fitting.values()) > MOST_SHAPES:
        dim = max(fitting, key=lambda dim: fitting[dim][1])
        why[dim] = f"sizes up to {fitting[dim][1]} would have to be looked at"
        order = [*fitting]
        for later in order[order.index(dim) :]:
            if later == dim or fitting[later][0].decided.keys() & {dim}:
                why.setdefault(later, f"it needs a claim for {dim}")
                del fitting[later]
    return fitting


# --- the box ----------------------------------------------------------------------------------------------------------


class _Unmet(NoClaim):
    """A combination of branches that was not met, of the elements of one dimension."""

    def __init__(self, dimension: str, why: str):
        super().__init__(why)
        self.dimension = dimension


def _prove(
    pair: Pair, programs: LocalPrograms, readings: Mapping[str, tuple[Reading, int]], dims: list[str], seed: int
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


def _box(readings: Mapping[str, tuple[Reading, int]], dims: list[str]) -> list[Sizes]:
    """Every shape up to the reach of each dimension, at a few sizes of those for which there is none."""
    ranges = [range(1, reach + 1) for _, reach in readings.values()]
    others = [dim for dim in dims if dim not in readings]
    sampled = [{dim: size + turn for turn, dim in enumerate(others)} for size in OTHER_SIZES] if others else [{}]
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
            tower, programs.traced, sizes, Points.random(rng, programs.specs, floats), programs.rule.equation.name
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
    readings: Mapping[str, tuple[Reading, int]],
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
