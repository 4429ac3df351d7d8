"""Two functions as a derivation: an objective, and another that gives its gradient."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from manual_bp.construction.signatures import EMPTY, is_choice, read_shape, show
from manual_bp.construction.trees import filled, named, names_of, parts, read_tree
from manual_bp.construction.wiring import listed, nearest
from manual_bp.derivation import Derivation
from manual_bp.domains import Domain
from verify.generation.data import Spec
from verify.generation.ranks import instance
from verify.generation.strategies import ladder, rotation
from verify.targets.arguments import (
    KEYWORD_ONLY,
    PLAIN,
    Function,
    Inputs,
    annotation,
    as_shape,
    called,
    in_tex,
    is_float,
    is_random_key,
    names_in_tuples,
    not_differentiated,
    parameters_of,
    positional,
    result_shapes,
    wired,
)
from verify.targets.complex_inputs import complex_leaves, gradient_parts, is_complex, part_code, split
from verify.targets.forward_checks import ProbeError
from verify.targets.source_code import Scope, call, path_to, returned, writes

SWAPPED = (
    "; {} returns no scalar: is it the gradient? It comes first, as in check_gradient(manual, objective)"
)


class StructureError(TypeError):
    """What a manual gradient returned is not built as what it is the gradient by."""


def gradient_derivation(
    manual: Function,
    objective: Function,
    wrt: str | int | Sequence[str | int] | None = None,
    *,
    shapes: Mapping[str, Any] | None = None,
    domains: Mapping[str, Domain] | None = None,
    name: str | None = None,
) -> Derivation:
    """A derivation with `objective` as its only node, and an equation for each array of `wrt`.

    Raises TypeError or ValueError where functions, names and shapes do not fit together.
    """
    domains = domains or {}
    taken, annotations = read_objective(objective, manual, shapes or {}, domains)
    given = read_manual(manual, objective, taken)
    chosen = read_wrt(wrt, objective, taken, annotations)
    root = next(symbol for symbol in ("J", "objective", "value") if symbol not in taken.leaves)

    def value(*leaves: Any, **choices: Any) -> Any:
        result = taken(*leaves, **choices)
        if not hasattr(result, "shape") and not isinstance(result, int | float):
            raise ProbeError(
                f"{called(objective)}: returned {type(result).__name__}, expected one scalar array"
            )
        if jnp.shape(result):
            raise ProbeError(
                f"{called(objective)}: returned shape {show(jnp.shape(result))}, expected a scalar: reduce "
                "it, or write a Derivation and close it with cotangent='dJ_dy'"
            )
        return result

    derivation = Derivation(
        name=name or called(manual),
        source=f"{called(manual)}, the gradient of {called(objective)}",
        forward={root: writes(wired(value, taken, annotations), lambda scope: call(taken, scope))},
        backward={
            f"d{root}_d{leaf}": equation(given, chosen, parameter, leaf, root)
            for parameter in chosen
            for leaf in names_of(taken.trees[parameter])
            if is_float(annotations[leaf])
        },
        domains=domains,
    )
    check_structure(derivation, taken, annotations)
    return derivation


def check_structure(derivation: Derivation, objective: Inputs, annotations: Mapping[str, Any]) -> None:
    """Raises StructureError where the manual gradient returns something else; whatever it raises itself is judged."""
    derivation, choices = instance(derivation, rotation(derivation, 0)[0])
    dims = ladder(derivation, rungs=1)[0]
    specs = {name: Spec(*derivation.leaf_spec(name, choices)) for name in derivation.leaves}
    shapes = {name: jax.ShapeDtypeStruct(spec.shape(dims), PLAIN[spec.kind]) for name, spec in specs.items()}
    for each in derivation.equations.values():
        try:
            jax.eval_shape(lambda values, each=each: each(values, choices), shapes)
        except StructureError as misfit:
            hint = (
                "" if returns_scalar(objective, annotations) else SWAPPED.format(called(objective.function))
            )
            raise StructureError(f"{misfit}{hint}") from None  # without what jax appends
        except Exception:
            return


def returns_scalar(objective: Inputs, annotations: Mapping[str, Any]) -> bool:
    """Whether the objective returns one scalar, or raises."""
    try:
        result = result_shapes(objective, annotations)
    except Exception:
        return True
    return jax.tree.structure(result) == jax.tree.structure(0) and result.shape == ()


def equation(given: Inputs, chosen: Mapping[str, Any], parameter: str, leaf: str, root: str) -> Function:
    """The equation of one array: what the manual function returns, and of that the part for this array."""

    def derivative(*leaves: Any, **choices: Any) -> Any:
        manual = called(given.function)
        tree = part(given(*leaves, **choices), manual, [*chosen], parameter)
        here = f"{manual}: the gradient by {parameter} is built otherwise than {parameter}"
        try:
            return parts(chosen[parameter], gradient_parts(chosen[parameter], tree), here)[leaf]
        except (TypeError, ValueError) as error:
            raise StructureError(str(error)) from None

    def written(scope: Scope) -> str:
        key = key_of(returned(given, scope), called(given.function), [*chosen], parameter)
        within = "" if key is None else f"[{json.dumps(key)}]"
        path, code = path_to(leaf, chosen[parameter]), f"{call(given, scope)}{within}"
        return part_code(code, path) if leaf in complex_leaves(chosen[parameter]) else code + path

    derivative.__doc__ = rf"$\partial {root}/\partial {in_tex(leaf)}$"
    return writes(wired(derivative, given, {}), written)


def part(result: Any, manual: str, chosen: Sequence[str], parameter: str) -> Any:
    """Of what a manual gradient returned, the part for one parameter."""
    key = key_of(result, manual, chosen, parameter)
    return result if key is None else result[key]


def key_of(result: Any, manual: str, chosen: Sequence[str], parameter: str) -> str | int | None:
    """Where in a result the part for one parameter is; None where it is all of it."""
    if isinstance(result, Mapping) and parameter in result:
        return parameter
    if isinstance(result, tuple | list) and len(result) == len(chosen):
        return chosen.index(parameter)
    if len(chosen) == 1:
        return None
    raise StructureError(
        f"{manual}: returned {described(result)}; expected a dict, or a tuple in this order, of the gradients by "
        f"{listed(chosen)}"
    )


def described(result: Any) -> str:
    """What a function returned, in a few words."""
    if isinstance(result, Mapping):
        return f"a dict of {listed(map(str, result))}"
    if isinstance(result, tuple | list):
        return f"{type(result).__name__} of {len(result)}"
    if hasattr(result, "shape"):
        return f"one array of shape {show(result.shape)}"
    return type(result).__name__


def read_objective(
    objective: Function, manual: Function, shapes: Mapping[str, Any], domains: Mapping[str, Domain]
) -> tuple[Inputs, dict[str, Any]]:
    """What the objective takes, and the annotation of each leaf: as `shapes` say, or the two functions."""
    found = read_as_stated(objective, manual, shapes, domains)
    if loose := names_in_tuples(shapes):
        try:
            result_shapes(*found)
        except TypeError:  # it takes no trees there
            return read_as_stated(objective, manual, {**shapes, **loose}, domains)
    return found


def read_as_stated(
    objective: Function, manual: Function, shapes: Mapping[str, Any], domains: Mapping[str, Domain]
) -> tuple[Inputs, dict[str, Any]]:
    """The same, where a tuple of names is a tree of vectors."""
    here, parameters = called(objective), parameters_of(objective)
    if unknown := [name for name in shapes if name not in parameters]:
        raise TypeError(
            f"shapes: {unknown[0]!r} is no parameter of {here} ({listed(parameters)})"
            f"{nearest(unknown[0], parameters)}"
        )
    theirs = parameters_of(manual, parameters)
    trees, choices, annotations, values = {}, {}, {}, {}
    plain = not_differentiated(manual)
    for name, parameter in parameters.items():
        own, other = (found[name].annotation if name in found else EMPTY for found in (parameters, theirs))
        fixed = parameter.default is not EMPTY  # what is annotated as an array is one all the same
        stated = next((a for a in (own, other) if is_stated(a, f"{here}: {name}", trees=not fixed)), None)
        if name in shapes and (name in plain or (is_random_key(shapes[name]) and name not in domains)):
            values[name] = shapes[name]
        elif name in plain and not fixed:
            raise TypeError(
                f"{called(manual)}: parameter {name!r} is in nondiff_argnums and takes a plain value; give it, as in "
                f"shapes={{{name!r}: 3}}"
            )
        elif name in shapes or stated is not None:
            tree = split(filled(as_shape(name, shapes.get(name, stated)), f"{here}: {name}"))
            trees[name] = named(name, tree)
            annotations |= {
                leaf: annotation(leaf, what, domains) for leaf, what in parts(trees[name], tree, name).items()
            }
        elif is_choice(own) or (
            parameter.kind is KEYWORD_ONLY
            and (own is bool or (parameter.default is EMPTY and stated is None))
        ):
            choices[name] = own
        elif parameter.default is EMPTY:
            raise TypeError(
                f"{here}: parameter {name!r} has no shape; annotate it, as in {name}: Float[Array, 'n'] or "
                f"give shapes={{{name!r}: 'n d'}}, or an example array or random key in its place"
            )
    return Inputs(objective, trees, choices, positional(parameters), values), annotations


def is_stated(annotation: Any, here: str, *, trees: bool) -> bool:
    if is_complex(annotation):
        return True
    return read_shape(annotation, here) is not None or (trees and read_tree(annotation, here) is not None)


def read_manual(manual: Function, objective: Function, taken: Inputs) -> Inputs:
    """What the manual gradient takes: some of what the objective takes, by the same names."""
    parameters = parameters_of(manual, [*taken.trees, *taken.choices, *taken.fixed])
    trees, choices, values = {}, {}, {}
    for name, parameter in parameters.items():
        if name in taken.trees:
            trees[name] = taken.trees[name]
        elif name in taken.choices:
            choices[name] = taken.choices[name]
        elif name in taken.fixed:
            values[name] = taken.fixed[name]
        elif parameter.default is EMPTY:
            known = [*taken.trees, *taken.choices]
            raise TypeError(
                f"{called(manual)}: parameter {name!r} is no parameter of {called(objective)} "
                f"({listed(known)}){nearest(name, known)}; the two meet by name"
            )
    return Inputs(manual, trees, choices, positional(parameters), values)


def read_wrt(
    wrt: str | int | Sequence[str | int] | None,
    objective: Function,
    taken: Inputs,
    annotations: Mapping[str, Any],
) -> dict[str, Any]:
    """The parameters to differentiate by, each with the tree of its leaves' names."""
    floating = [
        name
        for name, tree in taken.trees.items()
        if any(is_float(annotations[leaf]) for leaf in jax.tree.leaves(tree))
    ]
    given = floating if wrt is None else [wrt] if isinstance(wrt, str | int) else [*wrt]
    chosen = [parameter_at(each, objective) if isinstance(each, int) else each for each in given]
    for name in chosen:
        if name not in taken.trees:
            raise TypeError(
                f"wrt: {name!r} is no parameter of {called(objective)} ({listed(taken.trees)})"
                f"{nearest(name, taken.trees)}"
            )
        if name not in floating:
            raise TypeError(
                f"wrt: {name!r} holds no floating-point numbers, so there is no derivative by it; drop it"
            )
    if not chosen:
        raise TypeError(
            f"wrt: nothing to differentiate {called(objective)} by; name at least one of {listed(floating)}"
        )
    return {name: taken.trees[name] for name in chosen}


def parameter_at(position: int, objective: Function) -> str:
    """The name of a parameter by its position, as in `argnums` of jax."""
    names = [*parameters_of(objective)]
    if not -len(names) <= position < len(names):
        raise TypeError(
            f"wrt: {position} is no position of a parameter of {called(objective)} ({listed(names)})"
        )
    return names[position]
