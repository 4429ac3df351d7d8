"""Reads a function's signature: the names it is wired by, its arrays' shapes, its static choices."""

from __future__ import annotations

import enum
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_origin

from manual_bp.construction.axes import Dims, at_ranks, is_open
from manual_bp.construction.tables import Row
from manual_bp.losses import Target

Function = Callable[..., Any]
Kind = Literal["float", "int", "bool"]

EXPRESSION = re.compile(r"\(*[A-Za-z0-9]\w*\)*((\+|-|\*|//)\(*[A-Za-z0-9]\w*\)*)+")
EMPTY = inspect.Parameter.empty
POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
SCALARS: Mapping[Any, Kind] = {float: "float", int: "int", bool: "bool"}
PREFIXES: Mapping[Kind, tuple[str, ...]] = {
    "float": ("float", "bfloat"),
    "int": ("int", "uint"),
    "bool": ("bool",),
}


@dataclass(frozen=True)
class Shape:
    """An annotation such as `Float[Array, "h d"]`: one entry of `dims` an axis, a name, a sum such as "n-1" or "2*k"
    of names and numbers, or a fixed size; "*batch" or "..." stands for any number of axes."""

    dims: Dims
    kind: Kind

    def at(self, ranks: Mapping[str, int]) -> Shape:
        """The shape with so many axes in the place of each word that has a rank."""
        return replace(self, dims=at_ranks(self.dims, ranks))

    def __str__(self) -> str:
        return f"{self.kind} {show(self.dims)}"


@dataclass(frozen=True)
class Signature:
    """A function, the key it is given under, and its annotations (`EMPTY` where there is none).

    Arrays are positional, static choices keyword-only.
    """

    key: str
    function: Function
    arrays: Mapping[str, Any]
    choices: Mapping[str, Any]
    returns: Any

    @property
    def where(self) -> str:
        return where(self.key, self.function)


def where(key: str, function: Any) -> str:
    """What a message calls a function: `h=hidden`, as it was given, or only the key where it is the name."""
    name = getattr(function, "__name__", None) or repr(function)
    return key if name == key else f"{key}={name}"


def show(dims: tuple[Any, ...]) -> str:
    """A shape as Python writes it, names without quotes: `(h, d)`, `(d,)`, `()`."""
    return "(" + ", ".join(map(str, dims)) + (",)" if len(dims) == 1 else ")")


def read_signatures(functions: Mapping[str, Function]) -> list[Signature]:
    return [read_signature(key, function) for key, function in functions.items()]


def read_signature(key: str, function: Function) -> Signature:
    """The parameters that `function` is wired by.

    A keyword-only parameter with a default stays at it, unless it is annotated as a static choice. Raises
    TypeError for parameters that cannot be wired.
    """
    here = where(key, function)
    if not callable(function):
        raise TypeError(f"{here}: is of type {type(function).__name__}; give a function")
    try:
        signature = inspect.signature(function, eval_str=True)
    except Exception as error:  # evaluating annotations that are strings runs the user's code
        raise TypeError(
            f"{here}: its signature cannot be read: {type(error).__name__}: {error}; annotations are read as "
            "Python, as in x: Float[Array, 'n d']"
        ) from error
    arrays, choices = {}, {}
    for name, parameter in signature.parameters.items():
        annotation, default = parameter.annotation, parameter.default
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            if default is EMPTY or annotation is bool or is_choice(annotation):
                choices[name] = annotation
        elif parameter.kind not in POSITIONAL:
            raise TypeError(
                f"{here}: parameter '{parameter.replace(annotation=EMPTY)}' has no name; name each array"
            )
        elif default is not EMPTY:
            raise TypeError(
                f"{here}: array parameter {name!r} has a default; drop it, or make the parameter keyword-only"
            )
        elif is_choice(annotation):
            raise TypeError(f"{here}: static choice {name!r} is positional; put it behind a '*'")
        else:
            arrays[name] = annotation
    return Signature(key, function, arrays, choices, signature.return_annotation)


def signature_of(
    arrays: Mapping[str, Any], choices: Mapping[str, Any], returns: Any = EMPTY
) -> inspect.Signature:
    """What `read_signature` reads these annotations from."""
    kinds = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter(name, kind, annotation=annotation)
        for kind, annotations in zip(kinds, (arrays, choices), strict=True)
        for name, annotation in annotations.items()
    ]
    return inspect.Signature(parameters, return_annotation=returns)


def is_choice(annotation: Any) -> bool:
    """Whether an annotation can only be that of a static choice (`bool` may also be that of a scalar)."""
    if isinstance(annotation, type):
        return issubclass(annotation, Row | enum.Enum)
    return get_origin(annotation) is Literal


def read_shape(annotation: Any, here: str) -> Shape | None:
    """The shape that an annotation states, None where it states none. `here` names the place in messages."""
    if isinstance(annotation, type) and annotation in SCALARS:
        return Shape((), SCALARS[annotation])
    if annotation is Target or not hasattr(annotation, "dim_str"):
        return None
    words = annotation.dim_str.split()
    return Shape(
        tuple(read_dimension(word, annotation.dim_str, here) for word in words), read_kind(annotation, here)
    )


def read_dimension(word: str, dim_str: str, here: str) -> str | int:
    size = word.rpartition("=")[2]  # jaxtyping reads "rows=3" as 3
    if size.isdigit():
        return int(size)
    if is_open(word) or (word.isidentifier() and not word.startswith("_")):
        return word
    if EXPRESSION.fullmatch(word):
        return word
    raise TypeError(
        f"{here}: dimension {word!r} of {dim_str!r} is not supported; use names, fixed sizes and what is "
        "computed of them, as in 'n 3 n-1 2*k', and '*batch' or '...' for any number of axes"
    )


def names_in(dim: str | int | None) -> list[str]:
    """The dimensions that a size is computed from."""
    if is_open(dim):
        return [str(dim)]
    return re.findall(r"[A-Za-z]\w*", dim) if isinstance(dim, str) else []


def size_of(dim: str | int, sizes: Mapping[str, Any]) -> Any:
    """The size of an axis, a number or symbolic like `sizes`. Raises ValueError for one below 0."""
    if isinstance(dim, int) or dim in sizes:
        return dim if isinstance(dim, int) else sizes[dim]
    given = {name: sizes[name] for name in names_in(dim)}
    size = eval(compile(dim, "<dimension>", "eval"), {"__builtins__": {}}, given)
    if isinstance(size, int) and size < 0:
        those = ", ".join(f"{name} = {value}" for name, value in given.items())
        raise ValueError(f"dimension {dim!r} is {size} for {those}; name the smaller, as in 'n' and 'n+1'")
    return size


def read_kind(annotation: Any, here: str) -> Kind:
    if not isinstance(annotation.dtypes, tuple):  # jaxtyping's Shaped takes any dtype
        return "float"
    for kind, prefixes in PREFIXES.items():
        if any(str(dtype).startswith(prefixes) for dtype in annotation.dtypes):
            return kind
    dtype = annotation.__name__.partition("[")[0]
    raise TypeError(f"{here}: {dtype} is not supported; use Float, Int or Bool")
