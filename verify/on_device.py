"""Runs one pair on the device: which shapes, which ways of calling, and what it says as evidence of each equation."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from verify import evidence
from verify.interpret import Sizes
from verify.lanes.cause import explain
from verify.lanes.device import Device
from verify.oracle import COTANGENT
from verify.programs import GRADIENT, Pair
from verify.settings import Settings
from verify.strategies import dimension_names
from verify.verdict import Counterexample, EquationReport, Verdict


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
    entered = evidence.on(report.device, dtype, settings.precision)
    evidence.add_run(entered, run)
    if report.name == GRADIENT:
        if device.autodiff is not None:
            evidence.add_autodiff(entered, device.autodiff.worst, device.autodiff.ulps, run.ulps)
        evidence.add_ways(entered, device.ways)
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
        ranks=dict(pair.derivation.ranks),
    )
