"""A custom rule as two derivations: its derivatives for a drawn cotangent, and the laws that any rule obeys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from manual_bp.construction.trees import names_of
from manual_bp.derivation import Derivation
from manual_bp.domains import Domain
from verify.targets.arguments import Function, called, in_tex, is_float, wired
from verify.targets.custom_rules.laws import laws
from verify.targets.custom_rules.pullbacks import floats, pull
from verify.targets.custom_rules.residual_dtypes import Dtypes, dtypes_of
from verify.targets.custom_rules.rule import Rule, read_outputs
from verify.targets.functions import read_manual, read_objective, read_wrt
from verify.targets.source_code import Scope, call, pulled_back, writes


def rule_derivations(
    rule: Function,
    reference: Function,
    wrt: str | int | Sequence[str | int] | None = None,
    *,
    shapes: Mapping[str, Any] | None = None,
    domains: Mapping[str, Domain] | None = None,
    name: str | None = None,
) -> list[Derivation]:
    """The derivatives, and the laws. Raises TypeError where functions, names, shapes or results do not fit."""
    domains = domains or {}
    taken, annotations = read_objective(reference, rule, shapes or {}, domains)
    given = read_manual(rule, reference, taken)
    chosen = read_wrt(wrt, reference, taken, annotations)
    wanted = [leaf for tree in chosen.values() for leaf in names_of(tree) if is_float(annotations[leaf])]
    outputs = read_outputs(given, taken, annotations)
    read = Rule(given, taken, annotations, tuple(wanted), outputs, name or called(rule))
    dtypes = dtypes_of(read)
    return [derivatives(read, domains, dtypes), laws(read, domains, dtypes)]


def derivatives(read: Rule, domains: Mapping[str, Domain], dtypes: Dtypes) -> Derivation:
    r"""$J = \sum_y \langle \partial J/\partial y, y\rangle$ over the reference's outputs; the rule's pullback."""
    nodes = [read.fresh(node) for node in read.outputs]
    cotangents = [f"dJ_d{node}" for node in nodes]

    def output(position: int) -> Function:
        def forward(*leaves: Any, **choices: Any) -> Any:
            return floats(read.reference(*leaves, **choices))[position]

        path = [*read.outputs.values()][position]
        forward = wired(forward, read.reference, read.annotations)
        return writes(forward, lambda scope: f"{call(read.reference, scope)}{path}")

    def derivative(leaf: str) -> Function:
        def backward(*values: Any, **choices: Any) -> Any:
            dtypes.check(leaf)
            leaves, given = values[: len(read.rule.leaves)], values[len(read.rule.leaves) :]
            return pull(read.rule, leaves, choices, given)[leaf]

        def written(scope: Scope) -> str:
            weights = [scope.names[cotangent] for cotangent in cotangents]
            return pulled_back(read.rule, read.outputs.values(), weights, leaf, scope)

        backward.__doc__ = rf"$\partial J/\partial {in_tex(leaf)}$"
        return writes(wired(backward, read.rule, {}, cotangents), written)

    return Derivation(
        name=read.name,
        source=f"the rule of {called(read.rule.function)}, against autodiff of {called(read.reference.function)}",
        forward={node: output(position) for position, node in enumerate(nodes)},
        backward={f"dJ_d{leaf}": derivative(leaf) for leaf in read.wanted},
        domains=domains,
        cotangent=cotangents,
    )
