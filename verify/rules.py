r"""A custom rule as two derivations: its derivatives for a drawn cotangent, and the laws that any rule obeys.

The laws are equations too. To say that two arrays p and q are equal, one is made the node $v = u\,p$ for a drawn
number u, and the other one the derivative of v by u. So they are proved, bounded and run like any other equation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation
from manual_bp.domains import Domain
from manual_bp.signatures import read_shape, show
from manual_bp.tables import choices_of
from verify.functions import PLAIN, read_manual, read_objective, read_wrt
from verify.inputs import Function, Inputs, called, is_float, leaf_name, wired

Law_ = Callable[..., Any]  # (leaves, choices, a, b) -> an array


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
    wanted = [
        leaf for tree in chosen.values() for leaf in jax.tree.leaves(tree) if is_float(annotations[leaf])
    ]
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
    expected: Law_
    found: Law_
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
    def values(inputs: Inputs, position: int) -> Law_:
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
            lambda leaves, choices, a, b, at=position: push(read, read.reference, leaves, choices, a)[at],
            lambda leaves, choices, a, b, at=position: push(read, read.rule, leaves, choices, a)[at],
            optional=True,
        )

    def pulled(inputs: Inputs, leaf: str, *weights: str) -> Law_:
        """The derivative by a leaf for the cotangent $a g + b g'$, or the part of it that is asked for."""

        def run(leaves: Sequence[Any], choices: Mapping[str, Any], a: Any, b: Any) -> Any:
            given = cotangents(inputs, leaves, choices, a * ("a" in weights), b * ("b" in weights))
            return pull(inputs, leaves, choices, given)[leaf]

        return run

    places = [read.reference.leaves.index(leaf) for leaf in read.rule.leaves]
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
            rf"\text{{linear: }} \bar {leaf}(a g + b g') = \bar {leaf}(a g) + \bar {leaf}(b g')",
            lambda leaves, *given, whole=whole: whole([leaves[at] for at in places], *given),
            lambda *given, first=first, second=second: first(*given) + second(*given),
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


# --- what is done with a function --------------------------------------------------------------------------------


def pull(
    inputs: Inputs, leaves: Sequence[Any], choices: Mapping[str, Any], given: Sequence[Any]
) -> dict[str, Any]:
    """The derivative by every leaf, integers among them as jax hands them over, for the cotangents of float outputs."""
    result, pullback = jax.vjp(lambda *leaves: inputs(*leaves, **choices), *leaves)
    flat, tree = jax.tree.flatten(result)
    rest = iter(given)
    bar = [
        next(rest).astype(y.dtype) if has_floats(y) else np.zeros(y.shape, jax.dtypes.float0) for y in flat
    ]
    return dict(zip(inputs.leaves, pullback(jax.tree.unflatten(tree, bar)), strict=True))


def push(read: Rule, inputs: Inputs, leaves: Sequence[Any], choices: Mapping[str, Any], a: Any) -> list[Any]:
    """The directional derivative of every float output."""

    def moved(*floating: Any) -> list[Any]:
        named = dict(zip(inputs.leaves, leaves, strict=True)) | dict(zip(read.wanted, floating, strict=True))
        return floats(inputs(*named.values(), **choices))

    at = [leaves[inputs.leaves.index(leaf)] for leaf in read.wanted]
    return jax.jvp(moved, at, [(a * weights(x.shape, 3)).astype(x.dtype) for x in at])[1]


def second_order(first: Law_, at: int) -> Law_:
    """The derivative, by a leaf, of a weighted sum over the derivative by that leaf."""

    def run(leaves: Sequence[Any], choices: Mapping[str, Any], a: Any, b: Any) -> Any:
        def summed(x: Any) -> Any:
            derivative = first([*leaves[:at], x, *leaves[at + 1 :]], choices, a, b)
            return jnp.sum(b * weights(derivative.shape, 3).astype(derivative.dtype) * derivative)

        return jax.grad(summed)(leaves[at])

    return run


def in_scan(function: Function) -> Function:
    def scanned(*leaves: Any) -> Any:
        _, rows = jax.lax.scan(lambda carry, _: (carry, function(*leaves)), None, length=2)
        return jax.tree.map(lambda row: row[1], rows)

    return scanned


def in_vmap(function: Function) -> Function:
    def mapped(*leaves: Any) -> Any:
        rows = jax.vmap(function)(*(jnp.stack([jnp.asarray(leaf)] * 2) for leaf in leaves))
        return jax.tree.map(lambda row: row[1], rows)

    return mapped


TRANSFORMATIONS: Mapping[str, Callable[[Function], Function]] = {
    "jit": jax.jit,
    "remat": jax.checkpoint,
    "vmap": in_vmap,
    "scan": in_scan,
}


def inside(transformation: Callable[[Function], Function], inputs: Inputs) -> Inputs:
    """The same function, called inside a transformation."""

    class Inside(Inputs):
        def __call__(self, *leaves: Any, **choices: Any) -> Any:
            return transformation(lambda *leaves: inputs(*leaves, **choices))(*leaves)

    return Inside(inputs.function, inputs.trees, inputs.choices, inputs.positional)


def cotangents(
    inputs: Inputs, leaves: Sequence[Any], choices: Mapping[str, Any], a: Any, b: Any
) -> list[jax.Array]:
    """$a g + b g'$ for every float output: two arrays of different small integers, never all ones."""
    shapes = floats(jax.eval_shape(lambda *leaves: inputs(*leaves, **choices), *leaves))
    return [(a * weights(y.shape, 3) + b * weights(y.shape, 2)).astype(y.dtype) for y in shapes]


def weights(shape: tuple[Any, ...], period: int) -> jax.Array:
    """1, 2, ... up to the period and again, in this shape."""
    return (1 + jnp.arange(math.prod(shape)) % period).reshape(shape)


def floats(result: Any) -> list[Any]:
    return [y for y in jax.tree.leaves(result) if has_floats(y)]


def has_floats(y: Any) -> bool:
    return jnp.issubdtype(jnp.result_type(y), jnp.floating)


# --- what comes out of it ----------------------------------------------------------------------------------------


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
    """The leaves where every named dimension is 1."""
    found = []
    for leaf in inputs.leaves:
        shape = read_shape(annotations[leaf], leaf)
        assert shape is not None  # or it would be no leaf
        sizes = tuple(dim if isinstance(dim, int) else 1 for dim in shape.dims)
        found.append(jax.ShapeDtypeStruct(sizes, PLAIN[shape.kind]))
    return found


def first_rows(inputs: Inputs) -> dict[str, Any]:
    return {name: next(iter(choices_of(table).values())) for name, table in inputs.choices.items()}
