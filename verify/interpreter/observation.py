"""Who looks on while a program is walked: every equation, with what it was given and what came of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from verify.interpreter.steps import Step


class Observer(Protocol):
    """What the walker tells: calls and loops are entered and left like any other equation."""

    def begin(self) -> None:
        """A walk through a program begins."""
        ...

    def enter(self, step: Step) -> None:
        """An equation is about to be evaluated."""
        ...

    def leave(self, step: Step, operands: Sequence[Any], results: Sequence[Any]) -> None:
        """An equation was evaluated."""
        ...


class Observers:
    """Several at once."""

    def __init__(self, *observers: Observer):
        self.observers = observers

    def begin(self) -> None:
        for observer in self.observers:
            observer.begin()

    def enter(self, step: Step) -> None:
        for observer in self.observers:
            observer.enter(step)

    def leave(self, step: Step, operands: Sequence[Any], results: Sequence[Any]) -> None:
        for observer in self.observers:
            observer.leave(step, operands, results)


def observer_of(arithmetic: Any) -> Observer | None:
    """Who looks on at the walks of this arithmetic."""
    return getattr(arithmetic, "observer", None)


@contextlib.contextmanager
def observed(arithmetic: Any, observer: Observer | None) -> Iterator[None]:
    """Has an observer look on, unless the arithmetic has one of its own."""
    own = observer_of(arithmetic)
    looking = observer if own is None else own
    if looking is None:
        yield
        return
    looking.begin()
    arithmetic.observer = looking
    try:
        yield
    finally:
        arithmetic.observer = own
