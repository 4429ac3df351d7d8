r"""The laws that any rule obeys, as a derivation.

To say that two arrays p and q are equal, one is made the node $v = u\,p$ for a drawn number u, and the other one
the derivative of v by u. So laws are proved, bounded and run like any other equation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation
from manual_bp.domains import Domain
from verify.interpreter.opaque import opaque_in
from verify.targets.arguments import Function, Inputs, abstract, first_rows, wired
from verify.targets.custom_rules.law_source import texts
from verify.targets.custom_rules.pullbacks import (
    TRANSFORMATIONS,
    Quantity,
    apart,
    cotangents,
    floats,
    forward_rule,
    inside,
    pull,
    push,
    second_order,
)
from verify.targets.custom_rules.residual_dtypes import Dtypes
from verify.targets.custom_rules.rule import Rule
from verify.targets.source_code import writes
from verify.verdict import LAWS


@dataclass(frozen=True)
class Law:
    """Two functions of (leaves, choices, a, b) that are to give the same array."""

    name: str
    tex: str
    expected: Quantity
    found: Quantity
    optional: bool = False  # a rule need not support it


def laws(read: Rule, domains: Mapping[str, Domain], dtypes: Dtypes) -> Derivation:
    """Values, linearity in the cotangent, the rule inside other transformations, and what else it supports."""
    unit, *scalars = (read.fresh(name) for name in ("unit", "a", "b"))
    drawn = dict.fromkeys([unit, *scalars], Float[Array, ""])
    judged, refused = supported(read, laws_of(read))

    def forward(law: Law) -> Function:
        def node(*values: Any, **choices: Any) -> Any:
            *leaves, u, a, b = values
            leaves, a, b = jax.tree.map(jax.lax.stop_gradient, (leaves, a, b))  # v depends on u alone
            return u * law.expected(leaves, choices, a, b)

        expected, _ = texts(read, law.name, (scalars[0], scalars[1]))
        node = wired(node, read.reference, {**read.annotations, **drawn}, [*drawn])
        return writes(node, lambda scope: f"{scope.names[unit]} * {expected(scope)}")

    def backward(law: Law) -> Function:
        def equation(*values: Any, **choices: Any) -> Any:
            dtypes.check(read.fresh(law.name))
            *leaves, a, b = values
            return law.found(leaves, choices, a, b)

        equation.__doc__ = f"${law.tex}$"
        _, found = texts(read, law.name, (scalars[0], scalars[1]))
        return writes(wired(equation, read.rule, {}, scalars), found)

    nothing = Inputs(lambda: None, {}, {}, ())
    return Derivation(
        name=f"{read.name}{LAWS}",
        source="what any rule obeys" + "".join(f"; {each}" for each in (*refused, *dtypes.said)),
        forward={read.fresh(law.name): forward(law) for law in judged}
        | {
            read.fresh("J"): writes(
                wired(lambda u: u, nothing, drawn, [unit]), lambda scope: scope.names[unit]
            )
        },
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
            f"forward_{output}",
            rf"\text{{value that the forward rule returns: }} {output}",
            values(read.reference, position),
            lambda leaves, choices, a, b, at=position: forward_rule(read.rule, leaves, choices)[at],
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

    def bent(inputs: Inputs, leaf: str) -> Quantity:
        """$\bar x(a g + b g') - a \bar x(g) - b \bar x(g')$."""
        whole, part = pulled(inputs, leaf, "a", "b"), pulled(inputs, leaf, "a")
        other = pulled(inputs, leaf, "b")

        def run(leaves: Sequence[Any], choices: Mapping[str, Any], a: Any, b: Any) -> Any:
            one = jnp.ones_like(a)
            each = part(leaves, choices, one, b), other(leaves, choices, a, one)
            first, second = (w.astype(y.dtype) * y for w, y in zip((a, b), each, strict=True))
            return whole(leaves, choices, a, b) - first - second

        return run

    closed = calls_opaque(read)

    def vanishing(leaf: str, addend: Callable[[Inputs], Quantity]) -> tuple[Quantity, Quantity]:
        """What is to be zero; judged on the device alone it is added to the derivative, to be small against it."""
        if not closed:
            at = read.reference.leaves.index(leaf)
            return lambda leaves, choices, a, b: jnp.zeros_like(leaves[at]), addend(read.rule)
        right = pulled(read.reference, leaf, "a", "b")

        def plus(quantity: Quantity) -> Quantity:
            return lambda *given: right(*given) + quantity(*given)

        return plus(addend(read.reference)), plus(addend(read.rule))

    several = len(read.outputs) + len(read.wanted) > 2
    for leaf in read.wanted:
        at = read.rule.leaves.index(leaf)
        yield Law(
            f"zero_{leaf}",
            rf"\text{{zero: }} \bar {leaf}(0) = 0",
            *vanishing(leaf, lambda inputs, leaf=leaf: pulled(inputs, leaf)),
        )
        yield Law(
            f"linear_{leaf}",
            rf"\text{{linear: }} \bar {leaf}(a g + b g') = a \bar {leaf}(g) + b \bar {leaf}(g')",
            *vanishing(leaf, lambda inputs, leaf=leaf: bent(inputs, leaf)),
        )
        if several:
            yield Law(
                f"alone_{leaf}",
                rf"\text{{one output and one argument at a time: }} \sum_y \bar {leaf}(g_y)",
                pulled(read.reference, leaf, "a", "b"),
                apart(read.rule, leaf),
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
            second_order(pulled(read.rule, leaf, "a"), at),
            optional=True,
        )


def calls_opaque(read: Rule) -> bool:
    """Whether forwards or backwards the rule calls something that no interpreter enters."""

    def run(leaves: Sequence[Any]) -> Any:
        choices = first_rows(read.rule)
        return pull(read.rule, leaves, choices, cotangents(read.rule, leaves, choices, 1.0, 1.0))

    try:
        return bool(opaque_in(jax.make_jaxpr(run)(abstract(read.rule, read.annotations)).jaxpr))
    except Exception:  # what it raises is said of each equation
        return False


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
