"""A campaign: what is judged, by which processes, and how much of it; what is known when it is interrupted."""

from __future__ import annotations

import concurrent.futures
import contextlib
import importlib.metadata
import multiprocessing
import platform as python_platform
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax

from manual_bp.derivation import Derivation
from verify import judge, store
from verify.settings import Settings
from verify.strategies import rotation
from verify.targets import Target, load
from verify.unit import Findings, Unit
from verify.unit import judge as judge_unit
from verify.verdict import Report

Progress = Callable[[str, int, int], None]


def run(targets: Sequence[Target], settings: Settings, progress: Progress) -> Report:
    """Judges every target. Interrupted by Ctrl-C, it returns what is known so far and says so."""
    started = time.perf_counter()
    units = plan(targets, settings)
    found: dict[int, Findings] = {}
    interrupted = False
    labels = [f"{targets[t].derivation.name} {' '.join(unit.choices.values())}" for t, unit in units]
    try:
        for done, (position, findings) in enumerate(_judged(targets, units, settings), start=1):
            found[position] = findings
            store.keep(settings.directory, targets[units[position][0]].derivation.name, findings)
            progress(labels[position], done, len(units))
    except KeyboardInterrupt:
        interrupted = True
    derivations = []
    for place, target in enumerate(targets):
        mine = [found[i] for i, (t, _) in enumerate(units) if t == place and i in found]
        if mine or not interrupted:
            derivations.append(judge.conclude(target.derivation.name, target.derivation.source, mine))
    derivations = [derivation for derivation in derivations if derivation.equations]
    return Report(
        environment(settings),
        settings.to_json(),
        totals(targets, units, found, time.perf_counter() - started),
        derivations,
        interrupted,
    )


def plan(targets: Sequence[Target], settings: Settings) -> list[tuple[int, Unit]]:
    """The units of work, each with the place of its target.

    Tables are rotated: every row is met in every derivation. On the device, the derivations share them out, so that every
    row is met there in at least one, and every derivation meets several.
    """
    units = []
    on_device: set[tuple[str, str]] = set()
    chosen = [t for t, target in enumerate(targets) if _selected(target.derivation, settings)]
    for turn, place in enumerate(chosen):
        target = targets[place]
        pairs = rotation(target.derivation, settings.seed)
        share, rest = divmod(settings.examples, len(pairs))
        for index, rows in enumerate(pairs):
            names = {choice: str(getattr(row, "name", row)) for choice, row in rows.items()}
            new = set(names.items()) - on_device
            here = index % len(chosen) == turn or (bool(new) and turn == len(chosen) - 1)
            on_device |= set(names.items()) if here else set()
            units.append((place, Unit(target.spec, index, names, share + (index < rest), here, settings)))
    return units


def _selected(derivation: Derivation, settings: Settings) -> bool:
    return any(settings.selects(derivation.name, name) for name in [*derivation.equations, "gradient"])


# --- processes --------------------------------------------------------------------------------------------------------


def _judged(
    targets: Sequence[Target], units: Sequence[tuple[int, Unit]], settings: Settings
) -> Iterator[tuple[int, Findings]]:
    """The findings of every unit, as they come."""
    jobs = min(settings.jobs_on(_platform(settings)), len(units))
    if jobs <= 1:
        with compilation_cache(settings):
            for position, (place, unit) in enumerate(units):
                yield position, judge_unit(targets[place].derivation, unit)
        return
    context = multiprocessing.get_context("spawn")  # jax has threads, which a fork would not survive
    executor = concurrent.futures.ProcessPoolExecutor(jobs, context, initializer=_begin, initargs=(settings,))
    try:
        futures = {executor.submit(_work, unit): position for position, (_, unit) in enumerate(units)}
        for future in concurrent.futures.as_completed(futures):
            yield futures[future], future.result()
    except BaseException:
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _begin(settings: Settings) -> None:
    """Prepares a process: Ctrl-C is for the one that reports."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _use_cache(settings)


def _work(unit: Unit) -> Findings:
    return judge_unit(load(unit.spec), unit)


CACHE = {
    "jax_compilation_cache_dir": None,
    "jax_persistent_cache_min_compile_time_secs": 0.0,
    "jax_persistent_cache_min_entry_size_bytes": -1,
}


def _use_cache(settings: Settings) -> None:
    for option, value in CACHE.items():
        jax.config.update(option, str((settings.directory / "xla").absolute()) if value is None else value)


@contextlib.contextmanager
def compilation_cache(settings: Settings) -> Iterator[None]:
    """Compiled programs are kept in the directory of the settings; the user's own configuration comes back afterwards."""
    before = {option: getattr(jax.config, option) for option in CACHE}
    _use_cache(settings)
    try:
        yield
    finally:
        for option, value in before.items():
            jax.config.update(option, value)


# --- what is said of the run ------------------------------------------------------------------------------------------


def _platform(settings: Settings) -> str:
    return settings.platform or jax.default_backend()


def environment(settings: Settings) -> dict[str, Any]:
    """Where the run took place."""
    devices = jax.devices(settings.platform)
    return {
        "jax": jax.__version__,
        "jaxlib": importlib.metadata.version("jaxlib"),
        "python": python_platform.python_version(),
        "platform": devices[0].platform,
        "device": devices[0].device_kind,
        "devices": len(devices),
        "precision": settings.precision,
    }


def totals(
    targets: Sequence[Target], units: Sequence[tuple[int, Unit]], found: dict[int, Findings], seconds: float
) -> dict[str, Any]:
    """What was done in all. A shape counts once for each derivation; kinks are those that the device was run on."""
    shapes = {(units[i][0], shape) for i, findings in found.items() for shape in findings.shapes}
    kinks: dict[str, dict[str, int]] = {}
    for position in sorted(found):
        for (choice, row, kink), count in found[position].kinks.items():
            table = kinks.setdefault(f"{choice} {row}", {})
            table[f"{kink:g}"] = table.get(f"{kink:g}", 0) + count
    return {
        "cases": sum(findings.cases for findings in found.values()),
        "points": sum(
            max((e.proof.points for e in findings.equations.values()), default=0) for findings in found.values()
        ),
        "shapes": len(shapes),
        "programs": sum(findings.programs for findings in found.values()),
        "kinks": kinks,
        "seconds": round(seconds, 1),
    }
