"""Trees of arrays: which annotations describe one, and what its parts are called.

An annotation describes a tree where it is

- a `NamedTuple` class, a `TypedDict`, or a dataclass that jax knows (`jax.tree_util.register_dataclass`); its
  fields are annotated in turn, and those that jax takes for static keep their default,
- `tuple[A, B]`, of annotations A and B,
- a dict, a list, or any other pytree with annotations in the place of arrays, as in
  `[{"W": Float[Array, "d d"], "b": Float[Array, " d"]}] * depth`.

Every array in it is a symbol, named by the way to it: `params_layers_0_W`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

import jax

from manual_bp.construction.signatures import is_choice

Tree = Any  # a tree of annotations or of arrays
Names = Any  # a tree of the names of its parts, "" for one without; a name alone is that of one array


def read_tree(annotation: Any, here: str) -> Tree | None:
    """The annotations of the parts, built as the tree is; None where an annotation describes no tree."""
    tree = filled(annotation, here)
    return None if tree is None or is_leaf(tree) else tree


def filled(annotation: Any, here: str) -> Tree:
    """An annotation with each class in it replaced by an instance that holds the annotations of its fields."""
    inside = get_args(annotation)
    if get_origin(annotation) is tuple and Ellipsis not in inside:
        return tuple(filled(part, here) for part in inside)
    if not isinstance(annotation, type):
        return annotation if is_leaf(annotation) else jax.tree.map(lambda a: filled(a, here), annotation)
    if is_typeddict(annotation):
        return fields_of(annotation, here)
    if issubclass(annotation, tuple) and hasattr(annotation, "_fields"):
        return annotation(**dict.fromkeys(annotation._fields) | fields_of(annotation, here))  # type: ignore
    if dataclasses.is_dataclass(annotation) and not is_choice(annotation):
        return instance_of(annotation, fields_of(annotation, here), here)
    return annotation


def fields_of(cls: type, here: str) -> dict[str, Tree]:
    try:
        hints = get_type_hints(cls)
    except Exception as error:  # evaluating annotations that are strings runs the user's code
        raise TypeError(
            f"{here}: the fields of {cls.__name__} cannot be read: {type(error).__name__}: {error}"
        ) from error
    return {name: filled(hint, here) for name, hint in hints.items()}


def instance_of(cls: Any, parts: Mapping[str, Tree], here: str) -> Any:
    """A dataclass instance, made without its `__init__`, which may want arrays."""

    def holding(values: Mapping[str, Any]) -> Any:
        instance = object.__new__(cls)
        for name, value in values.items():
            object.__setattr__(instance, name, value)
        return instance

    fields = {field.name: field.default for field in dataclasses.fields(cls)}
    names = holding({name: name for name in fields})
    if is_leaf(names):
        raise TypeError(f"{here}: {cls.__name__} is no pytree; give it to jax.tree_util.register_dataclass")
    fields |= {name: parts[name] for name in jax.tree.leaves(names)}
    if bare := [name for name, value in fields.items() if value is dataclasses.MISSING]:
        raise TypeError(
            f"{here}: {bare[0]!r} of {cls.__name__} is static and has no default; give it one, so that the tree "
            "is known before a call"
        )
    return holding(fields)


# --- names ------------------------------------------------------------------------------------------------------------


def named(name: str, tree: Tree) -> Names:
    """The tree with a name in the place of each part."""
    return jax.tree_util.tree_map_with_path(lambda path, _: leaf_name(name, path), tree)


def leaf_name(name: str, path: Iterable[Any]) -> str:
    """`params` and the keys on the way to a part: `params_layers_0_W`."""
    keys = jax.tree_util.keystr(tuple(path), simple=True, separator="_")
    return re.sub(r"\W", "_", f"{name}_{keys}") if keys else name


def branches(name: str, names: Names) -> Iterator[tuple[str, Names]]:
    """A tree and all the trees in it by name: `params`, `params_layers`, `params_layers_0`."""
    if names is not None and not is_leaf(names):
        yield name, names
        for path, part in children(names):
            yield from branches(leaf_name(name, path), part)


def parts(names: Names, value: Tree, here: str) -> dict[str, Any]:
    """The parts of a tree by name. Raises TypeError where it is built otherwise; `here` begins the message."""
    flat, structure = jax.tree.flatten(names)
    try:
        return {part: its for part, its in zip(flat, structure.flatten_up_to(value), strict=True) if part}
    except ValueError:
        raise TypeError(f"{here}: {difference(names, value)}") from None


def names_of(names: Names) -> list[str]:
    return [name for name in jax.tree.leaves(names) if name]


def join(names: Names, values: Mapping[str, Any]) -> Tree:
    """The tree of these parts, None in the place of those that have no value."""
    return jax.tree.map(values.get, names)


def spread(names: Mapping[str, Names], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is given by keyword, trees part by part. Raises TypeError for another tree, and what is given twice."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        for part, its in parts(names[name], value, name).items() if name in names else [(name, value)]:
            if part in found:
                raise TypeError(f"{part}: is given twice, alone and in a tree; give it once")
            found[part] = its
    return found


def spread_domains(domains: Mapping[str, Any]) -> dict[str, Any]:
    """Domains by part; a tree of them need not have all the parts."""
    return {
        leaf_name(name, path): domain
        for name, tree in domains.items()
        for path, domain in jax.tree_util.tree_flatten_with_path(tree, is_leaf=lambda d: d is None)[0]
    }


# --- structure --------------------------------------------------------------------------------------------------------


def is_leaf(tree: Tree) -> bool:
    return jax.tree_util.all_leaves([tree])


def children(tree: Tree) -> list[tuple[Any, Tree]]:
    return jax.tree_util.tree_flatten_with_path(tree, is_leaf=lambda node: node is not tree)[0]


def difference(expected: Tree, found: Tree, at: str = "") -> str | None:
    """Where two trees first part, as jax writes them, `*` for whatever stands there; None where they do not."""
    if is_leaf(expected):
        return None
    one, other = (
        jax.tree.structure(tree, is_leaf=lambda n, t=tree: n is not t) for tree in (expected, found)
    )
    if one != other:
        one, other = (str(each).removeprefix("PyTreeDef(")[:-1] for each in (one, other))
        return f"{f'at {at}: ' if at else ''}{other}, expected {one}"
    pairs = zip(children(expected), children(found), strict=True)
    found_inside = (difference(a, b, at + jax.tree_util.keystr(path)) for (path, a), (_, b) in pairs)
    return next(filter(None, found_inside), None)
