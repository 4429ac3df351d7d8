"""The equations of a jaxpr with numbers in the place of symbolic sizes."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
from jax.extend import core

Sizes = Mapping[str, int]


class ShapeDtype(NamedTuple):
    """The shape (without the data axis) and the dtype of one operand or result."""

    shape: tuple[int, ...]
    dtype: Any


class Step(NamedTuple):
    """One equation of a jaxpr, with every symbolic size filled in."""

    primitive: str
    params: dict[str, Any]
    inputs: tuple[ShapeDtype, ...]
    outputs: tuple[ShapeDtype, ...]
    equation: core.JaxprEqn | None = None


class Template(NamedTuple):
    """A step, and what of it has sizes to be filled in."""

    step: Step
    params: tuple[str, ...]
    shapes: bool


def template(equation: core.JaxprEqn) -> Template:
    def shaped(atom: Any) -> ShapeDtype:
        return ShapeDtype(tuple(getattr(atom.aval, "shape", ())), getattr(atom.aval, "dtype", None))

    step = Step(
        equation.primitive.name,
        dict(equation.params),
        tuple(map(shaped, equation.invars)),
        tuple(map(shaped, equation.outvars)),
        equation,
    )
    symbolic = tuple(name for name, value in step.params.items() if _is_symbolic(value))
    return Template(step, symbolic, any(_is_symbolic(aval.shape) for aval in (*step.inputs, *step.outputs)))


def filled(template: Template, sizes: Sizes, memo: dict[Any, Any]) -> Step:
    """The step at these sizes; `memo` remembers, for one set of sizes, what shapes became."""
    step, params, shapes = template
    if not params and not shapes:
        return step

    def numbers(entry: Any) -> Any:
        if entry not in memo:
            memo[entry] = filled_in(entry, sizes)
        return memo[entry]

    return Step(
        step.primitive,
        {**step.params, **{name: filled_in(step.params[name], sizes) for name in params}},
        tuple(ShapeDtype(numbers(shape), dtype) for shape, dtype in step.inputs),
        tuple(ShapeDtype(numbers(shape), dtype) for shape, dtype in step.outputs),
        step.equation,
    )


_SymbolicSize: type = type(jax.export.symbolic_shape("n")[0])
_FUNCTIONS = {
    "__builtins__": {},
    "floordiv": lambda a, b: a // b,
    "mod": lambda a, b: a % b,
    "max": max,
    "min": min,
}


def _is_symbolic(entry: Any) -> bool:
    """Whether a symbolic size stands anywhere in a parameter, however deep in tuples."""
    if type(entry) in (tuple, list):
        return any(map(_is_symbolic, entry))
    return isinstance(entry, _SymbolicSize)


def filled_in(entry: Any, sizes: Sizes) -> Any:
    """A parameter or a shape with numbers in the place of symbolic sizes, however deep in tuples they stand."""
    if isinstance(entry, _SymbolicSize):
        return int(eval(_code(str(entry)), _FUNCTIONS, dict(sizes)))
    if type(entry) in (tuple, list):
        return type(entry)(filled_in(item, sizes) for item in entry)
    return entry


@functools.lru_cache(maxsize=4096)
def _code(expression: str) -> Any:
    """A size as jax prints it, `2*n^2 + floordiv(d, 2)`, is an expression of Python's, but for its powers."""
    return compile(expression.replace("^", "**"), "<size>", "eval")
