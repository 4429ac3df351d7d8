"""Notices functions that are another function each time: random ones, and those that depend on what changes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from manual_bp.construction.composition import one_array
from verify.arithmetic.bounds.arithmetic import Bounds
from verify.interpreter.opaque import Opaque
from verify.interpreter.walker import Sizes
from verify.lanes.bounds import as_bounded, lift
from verify.programs.pair import Pair
from verify.programs.tracing import Fault, Traced

WHY = "traced twice at the same shapes, it gave different numbers; what is random or changes must come in as a leaf"
AGAIN = 2  # times that each function is traced once more


def changing_node(pair: Pair, sizes: Sizes, leaves: Mapping[str, np.ndarray]) -> str | None:
    """The first forward function that gave other numbers when it was traced again."""
    reference, steps = pair.programs(sizes, concrete=True).reference, pair.derivation.graph.steps

    def trace(node: str) -> Traced:
        step = steps[node]

        def run(**values: Any) -> Any:
            return one_array(step, step(values, pair.choices))

        return Traced(run, {parameter: reference.results[parameter] for parameter in step.parameters})

    return next(_changing(pair, sizes, leaves, steps, trace), None)


def changing_equations(pair: Pair, sizes: Sizes, leaves: Mapping[str, np.ndarray]) -> list[str]:
    """The equations that gave other numbers, or a fault, when they were traced again."""
    programs = pair.programs(sizes, concrete=True)
    sound = {
        name: pair.derivation.equations[name]
        for name, equation in programs.equations.items()
        if isinstance(equation, Traced)
    }
    return list(
        _changing(
            pair,
            sizes,
            leaves,
            sound,
            lambda name: pair.retrace(programs.reference, sound[name]),
            programs.equations,
        )
    )


def _changing(
    pair: Pair,
    sizes: Sizes,
    leaves: Mapping[str, np.ndarray],
    names: Mapping[str, Any],
    trace: Callable[[str], Traced | Opaque | Fault],
    before: Mapping[str, Traced | Opaque | Fault] | None = None,
) -> Iterator[str]:
    """Those of `names` whose program, traced again, differs from the one `before` or from the reference itself."""
    arithmetic = Bounds()
    values = pair.programs(sizes, concrete=True).reference(
        arithmetic, sizes, lift(arithmetic, pair.specs(sizes), leaves)
    )
    for name in names:
        first = as_bounded(values[name]).value if before is None else numbers(before[name], sizes, values)
        assert first is not None  # only sound programs are traced again
        if traces_until_another(first, functools.partial(trace, name), sizes, values) is not None:
            yield name


def traces_until_another(
    first: np.ndarray | None,
    trace: Callable[[], Traced | Opaque | Fault],
    sizes: Sizes,
    values: Mapping[str, Any],
) -> int | None:
    """How often a function had been traced when it gave other numbers than at `first`; None if it never did."""
    for count in range(2, 2 + AGAIN):
        other = numbers(trace(), sizes, values)
        if first is None or other is None or not np.array_equal(first, other, equal_nan=True):
            return count
    return None


def numbers(program: Traced | Opaque | Fault, sizes: Sizes, values: Mapping[str, Any]) -> np.ndarray | None:
    """What a program gives in float64."""
    return as_bounded(program(Bounds(), sizes, values)).value if isinstance(program, Traced) else None
