"""Which outcomes the comparisons and selections of a pair's programs had, over all walks that judged them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax

from manual_bp import domains
from verify.branches.analysis import Path, Site, sites
from verify.branches.outcomes import OBSERVED
from verify.branches.ranges import INFINITY, TINY, Range
from verify.generation.data import Spec
from verify.interpreter.steps import Step
from verify.programs.pair import Pair
from verify.programs.reference import COTANGENT
from verify.programs.tracing import GRADIENT, Programs, Traced

REFERENCE, AUTODIFF = "the reference", "jax.grad"  # programs that are no equation's: all stand on them


class Branch(NamedTuple):
    """What is known of a site, as plain data: it travels between processes."""

    program: str
    place: str
    words: tuple[str, ...]
    reachable: int
    met: int

    @property
    def unmet(self) -> tuple[str, ...]:
        """The outcomes that could be and were not, in words."""
        missing = self.reachable & ~self.met
        at = f" at {self.place}" if self.place else ""
        return tuple(f"{said}{at}" for i, said in enumerate(self.words) if missing >> i & 1)


Branches = dict[str, Branch]


def together(known: Branches, more: Mapping[str, Branch]) -> None:
    """Adds what another unit or shape knows."""
    for name, branch in more.items():
        old = known.get(name, branch)
        known[name] = branch._replace(reachable=old.reachable | branch.reachable, met=old.met | branch.met)


class Watched(NamedTuple):
    """A program, its sites, and the ranges of its results."""

    program: Traced
    paths: list[Path]
    results: Mapping[str, Range]


class Coverage:
    """The sites of every program of a pair that is watched; as an observer of walks it notes what comes of each."""

    def __init__(self, pair: Pair):
        self.pair = pair
        self.sites: dict[Path, Site] = {}
        self.met: dict[str, int] = {}
        self.path: list[int] = []
        self._watched: dict[int, Watched] = {}  # a program is known by its id: it is kept alive
        self._pending: dict[Path, int] = {}  # outcomes that were not met yet

    # --- what is watched ---

    def watch(self, programs: Programs) -> None:
        """Watches these programs too, as far as they are not watched."""
        leaves = self._leaves()
        values = {**leaves, **self._watch(programs.reference, REFERENCE, leaves)}
        for name, equation in programs.equations.items():
            if isinstance(equation, Traced):
                self._watch(equation, name, values)
        for name, program in ((GRADIENT, programs.composed), (AUTODIFF, programs.autodiff)):
            if isinstance(program, Traced):
                self._watch(program, name, leaves)

    def _watch(self, traced: Traced, name: str, values: Mapping[str, Range]) -> Mapping[str, Range]:
        """The ranges of the results, by name."""
        if id(traced) not in self._watched:
            inputs = [values[each]._replace(text=each) for each in traced.names]
            found, results = sites(traced.program, name, inputs)
            named = jax.tree.unflatten(traced.tree, results)
            self.sites |= found
            self._pending |= {path: site.reachable for path, site in found.items()}
            self._watched[id(traced)] = Watched(traced, [*found], named if isinstance(named, dict) else {})
            traced.observer = self
        return self._watched[id(traced)].results

    def _leaves(self) -> dict[str, Range]:
        """The ranges of the leaves, as their domains say; cotangents are any numbers."""
        given = {*self.pair.leaves, *self.pair.derivation.cotangents, COTANGENT}
        return {name: range_of(self.pair.leaves.get(name)) for name in given}

    # --- what is noted ---

    def begin(self) -> None:
        """A walk begins."""
        self.path.clear()

    def enter(self, step: Step) -> None:
        self.path.append(id(step.equation))

    def leave(self, step: Step, operands: Sequence[Any], results: Sequence[Any]) -> None:
        if step.primitive in OBSERVED:
            path = tuple(self.path)
            pending = self._pending.get(path)
            if pending is not None:
                self._note(path, pending, OBSERVED[step.primitive](step, operands, results))
        self.path.pop()

    def _note(self, path: Path, pending: int, met: int) -> None:
        name = self.sites[path].name
        self.met[name] = self.met.get(name, 0) | met
        if pending & ~met:
            self._pending[path] = pending & ~met
        else:
            del self._pending[path]

    def paths_in(self, traced: Any) -> list[Path]:
        """The sites of a program."""
        return self._watched[id(traced)].paths if id(traced) in self._watched else []

    def paths(self, programs: Programs) -> list[Path]:
        """The sites of these programs."""
        every = (programs.reference, *programs.equations.values(), programs.composed, programs.autodiff)
        return [path for traced in every for path in self.paths_in(traced)]

    def missing(self, path: Path) -> int:
        """The outcomes of a site that could be and were not, here or where the same stands in another trace."""
        site = self.sites[path]
        return site.reachable & ~self.met.get(site.name, site.reachable)

    @property
    def unmet(self) -> list[Path]:
        """The sites with outcomes that could be and were not, of those that were walked."""
        return [path for path in self._pending if self.missing(path)]

    @property
    def outcomes(self) -> int:
        """How many were met."""
        return sum(met.bit_count() for met in self.met.values())

    def branches(self) -> Branches:
        """What is known of every site that was walked; what nothing entered is a case of the choice around it."""
        found: Branches = {}
        for site in self.sites.values():
            if site.name in self.met:
                branch = Branch(site.program, site.place, site.words, site.reachable, self.met[site.name])
                together(found, {site.name: branch})
        return found


def range_of(spec: Spec | None) -> Range:
    """The range of a leaf; None stands for a cotangent."""
    match spec.domain if spec is not None else domains.real:
        case domains.Positive():
            return Range(TINY, INFINITY)
        case domains.Index(int(size)):
            return Range(0.0, size - 1.0)
        case domains.Nonnegative() | domains.Counts() | domains.Index():
            return Range(0.0, INFINITY)
        case domains.Interval(low, high):
            return Range(low, high)
        case domains.Simplex() | domains.OneHot() | domains.Binary() | domains.Mask():
            return Range(0.0, 1.0)
        case _:
            return Range()
