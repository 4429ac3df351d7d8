"""A function as the bounds walk it, for one case of operands."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from verify.arithmetic.bounds.arithmetic import Bounds
from verify.arithmetic.bounds.value import Bounded
from verify.interpreter.walker import Program, evaluate

Function = Callable[..., Any]


def walk(function: Function, *operands: Any, bounds: Bounds | None = None) -> list[Any]:
    """The function of one case of operands: values, arrays that are exact, or pairs (value, error)."""
    arithmetic = bounds or Bounds()
    values = []
    for operand in operands:
        if isinstance(operand, tuple):
            operand = Bounded(*(np.asarray(part, float)[None] for part in operand))
        elif not isinstance(operand, Bounded):
            operand = arithmetic.exact(np.asarray(operand, float)[None])
        values.append(operand)
    with jax.enable_x64(True):
        shapes = [jax.ShapeDtypeStruct(value.value.shape[1:], jnp.float64) for value in values]
        program = Program(jax.make_jaxpr(function)(*shapes))
    with np.errstate(all="ignore"):
        return arithmetic.settle(evaluate(program, arithmetic, {}, values))


def errors(value: Bounded) -> np.ndarray:
    return np.broadcast_to(value.errors, value.value.shape)[0]
