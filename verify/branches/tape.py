"""A walk in plain numbers, remembered: which equation made which value, and from what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from verify.arithmetic.bounds.arithmetic import Bounds
from verify.branches.analysis import Path
from verify.branches.outcomes import numbers
from verify.generation.data import Leaves, Spec
from verify.interpreter.indexing import INDEXED_MOVES, split_operands
from verify.interpreter.movement import MOVES
from verify.interpreter.steps import Step
from verify.interpreter.walker import Sizes
from verify.programs.tracing import Programs, Traced


class Entry(NamedTuple):
    """One equation that was evaluated."""

    step: Step
    operands: Sequence[Any]
    results: Sequence[Any]


class Origin(NamedTuple):
    """Where a value comes from: a leaf, or a result of an equation."""

    leaf: str | None
    entry: Entry | None = None
    output: int = 0


class Tape:
    """As an observer of walks it keeps every equation; values are known by identity, so all of them stay alive."""

    def __init__(self) -> None:
        self.entries: dict[Path, list[Entry]] = {}
        self.path: list[int] = []
        self._origins: dict[int, Origin] = {}
        self._moving: set[int] = set()  # values that depend on a leaf
        self._leaves: list[Any] = []

    def leaf(self, name: str, value: Any) -> None:
        """Tells the tape that a value is a leaf."""
        self._origins[id(value)] = Origin(name)
        self._moving.add(id(value))
        self._leaves.append(value)

    def origin(self, value: Any) -> Origin | None:
        """Where a value that depends on a leaf comes from; None for any other."""
        return self._origins.get(id(value)) if id(value) in self._moving else None

    def begin(self) -> None:
        self.path.clear()

    def enter(self, step: Step) -> None:
        self.path.append(id(step.equation))

    def leave(self, step: Step, operands: Sequence[Any], results: Sequence[Any]) -> None:
        entry, path = Entry(step, operands, results), tuple(self.path)
        self.path.pop()
        self.entries.setdefault(path, []).append(entry)
        moving = any(id(operand) in self._moving for operand in operands)
        for output, result in enumerate(results):
            if id(result) not in self._origins and not any(result is operand for operand in operands):
                self._origins[id(result)] = Origin(None, entry, output)
                if moving:
                    self._moving.add(id(result))


def recorded(
    programs: Programs, whole: Sequence[Traced], sizes: Sizes, specs: Mapping[str, Spec], leaves: Leaves
) -> Tape:
    """The tape of a walk through the reference, every equation, and the programs that are whole."""
    tape, arithmetic = Tape(), Bounds()
    arithmetic.observer = tape
    lifted = {}
    for name, spec in specs.items():
        lifted[name] = arithmetic.exact(leaves[name]) if spec.kind == "float" else leaves[name]
        tape.leaf(name, lifted[name])
    values = programs.reference(arithmetic, sizes, lifted)
    for equation in programs.equations.values():
        if isinstance(equation, Traced):
            equation(arithmetic, sizes, values)
    for program in whole:
        program(arithmetic, sizes, lifted)
    return tape


def sources(entry: Entry, output: int, case: int) -> Iterator[tuple[int, np.ndarray]]:
    """Of an equation that only moves numbers: each operand it moves, and where in it each element of the result lies.

    Places are flat; those in another operand are -1. Nothing where the equation does more.
    """
    step = entry.step
    plain = [numbers(operand) for operand in entry.operands]
    plain = [array[min(case, len(array) - 1)][None] for array in plain]
    if step.primitive in INDEXED_MOVES:
        values, indices = split_operands(step, plain)
        moved = [i for i, operand in enumerate(plain) if any(operand is value for value in values)]
    elif step.primitive in MOVES:
        indices, moved = (), [*range(len(plain))]
    else:
        return
    for chosen in moved:
        marked = [
            np.arange(array.size).reshape(array.shape) if i == chosen else np.full(array.shape, -1)
            for i, array in enumerate(plain)
        ]
        if step.primitive in INDEXED_MOVES:
            result = INDEXED_MOVES[step.primitive](step, [marked[i] for i in moved], indices)
        else:
            result = MOVES[step.primitive](step, *marked)
        result = result[output] if isinstance(result, (list, tuple)) else result
        yield chosen, np.asarray(result)[0]
