"""What a report says of a derivation besides its verdicts: how it is wired, and what its data were like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from manual_bp.derivation import Derivation
from verify.branches.coverage import Branches, together
from verify.campaign.work import Findings
from verify.verdict import Met, Wiring


def wiring(derivation: Derivation) -> Wiring:
    """The graph of a derivation as names."""
    graph = derivation.graph
    return Wiring(
        list(graph.leaves),
        {name: list(step.parameters) for name, step in graph.steps.items()},
        graph.objective,
        {name: (equation.root, equation.symbol) for name, equation in graph.equations.items()},
        {name: list(equation.parameters) for name, equation in graph.equations.items()},
    )


def met(units: Sequence[Findings]) -> Met:
    """The sizes and the outcomes of branches of all units; a shape counts once."""
    counts: dict[str, Counter[int]] = {}
    for shape in {shape for unit in units for shape in unit.shapes}:
        for dimension, size in shape:
            counts.setdefault(dimension, Counter())[size] += 1
    branches: Branches = {}
    for unit in units:
        together(branches, unit.branches)
    return Met(
        {dimension: dict(sorted(counts[dimension].items())) for dimension in sorted(counts)},
        sum(branch.reachable.bit_count() for branch in branches.values()),
        sum((branch.reachable & branch.met).bit_count() for branch in branches.values()),
        [
            *sorted({piece for unit in units for piece in unit.unmet}),
            *dict.fromkeys(
                f"{branch.program}: {said}" for branch in branches.values() for said in branch.unmet
            ),
        ],
    )
