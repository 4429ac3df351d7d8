r"""A custom rule as two derivations: its derivatives for a drawn cotangent, and the laws that any rule obeys.

The laws are equations too. To say that two arrays p and q are equal, one is made the node $v = u\,p$ for a drawn
number u, and the other one the derivative of v by u. So they are proved, bounded and run like any other equation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation
from manual_bp.domains import Domain
from manual_bp.signatures import read_shape, show
from manual_bp.tables import choices_of
from manual_bp.trees import leaf_name, names_of
from verify.functions import PLAIN, read_manual, read_objective, read_wrt
from verify.inputs import Function, Inputs, called, is_float, wired
from verify.pulling import (
    TRANSFORMATIONS,
    Quantity,
    cotangents,
    floats,
    has_floats,
    inside,
    pull,
    push,
    second_order,
)


@dataclass(frozen=True)
class Rule:
    """A function with a rule of its own, the reference, and what both take and return."""

    rule: Inputs
    reference: Inputs
    annotations: Mapping[str, Any]  # by leaf
    wanted: tuple[str, ...]  # the leaves to differentiate by
    outputs: tuple[str, ...]  # a name for each floating-point output
    name: str

    def fresh(self, name: str) -> str:
        """A name that no leaf has."""
        while name in self.reference.leaves:
            name += "_"
        return name


def rule_derivations(
    rule: Function,
    reference: Function,
    wrt: str | Sequence[str] | None = None,
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
    return [derivatives(read, domains), laws(read, domains)]


def derivatives(read: Rule, domains: Mapping[str, Domain]) -> Derivation:
    r"""$J = \sum_y \langle \partial J/\partial y, y\rangle$ over the reference's outputs; the rule's pullback."""
    nodes = [read.fresh(node) for node in read.outputs]
    cotangents = [f"dJ_d{node}" for node in nodes]

    def output(position: int) -> Function:
        def forward(*leaves: Any, **choices: Any) -> Any:
            return floats(read.reference(*leaves, **choices))[position]

        return wired(forward, read.reference, read.annotations)

    def derivative(leaf: str) -> Function:
        def backward(*values: Any, **choices: Any) -> Any:
            leaves, given = values[: len(read.rule.leaves)], values[len(read.rule.leaves) :]
            return pull(read.rule, leaves, choices, given)[leaf]

        backward.__doc__ = rf"$\partial J/\partial {leaf}$"
        return wired(backward, read.rule, {}, cotangents)

    return Derivation(
        name=read.name,
        source=f"the rule of {called(read.rule.function)}, against autodiff of {called(read.reference.function)}",
        forward={node: output(position) for position, node in enumerate(nodes)},
        backward={f"dJ_d{leaf}": derivative(leaf) for leaf in read.wanted},
        domains=domains,
        cotangent=cotangents,
    )


@dataclass(frozen=True)
class Law:
    """Two functions of (leaves, choices, a, b) that are to give the same array."""

    name: str
    tex: str
    expected: Quantity
    found: Quantity
    optional: bool = False  # a rule need not support it


def laws(read: Rule, domains: Mapping[str, Domain]) -> Derivation:
    """Values, linearity in the cotangent, the rule inside other transformations, and what else it supports."""
    unit, *scalars = (read.fresh(name) for name in ("unit", "a", "b"))
    drawn = dict.fromkeys([unit, *scalars], Float[Array, ""])
    judged, refused = supported(read, laws_of(read))

    def forward(law: Law) -> Function:
        def node(*values: Any, **choices: Any) -> Any:
            *leaves, u, a, b = values
            leaves, a, b = jax.tree.map(jax.lax.stop_gradient, (leaves, a, b))  # v depends on u alone
            return u * law.expected(leaves, choices, a, b)

        return wired(node, read.reference, {**read.annotations, **drawn}, [*drawn])

    def backward(law: Law) -> Function:
        def equation(*values: Any, **choices: Any) -> Any:
            *leaves, a, b = values
            return law.found(leaves, choices, a, b)

        equation.__doc__ = f"${law.tex}$"
        return wired(equation, read.rule, {}, scalars)

    nothing = Inputs(lambda: None, {}, {}, frozenset())
    return Derivation(
        name=f"{read.name}: laws",
        source="what any rule obeys" + "".join(f"; {each}" for each in refused),
        forward={read.fresh(law.name): forward(law) for law in judged}
        | {read.fresh("J"): wired(lambda u: u, nothing, drawn, [unit])},
        backward={f"d{read.fresh(law.name)}_d{unit}": backward(law) for law in judged},
        domains=domains,
    )


def laws_of(read: Rule) -> Iterator[Law]:
    def values(inputs: Inputs, position: int) -> Quantity:
        return lambda leaves, choices, a, b: floats(inputs(*leaves, **choices))[position]

    for position, output in enumerate(read.outputs):
        yield Law(
            output,
            rf"\text{{value: }} {output}",
            values(read.reference, position),
            values(read.rule, position),
        )
        yield Law(
            f"push_{output}",
            rf"\text{{forward mode: }} \dot {output}",
            lambda leaves, choices, a, b, at=position: push(read.reference, read.wanted, leaves, choices, a)[
                at
            ],
            lambda leaves, choices, a, b, at=position: push(read.rule, read.wanted, leaves, choices, a)[at],
            optional=True,
        )

    def pulled(inputs: Inputs, leaf: str, *weights: str) -> Quantity:
        """The derivative by a leaf for the cotangent $a g + b g'$, or the part of it that is asked for."""

        def run(leaves: Sequence[Any], choices: Mapping[str, Any], a: Any, b: Any) -> Any:
            given = cotangents(inputs, leaves, choices, a * ("a" in weights), b * ("b" in weights))
            return pull(inputs, leaves, choices, given)[leaf]

        return run

    def nothing(leaf: str) -> Quantity:
        return lambda leaves, choices, a, b: jnp.zeros_like(leaves[read.reference.leaves.index(leaf)])

    for leaf in read.wanted:
        whole, first, second = (pulled(read.rule, leaf, *weights) for weights in ("ab", "a", "b"))
        at = read.rule.leaves.index(leaf)
        yield Law(
            f"zero_{leaf}",
            rf"\text{{zero: }} \bar {leaf}(0) = 0",
            lambda leaves, choices, a, b, leaf=leaf: jnp.zeros_like(
                leaves[read.reference.leaves.index(leaf)]
            ),
            pulled(read.rule, leaf),
        )
        yield Law(
            f"sum_{leaf}",
            rf"\text{{linear: }} \bar {leaf}(a g + b g') - \bar {leaf}(a g) - \bar {leaf}(b g') = 0",
            nothing(leaf),
            lambda *given, whole=whole, first=first, second=second: (
                whole(*given) - first(*given) - second(*given)
            ),
        )
        for transformation, apply in TRANSFORMATIONS.items():
            yield Law(
                f"{transformation}_{leaf}",
                rf"\text{{inside {transformation}: }} \bar {leaf}",
                pulled(read.reference, leaf, "a", "b"),
                pulled(inside(apply, read.rule), leaf, "a", "b"),
            )
        yield Law(
            f"second_{leaf}",
            rf"\text{{second order: }} \partial \bar {leaf}/\partial {leaf}",
            second_order(pulled(read.reference, leaf, "a"), read.reference.leaves.index(leaf)),
            second_order(first, at),
            optional=True,
        )


def supported(read: Rule, every: Iterator[Law]) -> tuple[list[Law], list[str]]:
    """The laws to judge, and of those that a rule need not support, in words, the ones that it refuses."""
    judged, refused = [], []
    for law in every:
        try:
            if law.optional:
                leaves = abstract(read.rule, read.annotations)
                run = jax.jit(lambda leaves, a, law=law: law.found(leaves, first_rows(read.rule), a, a))
                run.lower(leaves, 1.0)  # forward mode of a custom_vjp function can be traced, but not lowered
        except Exception as error:
            said = str(error).strip().partition("\n")[0].partition(". ")[0]
            refused.append(f"{law.name} is not supported ({type(error).__name__}: {said})")
        else:
            judged.append(law)
    return judged, refused


# --- what they return and take ----------------------------------------------------------------------------------------


def read_outputs(rule: Inputs, reference: Inputs, annotations: Mapping[str, Any]) -> tuple[str, ...]:
    """A name for each floating-point output of the reference. Raises TypeError where the rule returns other arrays."""
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
    names = tuple(leaf_name("y", path) for path, y in flat if has_floats(y))
    if not names:
        raise TypeError(f"{called(reference.function)}: returns no floating-point array to differentiate")
    return names


def abstract(inputs: Inputs, annotations: Mapping[str, Any]) -> list[jax.ShapeDtypeStruct]:
    """The leaves where every named dimension is 1, and so is what stands for any number of them."""
    found = []
    for leaf in inputs.leaves:
        shape = read_shape(annotations[leaf], leaf)
        assert shape is not None  # or it would be no leaf
        sizes = tuple(dim if isinstance(dim, int) else 1 for dim in shape.dims)
        found.append(jax.ShapeDtypeStruct(sizes, PLAIN[shape.kind]))
    return found


def first_rows(inputs: Inputs) -> dict[str, Any]:
    return {name: next(iter(choices_of(table).values())) for name, table in inputs.choices.items()}
