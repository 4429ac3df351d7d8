"""Where the time of this process goes, by what it does: each second counts once, for the innermost of what is timed."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

REST = "everything else"  # that is in no `timed`
WAITING = "waiting"  # for another process: nobody's time


class _Here:
    taken: dict[str, float] = {}  # noqa: RUF012 - of this process, as is all that it does
    what: list[str] = [REST]  # noqa: RUF012
    since = time.perf_counter()


@contextlib.contextmanager
def timed(what: str) -> Iterator[None]:
    """What is done inside counts as `what`, and not as what it is done for."""
    _turn()
    _Here.what.append(what)
    try:
        yield
    finally:
        _turn()
        _Here.what.pop()


def taken() -> dict[str, float]:
    """Seconds by what was done since this was asked last; only the process itself can be asked."""
    _turn()
    found, _Here.taken = _Here.taken, {}
    found.pop(WAITING, None)
    return found


def _turn() -> None:
    """The time up to now goes to what is being done."""
    now = time.perf_counter()
    here = _Here.what[-1]
    _Here.taken[here] = _Here.taken.get(here, 0.0) + now - _Here.since
    _Here.since = now
