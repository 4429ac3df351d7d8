"""Where an equation differs from `jax.grad` at kinks alone, and gives another subgradient there: right, and said."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from verify.arithmetic.bounds.value import differs
from verify.counterexamples import search
from verify.counterexamples.search import FailingCase
from verify.generation.strategies import numbers
from verify.lanes import subgradients
from verify.programs.pair import Pair
from verify.programs.reference import COTANGENT
from verify.verdict import EquationReport, Status

CASES = 8  # under suspicion that are looked at besides the smallest


def enter(pair: Pair, report: EquationReport, found: FailingCase, first: Sequence[FailingCase]) -> bool:
    """Whether all of them are such kinks, which then is noted; a proof that failed says that there is more to it."""
    if pair.kinks != "any" or report.proof.status is Status.FAILED:
        return False
    others = [case for case in first if search.differing(pair, report.name, case)][:CASES]
    if not all(_accepted(pair, report.name, case) for case in (found, *others)):
        return False
    case = search.describe(pair, report.name, found)
    report.note = (
        f"at {_in_words(found)} it gives {case.manual:.7g} where jax.grad gives {case.autodiff:.7g}: at a kink any "
        "value between the slopes on all sides is right"
    )
    report.bounds.worst = min(report.bounds.worst, 1.0)
    return True


def only_there(pair: Pair, name: str, found: FailingCase) -> str | None:
    """In words that an equation is wrong at this case alone; None where it is wrong beside it too."""
    sizes, leaves, concrete = found
    around = subgradients.neighbours(pair, name, sizes, leaves, concrete=concrete)
    if around is None or any(differs(*sides)[0].any() for sides in around.values()):
        return None
    if not all(np.isfinite(nearby.value).all() for _, nearby in around.values()):
        return None
    return f"it differs at {_in_words(found)} alone, and is right all around it"


def _in_words(found: FailingCase) -> str:
    return ", ".join(f"{n} = {leaf[0].tolist()}" for n, leaf in found.leaves.items() if n != COTANGENT)


def _accepted(pair: Pair, name: str, case: FailingCase) -> bool:
    sizes, leaves, concrete = case
    if numbers(pair.derivation, sizes) <= subgradients.MOST:
        return subgradients.accepted(pair, name, sizes, leaves, concrete=concrete)
    return all(
        mask.all() for mask in subgradients.between(pair, name, sizes, leaves, concrete=concrete).values()
    )
