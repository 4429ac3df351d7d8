"""Oracles that lie (M17): a forward function with a rule of its own, by which autodiff gets a wrong derivative.

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
from verify.lanes.opinions.opinions import POINTS, hear
from verify.lanes.trial import Sentence, Trial
from verify.mutants.kills import Fate
from verify.programs.pair import Pair
from verify.verdict import Verdict

Function = Callable[..., Any]  # of a node, its rows already chosen


class Lie(NamedTuple):
    """A wrong rule."""

    name: str
    kind: str
    expected: Verdict
    told: Callable[[Function], Function]


def lying(derivation: Derivation, node: str, lie: Lie) -> Derivation:
    """The derivation with a lie told of one of its forward functions."""
    function = derivation.forward[node]

    @functools.wraps(function)
    def changed(*arrays: Any, **rows: Any) -> Any:
        return lie.told(functools.partial(function, **rows))(*arrays)

    return dataclasses.replace(derivation, forward={**derivation.forward, node: changed})


def believed(
    derivation: Derivation, node: str, lie: Lie, rows: Mapping[str, Any], sizes: Sizes, seed: int
) -> tuple[Fate, Sentence | None, tuple[str, ...]]:
    """What became of a lie, how it was found, and the equations that were blamed for it."""
    pair = Pair(lying(derivation, node, lie), rows)
    differing = Trial(pair, sizes, seed, concrete=False).wrong
    opinions = hear(pair, sizes, np.random.default_rng(seed))
    blamed = tuple(sorted(differing - opinions.disputes.keys()))
    if not opinions.disputes:
        return (Fate.SURVIVED if differing else Fate.SAME), None, blamed
    sentence = Sentence("opinions", 2 * POINTS, Verdict.DISPUTED)
    return (Fate.MISTAKEN if blamed else Fate.KILLED), sentence, blamed


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


LIES: Final = (
    Lie("a rule doubles tangents", "M17", Verdict.DISPUTED, _tangents_doubled),
    Lie("a rule negates cotangents", "M17", Verdict.DISPUTED, _cotangents_negated),
)
