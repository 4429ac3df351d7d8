"""Reads what a function's signature says: the names it is wired by, the shapes of its arrays, its static choices."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_origin

from manual_bp.losses import Target
from manual_bp.tables import Row

Kind = Literal["float", "int", "bool"]
Dims = tuple[str | int, ...]

EMPTY = inspect.Parameter.empty
SCALARS: Mapping[Any, Kind] = {float: "float", int: "int", bool: "bool"}
POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True)
class Shape:
    """An annotation such as `Float[Array, "h d"]`: one entry of `dims` an axis, a name or a fixed size."""

    dims: Dims
    kind: Kind

    def __str__(self) -> str:
        return f"{self.kind} {show(self.dims)}"


@dataclass(frozen=True)
class Signature:
    """Arrays are positional, static choices keyword-only; values are annotations (`EMPTY` where there is none)."""

    arrays: Mapping[str, Any]
    choices: Mapping[str, Any]
    returns: Any


def show(dims: tuple[Any, ...]) -> str:
    """A shape as Python writes it, names without quotes: `(h, d)`, `(d,)`, `()`."""
    return "(" + ", ".join(map(str, dims)) + (",)" if len(dims) == 1 else ")")


def title(function: Callable[..., Any]) -> str:
    """What to call a function in a message."""
    return getattr(function, "__name__", None) or repr(function)


def read_signature(function: Callable[..., Any]) -> Signature:
    """The parameters by which `function` is wired.

    A keyword-only parameter that has a default and is not annotated with a table, a `Literal`, an
    `Enum` or `bool` stays at its default.
    """
    where = title(function)
    if not callable(function):
        raise TypeError(f"{where}: expected a function, got {type(function).__name__}")
    try:
        signature = inspect.signature(function, eval_str=True)
    except Exception as error:  # evaluating a string annotation runs code of the user's module
        raise TypeError(f"{where}: its signature cannot be read: {type(error).__name__}: {error}") from error
    arrays, choices = {}, {}
    for name, parameter in signature.parameters.items():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            if parameter.default is EMPTY or parameter.annotation is bool or is_table(parameter.annotation):
                choices[name] = parameter.annotation
        elif parameter.kind not in POSITIONAL:
            raise TypeError(f"{where}: parameter '*{name}' has no name to wire by; name each array")
        elif parameter.default is not EMPTY:
            raise TypeError(
                f"{where}: array parameter {name!r} has a default; drop it, or make {name!r} keyword-only to keep it"
            )
        elif is_table(parameter.annotation):
            raise TypeError(f"{where}: static choice {name!r} must be keyword-only; put it after a '*'")
        else:
            arrays[name] = parameter.annotation
    return Signature(arrays, choices, signature.return_annotation)


def is_table(annotation: Any) -> bool:
    """Whether an annotation can only be that of a static choice."""
    return get_origin(annotation) is Literal or (
        isinstance(annotation, type) and issubclass(annotation, (Row, enum.Enum))
    )


def read_shape(annotation: Any, where: str) -> Shape | None:
    """The shape an annotation states, `None` where it states none; `where` names the place in messages."""
    if isinstance(annotation, type) and annotation in SCALARS:
        return Shape((), SCALARS[annotation])
    if annotation is Target or not hasattr(annotation, "dim_str"):
        return None
    return Shape(
        tuple(read_dimension(word, annotation.dim_str, where) for word in annotation.dim_str.split()),
        read_kind(annotation, where),
    )


def read_dimension(word: str, dim_str: str, where: str) -> str | int:
    word = word.rpartition("=")[2]  # jaxtyping reads "rows=3" as 3
    if word.isdigit():
        return int(word)
    if word.isidentifier() and not word.startswith("_"):
        return word
    raise TypeError(
        f"{where}: dimension {word!r} of {dim_str!r} is not supported; use names and fixed sizes, as in 'n 3'"
    )


def read_kind(annotation: Any, where: str) -> Kind:
    if not isinstance(annotation.dtypes, tuple):  # Shaped takes any dtype
        return "float"
    dtypes = [str(dtype) for dtype in annotation.dtypes]
    kinds: dict[Kind, tuple[str, ...]] = {"float": ("float", "bfloat"), "int": ("int", "uint"), "bool": ("bool",)}
    for kind, prefixes in kinds.items():
        if any(dtype.startswith(prefixes) for dtype in dtypes):
            return kind
    raise TypeError(f"{where}: {annotation.__name__} is not supported; use Float, Int or Bool")
