"""Judges the counterexamples of earlier runs again: no evidence, and reported only where nothing else is found."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from verify.counterexamples import search
from verify.counterexamples.search import FailingCase
from verify.counterexamples.stored import fitting

if TYPE_CHECKING:
    from verify.campaign.unit import Judge


def replay_kept(unit: Judge) -> None:
    """Notes what fails still among the cases that a unit was given, and what does not any more."""
    for stored in unit.unit.replays:
        name, case = stored["equation"], fitting(unit.pair, stored)
        if case is not None and name in unit.findings.equations and name not in unit.pair.given_up:
            if stored.get("lane") == "device":
                if stored.get("dtype") in unit.settings.dtypes:
                    _replay_on_device(unit, name, case, stored["dtype"])
            elif unit.isolated("the replay", search.differing, unit.pair, name, case):
                unit.replayed[name] = case
            elif name not in unit.findings.faults:
                unit.findings.resolved.append(name)


def _replay_on_device(unit: Judge, name: str, case: FailingCase, dtype: str) -> None:
    device = unit.isolated("the replay", unit.compiled(dtype), case.sizes, case.leaves)
    run = device.runs.get(name)
    if run is not None and run.violation is not None:
        unit.replayed_on_device[name] = lambda: unit.enter(
            replace(device, runs={name: run}), dtype, case.sizes
        )
    elif run is not None:
        unit.findings.resolved.append(name)
