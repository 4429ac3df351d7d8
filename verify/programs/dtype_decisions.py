"""Whether the programs of two dtypes are one, but for the dtype: a user's Python may decide something by it.

`x.dtype == jnp.float16`, `finfo(x.dtype).eps` and `jax.config.jax_enable_x64` make another program of another dtype.
Two jaxprs are compared from their results backwards. Casts between floats count as nothing, a literal as the one of the
wider dtype that rounds to it, and of what is only kept to be differentiated nothing is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from verify.interpreter.random_keys import are_keys
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
    """Whether two jaxprs compute the same, in whatever order: their results are followed to where they come from."""
    if len(one.invars) != len(other.invars) or len(consts) != len(others):
        return False
    if not all(map(_same_numbers, consts, others)):
        return False
    origins = _origins(one), _origins(other)
    waiting = [*zip(one.outvars, other.outvars, strict=True)]
    seen = set()
    while waiting:
        left, right = (_uncast(atom, known) for atom, known in zip(waiting.pop(), origins, strict=True))
        if isinstance(left, core.Literal) or isinstance(right, core.Literal):
            if not (isinstance(left, core.Literal) and isinstance(right, core.Literal)):
                return False
            if not _same_numbers(_value(left), _value(right)):
                return False
            continue
        if (left, right) in seen:
            continue
        seen.add((left, right))
        (ours, at), (theirs, there) = origins[0][left], origins[1][right]
        if at != there or left.aval.shape != right.aval.shape:
            return False
        if ours is None or theirs is None:  # an input
            if ours is not theirs:
                return False
            continue
        if ours.primitive.name != theirs.primitive.name or len(ours.invars) != len(theirs.invars):
            return False
        if not _same_params(ours, theirs):
            return False
        waiting += zip(ours.invars, theirs.invars, strict=True)
    return True


def _origins(jaxpr: Any) -> dict[Any, tuple[Any, int]]:
    """Of each variable the step that computes it, None for an input, and its place among the results or inputs."""
    found = {variable: (None, at) for at, variable in enumerate((*jaxpr.constvars, *jaxpr.invars))}
    for equation in jaxpr.eqns:
        found.update({variable: (equation, at) for at, variable in enumerate(equation.outvars)})
    return found


def _uncast(atom: Any, origins: Mapping[Any, tuple[Any, int]]) -> Any:
    """What a number was before it was cast from one float to another."""
    while not isinstance(atom, core.Literal):
        equation, _ = origins[atom]
        if equation is None or not _is_float_cast(equation):
            break
        (atom,) = equation.invars
    return atom


def _is_float_cast(equation: Any) -> bool:
    return equation.primitive.name == CAST and all(
        jnp.issubdtype(atom.aval.dtype, jnp.floating) for atom in (*equation.invars, *equation.outvars)
    )


def _value(literal: Any) -> np.ndarray:
    return np.asarray(literal.val, getattr(literal.aval, "dtype", None))


def _same_numbers(ours: Any, theirs: Any) -> bool:
    """Whether the second is the first, rounded to its own dtype."""
    if are_keys(ours) and are_keys(theirs):
        ours, theirs = map(jax.random.key_data, (ours, theirs))
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
