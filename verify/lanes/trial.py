"""One shape at which wrong equations are tried: everything right is walked once, and then each wrong one by itself."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import numpy as np

from manual_bp.construction.graph import Equation
from verify.arithmetic.bounds.arithmetic import Bounds
from verify.arithmetic.bounds.value import differs
from verify.arithmetic.field.arithmetic import Field
from verify.arithmetic.field.modular import MODULI
from verify.branches.aiming import aimed, at_thresholds, generic_bases
from verify.branches.coverage import Coverage
from verify.generation.data import Leaves, fill, kinks_of
from verify.generation.residues import Points
from verify.generation.structures import STRUCTURES
from verify.interpreter.opaque import on_device_alone, opaque_in
from verify.interpreter.walker import Arithmetic, Sizes
from verify.lanes.bounds import as_bounded, bound, lift
from verify.lanes.proof import prove
from verify.lanes.purity import numbers, traces_until_another
from verify.programs.pair import Pair
from verify.programs.tracing import GRADIENT, Fault, NotADerivative, Programs, Traced, alone
from verify.runtime import tracebacks
from verify.verdict import Verdict

POINTS = 32
ROUNDS = 3  # of aiming at thresholds
ATTEMPTS = 16  # at each threshold
CASES = 24  # of each structure


class Detection(NamedTuple):
    """How a wrong equation was caught."""

    lane: str  # trace, purity, proof, bounds or opinions
    needed: int  # traces, points or cases until then
    verdict: Verdict


class Candidate:
    """A function in the place of an equation, or of the composed gradient, traced where it is needed."""

    def __init__(self, name: str, function: Equation | Callable[..., Any], rows: Mapping[str, Any]):
        self.name = name
        self._function, self._rows = function, rows
        self._traced: dict[int, Traced | Fault] = {}

    def traced(self, programs: Programs) -> Traced | Fault:
        if id(programs) not in self._traced:
            self._traced[id(programs)] = self.trace(programs)
        return self._traced[id(programs)]

    def runs(self, programs: Programs) -> bool:
        """Whether it can be traced, or returns what no derivative is."""
        traced = self.traced(programs)
        return isinstance(traced, Traced) or traced.wrong

    def trace(self, programs: Programs) -> Traced | Fault:
        try:
            if not isinstance(self._function, Equation):
                assert isinstance(programs.composed, Traced)
                arguments = (variable.aval for variable in programs.composed.program.jaxpr.invars)
                shapes = {
                    name: jax.ShapeDtypeStruct(aval.shape, aval.dtype)
                    for name, aval in zip(programs.composed.names, arguments, strict=True)
                }  # type: ignore[attr-defined]
                return _walkable(Traced(self._function, shapes))
            taken = (*self._function.parameters, self._function.root, self._function.symbol)
            shapes = {name: programs.reference.results[name] for name in taken}
            return _walkable(Traced(alone(self._function, self._rows), shapes))
        except NotADerivative as wrong:
            return Fault(str(wrong), wrong=True)
        except Exception as error:  # what does not run is wrong for everybody to see
            return Fault(f"raised {tracebacks.one_line(error)}", wrong=False)


def _walkable(traced: Traced) -> Traced | Fault:
    closed = opaque_in(traced.program.jaxpr)
    return Fault(on_device_alone(closed), wrong=False) if closed else traced


class Trial:
    """The values of everything right, at random points of the field and at cases of every structure."""

    def __init__(self, pair: Pair, sizes: Sizes, seed: int, *, concrete: bool):
        self.pair, self.sizes = pair, sizes
        self.programs = pair.programs(sizes, concrete=concrete)
        self.specs = pair.specs(sizes)
        self.rng = np.random.default_rng([seed, *sizes.values()])
        self.proof = prove(pair, sizes, self.rng, POINTS, concrete=concrete)
        self._coverage = Coverage(pair)
        kinks = kinks_of(pair.choices)
        drawn = [fill(self.rng, sizes, self.specs, row, CASES, kinks=kinks) for row in STRUCTURES]
        self.cases = {leaf: np.concatenate([case[leaf] for case in drawn]) for leaf in self.specs}
        compared = bound(pair, sizes, self.cases, concrete=concrete).comparisons
        unequal = {name for name, outcome in self.proof.outcomes.items() if not outcome.equal}
        self.wrong = unequal | {name for name, comparison in compared.items() if comparison.differ}

    def judge(self, candidate: Candidate) -> Detection | None:
        """How the candidate is caught here; None if it is not."""
        traced = candidate.traced(self.programs)
        if isinstance(traced, Fault):
            return Detection("trace", 0, Verdict.REFUTED) if traced.wrong else None
        traces = self._traces_until_another(candidate, traced)
        if traces is not None:
            return Detection("purity", traces, Verdict.INCONCLUSIVE)
        point = self._mismatch(candidate.name, traced)
        if point is not None:
            return Detection("proof", point + 1, Verdict.REFUTED)
        found = self._difference(candidate.name, traced, self.cases, self._with_bounds)
        for _ in range(ROUNDS):
            if found is not None or (aimed := self._at_thresholds(candidate.name, traced)) is None:
                break
            found = self._difference(candidate.name, traced, aimed, self._bounded(aimed))
        return found

    def _traces_until_another(self, candidate: Candidate, traced: Traced) -> int | None:
        """How often an equation was traced until it was another function, if that ever happened."""
        if candidate.name == GRADIENT:  # it is made of equations, and of nothing that could change
            return None
        values = self._with_bounds.values
        again = functools.partial(candidate.trace, self.programs)
        return traces_until_another(numbers(traced, self.sizes, values), again, self.sizes, values)

    def _mismatch(self, name: str, traced: Traced) -> int | None:
        """The first point of the field at which the two sides differ; what is uninterpreted decides nothing."""
        found = None
        for side in (
            self._in_extension,
            self._among_squares,
        ):  # where no root is taken, one is like the other
            field = like(side.arithmetic)
            pairs = side.pairs(field, name, traced)
            agreements = [field.compare(field.lifted(ours), field.lifted(theirs)) for ours, theirs in pairs]
            points = [agreement.mismatch[0] for agreement in agreements if agreement.mismatch is not None]
            if not points or field.uninterpreted:
                return None
            found = min(points)
            if not (field.rooted or side.arithmetic.rooted):
                break
        return found

    def _difference(self, name: str, traced: Traced, cases: Leaves, side: Side) -> Detection | None:
        """The first case in which the two sides differ beyond both bounds; None where the field cannot say how."""
        arithmetic = Bounds()
        differing = np.zeros(len(next(iter(cases.values()))), bool)
        for sides in side.pairs(arithmetic, name, traced):
            ours, theirs = arithmetic.settle([as_bounded(side) for side in sides])
            mask, _ = differs(ours, theirs)
            differing |= mask.reshape(len(mask), -1).any(axis=1)
        if not differing.any():
            return None
        places = np.flatnonzero(differing)
        where = {leaf: values[places[:POINTS]] for leaf, values in cases.items()}
        verdict = self._verdict(name, traced, where)
        return None if verdict is None else Detection("bounds", int(places[0]) + 1, verdict)

    def _verdict(self, name: str, traced: Traced, cases: Leaves) -> Verdict | None:
        """Whether the two sides differ without any rounding; None where the field has holes at all these cases."""
        side = side_of(self.pair, self.programs, self.sizes, Points.exact(self.specs, cases))
        field = like(side.arithmetic)
        pairs = [(field.lifted(a), field.lifted(b)) for a, b in side.pairs(field, name, traced)]
        agreements = [field.compare(ours, theirs) for ours, theirs in pairs]
        agree = all(agreement.mismatch is None for agreement in agreements)
        finite = all((np.isfinite(ours.x) | ~np.isfinite(theirs.x)).all() for ours, theirs in pairs)
        if not (agree and finite):
            return Verdict.REFUTED
        return Verdict.INACCURATE if all(agreement.points for agreement in agreements) else None

    def _at_thresholds(self, name: str, traced: Traced) -> Leaves | None:
        """Cases at the thresholds of a candidate, as a campaign finds them; None where it compares nothing."""
        programs = self._with(name, traced)
        self._coverage.watch(self._with(name, self._right(name)))
        self._coverage.watch(programs)
        if not (paths := self._coverage.paths_in(traced)):
            return None
        goals = at_thresholds(self._coverage, paths) * ATTEMPTS
        bases = generic_bases(self.sizes, self.specs, kinks_of(self.pair.choices), self.rng)
        return aimed(programs, self._coverage, goals, bases, self.specs, self.sizes, self.rng, refine=True)

    def _right(self, name: str) -> Any:
        return self.programs.composed if name == GRADIENT else self.programs.equations[name]

    def _with(self, name: str, traced: Any) -> Programs:
        """The reference, and one program in its place."""
        composed, equations = (traced, {}) if name == GRADIENT else (None, {name: traced})
        return replace(self.programs, equations=equations, composed=composed, autodiff=None)

    # --- the right side in each arithmetic, walked once ---

    @functools.cached_property
    def _in_extension(self) -> Side:
        return self._generic(extended=True)

    @functools.cached_property
    def _among_squares(self) -> Side:
        return self._generic(extended=False)

    @functools.cached_property
    def _with_bounds(self) -> Side:
        return self._bounded(self.cases)

    def _bounded(self, cases: Leaves) -> Side:
        arithmetic = Bounds()
        return Side(self.programs, self.sizes, arithmetic, lift(arithmetic, self.specs, cases))

    def _generic(self, *, extended: bool) -> Side:
        points = Points.random(self.rng, self.specs, self.proof.floats)
        return side_of(self.pair, self.programs, self.sizes, points, extended=extended)


def side_of(
    pair: Pair,
    programs: Programs,
    sizes: Sizes,
    points: Points,
    *,
    extended: bool = True,
    more: int = 0,
    descending: bool = False,
) -> Side:
    """What is right at these points of the field.

    The tower is as high as the proof found out, and has so many levels `more`; logarithms are discrete logarithms
    where the proof needed them, or where they are to be.
    """
    descent = max(pair.descent, int(descending))
    height = min(pair.levels + descent + more, len(MODULI))
    field = Field(len(points), height, extended=extended, descending=descent > 0)
    return Side(programs, sizes, field, points.leaves(height))


def like(field: Field) -> Field:
    """A new field like this one: what a candidate does is noted apart from what the right side did."""
    return Field(field.points, len(field.moduli), extended=field.extended, descending=field.descending)


class Side:
    """What is right at one shape, in one arithmetic."""

    def __init__(self, programs: Programs, sizes: Sizes, arithmetic: Any, leaves: Mapping[str, Any]):
        self.programs, self.sizes = programs, sizes
        self.arithmetic, self.leaves = arithmetic, leaves
        self.values = self.programs.reference(arithmetic, self.sizes, leaves)

    @functools.cached_property
    def whole(self) -> dict[str, Any]:
        assert self.programs.autodiff is not None
        return self.programs.autodiff(self.arithmetic, self.sizes, self.leaves)

    def pairs(self, arithmetic: Arithmetic, name: str, traced: Traced) -> list[tuple[Any, Any]]:
        """What is compared: the results of the candidate and the right ones."""
        if name != GRADIENT:
            return [(traced(arithmetic, self.sizes, self.values), self.values[name])]
        manual = traced(arithmetic, self.sizes, self.leaves)
        return [(manual[key], right) for key, right in self.whole.items()]
