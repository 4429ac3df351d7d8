"""One derivation with one row of each table, as programs to be walked: the reference, each equation alone, the whole.

Everything is traced once, with symbolic sizes, in float64 so that no literal is rounded. Where a function does
not allow symbolic sizes, and wherever a caller asks for `concrete` sizes, it is traced at those sizes: symbolic
sizes answer `n == 1` with no, so a function that looks at its shapes is met there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from manual_bp.construction.composition import forward_pass
from manual_bp.construction.graph import Equation
from manual_bp.construction.signatures import size_of
from manual_bp.derivation import Derivation
from manual_bp.domains import real
from verify.generation.data import Spec
from verify.generation.strategies import dimension_names, ladder
from verify.interpreter.opaque import CALLBACKS, Opaque, opaque_in
from verify.interpreter.walker import Arithmetic, Program, Sizes, Value, evaluate
from verify.programs import reference as oracle
from verify.runtime.activity import NOTHING, doing

GRADIENT = "gradient"  # the name of the composed gradient among the equations
DTYPES = {"float": np.float64, "int": np.int32, "bool": np.bool_}


@dataclass(frozen=True)
class Fault:
    """Why there is nothing to walk: the function returned something that no derivative is (`wrong`), or raised."""

    message: str
    wrong: bool
    fatal: bool = False  # it takes a process down, or is another function each time: no evidence of it counts


class WalkError(Exception):
    """A program that was traced and yet raised when it was walked."""

    def __init__(self, name: str, error: Exception):
        super().__init__(name, error)
        self.name, self.error = name, error


class Traced:
    """A traced function of keyword arrays; `name` is the equation to blame for what it does, if it is one's own."""

    def __init__(
        self, function: Callable[..., Any], shapes: Mapping[str, jax.ShapeDtypeStruct], name: str = NOTHING
    ):
        self.name, self.names = name, tuple(shapes)
        with doing(name), jax.enable_x64(True):
            jaxpr, self.results = jax.make_jaxpr(
                lambda *arrays: function(**dict(zip(self.names, arrays, strict=True))), return_shape=True
            )(*shapes.values())
        self.program = Program(jaxpr)
        self.tree = jax.tree.structure(self.results)

    def __call__(self, arithmetic: Arithmetic, sizes: Sizes, values: Mapping[str, Value]) -> Any:
        """The results in this arithmetic at these sizes; what is not asked for in `values` may stand there too."""
        with doing(self.name), np.errstate(all="ignore"):
            try:
                results = evaluate(self.program, arithmetic, sizes, [values[name] for name in self.names])
            except Exception as error:
                raise WalkError(self.name, error) from error
        return jax.tree.unflatten(self.tree, results)


@dataclass
class Programs:
    """What is walked at one shape, or, traced with symbolic sizes, at all of them."""

    reference: Traced
    equations: dict[str, Traced | Opaque | Fault]
    composed: Traced | Opaque | Fault | None = None  # None where no gradient can be composed
    autodiff: Traced | None = None
    faults: dict[str, Fault] = field(init=False)
    opaque: dict[str, Opaque] = field(init=False)

    def __post_init__(self) -> None:
        every = {**self.equations, GRADIENT: self.composed}
        self.faults = {name: traced for name, traced in every.items() if isinstance(traced, Fault)}
        self.opaque = {name: traced for name, traced in every.items() if isinstance(traced, Opaque)}

    def give_up(self, name: str, fault: Fault) -> None:
        self._put(name, fault)
        self.faults[name] = fault
        self.opaque.pop(name, None)

    def close(self, name: str, opaque: Opaque) -> None:
        """What cannot be walked, whether it could be traced at these sizes or not."""
        self._put(name, opaque)
        self.faults.pop(name, None)
        self.opaque[name] = opaque

    def _put(self, name: str, what: Opaque | Fault) -> None:
        if name == GRADIENT:
            self.composed = what
        else:
            self.equations[name] = what


class NotADerivative(Exception):
    """An equation returned something that no derivative is."""


class Pair:
    """A derivation with its tables' rows chosen.

    Raises whatever the forward functions raise: without them there is nothing to judge.
    """

    def __init__(self, derivation: Derivation, choices: Mapping[str, Any]):
        self.derivation, self.choices = derivation, choices
        self.leaves = {name: Spec(*derivation.leaf_spec(name, choices)) for name in derivation.leaves}
        self.symbols = oracle.composed_symbols(derivation)
        self.dims = sorted(dimension_names(derivation))
        self.levels = 2  # of the tower of fields that the pair's programs need; the proof finds out
        self.descent = 0  # levels more that discrete logarithms need; 0 where nothing needed them
        self.differing: set[str] = set()  # equations whose sides differ at some shape, whatever was tried
        self.given_up: dict[str, Fault] = {}  # equations that are not traced again, and why
        self.closed: dict[str, Opaque] = {}  # equations in which a primitive was met that cannot be entered
        self._concrete: dict[tuple, Programs] = {}

    def give_up(self, name: str, fault: Fault) -> None:
        """Judges an equation, or the composed gradient, no further."""
        self.given_up[name] = fault
        for programs in self._known():
            programs.give_up(name, fault)

    def close(self, name: str, opaque: Opaque) -> None:
        """Leaves an equation, or the composed gradient, to the device alone."""
        self.closed[name] = opaque
        for programs in self._known():
            programs.close(name, opaque)

    @property
    def calls_back(self) -> bool:
        """Whether anything that was traced calls back into Python."""
        return any(
            CALLBACKS & set(opaque.primitives)
            for programs in self._known()
            for opaque in programs.opaque.values()
        )

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
        try:
            programs = self._trace(dict(zip(self.dims, symbols, strict=True)))
        except (
            Exception
        ):  # the forward pass refuses symbolic sizes; if it is wrong, it raises at concrete ones too
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

    def _trace(self, sizes: Mapping[str, Any]) -> Programs:
        shapes = self._shapes(sizes)
        reference = Traced(oracle.reference(self.derivation, self.choices), shapes)
        equations: dict[str, Traced | Opaque | Fault] = {
            name: self.given_up.get(name) or self.closed.get(name) or self.retrace(reference, equation)
            for name, equation in self.derivation.equations.items()
        }
        if not self.symbols:
            return Programs(reference, equations)
        composed = (
            self.given_up.get(GRADIENT)
            or self.closed.get(GRADIENT)
            or _attempt(GRADIENT, oracle.composed(self.derivation, self.choices, self.symbols), shapes)
        )
        autodiff = Traced(oracle.autodiff(self.derivation, self.choices, self.symbols), shapes, GRADIENT)
        return Programs(reference, equations, composed, autodiff)

    def retrace(self, reference: Traced, equation: Equation) -> Traced | Opaque | Fault:
        """An equation traced once more, at the sizes of this reference."""
        shapes = {parameter: reference.results[parameter] for parameter in _inputs(equation)}
        return _attempt(equation.name, alone(equation, self.choices), shapes)

    def _shapes(self, sizes: Mapping[str, Any]) -> dict[str, jax.ShapeDtypeStruct]:
        def struct(spec: Spec) -> jax.ShapeDtypeStruct:
            shape = tuple(size_of(dim, sizes) for dim in spec.dims)
            return jax.ShapeDtypeStruct(shape, DTYPES[spec.kind])

        shapes = {name: struct(spec) for name, spec in self.leaves.items()}
        if self.derivation.cotangents:
            with jax.enable_x64(True):
                nodes = jax.eval_shape(
                    lambda leaves: forward_pass(self.derivation.graph, leaves, self.choices, {}), shapes
                )
            for name, node in self.derivation.cotangents.items():
                shapes[name] = jax.ShapeDtypeStruct(nodes[node].shape, np.float64)
        return {**shapes, oracle.COTANGENT: jax.ShapeDtypeStruct((), np.float64)}

    @functools.lru_cache(maxsize=256)  # noqa: B019 - a pair lives as long as its unit of work
    def _node_shape(self, node: str, sizes: tuple) -> tuple[int, ...]:
        return self._shapes(dict(sizes))[
            next(name for name, closed in self.derivation.cotangents.items() if closed == node)
        ].shape


def alone(equation: Equation, choices: Mapping[str, Any]) -> Callable[..., jax.Array]:
    """An equation as a function of the symbols and derivatives it takes, and of the two that say how it is shaped.

    Raises Wrong where the result is shaped unlike its symbol, has another strong dtype, or is no array.
    """

    def run(**values: Any) -> jax.Array:
        result = equation(values, choices)
        root, symbol = values[equation.root], values[equation.symbol]
        if isinstance(result, bool | int | float):
            result = jnp.asarray(float(result))
        if not (hasattr(result, "shape") and hasattr(result, "dtype")):
            raise NotADerivative(f"returned {type(result).__name__}, expected one array")
        expected = (*root.shape, *symbol.shape)
        if tuple(result.shape) != expected:
            raise NotADerivative(f"returned shape {_show(result.shape)}, expected {_show(expected)}")
        weak = getattr(result, "weak_type", False)
        if result.dtype != symbol.dtype and not weak:
            raise NotADerivative(
                f"returned {result.dtype} where {equation.symbol} is {symbol.dtype}, expected the dtype of its symbol"
            )
        return result

    return run


def _inputs(equation: Equation) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*equation.parameters, equation.root, equation.symbol)))


def _attempt(name: str, function: Callable[..., Any], shapes: Mapping[str, Any]) -> Traced | Opaque | Fault:
    """The traced function, or why it cannot be traced or walked: whatever a user's function does, the others are
    judged.
    """
    try:
        traced = Traced(function, shapes, name)
        closed = opaque_in(traced.program.jaxpr)
        return Opaque(closed) if closed else traced
    except NotADerivative as wrong:
        return Fault(f"{name}: {wrong}", wrong=True)
    except (Exception, SystemExit) as error:
        return Fault(
            f"{name}: raised {type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}",
            wrong=False,
        )


def _show(shape: Any) -> str:
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"
