"""One derivation with one row of each table, as programs to be walked: the reference, each equation alone, the whole.

Everything is traced once, with symbolic sizes, in float64 so that no literal is rounded; in another dtype again where a
user's code decides something by the dtype. Where a function does not allow symbolic sizes, where a user's code decides
something by one, and wherever a caller asks for `concrete` sizes, it is traced at those sizes.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from manual_bp.construction.composition import forward_pass
from manual_bp.construction.graph import Equation
from manual_bp.construction.signatures import size_of
from manual_bp.derivation import Derivation
from manual_bp.domains import real
from verify.generation.data import Spec
from verify.generation.strategies import dimension_names, ladder, numbers
from verify.interpreter.opaque import CALLBACKS, Opaque
from verify.interpreter.walker import Sizes
from verify.programs import reference as oracle
from verify.programs.dtype_decisions import same
from verify.programs.size_decisions import Decisions, distinct, noted, positions, turning
from verify.programs.tracing import DTYPES, GRADIENT, Fault, Programs, Traced, alone, attempt

MOST_NUMBERS = 20_000  # in the leaves, at a shape at which something is decided otherwise
MOST_EXPLORED = 17  # sizes from here on are larger than any that is drawn


class Pair:
    """A derivation with its tables' rows chosen, traced in one dtype.

    Raises whatever the forward functions raise: without them there is nothing to judge.
    """

    def __init__(
        self,
        derivation: Derivation,
        choices: Mapping[str, Any],
        dtype: str = "float64",
        *,
        rounds_casts: bool = True,
        kinks: str = "same",
    ):
        self.derivation, self.choices, self.dtype = derivation, choices, dtype
        self.x64 = dtype == "float64"  # whether 64-bit types are enabled, as where that dtype is run
        self.leaves = {name: Spec(*derivation.leaf_spec(name, choices)) for name in derivation.leaves}
        self.symbols = oracle.composed_symbols(derivation)
        self.dims = sorted(dimension_names(derivation))
        self.levels = 2  # of the tower of fields that the pair's programs need; the proof finds out
        self.descent = 0  # levels more that discrete logarithms need; 0 where nothing needed them
        self.differing: set[str] = set()  # equations whose sides differ at some shape, whatever was tried
        self.given_up: dict[str, Fault] = {}  # equations that are not traced again, and why
        self.closed: dict[str, Opaque] = {}  # equations in which a primitive was met that cannot be entered
        self._concrete: dict[tuple, Programs] = {}
        self.decisions = Decisions()  # by sizes, in a user's code
        self.rounds_casts = rounds_casts  # or else a cast to a narrower dtype leaves numbers as they are
        self.kinks = kinks  # whether "any" subgradient is right at a kink, or the "same" as jax.grad's
        self.claims: dict[str, Any] = {}  # of equations, what is proved of them at every size
        self._in_dtypes: dict[str, Pair] = {dtype: self}

    def in_dtype(self, dtype: str) -> Pair:
        """The same traced in that dtype, where its programs are others; else, or where they cannot be traced, this."""
        if dtype not in self._in_dtypes:
            other = Pair(self.derivation, self.choices, dtype, rounds_casts=False, kinks=self.kinks)
            other.given_up, other.closed = {**self.given_up}, {**self.closed}
            sizes = distinct(self.dims)
            try:
                ours, theirs = (pair.programs(sizes, concrete=True) for pair in (self, other))
            except Exception:  # the device finds out what does not run in that dtype
                self._in_dtypes[dtype] = self
            else:
                alike = same(ours, theirs) and self._questions() == other._questions()
                self._in_dtypes[dtype] = self if alike else other
            other.given_up, other.closed = self.given_up, self.closed  # from now on, what one gives up all do
        return self._in_dtypes[dtype]

    def others(self) -> list[Pair]:
        """This pair, and those of the dtypes looked at whose programs are others."""
        return [*dict.fromkeys([self, *self._in_dtypes.values()])]

    def give_up_dtype(self, dtype: str) -> None:
        """Judges the programs of a dtype no further, which cannot be walked: these stand for them on the device."""
        self._in_dtypes[dtype] = self

    def _questions(self) -> set[tuple[str, str, str]]:
        """What is decided by sizes, in this dtype."""
        if self.dims:
            _ = self.symbolic  # the trace in which they are asked
        return {*self.decisions.asked}

    def give_up(self, name: str, fault: Fault) -> None:
        """Judges an equation, or the composed gradient, no further."""
        self.given_up[name] = fault
        for programs in self._in_every_dtype():
            programs.give_up(name, fault)

    def close(self, name: str, opaque: Opaque) -> None:
        """Leaves an equation, or the composed gradient, to the device alone."""
        self.closed[name] = opaque
        for programs in self._in_every_dtype():
            programs.close(name, opaque)

    @property
    def calls_back(self) -> bool:
        """Whether anything that was traced calls back into Python."""
        return any(
            CALLBACKS & set(opaque.primitives)
            for programs in self._known()
            for opaque in programs.opaque.values()
        )

    def _in_every_dtype(self) -> list[Programs]:
        return [programs for pair in {*self._in_dtypes.values()} for programs in pair._known()]

    def _known(self) -> list[Programs]:
        symbolic = self.__dict__.get("symbolic")
        return [*self._concrete.values(), *([symbolic] if symbolic is not None else [])]

    def specs(self, sizes: Sizes) -> dict[str, Spec]:
        """What is drawn: the leaves, and the cotangents, never all ones."""
        drawn = dict(self.leaves)
        for name, node in self.derivation.cotangents.items():
            drawn[name] = Spec(
                self._node_shape(node, tuple(sorted(sizes.items()))), "float", real, cotangent=True
            )
        return {**drawn, oracle.COTANGENT: Spec((), "float", real, cotangent=True)}

    def programs(self, sizes: Sizes, *, concrete: bool = False) -> Programs:
        """The programs to walk at these sizes."""
        if self.dims and not concrete and self.symbolic is not None:
            return self.symbolic
        key = tuple(sorted(sizes.items()))
        if key not in self._concrete:
            if len(self._concrete) >= 16:
                self._concrete.pop(next(iter(self._concrete)))
            self._concrete[key] = self._trace(sizes)
        return self._concrete[key]

    @functools.cached_property
    def symbolic(self) -> Programs | None:
        """One trace for all sizes; None where a function decides something by its sizes."""
        symbols = jax.export.symbolic_shape(", ".join(self.dims) + ",")
        sizes = dict(zip(self.dims, symbols, strict=True))
        with noted() as self.decisions:
            try:
                programs = self._trace(sizes)
            except (
                Exception
            ):  # the forward pass refuses symbolic sizes; if it is wrong, it raises at concrete ones
                programs = None
        if self.decisions:
            self._look_further(sizes)
        if programs is None or self.decisions:
            return None
        met = [*self._concrete.values()]
        if programs.faults.keys() - self.given_up.keys():  # a kernel's blocks may need sizes that are numbers
            for name, opaque in self.programs(ladder(self.derivation)[-1], concrete=True).opaque.items():
                if name in programs.faults:
                    programs.close(name, opaque)
        for name, fault in programs.faults.items():
            if met and all(
                name in traced.faults for traced in met
            ):  # anywhere: the others need not wait for it
                self.given_up.setdefault(name, fault)
        return None if programs.faults.keys() - self.given_up.keys() else programs

    def _look_further(self, symbols: Mapping[str, Any]) -> None:
        """Notes what is decided behind a question about sizes that cannot be answered, or is answered otherwise."""
        for start in (2, MOST_EXPLORED):
            with contextlib.suppress(Exception), noted(distinct(self.dims, start=start)) as more:
                self._trace(symbols)
            for decision in more.asked.values():
                self.decisions.note(decision)

    def deciding_sizes(self) -> list[Sizes]:
        """Shapes at which something is decided otherwise: by a user's code, or by a comparison with a position."""
        return [sizes for sizes in self._deciding if numbers(self.derivation, sizes) <= MOST_NUMBERS]

    def beyond(self) -> list[str]:
        """The sizes at which something is decided otherwise and that are too large to be drawn."""
        left_out = [sizes for sizes in self._deciding if numbers(self.derivation, sizes) > MOST_NUMBERS]
        large = {(n, size) for sizes in left_out for n, size in sizes.items() if size > MOST_EXPLORED}
        return [f"{name} = {size:,}" for name, size in sorted(large)]

    @functools.cached_property
    def _deciding(self) -> list[Sizes]:
        if not self.dims:
            return []
        programs = self.symbolic or self.programs(ladder(self.derivation)[-1], concrete=True)
        walked = [*programs.equations.values(), programs.composed, programs.reference]
        found = set().union(*(positions(each.program.jaxpr) for each in walked if isinstance(each, Traced)))
        return turning(self.decisions, self.dims, sorted(found))

    def _trace(self, sizes: Mapping[str, Any]) -> Programs:
        shapes = self._shapes(sizes)
        reference = Traced(oracle.reference(self.derivation, self.choices), shapes, x64=self.x64)
        equations: dict[str, Traced | Opaque | Fault] = {
            name: self.given_up.get(name) or self.closed.get(name) or self.retrace(reference, equation)
            for name, equation in self.derivation.equations.items()
        }
        if not self.symbols:
            return Programs(reference, equations)
        composed = (
            self.given_up.get(GRADIENT)
            or self.closed.get(GRADIENT)
            or attempt(
                GRADIENT,
                oracle.composed(self.derivation, self.choices, self.symbols),
                shapes,
                x64=self.x64,
            )
        )
        autodiff = Traced(
            oracle.autodiff(self.derivation, self.choices, self.symbols), shapes, GRADIENT, x64=self.x64
        )
        return Programs(reference, equations, composed, autodiff)

    def retrace(self, reference: Traced, equation: Equation) -> Traced | Opaque | Fault:
        """An equation traced once more, at the sizes of this reference."""
        shapes = {parameter: reference.results[parameter] for parameter in _inputs(equation)}
        return attempt(equation.name, alone(equation, self.choices), shapes, x64=self.x64)

    def _shapes(self, sizes: Mapping[str, Any]) -> dict[str, jax.ShapeDtypeStruct]:
        floating = jnp.dtype(self.dtype)

        def struct(spec: Spec) -> jax.ShapeDtypeStruct:
            shape = tuple(size_of(dim, sizes) for dim in spec.dims)
            return jax.ShapeDtypeStruct(shape, floating if spec.kind == "float" else DTYPES[spec.kind])

        shapes = {name: struct(spec) for name, spec in self.leaves.items()}
        if self.derivation.cotangents:
            with jax.enable_x64(self.x64):
                nodes = jax.eval_shape(
                    lambda leaves: forward_pass(self.derivation.graph, leaves, self.choices, {}), shapes
                )
            for name, node in self.derivation.cotangents.items():
                shapes[name] = jax.ShapeDtypeStruct(nodes[node].shape, floating)
        return {**shapes, oracle.COTANGENT: jax.ShapeDtypeStruct((), floating)}

    @functools.lru_cache(maxsize=256)  # noqa: B019 - a pair lives as long as its unit of work
    def _node_shape(self, node: str, sizes: tuple) -> tuple[int, ...]:
        return self._shapes(dict(sizes))[
            next(name for name, closed in self.derivation.cotangents.items() if closed == node)
        ].shape


def _inputs(equation: Equation) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*equation.parameters, equation.root, equation.symbol)))
