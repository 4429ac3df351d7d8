"""A function with a rule of its own and the plain function that it is held to: what both take and return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax

from manual_bp.construction.signatures import show
from manual_bp.construction.trees import leaf_name
from verify.targets.arguments import Inputs, abstract, called, first_rows
from verify.targets.custom_rules.pullbacks import has_floats
from verify.targets.source_code import path_code


@dataclass(frozen=True)
class Rule:
    """A function with a rule of its own, the reference, and what both take and return."""

    rule: Inputs
    reference: Inputs
    annotations: Mapping[str, Any]  # by leaf
    wanted: tuple[str, ...]  # the leaves to differentiate by
    outputs: Mapping[str, str]  # by name: the indexing that leads to each floating-point output
    name: str

    def fresh(self, name: str) -> str:
        """A name that no leaf has."""
        while name in self.reference.leaves:
            name += "_"
        return name


def read_outputs(rule: Inputs, reference: Inputs, annotations: Mapping[str, Any]) -> dict[str, str]:
    """By name the indexing that leads to each floating-point output of the reference.

    Raises TypeError where the rule returns other arrays.
    """
    found = [
        jax.eval_shape(
            lambda leaves, each=each: each(*leaves, **first_rows(each)), abstract(each, annotations)
        )
        for each in (rule, reference)
    ]
    ours, theirs = (jax.tree.map(lambda y: f"{y.dtype}{show(y.shape)}", each) for each in found)
    if ours != theirs:
        raise TypeError(
            f"{called(rule.function)}: returns {ours}, but {called(reference.function)} {theirs}, where every "
            "dimension is 1; let both return the same arrays"
        )
    flat, _ = jax.tree_util.tree_flatten_with_path(found[1])
    names = {leaf_name("y", path): path_code(path) for path, y in flat if has_floats(y)}
    if not names:
        raise TypeError(f"{called(reference.function)}: returns no floating-point array to differentiate")
    return names
