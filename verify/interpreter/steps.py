"""The equations of a jaxpr with numbers in the place of symbolic sizes."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
from jax.extend import core

Sizes = Mapping[str, int]
CALLS: Mapping[str, str] = {  # primitives that call a program, with the parameter in which it is
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "custom_vjp_call_jaxpr": "fun_jaxpr",
    "checkpoint": "jaxpr",
    "remat2": "jaxpr",
}


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
    """A step, and what of it is to be filled in: parameters by name, operands and results by place in a list."""

    step: Step
    params: tuple[str, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class Templates:
    """The equations of one jaxpr as templates. They share few shapes, and each shape is filled in once."""

    def __init__(self, jaxpr: Any):
        self._shapes: dict[ShapeDtype, int] = {}
        self._templates = [self._template(equation) for equation in jaxpr.eqns]

    def _template(self, equation: core.JaxprEqn) -> Template:
        inputs, outputs = (tuple(map(_shaped, atoms)) for atoms in (equation.invars, equation.outvars))
        step = Step(equation.primitive.name, dict(equation.params), inputs, outputs, equation)
        symbolic = tuple(name for name, value in step.params.items() if _is_symbolic(value))
        places = (
            tuple(self._shapes.setdefault(a, len(self._shapes)) for a in avals) for avals in (inputs, outputs)
        )
        return Template(step, symbolic, *places)

    def at(self, sizes: Sizes) -> list[Step]:
        """The steps at these sizes."""
        avals = [ShapeDtype(filled_in(shape, sizes), dtype) for shape, dtype in self._shapes]
        return [
            Step(
                step.primitive,
                {**step.params, **{name: filled_in(step.params[name], sizes) for name in params}}
                if params
                else step.params,
                tuple([avals[place] for place in inputs]),
                tuple([avals[place] for place in outputs]),
                step.equation,
            )
            for step, params, inputs, outputs in self._templates
        ]


def _shaped(atom: Any) -> ShapeDtype:
    return ShapeDtype(tuple(getattr(atom.aval, "shape", ())), getattr(atom.aval, "dtype", None))


SymbolicSize: type = type(jax.export.symbolic_shape("n")[0])
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
    return isinstance(entry, SymbolicSize)


def filled_in(entry: Any, sizes: Sizes) -> Any:
    """A parameter or a shape with numbers in the place of symbolic sizes, however deep in tuples they stand."""
    if isinstance(entry, SymbolicSize):
        return int(eval(_code(str(entry)), _FUNCTIONS, dict(sizes)))
    if type(entry) in (tuple, list):
        return type(entry)(filled_in(item, sizes) for item in entry)
    return entry


@functools.lru_cache(maxsize=4096)
def _code(expression: str) -> Any:
    """A size as jax prints it, `2*n^2 + floordiv(d, 2)`, is an expression of Python's, but for its powers."""
    return compile(expression.replace("^", "**"), "<size>", "eval")


# --- the operands of loops --------------------------------------------------------------------------------------------


def scan_groups(params: Mapping[str, Any], operands: Sequence[Any]) -> list[list[Any]]:
    """The operands of a scan as constants, carries and rows."""
    if "ft_in" in params:  # jax >= 0.12 keeps the grouping as a tree
        return [list(group) for group in params["ft_in"].update(operands).unpack()]
    return _cut(operands, params["num_consts"], params["num_carry"])


def while_groups(params: Mapping[str, Any], operands: Sequence[Any]) -> list[list[Any]]:
    """The operands of a while loop as constants of its condition, those of its body, and carries."""
    return _cut(operands, params["cond_nconsts"], params["body_nconsts"])


def _cut(operands: Sequence[Any], first: int, second: int) -> list[list[Any]]:
    """So many, so many, and the others."""
    places = (slice(first), slice(first, first + second), slice(first + second, None))
    return [[*operands[place]] for place in places]
