"""The branches of a program: ranges followed through calls and loops, and where more than one outcome is possible."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.extend import core, source_info_util

import manual_bp
from verify.branches.expressions import text_of
from verify.branches.outcomes import possible, selector
from verify.branches.ranges import ANYTHING, CHOOSING, INFINITY, Range, hull, literal
from verify.branches.results import ends
from verify.interpreter.steps import CALLS, scan_groups, while_groups
from verify.interpreter.walker import Program

Path = tuple[int, ...]  # of an equation: the ids of the calls around it, and its own
ROUNDS = 3  # of a loop, before an end that still moves is taken for infinite


class Site(NamedTuple):
    """A comparison or a selection of a program, whose outcome depends on leaves."""

    program: str
    primitive: str
    place: str  # file:line of the code that asked for it, "" where that is not known
    turn: int  # of those of the same primitive at the same place
    words: tuple[str, ...]  # what each outcome is
    reachable: int  # a bit for each outcome

    @property
    def name(self) -> str:
        """The same in every trace of the program, whatever its sizes are."""
        return f"{self.program} {self.primitive} {self.place} {self.turn}"


class Winner(NamedTuple):
    """A max or a min, with the ranges of what it chooses from."""

    equation: Any
    operands: Sequence[Range]


def sites(program: Program, name: str, inputs: Sequence[Range]) -> tuple[dict[Path, Site], list[Range]]:
    """The branches of a program, and the ranges of its results."""
    analysis = _Analysis(name)
    results = analysis.run(program.jaxpr, [literal(const) for const in program.consts], inputs, ())
    return analysis.found, results


class _Analysis:
    def __init__(self, program: str):
        self.program = program
        self.found: dict[Path, Site] = {}
        self.noting = True
        self.turns: dict[tuple[str, str], int] = {}
        self.place = ""  # of the call around an equation
        self.in_jax = False  # in a function of jax's, traced once for all who call it

    def run(self, jaxpr: Any, consts: Sequence[Range], inputs: Sequence[Range], path: Path) -> list[Range]:
        environment: dict[Any, Range] = dict(zip(jaxpr.constvars, consts, strict=True))
        environment.update(zip(jaxpr.invars, inputs, strict=True))
        winners: dict[Any, Winner] = {}

        def read(atom: Any) -> Range:
            return literal(atom.val) if isinstance(atom, core.Literal) else environment[atom]

        alive = _alive(jaxpr) - _from_the_end(jaxpr)
        for equation in jaxpr.eqns:
            operands = [read(atom) for atom in equation.invars]
            here, noting = (*path, id(equation)), self.noting
            self.noting = noting and id(equation) in alive
            place = (not self.in_jax and _place(equation)) or self.place
            results = self._results(equation, operands, here, place, winners)
            if self.noting:
                self._note(equation, operands, results, here, place)
            self.noting = noting
            if equation.primitive.name in ("max", "min"):
                winners[equation.outvars[0]] = Winner(equation, operands)
            environment.update(zip(equation.outvars, results, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def _note(
        self, equation: Any, operands: Sequence[Range], results: Sequence[Range], path: Path, place: str
    ) -> None:
        outcomes = possible(equation, operands, results[0]) if results else None
        if outcomes is None or not any(operand.moves for operand in selector(equation, operands)):
            return  # by sizes and counters alone: the same in every case of a shape
        words, reachable = outcomes
        if reachable & (reachable - 1) == 0 or 0 in getattr(equation.outvars[0].aval, "shape", ()):
            return
        name = equation.primitive.name
        turn = self.turns[name, place] = self.turns.get((name, place), -1) + 1
        self.found[path] = Site(self.program, name, place, turn, words, reachable)

    # --- ranges ---

    def _results(
        self, equation: Any, operands: list[Range], path: Path, place: str, winners: Mapping[Any, Winner]
    ) -> list[Range]:
        name, params = equation.primitive.name, equation.params
        if name in CALLS or name in LOOPS:
            outside = self.place, self.in_jax
            self.place = place
            try:
                if name in LOOPS:
                    return LOOPS[name](self, params, operands, path)
                self.in_jax = self.in_jax or _is_of_jax(params[CALLS[name]])
                return self._inner(params[CALLS[name]], operands, path)
            finally:
                self.place, self.in_jax = outside
        several = len(equation.outvars) != 1
        low, high = ends(equation, operands, winners) if not several else ANYTHING
        if several and name in CHOOSING and operands:
            low, high = hull(*operands)
        moves = any(operand.moves for operand in operands)
        return [Range(low, high, moves, text_of(name, operands))] * len(equation.outvars)

    def _inner(self, jaxpr: Any, operands: Sequence[Range], path: Path) -> list[Range]:
        consts = [literal(const) for const in getattr(jaxpr, "consts", ())]
        return self.run(getattr(jaxpr, "jaxpr", jaxpr), consts, operands, path)

    def _fixed_point(self, body: Callable[[list[Range]], list[Range]], carry: list[Range]) -> list[Range]:
        """Carries that hold whatever a loop gives them: an end that goes on moving is infinite."""
        noting, self.noting = self.noting, False
        for turn in range(ROUNDS + 1):
            joined = [_joined(pair) for pair in zip(carry, body(carry), strict=True)]
            if all(old[:3] == new[:3] for old, new in zip(carry, joined, strict=True)):
                break
            widen = turn >= 1
            carry = [_widened(*pair) for pair in zip(carry, joined, strict=True)] if widen else joined
        self.noting = noting
        return carry

    def _cond(self, params: Mapping[str, Any], operands: list[Range], path: Path) -> list[Range]:
        every = [self._inner(branch, operands[1:], path) for branch in params["branches"]]
        decided = operands[0].moves
        joined = [_joined(column) for column in zip(*every, strict=True)]
        return [each._replace(moves=each.moves or decided) for each in joined]

    def _scan(self, params: Mapping[str, Any], operands: list[Range], path: Path) -> list[Range]:
        consts, carry, rows = scan_groups(params, operands)
        count = len(carry)

        def body(carry: list[Range]) -> list[Range]:
            return self._inner(params["jaxpr"], [*consts, *carry, *rows], path)

        carry = self._fixed_point(lambda carry: body(carry)[:count], carry)
        results = body(carry)
        after = (_joined(pair) for pair in zip(carry, results[:count], strict=True))
        return [*after, *results[count:]]

    def _while(self, params: Mapping[str, Any], operands: list[Range], path: Path) -> list[Range]:
        of_condition, of_body, carry = while_groups(params, operands)

        def body(carry: list[Range]) -> list[Range]:
            return self._inner(params["body_jaxpr"], [*of_body, *carry], path)

        carry = self._fixed_point(body, carry)
        self._inner(params["cond_jaxpr"], [*of_condition, *carry], path)
        body(carry)
        return carry


LOOPS: Mapping[str, Callable[..., list[Range]]] = {
    "cond": _Analysis._cond,
    "scan": _Analysis._scan,
    "while": _Analysis._while,
}


def _joined(ranges: Sequence[Range]) -> Range:
    return Range(*hull(*ranges), any(each.moves for each in ranges), ranges[0].text)


def _widened(before: Range, after: Range) -> Range:
    low = after.low if after.low >= before.low else -INFINITY
    high = after.high if after.high <= before.high else INFINITY
    return after._replace(low=low, high=high)


def _alive(jaxpr: Any) -> set[int]:
    """The equations that a result depends on."""
    wanted = {id(atom) for atom in jaxpr.outvars}
    alive = set()
    for equation in reversed(jaxpr.eqns):
        if equation.effects or any(id(variable) in wanted for variable in equation.outvars):
            alive.add(id(equation))
            wanted.update(id(atom) for atom in equation.invars)
    return alive


def _from_the_end(jaxpr: Any) -> set[int]:
    """How jax adds the size to an index that is negative: both outcomes name the same entry."""
    comparisons = {e.outvars[0]: e for e in jaxpr.eqns if e.primitive.name == "lt" and _is_index(e.invars[0])}
    found = set()
    for equation in jaxpr.eqns:
        if equation.primitive.name == "select_n" and len(equation.invars) == 3:
            which, index, _ = equation.invars
            asked = None if isinstance(which, core.Literal) else comparisons.get(which)
            if asked is not None and asked.invars[0] is index:
                found |= {id(asked), id(equation)}
    return found


def _is_index(atom: Any) -> bool:
    return np.issubdtype(atom.aval.dtype, np.integer)


# --- where it stands --------------------------------------------------------------------------------------------------


def _folder(module: Any) -> str:
    return str(pathlib.Path(module.__file__).parent) + os.sep


OURS = (  # a frame of the verifier's own, or of what composes equations, is no place in a user's code
    str(pathlib.Path(__file__).parents[1]) + os.sep,
    _folder(manual_bp) + "construction" + os.sep,
    _folder(manual_bp) + "derivation.py",
)


def _place(equation: Any) -> str:
    """file:line of the code that asked for it; nothing where that is no user's."""
    said = source_info_util.summarize(equation.source_info)
    path, _, line = said.partition(" (")[0].rpartition(":")[0].rpartition(":")
    users = path and line.isdigit() and not os.path.abspath(path).startswith(OURS)
    return f"{os.path.basename(path)}:{line}" if users else ""


def _is_of_jax(jaxpr: Any) -> bool:
    """Whether it is a function of jax's: its equations stand where it was called first."""
    info = getattr(getattr(jaxpr, "jaxpr", jaxpr).debug_info, "func_src_info", None) or ""
    return info.partition(" at ")[2].startswith(_folder(jax))
