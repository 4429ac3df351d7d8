"""Runs one pair on the device: which shapes, which ways of calling, and what it says as evidence of each equation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from verify.campaign import evidence
from verify.diagnosis.inaccuracy import everywhere, explain
from verify.generation.ranks import row_names
from verify.generation.strategies import dimension_names, numbers
from verify.interpreter.walker import Sizes
from verify.lanes.device.lane import Device
from verify.programs.pair import Pair
from verify.programs.reference import COTANGENT
from verify.programs.tracing import GRADIENT
from verify.settings import Settings
from verify.verdict import Counterexample, EquationReport, Verdict


class Plan(NamedTuple):
    """What is run at one shape: the gradient in some ways, `jax.grad` in some of them, or the equations alone."""

    sizes: dict[str, int]
    ways: tuple[str, ...]
    autodiff: tuple[str, ...]
    alone: bool


def plans(pair: Pair, turn: int, *, thorough: bool = False) -> list[Plan]:
    """Two shapes, small and pairwise different, the second with a 1; four programs: compiling is what takes time.

    Which dimension is which takes turns, and so does everything that is run at one of the two only; but where it is to
    be `thorough`, the equations alone are run at both.
    """
    names = dimension_names(pair.derivation)
    found = []
    for place, (lowest, way) in enumerate(((2, "batched"), (1, ("single", "scan")[turn // 2 % 2]))):
        sizes = {name: lowest + (axis + turn + place) % len(names) for axis, name in enumerate(names)}
        here = turn % 2 == place
        found.append(Plan(sizes, (way,), (way,) if here else (), thorough or not here))
    return found


def largest(pair: Pair, explored: Iterable[Sizes]) -> list[Plan]:
    """The largest shape that was explored, if any was, for what the device judges alone: a kernel has blocks."""
    ordered = sorted(explored, key=lambda sizes: numbers(pair.derivation, sizes))
    return [Plan(dict(sizes), ("batched",), (), True) for sizes in ordered[-1:]]


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
    entered = evidence.on(report.device, dtype, settings.precision)
    if report.name not in device.runs:
        entered.refused = device.refused[report.name]
        return
    run = device.runs[report.name]
    evidence.add_run(entered, run)
    if report.name == GRADIENT:
        if device.autodiff is not None:
            evidence.add_autodiff(entered, device.autodiff.worst, device.autodiff.ulps, run.ulps)
        evidence.add_ways(entered, device.ways)
    seen = run.violation
    if seen is None:
        return
    leaves = {} if seen.kink else {n: leaf[seen.case : seen.case + 1] for n, leaf in device.leaves.items()}
    where = dtype, settings.precision, settings.platform
    if report.verdict is not Verdict.REFUTED and (
        seen.wrong or (seen.coarse is not None and everywhere(pair, report.name, leaves, seen, *where))
    ):
        report.verdict, report.counterexample, report.cause = Verdict.REFUTED, None, None
    if report.counterexample is not None:
        return
    if not (suspected or report.verdict is Verdict.REFUTED):
        report.cause = explain(pair, report.name, sizes, leaves, seen, *where)
    report.counterexample = Counterexample(
        lane="device",
        choices=row_names(pair.choices),
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
