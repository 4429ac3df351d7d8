"""What this process is doing, written where whoever waits for it can still read it after it has died."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

LENGTH = 256  # of a board in bytes
NOTHING = ""  # nothing that could be blamed by its name


class _Here:
    board: Any = None  # memory shared with the process that waits; None where nobody does
    turn = 0
    what = NOTHING


def publish(board: Any) -> None:
    """From now on, activities are written on `board`, an array of LENGTH characters."""
    _Here.board = board
    _write(NOTHING)


@contextlib.contextmanager
def doing(what: str) -> Iterator[None]:
    """Inside, `what` is to blame where this process dies or never ends."""
    before = _Here.what
    _write(what)
    try:
        yield
    finally:
        _write(before)


def _write(what: str) -> None:
    _Here.what = what
    if _Here.board is not None:
        _Here.turn += 1  # whoever waits sees that something has moved on
        _Here.board.value = f"{_Here.turn} {what}".encode()[: LENGTH - 1]


def read(board: Any) -> tuple[str, str]:
    """The turn, which is another one as soon as anything has moved on, and what is being done."""
    turn, _, what = board.value.decode(errors="replace").partition(" ")
    return turn, what
