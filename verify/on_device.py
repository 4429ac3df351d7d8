"""Runs one pair on the device: which shapes, which ways of calling, and what it says as evidence of each equation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from verify.interpret import Sizes
from verify.lanes.cause import explain
from verify.lanes.device import Device, Run
from verify.oracle import COTANGENT
from verify.programs import GRADIENT, Pair
from verify.settings import Settings
from verify.strategies import dimension_names
from verify.verdict import Counterexample, DeviceEvidence, EquationReport, Verdict


class Plan(NamedTuple):
    """What is run at one shape: the gradient in some ways, `jax.grad` in some of them, or the equations alone."""

    sizes: dict[str, int]
    ways: tuple[str, ...]
    autodiff: tuple[str, ...]
    alone: bool


def plans(pair: Pair, turn: int) -> list[Plan]:
    """Two shapes, small and pairwise different, the second with a 1; four programs: compiling is what takes time.

    Which dimension is which takes turns, and so does everything that is run at one of the two only.
    """
    names = dimension_names(pair.derivation)
    found = []
    for place, (lowest, way) in enumerate(((2, "batched"), (1, ("single", "scan")[turn // 2 % 2]))):
        sizes = {name: lowest + (axis + turn + place) % len(names) for axis, name in enumerate(names)}
        here = turn % 2 == place
        found.append(Plan(sizes, (way,), (way,) if here else (), not here))
    return found


def enter(
    report: EquationReport,
    device: Device,
    pair: Pair,
    settings: Settings,
    dtype: str,
    sizes: Sizes,
    suspected: bool,
) -> None:
    """What the device said of one equation, as evidence; what it got wrong, as a counterexample with its cause.

    An equation that is suspected to be wrong in exact arithmetic is not asked why it is wrong on the device.
    """
    run = device.runs[report.name]
    evidence = _evidence(report, dtype, settings.precision)
    add(evidence, run)
    if report.name == GRADIENT:
        if device.autodiff is not None:
            evidence.autodiff_worst = most(evidence.autodiff_worst, device.autodiff.worst)
            evidence.autodiff_ulps = most(evidence.autodiff_ulps, device.autodiff.ulps)
            evidence.manual_ulps = most(evidence.manual_ulps, run.ulps)
        _add_ways(evidence, device.ways)
    seen = run.violation
    if seen is not None and seen.wrong:
        report.verdict = Verdict.worst([report.verdict, Verdict.REFUTED])
    if seen is None or report.counterexample is not None:
        return
    leaves = {} if seen.kink else {n: leaf[seen.case : seen.case + 1] for n, leaf in device.leaves.items()}
    if not (suspected or seen.wrong):
        where = dtype, settings.precision, settings.platform
        report.cause = explain(pair, report.name, sizes, leaves, seen, *where)
    report.counterexample = Counterexample(
        lane="device",
        choices={choice: str(getattr(row, "name", row)) for choice, row in pair.choices.items()},
        dims=dict(sizes),
        leaves={n: leaf[0].tolist() for n, leaf in leaves.items() if n != COTANGENT},
        inputs={n: np.asarray(value).tolist() for n, value in (seen.inputs or {}).items()},
        index=seen.index,
        quantity=seen.quantity,
        manual=seen.computed,
        autodiff=seen.expected,
        bound=seen.bound,
        dtype=dtype,
    )


def _evidence(report: EquationReport, dtype: str, precision: str) -> DeviceEvidence:
    for evidence in report.device:
        if (evidence.dtype, evidence.precision) == (dtype, precision):
            return evidence
    report.device.append(DeviceEvidence(dtype, precision))
    return report.device[-1]


def add(evidence: DeviceEvidence, run: Run | DeviceEvidence) -> None:
    """Counts add up, the worst of everything stays."""
    evidence.cases += run.cases
    evidence.exact += run.exact
    evidence.kinks += run.kinks
    evidence.worst = max(evidence.worst, run.worst)
    evidence.ulps = max(evidence.ulps, run.ulps)
    evidence.power = least(evidence.power, run.power)


def least(*powers: float | None) -> float | None:
    """The smallest of those that are known."""
    return min((power for power in powers if power is not None), default=None)


def most(*errors: float | None) -> float | None:
    """The largest of those that are known."""
    return max((error for error in errors if error is not None), default=None)


def merge(evidence: DeviceEvidence, other: DeviceEvidence) -> None:
    """Adds what another unit said in the same dtype at the same precision."""
    add(evidence, other)
    evidence.autodiff_worst = most(evidence.autodiff_worst, other.autodiff_worst)
    evidence.autodiff_ulps = most(evidence.autodiff_ulps, other.autodiff_ulps)
    evidence.manual_ulps = most(evidence.manual_ulps, other.manual_ulps)
    _add_ways(evidence, other.ways)


def _add_ways(evidence: DeviceEvidence, ways: Mapping[str, int]) -> None:
    for way, cases in ways.items():
        evidence.ways[way] = evidence.ways.get(way, 0) + cases
