"""False oracles (M17): a forward function with a wrong rule of its own, by which autodiff gets a wrong derivative.

Every equation is right then, and those that go through the function differ from what `jax.grad` says. None of them may
be refuted: the second opinions must notice who is wrong.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import jax
import numpy as np

from manual_bp.derivation import Derivation
from verify.interpreter.walker import Sizes
from verify.lanes.opinions.opinions import POINTS, ask
from verify.lanes.trial import Detection, Trial
from verify.mutants.kills import MutantStatus
from verify.programs.pair import Pair
from verify.verdict import Verdict

Function = Callable[..., Any]  # of a node, its rows already chosen


class FalseRule(NamedTuple):
    """A way to give a function a wrong derivative: `applied` returns the function with a false custom rule."""

    name: str
    kind: str
    expected: Verdict
    applied: Callable[[Function], Function]


def with_false_rule(derivation: Derivation, node: str, rule: FalseRule) -> Derivation:
    """The derivation, one of whose forward functions has the false rule."""
    function = derivation.forward[node]

    @functools.wraps(function)
    def changed(*arrays: Any, **rows: Any) -> Any:
        return rule.applied(functools.partial(function, **rows))(*arrays)

    return dataclasses.replace(derivation, forward={**derivation.forward, node: changed})


def tried_false_rule(
    derivation: Derivation, node: str, rule: FalseRule, rows: Mapping[str, Any], sizes: Sizes, seed: int
) -> tuple[MutantStatus, Detection | None, tuple[str, ...]]:
    """Whether the false rule was disputed, by what evidence, and the equations that were wrongly blamed for it."""
    pair = Pair(with_false_rule(derivation, node, rule), rows)
    differing = Trial(pair, sizes, seed, concrete=False).wrong
    opinions = ask(pair, sizes, np.random.default_rng(seed))
    blamed = tuple(sorted(differing - opinions.disputes.keys()))
    if not opinions.disputes:
        return (MutantStatus.SURVIVED if differing else MutantStatus.SAME), None, blamed
    sentence = Detection("opinions", 2 * POINTS, Verdict.DISPUTED)
    return (MutantStatus.MISTAKEN if blamed else MutantStatus.KILLED), sentence, blamed


def _tangents_doubled(function: Function) -> Function:
    run = jax.custom_jvp(function)

    @run.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        value, tangent = jax.jvp(function, primals, tangents)
        return value, 2 * tangent

    return run


def _cotangents_negated(function: Function) -> Function:
    run = jax.custom_vjp(function)

    def back(arrays: Any, cotangent: Any) -> Any:
        return jax.vjp(function, *arrays)[1](-cotangent)

    run.defvjp(lambda *arrays: (function(*arrays), arrays), back)
    return run


FALSE_RULES: Final = (
    FalseRule("a rule doubles tangents", "M17", Verdict.DISPUTED, _tangents_doubled),
    FalseRule("a rule negates cotangents", "M17", Verdict.DISPUTED, _cotangents_negated),
)
