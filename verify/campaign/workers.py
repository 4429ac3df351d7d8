"""Judges units of work in processes that may die, never end or ask for too much memory: the others go on."""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from multiprocessing import connection, resource_tracker
from typing import Any, NamedTuple

from verify.campaign.unit import judge as judge_unit
from verify.campaign.work import Findings, Unit
from verify.runtime import activity
from verify.runtime.compilation_cache import use_cache
from verify.runtime.timings import WAITING, timed
from verify.settings import Settings
from verify.targets.discovery import load

LIMIT = 120.0  # seconds that one program may take: to trace, to walk at one shape, or to compile and run
STARTING = 300.0  # seconds that a process may take to start
LOOK = 0.2  # seconds between two looks at who still moves
ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
)  # matrices are small, and cores are shared out


class LostUnit(NamedTuple):
    """Why a process gave no findings for its unit."""

    activity: str  # what it was doing: the name of an equation, or ""
    reason: str  # completes the sentence that begins with the activity
    late: bool = False  # it was ended because it did not finish


class Worker:
    """One process, and what is known of it."""

    def __init__(self, context: Any, settings: Settings, share: int | None):
        self.connection, theirs = context.Pipe()
        self.board = context.RawArray("c", activity.LENGTH)
        self.process = context.Process(target=serve, args=(theirs, self.board, settings, share), daemon=True)
        _start(self.process)
        theirs.close()  # so that the end of the process is the end of the connection
        self.position: int | None = None
        self._seen, self._since = ("", ""), time.monotonic()

    def give(self, position: int, unit: Unit) -> None:
        self.position, self._since = position, time.monotonic()
        with contextlib.suppress(OSError):  # it has died: whoever waits for it finds out
            self.connection.send(unit)

    def answer(self) -> Findings | LostUnit | None:
        """What it found, or why it found nothing; None while it is at work."""
        try:
            if self.connection.poll():
                return self.connection.recv()
        except (EOFError, OSError):
            return LostUnit(activity.read(self.board)[1], self._exit_reason())
        if (seen := activity.read(self.board)) != self._seen:
            self._seen, self._since = seen, time.monotonic()
        limit = LIMIT if seen[0] else STARTING
        if time.monotonic() - self._since < limit:
            return None
        self.end()
        return LostUnit(seen[1], f"did not finish within {limit:g} s", late=True)

    def _exit_reason(self) -> str:
        self.process.join(10)
        code = self.process.exitcode
        if code is not None and code < 0:
            return f"ended its process with {signal.Signals(-code).name}, as happens where memory runs out"
        return f"ended its process with exit code {code}"

    def end(self) -> None:
        """At once, whatever it is doing."""
        self.process.kill()
        self.process.join()
        self.connection.close()


class WorkerPool:
    """Several processes, and what is still to be judged.

    A unit that takes its process down is judged once more, while no other runs. Where that fails too, the equation
    that it was at is given up in all units of that derivation, or, where it was at none, the derivation is.
    """

    def __init__(self, jobs: int, settings: Settings, platform: str):
        self.jobs, self.settings = jobs, settings
        self.share = room // jobs if platform == "cpu" and (room := memory()) else None
        self.context = _context()
        self.workers: list[Worker] = []
        self.given_up: dict[str, dict[str, str]] = {}  # by derivation: equations, and why

    def judge(self, units: Mapping[int, Unit]) -> Iterator[tuple[int, Findings | LostUnit]]:
        """The findings of every unit as they come; Lost where nothing is to be had of one."""
        waiting, suspects, units = deque(units), deque[int](), dict(units)
        while waiting or suspects or self._busy():
            if suspects:
                if not self._busy():
                    self._give(suspects[0], units[suspects.popleft()])
            else:
                while waiting and len(self._busy()) < self.jobs:
                    position = waiting.popleft()
                    if lost := self._hopeless(units[position]):
                        yield position, lost
                    else:
                        self._give(position, units[position])
            for position, answer in self._answers():
                unit = units[position]
                if isinstance(answer, Findings):
                    yield position, answer
                elif not unit.apart and not (answer.late and answer.activity):
                    units[position] = dataclasses.replace(unit, apart=True)
                    suspects.append(position)
                else:
                    why = answer.reason if answer.late else f"{answer.reason}, twice"
                    self.given_up.setdefault(unit.spec, {})[answer.activity] = why
                    waiting.appendleft(position)

    def _hopeless(self, unit: Unit) -> LostUnit | None:
        why = self.given_up.get(unit.spec, {}).get(activity.NOTHING)
        return None if why is None else LostUnit(activity.NOTHING, why)

    def _busy(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.position is not None]

    def _give(self, position: int, unit: Unit) -> None:
        lost = tuple(sorted(self.given_up.get(unit.spec, {}).items()))
        idle = [worker for worker in self.workers if worker.position is None]
        if not idle:
            idle = [Worker(self.context, self.settings, self.share)]
            self.workers += idle
        idle[0].give(position, dataclasses.replace(unit, lost=lost))

    def _answers(self) -> Iterator[tuple[int, Findings | LostUnit]]:
        busy = self._busy()
        if busy:
            with timed(WAITING):
                connection.wait([worker.connection for worker in busy], LOOK)
        for worker in busy:
            position, answer = worker.position, worker.answer()
            if answer is not None and position is not None:
                worker.position = None
                if not worker.process.is_alive():
                    worker.end()
                    self.workers.remove(worker)
                yield position, answer

    def close(self) -> None:
        """Ends every process at once."""
        for worker in self.workers:
            worker.end()
        self.workers.clear()


# --- in the process -------------------------------------------------------------------------------------


def serve(requests: connection.Connection, board: Any, settings: Settings, share: int | None) -> None:
    """Judges units until there are no more."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _limit_memory(share)
    use_cache(settings)
    activity.publish(board)
    with contextlib.suppress(EOFError, OSError):
        while True:
            with timed(WAITING):
                unit = requests.recv()
            try:
                with timed("import"):
                    derivation = load(unit.spec)
                answer: Findings | LostUnit = judge_unit(derivation, unit)
            except Exception as error:
                answer = LostUnit(activity.NOTHING, internal_error(error))
            requests.send(answer)


def internal_error(error: BaseException) -> str:
    """What was raised and where, in one line."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = (
        ""
        if trace is None
        else f" ({os.path.basename(trace.tb_frame.f_code.co_filename)}, line {trace.tb_lineno})"
    )
    said = str(error).strip().partition("\n")[0]
    return f"internal error: {type(error).__name__}: {said}{where}"


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _limit_memory(share: int | None) -> None:
    """Whoever wants more gets a MemoryError, before the system ends a process that may not be ours."""
    if share is not None and sys.platform == "linux":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (share, hard))


def memory() -> int | None:
    """How many bytes of memory there are, or that this process's group may use."""
    if sys.platform != "linux":
        return None
    sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError), open(path) as file:
            sizes.append(int(file.read()))
    return min(sizes)


# --- starting one ---------------------------------------------------------------------------------------


def _context() -> Any:
    """Processes are forked from one that has imported everything and has no threads yet, where that is possible."""
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _start(process: Any) -> None:
    """Starts a process that ignores Ctrl-C, in a thread, so that the calling thread still receives Ctrl-C meanwhile."""
    errors: list[Exception] = []

    def start() -> None:
        try:
            with _environment(dict.fromkeys(ONE_THREAD, "1")), _ignoring_interrupts():
                process.start()
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=start, daemon=True)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """What a process that is started inside finds in its environment, unless the user said otherwise."""
    mine = {name: value for name, value in variables.items() if name not in os.environ}
    os.environ.update(mine)
    try:
        yield
    finally:
        for name in mine:
            del os.environ[name]


@contextlib.contextmanager
def _ignoring_interrupts() -> Iterator[None]:
    """A process that is started inside inherits a mask that blocks SIGINT; the one that reports keeps receiving it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # it would lift the mask when it is started
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
