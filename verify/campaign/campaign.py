"""A campaign: what is judged, by which processes, and how much of it; what is known when it is interrupted."""

from __future__ import annotations

import contextlib
import importlib.metadata
import platform as python_platform
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import Any

import jax

from manual_bp.derivation import Derivation
from verify.campaign import conclusion
from verify.campaign.journal import Journal
from verify.campaign.presentation import origin, show
from verify.campaign.store import Store
from verify.campaign.summaries import met, wiring
from verify.campaign.unit import judge as judge_unit
from verify.campaign.work import Findings, Unit, blank
from verify.campaign.workers import LostUnit, WorkerPool, internal_error
from verify.generation import ranks
from verify.generation.exploration import explore
from verify.generation.strategies import dimension_names, rotation
from verify.programs import reference
from verify.programs.tracing import GRADIENT, Fault
from verify.runtime.activity import NOTHING
from verify.runtime.compilation_cache import compilation_cache
from verify.runtime.timings import taken
from verify.settings import Settings
from verify.targets.discovery import Target
from verify.verdict import Report

Progress = Callable[[str, int, int], None]
Planned = Sequence[tuple[int, Unit]]  # each unit with the place of its target


def run(
    targets: Sequence[Target],
    settings: Settings,
    progress: Progress,
    watch: Callable[[str, Findings], None] | None = None,
) -> Report:
    """Judges every target. Interrupted by Ctrl-C, it returns what is known so far and says so.

    `progress` is told of each unit that is done, its number and that of all; `watch` what was found of it.
    """
    started = time.perf_counter()
    where = environment(settings)
    store = Store(settings.directory, where["platform"], settings.precision)
    units = plan(targets, settings, [store.kept(target.derivation.name) for target in targets])
    labels = [f"{targets[t].derivation.name} {' '.join(unit.choices.values())}" for t, unit in units]
    found: dict[int, Findings] = {}
    interrupted = False
    try:
        with contextlib.closing(_judged(targets, units, settings, where)) as judged:
            for done, (position, findings) in enumerate(judged, start=1):
                found[position] = findings
                target = targets[units[position][0]]
                store.enter(target.derivation.name, position, findings, origin(target))
                progress(labels[position], done, len(units))
                if watch is not None:
                    watch(labels[position], findings)
    except KeyboardInterrupt:
        interrupted = True
    derivations = []
    for place, target in enumerate(targets):
        mine = [found[i] for i, (t, _) in enumerate(units) if t == place and i in found]
        if mine or not interrupted:
            judged_one = target.derivation
            concluded = conclusion.conclude(
                judged_one.name, judged_one.source, mine, judged_one.printed_wrong
            )
            if settings.selects(target.derivation.name, GRADIENT):
                concluded.note = reference.uncomposed(target.derivation)
            concluded.wiring, concluded.met = wiring(judged_one), met(mine)
            show(concluded, target, store, settings)
            derivations.append(concluded)
    derivations = [derivation for derivation in derivations if derivation.equations]
    seconds = time.perf_counter() - started
    return Report(where, settings.to_json(), totals(targets, units, found, seconds), derivations, interrupted)


MOST_APART = 4  # of so many units of a derivation one runs on the device, however many derivations there are


def plan(
    targets: Sequence[Target], settings: Settings, kept: Sequence[Sequence[Mapping[str, Any]]] = ()
) -> list[tuple[int, Unit]]:
    """The units of work, each with the place of its target, and the counterexamples `kept` of it.

    Tables are rotated: every row is met in every derivation. On the device, the derivations share them out, so that
    every row is met there in at least one, and every derivation meets several.
    """
    units = []
    on_device: set[tuple[type, str]] = set()  # rows, whichever choice they were made for
    chosen = [t for t, target in enumerate(targets) if _selected(target.derivation, settings)]
    for turn, place in enumerate(chosen):
        target = targets[place]
        pairs = rotation(target.derivation, settings.start)
        replays = _by_choices(target.derivation, kept[place] if kept else ())
        explored = explore(ranks.widest(target.derivation), settings.start, settings.examples)
        for index, rows in enumerate(pairs):
            at, choices = ranks.instance(target.derivation, rows)
            names = ranks.named(choices, at.ranks)
            share = tuple(case.kept(dimension_names(at)) for case in explored[index :: len(pairs)])
            met = {(type(row), names[choice]) for choice, row in rows.items()}
            stride = min(MOST_APART, len(chosen), len(pairs))  # every derivation is met on the device
            here = index % stride == turn % stride or (turn == len(chosen) - 1 and not met <= on_device)
            on_device |= met if here else set()
            mine = tuple(replays.pop(tuple(names.items()), ()))
            units.append((place, Unit(target.spec, index, names, share, here, settings, mine)))
        for more, (names, mine) in enumerate(replays.items(), start=len(pairs)):
            unit = Unit(target.spec, more, dict(names), (), False, settings, tuple(mine), only_replays=True)
            units.append((place, unit))
    return units


def _by_choices(
    derivation: Derivation, kept: Sequence[Mapping[str, Any]]
) -> dict[tuple[tuple[str, str], ...], list[dict[str, Any]]]:
    """Counterexamples by the rows they were found with, those left out that the derivation's tables no longer have."""
    tables = ranks.tables(derivation)
    replays: dict[tuple[tuple[str, str], ...], list[dict[str, Any]]] = {}
    for stored in kept:
        rows, axes = stored.get("choices"), stored.get("ranks", {})
        if isinstance(rows, dict) and isinstance(axes, dict):
            found = ranks.named(rows, axes)
            names = tuple((choice, found.pop(choice, "")) for choice in tables)
            if not found and all(row in tables[choice] for choice, row in names):
                replays.setdefault(names, []).append(dict(stored))
    return replays


def _selected(derivation: Derivation, settings: Settings) -> bool:
    return any(settings.selects(derivation.name, name) for name in [*derivation.equations, GRADIENT])


# --- who judges -------------------------------------------------------------------------------------------------------


def _judged(
    targets: Sequence[Target], units: Planned, settings: Settings, where: Mapping[str, Any]
) -> Generator[tuple[int, Findings], None, None]:
    """The findings of every unit as they come, those with something to replay first."""
    order = sorted(range(len(units)), key=lambda position: not units[position][1].replays)
    waiting = {position: units[position][1] for position in order}
    apart = where["platform"] != "tpu" and all(
        ":" in target.spec for target in targets
    )  # one process has the TPU
    judged = _by_processes(waiting, settings, where) if apart else _here(targets, units, waiting, settings)
    with contextlib.closing(judged):
        for position, findings in judged:
            place, unit = units[position]
            if isinstance(findings, LostUnit):
                findings = nothing(targets[place].derivation, unit, findings)
            yield position, findings


def _by_processes(
    units: Mapping[int, Unit], settings: Settings, where: Mapping[str, Any]
) -> Generator[tuple[int, Findings | LostUnit], None, None]:
    """In processes of their own, and from where a run that was killed had come to."""
    journal = Journal(settings, where)
    known = {
        position: findings for position, unit in units.items() if (findings := journal.read(unit)) is not None
    }
    yield from known.items()
    waiting = {position: unit for position, unit in units.items() if position not in known}
    crew = WorkerPool(
        min(settings.jobs_on(where["platform"]), max(len(waiting), 1)), settings, where["platform"]
    )
    with contextlib.closing(crew):
        for position, findings in crew.judge(waiting):
            if isinstance(findings, Findings):
                journal.write(units[position], findings)
            yield position, findings
    journal.clear()


def _here(
    targets: Sequence[Target], planned: Planned, units: Mapping[int, Unit], settings: Settings
) -> Generator[tuple[int, Findings | LostUnit], None, None]:
    """In this process: a derivation that is only there as a value cannot be sent to another one."""
    with compilation_cache(settings):
        for position, unit in units.items():
            try:
                yield position, judge_unit(targets[planned[position][0]].derivation, unit)
            except Exception as error:
                yield position, LostUnit(NOTHING, internal_error(error))


def nothing(derivation: Derivation, unit: Unit, lost: LostUnit) -> Findings:
    """What is said of a unit that could not be judged."""
    chosen = blank(derivation, unit.settings)
    rows = ", ".join(unit.choices.values())
    fault = Fault(f"not judged{' with ' if rows else ''}{rows}: {lost.reason}", wrong=False, fatal=True)
    return Findings(chosen, dict.fromkeys(chosen, fault))


def timings(found: Iterable[Findings]) -> dict[str, float]:
    """Seconds of all processes by what they were spent on, most first."""
    spent: Counter[str] = Counter(taken())
    for findings in found:
        spent.update(findings.seconds)
    return {what: round(seconds, 2) for what, seconds in spent.most_common()}


# --- what is said of the run ------------------------------------------------------------------------------------------


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
    """What was done in all. A shape counts once for each derivation; kinks count on the device, 0 where not met."""
    shapes = {(units[i][0], shape) for i, findings in found.items() for shape in findings.shapes}
    kinks: dict[str, dict[str, int]] = {}
    for position in sorted(found):
        place, unit = units[position]
        for choice, rows in targets[place].derivation.choices.items():
            for kink in getattr(rows.get(unit.choices.get(choice, "")), "kinks", ()):
                kinks.setdefault(f"{choice} {unit.choices[choice]}", {}).setdefault(f"{kink:g}", 0)
        for (choice, row, kink), count in found[position].kinks.items():
            table = kinks.setdefault(f"{choice} {row}", {})
            table[f"{kink:g}"] = table.get(f"{kink:g}", 0) + count
    return {
        "cases": sum(findings.cases for findings in found.values()),
        "points": sum(
            max((e.proof.points for e in findings.equations.values()), default=0)
            for findings in found.values()
        ),
        "shapes": len(shapes),
        "programs": sum(findings.programs for findings in found.values()),
        "kinks": kinks,
        "seconds": round(seconds, 1),
        "timings": timings(found.values()),
    }
