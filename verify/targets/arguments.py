"""What a plain function takes: arrays and trees of arrays, named leaf by leaf and described by examples."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from manual_bp.construction.calls import DTYPES
from manual_bp.construction.signatures import EMPTY, is_open, names_in, read_shape, signature_of, size_of
from manual_bp.construction.tables import choices_of
from manual_bp.construction.trees import Names, join, names_of
from manual_bp.domains import Domain
from verify.targets.complex_inputs import joined

Function = Callable[..., Any]

PLAIN: Mapping[str, Any] = {"float": jnp.float32, "int": jnp.int32, "bool": jnp.bool_}
KINDS: Mapping[str, Any] = {"float": Float, "int": Int, "bool": Bool}
MOST_TRIED = 8  # sizes, for those that are computed
POSITIONAL_ONLY, KEYWORD_ONLY = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.KEYWORD_ONLY
VAR_POSITIONAL, VAR_KEYWORD = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
RULES = (jax.custom_vjp, jax.custom_jvp)


@dataclass(frozen=True)
class Inputs:
    """What a function takes: arrays or trees of arrays, each leaf by a name, static choices, and fixed values."""

    function: Function
    trees: Mapping[str, Names]  # by parameter
    choices: Mapping[str, Any]  # by parameter: the annotation
    positional: tuple[str, ...]  # what cannot be passed by keyword, in order
    fixed: Mapping[str, Any] = field(default_factory=dict)  # by parameter: a value that no example changes

    @property
    def leaves(self) -> tuple[str, ...]:
        return tuple(name for tree in self.trees.values() for name in names_of(tree))

    def __call__(self, *values: Any, **choices: Any) -> Any:
        """The function's result, from its leaves in order and its choices."""
        named = dict(zip(self.leaves, values, strict=True))
        given = (
            {name: joined(join(tree, named)) for name, tree in self.trees.items()} | choices | {**self.fixed}
        )
        first = [given.pop(name) for name in self.positional if name in given]
        return self.function(*first, **given)


def abstract(
    inputs: Inputs, annotations: Mapping[str, Any], dtype: Any = PLAIN["float"]
) -> list[jax.ShapeDtypeStruct]:
    """The leaves where every named dimension is 1 and `*batch` one axis of 1, floats in this dtype.

    Where a computed size would be 0, as that of `n-1`, every one is 2 or more.
    """
    read = [read_shape(annotations[leaf], leaf) for leaf in inputs.leaves]
    shapes = [shape for shape in read if shape is not None]  # or they would be no leaves
    names = {name for shape in shapes for dim in shape.dims for name in names_in(dim)}
    for size in range(1, MOST_TRIED + 1):
        known = dict.fromkeys(names, size)
        with contextlib.suppress(ValueError):  # of a size below 0
            sizes = [
                tuple(1 if is_open(dim) else size_of(dim, known) for dim in shape.dims) for shape in shapes
            ]
            if size == MOST_TRIED or all(length > 0 for each in sizes for length in each):
                dtypes = {**PLAIN, "float": dtype}
                each = zip(sizes, shapes, strict=True)
                return [jax.ShapeDtypeStruct(lengths, dtypes[shape.kind]) for lengths, shape in each]
    raise ValueError(f"shapes: no size from 1 to {MOST_TRIED} gives every array a shape")


def first_rows(inputs: Inputs) -> dict[str, Any]:
    return {name: next(iter(choices_of(table).values())) for name, table in inputs.choices.items()}


def result_shapes(inputs: Inputs, annotations: Mapping[str, Any]) -> Any:
    """What the function returns where every named dimension is 1, as shapes, or raises there."""
    leaves, choices = abstract(inputs, annotations), first_rows(inputs)
    return jax.eval_shape(lambda *leaves: inputs(*leaves, **choices), *leaves)


def as_shape(name: str, given: Any) -> Any:
    """A shape as jax writes it, `(3,)` or `("q", 3)`, as names and sizes. Raises TypeError for a size alone."""
    if isinstance(given, int) and not isinstance(given, bool):
        raise TypeError(
            f"shapes: {name!r} is {given}; write '{given}' for one axis of that size, '' for a scalar"
        )
    if isinstance(given, tuple | list) and any(type(size) is int for size in given):
        return " ".join(str(size).replace(" ", "") for size in given)
    return given


def names_in_tuples(shapes: Mapping[str, Any]) -> dict[str, str]:
    """Those given as tuples of names, `("q", "d")`, which are trees of vectors or the shapes of one array, as such."""
    return {
        name: " ".join(given)
        for name, given in shapes.items()
        if type(given) in (tuple, list) and all(isinstance(s, str) and s.isidentifier() for s in given)
    }


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


def parameters_of(function: Function, others: Collection[str] = ()) -> dict[str, inspect.Parameter]:
    """The parameters of a function by name; `*args` and `**kwargs` stand for the names in `others`, in order.

    Raises TypeError for what has no signature, or takes its arguments unnamed where there are no others.
    """
    if not callable(function):
        raise TypeError(f"{function!r}: is of type {type(function).__name__}; give a function")
    try:
        parameters = dict(inspect.signature(function, eval_str=True).parameters)
    except Exception as error:  # evaluating annotations that are strings runs the user's code
        raise TypeError(
            f"{called(function)}: its signature cannot be read: {type(error).__name__}: {error}; annotations are "
            "read as Python, as in x: Float[Array, 'n d']"
        ) from error
    unnamed = [each for each in parameters.values() if each.kind in (VAR_POSITIONAL, VAR_KEYWORD)]
    if not unnamed:
        return parameters
    if not others:
        star = unnamed[0].replace(annotation=EMPTY)
        raise TypeError(f"{called(function)}: parameter '{star}' has no name; name each array")
    named = {name: each for name, each in parameters.items() if each not in unnamed}
    if unnamed[0].kind is VAR_KEYWORD:
        return named | {n: inspect.Parameter(n, KEYWORD_ONLY) for n in others if n not in named}
    keyword = {name: each for name, each in named.items() if each.kind is KEYWORD_ONLY}
    first = [name for name in named if name not in keyword]
    if not {*first} <= {*others}:  # as in `wrapped(first, *args)`: what comes first goes by its position too
        first = []
    order = [*first, *(name for name in others if name not in named or name not in (*first, *keyword))]
    return {name: inspect.Parameter(name, POSITIONAL_ONLY) for name in order} | keyword


def positional(parameters: Mapping[str, inspect.Parameter]) -> tuple[str, ...]:
    return tuple(name for name, parameter in parameters.items() if parameter.kind is POSITIONAL_ONLY)


def not_differentiated(function: Function) -> tuple[str, ...]:
    """The parameters in a rule's `nondiff_argnums`, which takes plain values and no arrays."""
    at = getattr(function, "nondiff_argnums", ()) if isinstance(function, RULES) else ()
    names = [*parameters_of(function)] if at else []
    return tuple(names[position] for position in at)


def is_random_key(what: Any) -> bool:
    """Whether it is a random key, or the array of unsigned words that `jax.random.PRNGKey` returns."""
    dtype = getattr(what, "dtype", None)
    if not isinstance(what, jax.Array) or dtype is None:
        return False
    return jnp.issubdtype(dtype, jax.dtypes.prng_key) or (dtype == jnp.uint32 and what.shape in ((2,), (4,)))


def in_tex(leaf: str) -> str:
    """The name of a leaf in a formula: one underscore makes a subscript, several a name that is left as it is."""
    name, _, subscript = leaf.partition("_")
    if "_" in subscript:
        return rf"\text{{{leaf}}}"
    return rf"{name}_{{{subscript}}}" if len(subscript) > 1 else leaf


def is_float(annotation: Any) -> bool:
    shape = read_shape(annotation, "wrt")
    return shape is not None and shape.kind == "float"


def called(function: Function) -> str:
    return getattr(function, "__name__", None) or type(function).__name__
