"""What a plain function takes: arrays and trees of arrays, named leaf by leaf and described by examples."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from manual_bp.construction.calls import DTYPES
from manual_bp.construction.signatures import EMPTY, read_shape, signature_of
from manual_bp.construction.trees import Names, join, names_of
from manual_bp.domains import Domain

Function = Callable[..., Any]

KINDS: Mapping[str, Any] = {"float": Float, "int": Int, "bool": Bool}
POSITIONAL_ONLY, KEYWORD_ONLY = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.KEYWORD_ONLY


@dataclass(frozen=True)
class Inputs:
    """What a function takes: arrays or trees of arrays, each leaf by a name, and static choices."""

    function: Function
    trees: Mapping[str, Names]  # by parameter
    choices: Mapping[str, Any]  # by parameter: the annotation
    positional: frozenset[str]  # what cannot be passed by keyword

    @property
    def leaves(self) -> tuple[str, ...]:
        return tuple(name for tree in self.trees.values() for name in names_of(tree))

    def __call__(self, *values: Any, **choices: Any) -> Any:
        """The function's result, from its leaves in order and its choices."""
        named = dict(zip(self.leaves, values, strict=True))
        given = {name: join(tree, named) for name, tree in self.trees.items()} | choices
        first = [given.pop(name) for name in [*given] if name in self.positional]
        return self.function(*first, **given)


def annotation(leaf: str, what: Any, domains: Mapping[str, Domain]) -> Any:
    """What a user gave as a shape as an annotation: sizes, an example, a struct, or one already."""
    if read_shape(what, leaf) is not None:
        return what
    if isinstance(what, str):
        dims, kind = what, domains[leaf].kind if isinstance(domains.get(leaf), Domain) else "float"
    elif hasattr(what, "shape") and hasattr(what, "dtype"):
        kinds = [kind for kind, dtype in DTYPES.items() if jnp.issubdtype(what.dtype, dtype)]
        if not kinds:
            raise TypeError(
                f"shapes: {leaf!r} is of dtype {what.dtype}, expected floats, integers or booleans"
            )
        dims, kind = " ".join(str(size).replace(" ", "") for size in what.shape), kinds[0]
    elif isinstance(what, bool | int | float):
        dims, kind = "", "float"
    else:
        raise TypeError(
            f"shapes: {leaf!r} is {what!r}; give names and sizes as in 'n 3', an example array, or a "
            "jax.ShapeDtypeStruct"
        )
    try:
        found = KINDS[kind][Array, dims]
    except ValueError as error:  # jaxtyping's, of two words that both stand for any number of axes
        raise TypeError(f"shapes: {leaf!r} is {dims!r}: {error}") from None
    read_shape(found, f"shapes: {leaf!r}")
    return found


def wired(
    function: Function, inputs: Inputs, annotations: Mapping[str, Any], others: Iterable[str] = ()
) -> Function:
    """The function with the signature that a derivation is wired by: leaves by name, `others`, and choices."""
    arrays = {name: annotations.get(name, EMPTY) for name in (*inputs.leaves, *others)}
    function.__signature__ = signature_of(arrays, inputs.choices)  # type: ignore[attr-defined]
    function.__name__ = called(inputs.function)
    return function


def parameters_of(function: Function) -> dict[str, inspect.Parameter]:
    """The parameters of a function by name. Raises TypeError for what has none, or takes them unnamed."""
    if not callable(function):
        raise TypeError(f"{function!r}: is of type {type(function).__name__}; give a function")
    try:
        parameters = dict(inspect.signature(function, eval_str=True).parameters)
    except Exception as error:  # evaluating annotations that are strings runs the user's code
        raise TypeError(
            f"{called(function)}: its signature cannot be read: {type(error).__name__}: {error}; annotations are "
            "read as Python, as in x: Float[Array, 'n d']"
        ) from error
    for parameter in parameters.values():
        if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            here, star = called(function), parameter.replace(annotation=EMPTY)
            raise TypeError(f"{here}: parameter '{star}' has no name; name each array")
    return parameters


def positional(parameters: Mapping[str, inspect.Parameter]) -> frozenset[str]:
    return frozenset(name for name, parameter in parameters.items() if parameter.kind is POSITIONAL_ONLY)


def in_tex(leaf: str) -> str:
    """The name of a leaf in a formula: one underscore makes a subscript, several a name that is left as it is."""
    return leaf if leaf.count("_") < 2 else rf"\text{{{leaf}}}"


def is_float(annotation: Any) -> bool:
    shape = read_shape(annotation, "wrt")
    return shape is not None and shape.kind == "float"


def called(function: Function) -> str:
    return getattr(function, "__name__", None) or type(function).__name__
