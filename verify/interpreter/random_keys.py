"""Keys of `jax.random` and what is drawn by them: evaluated by jax itself, for no arithmetic sees a key differently.

A key is an array of jax's own with the data axis in front, as plain integers have it. What a primitive makes of keys
and plain integers alone is a constant of the program, or as good as one: keys again, or the integers that were drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from verify.interpreter.opaque import OpaqueError

if TYPE_CHECKING:
    from verify.interpreter.steps import Step


def is_key(dtype: Any) -> bool:
    return dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key)


def are_keys(value: Any) -> bool:
    """Whether a value of the walker, or a constant of a jaxpr, is an array of keys."""
    return isinstance(value, jax.Array) and is_key(value.dtype)


def concerns_keys(step: Step) -> bool:
    """Whether a primitive takes or gives keys."""
    return any(is_key(each.dtype) for each in (*step.inputs, *step.outputs))


def on_keys(step: Step, operands: Sequence[Any]) -> list[Any]:
    """The results of such a primitive, each with the data axis in front; of the same operands they are kept.

    Raises OpaqueError where an operand is a number of an arithmetic, or where jax cannot evaluate it.
    """
    if step.equation is None:
        raise NotImplementedError(f"{step.primitive}: no equation of a jaxpr to evaluate")
    try:
        key = id(step.equation), step.outputs, *map(_identity, operands)
        if key not in _KNOWN:
            if len(_KNOWN) >= MOST_KNOWN:
                _KNOWN.pop(next(iter(_KNOWN)))
            _KNOWN[key] = step.equation, _evaluated(step, operands)
        return _KNOWN[key][1]
    except Exception as error:  # a distribution with a parameter of an arithmetic, say
        raise OpaqueError(step.primitive, error) from error


MOST_KNOWN = 256
_KNOWN: dict[Any, tuple[Any, list[Any]]] = {}  # with the equation, so that no other object takes its id


def _identity(operand: Any) -> Any:
    data = np.asarray(jax.random.key_data(operand)) if are_keys(operand) else operand
    return data.shape, data.tobytes()


def _evaluated(step: Step, operands: Sequence[Any]) -> list[Any]:
    assert step.equation is not None
    primitive = step.equation.primitive

    def one(*operands: Any) -> list[Any]:
        results = primitive.bind(*operands, **step.params)
        return list(results) if primitive.multiple_results else [results]

    cases = max(map(len, operands), default=1)
    with jax.enable_x64(True), jax.default_device(jax.devices("cpu")[0]):
        columns = [
            jnp.broadcast_to(operand, (cases, *operand.shape[1:]))
            if are_keys(operand)
            else np.broadcast_to(operand, (cases, *operand.shape[1:])).astype(aval.dtype)
            for operand, aval in zip(operands, step.inputs, strict=True)
        ]
        results = jax.vmap(one, axis_size=cases)(*columns)
        return [result if are_keys(result) else np.asarray(result) for result in results]
