"""Walks a jaxpr in any arithmetic: sizes filled in, calls and loops entered; it knows nothing of numbers.

A program is traced once, with symbolic sizes, and walked at any shape. What a number *is* belongs to the
arithmetic, a table of rules by primitive: residues in a finite field (`arithmetic.field`), or a value with its
rounding-error bound (`arithmetic.bounds`). Whatever no arithmetic can see differently lives beside the walker:
control flow here, the moving of numbers in `interpreter.movement` and `interpreter.indexing`, integers and
booleans in `interpreter.integers`.

Every array carries one leading data axis, of length N (N cases at once) or 1 (the same for all of them).
Integers and booleans are plain NumPy arrays, keys of `jax.random` arrays of jax's; floats are values of the
arithmetic's own class.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import jax
import numpy as np
from jax.extend import core

from verify.interpreter.indexing import INDEXED_MOVES, split_operands
from verify.interpreter.integers import INTEGER_RULES
from verify.interpreter.jax_functions import name_in_jax
from verify.interpreter.loops import MOST_TURNS, EndlessLoop
from verify.interpreter.movement import MOVES
from verify.interpreter.observation import observer_of
from verify.interpreter.random_keys import are_keys, concerns_keys, on_keys
from verify.interpreter.steps import CALLS, ShapeDtype, Sizes, Step, Templates, scan_groups, while_groups

Value = Any  # a plain array of integers or booleans, or the arithmetic's own value


Rule = Callable[..., Any]  # rule(arithmetic, step, *operands) -> a value, or a list of them


class Arithmetic(Protocol):
    """What the walker asks of an arithmetic."""

    @property
    def rules(self) -> Mapping[str, Rule]:
        """One rule a primitive."""
        ...

    def constant(self, array: np.ndarray) -> Value:
        """A floating-point literal of the program in its own dtype, given with its data axis."""
        ...

    def move(self, function: Callable[..., Any], *values: Value) -> Value:
        """Applies a function that only moves numbers to every array that a value is made of."""
        ...

    def steer(self, value: Value) -> np.ndarray:
        """The plain numbers by which control flow and indices are decided."""
        ...

    def unknown(self, step: Step, *operands: Value) -> Sequence[Value]:
        """A primitive that has no rule."""
        ...


class Program:
    """A jaxpr, ready to be walked at any shape."""

    def __init__(self, jaxpr: core.ClosedJaxpr | core.Jaxpr):
        self.jaxpr: Any = getattr(jaxpr, "jaxpr", jaxpr)
        consts = getattr(jaxpr, "consts", ())
        self.consts = [const if are_keys(const) else np.asarray(const) for const in consts]
        self._templates = Templates(self.jaxpr)
        self._sizes: Sizes | None = None
        self._steps: list[Step] = []

    def steps(self, sizes: Sizes) -> list[Step]:
        """The equations with these sizes filled in; the last sizes are remembered, for they are asked for again."""
        if self._sizes != sizes:
            self._steps = self._templates.at(sizes)
            self._sizes = dict(sizes)
        return self._steps


def evaluate(
    program: Program, arithmetic: Arithmetic, sizes: Sizes, operands: Iterable[Value]
) -> list[Value]:
    """The program's results in this arithmetic, at these sizes.

    `operands` are the values of the jaxpr's inputs, in order, each with its data axis.
    """
    jaxpr = program.jaxpr
    consts = (_lift(arithmetic, const[None]) for const in program.consts)
    environment: dict[Any, Value] = dict(zip(jaxpr.constvars, consts, strict=True))
    environment.update(zip(jaxpr.invars, operands, strict=True))

    def read(atom: Any) -> Value:
        return _literal(arithmetic, atom) if isinstance(atom, core.Literal) else environment[atom]

    observer = observer_of(arithmetic)
    for equation, step in zip(jaxpr.eqns, program.steps(sizes), strict=True):
        arguments = [read(atom) for atom in equation.invars]
        if observer is None:
            results = _apply(arithmetic, sizes, step, arguments)
        else:
            observer.enter(step)
            results = _apply(arithmetic, sizes, step, arguments)
            observer.leave(step, arguments, results)
        environment.update(zip(equation.outvars, results, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _apply(arithmetic: Arithmetic, sizes: Sizes, step: Step, operands: list[Value]) -> Sequence[Value]:
    """The results of one equation: control flow, integers, movement, the arithmetic's rule, in this order."""
    name = step.primitive
    if name == "custom_jvp_call" and (function := name_in_jax(step)) in arithmetic.rules:
        name = function
    elif name in CONTROL:
        return CONTROL[name](arithmetic, sizes, step, operands)
    if concerns_keys(step):
        return on_keys(step, operands)
    plain = all(isinstance(operand, np.ndarray) for operand in operands)
    if name in INTEGER_RULES and plain and not any(_is_float(output.dtype) for output in step.outputs):
        result = INTEGER_RULES[name](step, *operands)
    elif name in MOVES and name not in arithmetic.rules:
        result = _move(arithmetic, functools.partial(MOVES[name], step), operands)
    elif name in INDEXED_MOVES and name not in arithmetic.rules:
        values, indices = split_operands(step, operands)
        result = _move(arithmetic, lambda *arrays: INDEXED_MOVES[name](step, arrays, indices), values)
    elif name in arithmetic.rules:
        result = arithmetic.rules[name](arithmetic, step, *operands)
    else:
        result = arithmetic.unknown(step, *operands)
    return result if isinstance(result, (list, tuple)) else [result]


def _move(arithmetic: Arithmetic, function: Callable[..., Any], operands: Sequence[Value]) -> Any:
    if all(isinstance(operand, np.ndarray) or are_keys(operand) for operand in operands):
        return function(*operands)
    return arithmetic.move(function, *operands)


# --- control flow -----------------------------------------------------------------------------------------------------


def _call(parameter: str) -> Callable[..., Sequence[Value]]:
    """A primitive that stands for the program in one of its parameters."""

    def enter(arithmetic: Arithmetic, sizes: Sizes, step: Step, operands: list[Value]) -> Sequence[Value]:
        return evaluate(_program(step.params[parameter]), arithmetic, sizes, operands)

    return enter


def _scan(arithmetic: Arithmetic, sizes: Sizes, step: Step, operands: list[Value]) -> Sequence[Value]:
    params = step.params
    body = _program(params["jaxpr"])
    consts, carry, xs = scan_groups(params, operands)
    carries = len(carry)
    order = range(params["length"])
    rows: list[Sequence[Value]] = []
    for i in reversed(order) if params["reverse"] else order:
        slices = [_move(arithmetic, functools.partial(_row, index=i), [x]) for x in xs]
        results = evaluate(body, arithmetic, sizes, [*consts, *carry, *slices])
        carry, row = results[:carries], results[carries:]
        rows.append(row)
    if not rows:  # no iteration, no rows to stack
        empty = [np.zeros((1, *output.shape), output.dtype) for output in step.outputs[carries:]]
        return [*carry, *(_lift(arithmetic, array) for array in empty)]
    if params["reverse"]:
        rows.reverse()
    return [*carry, *(_move(arithmetic, _stack, column) for column in zip(*rows, strict=True))]


def _while(arithmetic: Arithmetic, sizes: Sizes, step: Step, operands: list[Value]) -> Sequence[Value]:
    params = step.params
    condition, body = _program(params["cond_jaxpr"]), _program(params["body_jaxpr"])
    condition_consts, body_consts, carry = while_groups(params, operands)
    for _ in range(MOST_TURNS):
        (going,) = evaluate(condition, arithmetic, sizes, [*condition_consts, *carry])
        running = arithmetic.steer(going)
        if not running.any():
            return carry
        after = evaluate(body, arithmetic, sizes, [*body_consts, *carry])
        # a case that has ended keeps what it had, while the others go on
        carry = after if running.all() else _select(arithmetic, going, [carry, after], step.outputs)
    raise EndlessLoop


def _cond(arithmetic: Arithmetic, sizes: Sizes, step: Step, operands: list[Value]) -> Sequence[Value]:
    branches = [_program(branch) for branch in step.params["branches"]]
    which, arguments = operands[0], operands[1:]
    chosen = np.clip(arithmetic.steer(which).astype(np.int64), 0, len(branches) - 1)
    if chosen.min() == chosen.max():
        return evaluate(branches[int(chosen.flat[0])], arithmetic, sizes, arguments)
    outcomes = [evaluate(branch, arithmetic, sizes, arguments) for branch in branches]
    return _select(arithmetic, chosen if len(branches) > 2 else chosen.astype(bool), outcomes, step.outputs)


def _select(
    arithmetic: Arithmetic, which: Value, cases: Sequence[Sequence[Value]], avals: Sequence[ShapeDtype]
):
    """Of several lists of values the one that `which` says, case by case."""
    predicate = ShapeDtype((), np.dtype(bool))
    return [
        _apply(
            arithmetic, {}, Step("select_n", {}, (predicate, *[aval] * len(cases)), (aval,)), [which, *column]
        )[0]
        for aval, *column in zip(avals, *cases, strict=True)
    ]


def _empty(arithmetic: Arithmetic, sizes: Sizes, step: Step, operands: list[Value]) -> Sequence[Value]:
    """Room that nothing reads before it is written, as in the branches of a differentiated switch: zeros."""
    output = step.outputs[0]
    return [_lift(arithmetic, np.zeros((1, *output.shape), output.dtype))]


def _linear_solve(arithmetic: Arithmetic, sizes: Sizes, step: Step, operands: list[Value]) -> Sequence[Value]:
    """custom_linear_solve: its own solve, with its own constants."""
    lengths = step.params["const_lengths"]
    first = lengths.matvec + lengths.vecmat
    consts, right = operands[first : first + lengths.solve], operands[sum(lengths) :]
    return evaluate(_program(step.params["jaxprs"].solve), arithmetic, sizes, [*consts, *right])


CONTROL: Mapping[str, Callable[..., Sequence[Value]]] = {
    **{name: _call(parameter) for name, parameter in CALLS.items()},
    "scan": _scan,
    "while": _while,
    "cond": _cond,
    "custom_linear_solve": _linear_solve,
    "empty": _empty,
    "empty2": _empty,
    "debug_callback": lambda arithmetic, sizes, step, operands: [],  # what is printed is no result
    "debug_print": lambda arithmetic, sizes, step, operands: [],
    "dim_as_value": lambda arithmetic, sizes, step, operands: [np.array([step.params["dim"]])],
}


# --- values -----------------------------------------------------------------------------------------------------------


def _is_float(dtype: Any) -> bool:
    return jax.numpy.issubdtype(dtype, np.inexact)


def _lift(arithmetic: Arithmetic, array: np.ndarray) -> Value:
    """An array of the program (with its data axis) as a value."""
    return arithmetic.constant(array) if _is_float(array.dtype) else array


def _literal(arithmetic: Arithmetic, literal: core.Literal) -> Value:
    return _lift(arithmetic, np.asarray(literal.val, getattr(literal.aval, "dtype", None))[None])


def _row(array: np.ndarray, *, index: int) -> np.ndarray:
    return array[:, index]


def _stack(*arrays: np.ndarray) -> np.ndarray:
    cases = max(len(array) for array in arrays)
    numbers: Any = jax.numpy if are_keys(arrays[0]) else np
    return numbers.stack([numbers.broadcast_to(array, (cases, *array.shape[1:])) for array in arrays], axis=1)


_PROGRAMS: dict[int, tuple[Any, Program]] = {}


def _program(jaxpr: Any) -> Program:
    """The program of a jaxpr inside another one; a jaxpr is kept as long as its program is, so that ids stay unique."""
    if id(jaxpr) not in _PROGRAMS:
        _PROGRAMS[id(jaxpr)] = (jaxpr, Program(jaxpr))
    return _PROGRAMS[id(jaxpr)][1]


def forget_programs() -> None:
    """Lets go of every inner program: a campaign calls it between units of work."""
    _PROGRAMS.clear()
