"""Decisions that a user's Python takes by sizes: which were met in a trace, and at which sizes they turn out otherwise.

A trace with symbolic sizes stands for every size only where nothing was decided by one. jax's symbolic size answers
`n == 3`, `n % 4 == 0`, `n in (4, 8)`, `sizes[n]` and `rows == columns` with no, whatever n is, and `n > 16` raises.
Inside `noted` every such question is kept, if it is asked by other code than jax's and this project's; jax decides
nothing by a size but what holds at all of them, but for what it asks as a truth value: whether the length of a
transform is odd. A power that is no whole number, as `d ** -0.5`, which jax refuses, is
computed there. `turning` then finds shapes at which the answers differ.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import operator
import sys
import sysconfig
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

import jax
import jax.numpy as jnp
import jaxlib
import numpy as np
from jax.extend import core

from verify.interpreter.steps import Sizes, SymbolicSize, filled_in

ORDER: Final = {"__lt__": operator.lt, "__le__": operator.le, "__gt__": operator.gt, "__ge__": operator.ge}
COMPARISONS: Final = frozenset({"eq", "ne", "lt", "le", "gt", "ge"})
COMPARED: Final = {"__eq__": operator.eq, "__ne__": operator.ne, **ORDER}
LOOKED_UP: Final = (*range(1, 18), 32, 64)  # sizes that a table may have entries for
SCANNED: Final = 130  # up to this size a change of the answer is looked for
FARTHEST: Final = 1 << 20  # up to this one between powers of two
MOST: Final = 32  # shapes that are made of all decisions of one derivation


@dataclass(frozen=True)
class Decision:
    """A question about sizes: a comparison of two, or, where `asks` is nothing, a look-up of one in a table."""

    left: Any
    right: Any
    asks: str = ""

    def answer(self, sizes: Sizes) -> bool:
        return bool(COMPARED[self.asks](filled_in(self.left, sizes), filled_in(self.right, sizes)))


@dataclass
class Decisions:
    """What was asked inside `noted`, each question once."""

    asked: dict[tuple[str, str, str], Decision] = field(default_factory=dict)

    def note(self, decision: Decision) -> None:
        self.asked.setdefault((str(decision.left), str(decision.right), decision.asks), decision)

    def __bool__(self) -> bool:
        return bool(self.asked)


@contextlib.contextmanager
def noted(at: Sizes | None = None) -> Iterator[Decisions]:
    """Notes the questions that are asked inside; with `at`, they are answered as these sizes would."""
    decisions = Decisions()
    originals = {name: getattr(SymbolicSize, name) for name in (*COMPARED, "__hash__", "__pow__")}

    def put(decision: Decision, otherwise: Callable[[], Any]) -> Any:
        decisions.note(decision)
        return otherwise() if at is None else decision.answer(at)

    def compared(name: str) -> Any:
        original = originals[name]

        @functools.wraps(original)
        def compare(self: Any, other: Any) -> Any:
            if not _asked_by_user(sys._getframe(1)):
                return original(self, other)
            if name in ORDER:
                with contextlib.suppress(jax.errors.InconclusiveDimensionOperation):
                    return original(self, other)
            elif _are_apart(originals, self, other):
                return name == "__ne__"
            elif (self - other) == 0:
                return name == "__eq__"
            return put(Decision(self, other, name), lambda: original(self, other))

        return compare

    @functools.wraps(originals["__hash__"])
    def looked_up(self: Any) -> int:
        if _asked_by_user(sys._getframe(1)):
            decisions.note(Decision(self, None))
            if at is not None:
                return hash(filled_in(self, at))
        return originals["__hash__"](self)

    def true(self: Any) -> bool:
        if _are_apart(originals, self, 0):
            return True
        return put(Decision(self, 0, "__ne__"), lambda: True)

    @functools.wraps(SymbolicSize.__pow__)
    def power(self: Any, exponent: Any, *modulo: Any) -> Any:
        if isinstance(exponent, float) and not exponent.is_integer():
            return (jnp.asarray(self) * 1.0) ** exponent
        return originals["__pow__"](self, exponent, *modulo)

    assert not hasattr(SymbolicSize, "__bool__"), "jax's symbolic sizes have a truth of their own"
    changed = {
        **{name: compared(name) for name in COMPARED},
        "__hash__": looked_up,
        "__bool__": true,
        "__pow__": power,
    }
    try:
        for name, method in changed.items():
            setattr(SymbolicSize, name, method)
        yield decisions
    finally:
        delattr(SymbolicSize, "__bool__")
        for name, original in originals.items():
            setattr(SymbolicSize, name, original)


def _are_apart(originals: Mapping[str, Any], left: Any, right: Any) -> bool:
    """Whether the two are different at all sizes from 1 on, or `right` is no size at all."""
    if not isinstance(right, SymbolicSize | int | np.integer):
        return True
    difference = left - right
    if not isinstance(difference, SymbolicSize):
        return difference != 0
    for name, bound in (("__ge__", 1), ("__le__", -1)):
        with contextlib.suppress(jax.errors.InconclusiveDimensionOperation):
            if originals[name](difference, bound):
                return True
    return False


def _asked_by_user(frame: FrameType | None) -> bool:
    """Whether the first code outside the standard library, from this frame outwards, is neither jax's nor ours."""
    while frame is not None and (
        _is_in(frame.f_code.co_filename, _standard()) or _is_generated(frame.f_code)
    ):
        frame = frame.f_back
    return frame is not None and not _is_in(frame.f_code.co_filename, _trusted())


def _is_generated(code: CodeType) -> bool:
    """Whether it is a method that `dataclass` has written: who asks is whoever calls it."""
    return code.co_filename == "<string>" and code.co_name in ("__eq__", "__hash__")


@functools.lru_cache(maxsize=4096)
def _is_in(path: str, folders: tuple[str, ...]) -> bool:
    """Third-party packages lie inside the folder of the standard library and are no part of it."""
    inside = any(path.startswith(folder) for folder in folders)
    return (inside and not (folders is _standard() and "site-packages" in path)) or path.startswith("<frozen")


@functools.cache
def _standard() -> tuple[str, ...]:
    return tuple(f"{Path(sysconfig.get_path(key))}/" for key in ("stdlib", "platstdlib"))


@functools.cache
def _trusted() -> tuple[str, ...]:
    """jax, and of this project what traces equations; the book's equations are judged like a user's."""
    ours = Path(__file__).parents[2]
    packages = [Path(module.__file__ or "").parent for module in (jax, jaxlib)]
    folders = (*packages, ours / "verify", ours / "manual_bp/construction", ours / "manual_bp/description")
    return (*(f"{folder}/" for folder in folders), f"{ours}/manual_bp/derivation.py")


# --- at which sizes ---------------------------------------------------------------------------------------------------


def distinct(names: Sequence[str], *, start: int = 2) -> Sizes:
    """Sizes that are pairwise different."""
    return {name: size for size, name in enumerate(names, start)}


def turning(decisions: Decisions, names: Sequence[str], positions: Collection[int] = ()) -> list[Sizes]:
    """Shapes that between them answer each question in both ways, the smallest ones, as far as one dimension alone
    decides it; and shapes in which the positions, one dimension at a time, lie inside.
    """
    base = distinct(names)
    shapes: dict[tuple[tuple[str, int], ...], None] = {}
    for decision in decisions.asked.values():
        for sizes in _turned(decision, base):
            shapes.setdefault(tuple(sizes.items()))
    for position in positions:
        for name in base:
            shapes.setdefault(tuple({**base, name: position + 2}.items()))
    return [dict(shape) for shape in [*shapes][:MOST]]


def positions(jaxpr: Any) -> set[int]:
    """The integers that integers are compared with anywhere in a jaxpr, as where `arange(n) < 16` chooses."""
    found: set[int] = set()
    for equation in jaxpr.eqns:
        for inner in core.jaxprs_in_params(equation.params):
            found |= positions(inner)
        if equation.primitive.name in COMPARISONS:
            found |= {
                int(atom.val)
                for atom in equation.invars
                if isinstance(atom, core.Literal) and np.issubdtype(np.asarray(atom.val).dtype, np.integer)
            }
    return {value for value in found if 1 < value < SCANNED}


def _turned(decision: Decision, base: Mapping[str, int]) -> Iterator[Sizes]:
    for name in base:
        if not decision.asks:
            if filled_in(decision.left, {**base, name: 1}) != filled_in(decision.left, {**base, name: 2}):
                yield from ({**base, name: size} for size in LOOKED_UP)
            continue
        answers: dict[bool, Sizes] = {}
        for size in (*range(1, SCANNED), *_far(decision, base, name)):
            sizes = {**base, name: size}
            answers.setdefault(decision.answer(sizes), sizes)
        if len(answers) == 2:
            yield from answers.values()
            yield from _more(decision, base, name, answers)


def _far(decision: Decision, base: Mapping[str, int], name: str) -> list[int]:
    """Sizes beyond those that are scanned at which an answer may change: where the two numbers that are compared are
    equal, if their difference is linear in the size, and around it; and where, between two powers of two, it does.
    """

    def answer(size: int) -> bool:
        return decision.answer({**base, name: size})

    def difference(size: int) -> Any:
        sizes = {**base, name: size}
        return filled_in(decision.left, sizes) - filled_in(decision.right, sizes)

    found: list[int] = []
    with contextlib.suppress(TypeError):
        first, second, last = map(difference, (1, 2, SCANNED))
        if (slope := second - first) and last - first == slope * (SCANNED - 1):
            equal = 1 - first / slope
            found = [*range(math.floor(equal) - 1, math.ceil(equal) + 2)]
    powers = [1 << bit for bit in range(SCANNED.bit_length(), FARTHEST.bit_length())]
    for below, above in itertools.pairwise([SCANNED - 1, *powers]):
        if answer(below) != answer(above):
            while above - below > 1:
                middle = (below + above) // 2
                below, above = (middle, above) if answer(middle) == answer(below) else (below, middle)
            found.append(above)
            break
    return sorted(size for size in found if size >= SCANNED)


def _more(
    decision: Decision, base: Mapping[str, int], name: str, answers: Mapping[bool, Sizes]
) -> Iterator[Sizes]:
    """One more size behind the turn: what is wrong from there on may be wrong by a factor of the size."""
    last = max(answers.values(), key=lambda sizes: sizes[name])
    yield {**base, name: last[name] + 1}
