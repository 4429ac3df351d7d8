"""Whether the programs of two dtypes are one, but for the dtype: a user's Python may decide something by it.

`x.dtype == jnp.float16`, `finfo(x.dtype).eps`, `jax.config.jax_enable_x64` and casts make another program of another
dtype. Two jaxprs are compared step by step. Casts between floats count as nothing, a literal as the one of the wider
dtype that rounds to it, and of what is only kept to be differentiated nothing is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import jax.numpy as jnp
import numpy as np
from jax.extend import core

from verify.programs.tracing import Programs, Traced

CAST: Final = "convert_element_type"
OF_DTYPES: Final = frozenset(
    {"new_dtype", "dtype", "preferred_element_type", "out_dtype", "weak_type", "sharding", "name", "ctx_mesh"}
)  # parameters that say in which dtype, where or under what name, and not what


def same(one: Programs, other: Programs) -> bool:
    """Whether both are the same programs, but for the dtype they were traced in; `one` was traced in the wider one.

    What could be traced in one dtype only is left to the device, which runs it or refuses it.
    """
    pairs = [
        (one.reference, other.reference),
        (one.autodiff, other.autodiff),
        (one.composed, other.composed),
        *((program, other.equations[name]) for name, program in one.equations.items()),
    ]
    return all(
        _same(ours.program.jaxpr, theirs.program.jaxpr, ours.program.consts, theirs.program.consts)
        for ours, theirs in pairs
        if isinstance(ours, Traced) and isinstance(theirs, Traced)
    )


def _same(one: Any, other: Any, consts: Any = (), others: Any = ()) -> bool:
    if len(one.invars) != len(other.invars) or len(consts) != len(others):
        return False
    if not all(_same_numbers(a, b) for a, b in zip(consts, others, strict=True)):
        return False
    steps = iter(one.eqns), iter(other.eqns)
    names: tuple[dict[Any, Any], dict[Any, Any]] = (
        {},
        {},
    )  # variables by the place they come from, casts left out
    for jaxpr, known in zip((one, other), names, strict=True):
        known.update({variable: place for place, variable in enumerate((*jaxpr.constvars, *jaxpr.invars))})
    for place, (left, right) in enumerate(_zipped(*steps, names)):
        if left is None or right is None or left.primitive.name != right.primitive.name:
            return False
        if not (_same_atoms(left.invars, right.invars, names) and _same_params(left, right)):
            return False
        if [v.aval.shape for v in left.outvars] != [v.aval.shape for v in right.outvars]:
            return False
        for equation, known in ((left, names[0]), (right, names[1])):
            known.update({variable: (place, i) for i, variable in enumerate(equation.outvars)})
    return _same_atoms(one.outvars, other.outvars, names)


def _zipped(one: Iterator[Any], other: Iterator[Any], names: Any) -> Iterator[tuple[Any, Any]]:
    """The steps of both, two by two, None where one has no more; a cast between floats gives its operand's name."""
    while True:
        left, right = (_next(steps, known) for steps, known in zip((one, other), names, strict=True))
        if left is None and right is None:
            return
        yield left, right


def _next(steps: Iterator[Any], known: dict[Any, Any]) -> Any:
    for equation in steps:
        if not _is_float_cast(equation):
            return equation
        (atom,) = equation.invars
        known[equation.outvars[0]] = atom if isinstance(atom, core.Literal) else known[atom]
    return None


def _is_float_cast(equation: Any) -> bool:
    return equation.primitive.name == CAST and all(
        jnp.issubdtype(atom.aval.dtype, jnp.floating) for atom in (*equation.invars, *equation.outvars)
    )


def _same_atoms(ours: Any, theirs: Any, names: tuple[Mapping[Any, Any], Mapping[Any, Any]]) -> bool:
    if len(ours) != len(theirs):
        return False
    for a, b in zip(ours, theirs, strict=True):
        left = a if isinstance(a, core.Literal) else names[0].get(a, "unused")
        right = b if isinstance(b, core.Literal) else names[1].get(b, "unused")
        if isinstance(left, core.Literal) and isinstance(right, core.Literal):
            if not _same_numbers(_value(left), _value(right)):
                return False
        elif left is not right and left != right:
            return False
    return True


def _value(literal: Any) -> np.ndarray:
    return np.asarray(literal.val, getattr(literal.aval, "dtype", None))


def _same_numbers(ours: Any, theirs: Any) -> bool:
    """Whether the second is the first, rounded to its own dtype."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    if ours.shape != theirs.shape or _kind(ours.dtype) != _kind(theirs.dtype):
        return False
    if _kind(ours.dtype) != "f":
        return bool(np.array_equal(ours, theirs))
    with np.errstate(all="ignore"):
        rounded = ours.astype(theirs.dtype).astype(np.float64)
    return bool(np.array_equal(rounded, theirs.astype(np.float64), equal_nan=True))


def _kind(dtype: Any) -> str:
    """Of bfloat16, too, "f"."""
    return "f" if jnp.issubdtype(dtype, jnp.floating) else np.dtype(dtype).kind


def _same_params(ours: Any, theirs: Any) -> bool:
    left, right = ours.params, theirs.params
    return left.keys() == right.keys() and all(
        _same_entries(value, right[name]) for name, value in left.items() if name not in OF_DTYPES
    )


def _same_entries(a: Any, b: Any) -> bool:
    """Parameters: programs inside are compared as such, functions are left out."""
    if isinstance(a, core.ClosedJaxpr) and isinstance(b, core.ClosedJaxpr):
        return _same(a.jaxpr, b.jaxpr, a.consts, b.consts)
    if isinstance(a, core.Jaxpr) and isinstance(b, core.Jaxpr):
        return _same(a, b)
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return len(a) == len(b) and all(map(_same_entries, a, b))
    if callable(a) and callable(b):
        return True
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return _same_numbers(a, b)
    return str(a) == str(b)
