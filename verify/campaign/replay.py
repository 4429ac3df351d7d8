"""Judges one counterexample that is kept once more, and nothing else: `python -m verify --replay TOKEN`."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from manual_bp.derivation import Derivation
from verify.campaign import device_runs
from verify.campaign.store import Store, read, token
from verify.counterexamples import search
from verify.counterexamples.stored import fitting
from verify.diagnosis.inaccuracy import Setting, run
from verify.generation import ranks
from verify.lanes.device.lane import Compiled
from verify.lanes.device.violations import Violation
from verify.programs.pair import Pair
from verify.programs.tracing import GRADIENT, WalkError
from verify.runtime import platforms
from verify.settings import Settings
from verify.targets import discovery
from verify.verdict import Counterexample, EquationReport

SHAPE = "expected a token such as backprop/dJ_dz@3f2a41, as it is printed with a counterexample"


class ReplayError(Exception):
    """There is nothing to judge again; the message is one line that says what to do."""


class Replayed(NamedTuple):
    """What came of it: the case where the two sides differ still, or why the equation cannot be run on it."""

    equation: str
    case: Counterexample | None = None
    fault: str | None = None


def replay(wanted: str, directory: Path, platform: str | None = None) -> Replayed:
    """Judges the case that is kept under a token, on `platform` if it is one of the device's.

    Raises ReplayError, PlatformError, and TargetError where its derivation cannot be loaded.
    """
    name, _, digest = wanted.rpartition("@")
    derivation, _, equation = name.rpartition("/")
    if not (derivation and equation and digest):
        raise ReplayError(f"{wanted}: {SHAPE}")
    store = Store(directory, "", "")
    stored = read(store.path(derivation, equation))
    if stored is None:
        raise ReplayError(
            f"{wanted}: no case of that name is kept in {store.folder}; `python -m verify TARGET` finds and keeps "
            "them, and drops those that have been mended"
        )
    if (known := token(derivation, equation, stored)) != wanted:
        raise ReplayError(f"{wanted}: another case has been found since, and is kept as {shlex.quote(known)}")
    target = str(stored.get("target", ""))
    return judged(discovery.load(target), target, wanted, equation, stored, platform)


def judged(
    derivation: Derivation,
    target: str,
    wanted: str,
    equation: str,
    stored: dict[str, Any],
    platform: str | None,
) -> Replayed:
    """What the stored case says of an equation of this derivation."""
    anew = f"{wanted}: no longer fits {derivation.name}, which has changed; judge it anew: python -m verify {target}"
    if equation != GRADIENT and equation not in derivation.equations:
        raise ReplayError(anew)
    try:
        pair = Pair(*ranks.chosen(derivation, ranks.named(stored["choices"], stored.get("ranks", {}))))
        pair = pair.in_dtype(stored.get("dtype", "float64"))
        if stored["lane"] == "device":
            return _on_device(pair, equation, stored, platform, anew)
        found = fitting(pair, stored)
        if found is None:
            raise ReplayError(anew)
        if fault := pair.programs(found.sizes, concrete=True).faults.get(equation):
            return Replayed(equation, fault=fault.message)
        differs = search.differing(pair, equation, found)
        return Replayed(equation, search.describe(pair, equation, found) if differs else None)
    except WalkError as broken:
        return Replayed(equation, fault=f"{equation}: raised {type(broken.error).__name__}: {broken.error}")
    except KeyError:
        raise ReplayError(anew) from None


def _on_device(
    pair: Pair, equation: str, stored: dict[str, Any], platform: str | None, anew: str
) -> Replayed:
    chosen = platform or stored["platform"]
    platforms.choose(chosen)
    dtype, precision = stored["dtype"], stored["precision"]
    if not stored["leaves"]:
        return _at_kinks(pair, equation, stored, Setting("", dtype, precision, chosen))
    found = fitting(pair, stored)
    if found is None:
        raise ReplayError(anew)
    device = Compiled(pair, dtype, precision, chosen)(found.sizes, found.leaves)
    if equation not in device.runs:
        return Replayed(equation, fault=pair.programs(found.sizes).faults[equation].message)
    report = EquationReport(equation, "")
    settings = Settings(dtypes=(dtype,), precision=precision, platform=chosen)
    device_runs.enter(report, device, pair, settings, dtype, found.sizes, suspected=True)
    return Replayed(equation, report.counterexample)


def _at_kinks(pair: Pair, equation: str, stored: dict[str, Any], setting: Setting) -> Replayed:
    """The inputs themselves were put there, so what they should give is known."""
    inputs = {name: np.asarray(value) for name, value in stored["inputs"].items()}
    expected, bound, index = stored["autodiff"], stored["bound"], tuple(stored["index"])
    seen = Violation(stored["quantity"], 0, index, stored["manual"], expected, bound, inputs, kink=True)
    got = run(pair, equation, seen, inputs, setting)
    if seen.near(got, bound):
        return Replayed(equation)
    fields = {field.name for field in dataclasses.fields(Counterexample)}
    case = Counterexample(**{key: value for key, value in stored.items() if key in fields})
    return Replayed(equation, dataclasses.replace(case, manual=got, index=index))
