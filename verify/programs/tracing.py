"""What is walked: a traced function, and the traced functions of one pair at one shape or at all of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from manual_bp.construction.graph import Equation
from verify.arithmetic.field.base import BaseField
from verify.interpreter.loops import loops_in
from verify.interpreter.observation import Observer, observed
from verify.interpreter.opaque import Opaque, opaque_in
from verify.interpreter.walker import Arithmetic, Program, Sizes, Value, evaluate
from verify.programs.complex_numbers.parts import NoRealProgram, is_complex
from verify.programs.complex_numbers.transformation import has_complex, real_program
from verify.programs.shards import NoOneDevice, is_sharded, on_one_device
from verify.runtime import tracebacks
from verify.runtime.activity import NOTHING, doing
from verify.runtime.timings import timed
from verify.verdict import COMPOSED

GRADIENT = COMPOSED
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
    """A traced function of keyword arrays; `name` is the equation to blame for what it does, if it is one's own.

    `x64` is whether 64-bit types are enabled meanwhile, as they are where float64 is run.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        shapes: Mapping[str, jax.ShapeDtypeStruct],
        name: str = NOTHING,
        *,
        x64: bool = True,
    ):
        self.name, self.names = name, tuple(shapes)
        with doing(name), timed("trace"), jax.enable_x64(x64):
            jaxpr, self.results = jax.make_jaxpr(
                lambda *arrays: function(**dict(zip(self.names, arrays, strict=True))), return_shape=True
            )(*shapes.values())
            if is_sharded(jaxpr):
                with contextlib.suppress(NoOneDevice):  # it is left to the devices then
                    jaxpr = on_one_device(jaxpr)
            self.unmodelled: str | None = None  # what of complex numbers has no rule
            if any(map(is_complex, (*jaxpr.in_avals, *jaxpr.out_avals))):
                self.unmodelled = "an argument or a result"
            elif has_complex(jaxpr):
                try:
                    jaxpr = real_program(jaxpr)
                except NoRealProgram as error:
                    self.unmodelled = str(error)
        self.closed = jaxpr
        self.program = Program(jaxpr)
        self.loops = loops_in(jaxpr.jaxpr)
        self.observer: Observer | None = None  # of every walk through it
        self.tree = jax.tree.structure(self.results)

    def __call__(self, arithmetic: Arithmetic, sizes: Sizes, values: Mapping[str, Value]) -> Any:
        """The results in this arithmetic at these sizes; what is not asked for in `values` may stand there too."""
        walk = "walk in the field" if isinstance(arithmetic, BaseField) else "walk in bounds"
        with doing(self.name), timed(walk), np.errstate(all="ignore"), observed(arithmetic, self.observer):
            try:
                if self.unmodelled:
                    raise NoRealProgram(self.unmodelled)
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

    @property
    def looping(self) -> frozenset[str]:
        """The equations whose programs have while loops; of the gradient whole, by hand and by autodiff, the side."""
        every = {**self.equations, "manual": self.composed, "jax.grad": self.autodiff}
        return frozenset(n for n, each in every.items() if isinstance(each, Traced) and each.loops)

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


def alone(equation: Equation, choices: Mapping[str, Any]) -> Callable[..., jax.Array]:
    """An equation as a function of the symbols and derivatives it takes, and of the two that say how it is shaped.

    Raises NotADerivative where the result is shaped unlike its symbol, is no array, or has another strong dtype than
    float64 where the symbol has that: with 16 bits, constants of 32 make 32 of it.
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
        if result.dtype != symbol.dtype and not weak and symbol.dtype == np.float64:
            raise NotADerivative(
                f"returned {result.dtype} where {equation.symbol} is {symbol.dtype}, expected the dtype of its symbol"
            )
        return result

    return run


def attempt(
    name: str, function: Callable[..., Any], shapes: Mapping[str, Any], *, x64: bool = True
) -> Traced | Opaque | Fault:
    """The traced function, or why it cannot be traced or walked: whatever a user's function does, the others are
    judged.
    """
    try:
        traced = Traced(function, shapes, name, x64=x64)
        closed = opaque_in(traced.program.jaxpr)
        return Opaque(closed) if closed else traced
    except NotADerivative as wrong:
        return Fault(f"{name}: {wrong}", wrong=True)
    except (Exception, SystemExit) as error:
        return Fault(f"{name}: raised {tracebacks.one_line(error)}", wrong=False)


def _show(shape: Any) -> str:
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"
