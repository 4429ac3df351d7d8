"""How calls are written down as Python, so that a script of a few lines can make them again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from manual_bp.construction.lowering import Part
from manual_bp.construction.trees import Names, children
from verify.targets.arguments import Function, Inputs, is_random_key
from verify.targets.complex_inputs import is_parts
from verify.targets.import_statements import Imports


class Unwritable(Exception):
    """There is no short Python for it."""


@dataclass(frozen=True)
class Scope:
    """What a script calls things, and what they are at the case that it is about."""

    imports: Imports
    names: Mapping[str, str]  # the code for each array and static choice
    shapes: Mapping[str, jax.ShapeDtypeStruct]  # of the leaves
    choices: Mapping[str, Any]


Written = Callable[[Scope], str]


def writes(function: Function, written: Written) -> Function:
    """Has a function of ours say how it is written in terms of what the user gave."""
    function.written = written  # type: ignore[attr-defined]
    return function


def call(inputs: Inputs, scope: Scope) -> str:
    """A call of a user's function, its arrays and trees by keyword."""
    trees = {name: tree(names, scope) for name, names in inputs.trees.items()}
    given = {**trees, **{name: scope.names[name] for name in inputs.choices}}
    given |= {name: constant(value, scope) for name, value in inputs.fixed.items()}
    first = [given.pop(name) for name in inputs.positional if name in given]
    arguments = [*first, *(f"{name}={code}" for name, code in given.items())]
    return f"{scope.imports.name(inputs.function, 'function')}({', '.join(arguments)})"


def returned(inputs: Inputs, scope: Scope) -> Any:
    """What such a call returns at the case, as shapes."""
    shapes = [scope.shapes[leaf] for leaf in inputs.leaves]
    choices = {name: scope.choices[name] for name in inputs.choices}
    with jax.enable_x64(True):
        return jax.eval_shape(lambda *leaves: inputs(*leaves, **choices), *shapes)


def pulled_back(
    inputs: Inputs,
    paths: Iterable[str],
    weights: Iterable[str],
    leaf: str,
    scope: Scope,
    output: str | None = None,
) -> str:
    """The derivative by a leaf of the sum of a function's outputs, each times its weight."""
    x, output = scope.names[leaf], output or call(inputs, scope)
    terms = (f"jnp.sum({weight} * {output}{path})" for weight, path in zip(weights, paths, strict=True))
    return f"jax.grad(lambda {x}: {' + '.join(terms)})({x})"


def call_of_trees(part: Part, function: str, choices: Iterable[str], scope: Scope) -> str:
    """A call of a function of trees, one of whose results is this part."""
    trees = [tree(names, scope) for names in part.whole.takes]
    rows = (f"{choice}={scope.names[choice]}" for choice in choices)
    return f"{function}({', '.join([*trees, *rows])})"


def path_to(leaf: str, names: Names) -> str:
    """The indexing that leads to a leaf of a tree."""
    flat, _ = jax.tree_util.tree_flatten_with_path(names)
    return next(path_code(path) for path, name in flat if name == leaf)


def path_code(path: Iterable[Any]) -> str:
    return jax.tree_util.keystr(tuple(path)).replace("'", '"')


def tree(names: Names, scope: Scope) -> str:
    """A tree of leaves. Raises Unwritable for what is built of anything that cannot be made by naming its fields."""
    if isinstance(names, str):
        return scope.names[names] if names else "None"
    if names is None:
        return "None"
    if is_parts(names):
        return f"jax.lax.complex({scope.names[names.re]}, {scope.names[names.im]})"
    inside = [(path[0], tree(part, scope)) for path, part in children(names)]
    codes = ", ".join(code for _, code in inside)
    if type(names) is dict:
        return "{" + ", ".join(f"{_literal(step.key)}: {code}" for step, code in inside) + "}"
    if type(names) is list:
        return f"[{codes}]"
    if type(names) is tuple:
        return f"({codes}{',' * (len(inside) == 1)})"
    made = scope.imports.find(type(names))
    if made is None or not all(isinstance(step, jax.tree_util.GetAttrKey) for step, _ in inside):
        raise Unwritable(f"a {type(names).__name__} cannot be written down")
    return f"{made}({', '.join(f'{step.name}={code}' for step, code in inside)})"


def constant(value: Any, scope: Scope) -> str:
    """A value that no example changes: a number, a text, a random key, a function."""
    if is_random_key(value):
        typed = jnp.issubdtype(value.dtype, jax.dtypes.prng_key)
        words = f"jnp.array({np.asarray(jax.random.key_data(value)).tolist()}, jnp.uint32)"
        return f"jax.random.wrap_key_data({words})" if typed else words
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    if callable(value):
        return scope.imports.name(value, "function")
    raise Unwritable(f"a {type(value).__name__} cannot be written down")


def _literal(key: Any) -> str:
    return json.dumps(key) if isinstance(key, str) else repr(key)
