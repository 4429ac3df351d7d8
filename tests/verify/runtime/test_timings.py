"""Where the time goes: each second counts once, for the innermost."""

import pytest

from verify.runtime import timings
from verify.runtime.timings import REST, WAITING, taken, timed


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that is moved by hand."""
    now = [0.0]
    monkeypatch.setattr(timings.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(timings._Here, "since", 0.0)
    monkeypatch.setattr(timings._Here, "taken", {})
    return now


def test_what_is_inside_counts_for_itself_alone(clock: list[float]):
    clock[0] = 1
    with timed("walk"):
        clock[0] = 3
        with timed("trace"):
            clock[0] = 7
        clock[0] = 7.5
    clock[0] = 8
    assert taken() == {REST: 1.5, "walk": 2.5, "trace": 4}
    assert sum(taken().values()) == 0


def test_a_function_that_raises_is_timed_and_left(clock: list[float]):
    @timed("compile")
    def fails() -> None:
        clock[0] += 5
        raise ValueError("no")

    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            fails()
    clock[0] += 1
    assert taken() == {REST: 1, "compile": 10}


def test_waiting_is_nobodys_time(clock: list[float]):
    with timed(WAITING):
        clock[0] = 9
    assert "compile" not in taken() and WAITING not in taken()
