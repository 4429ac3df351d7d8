"""A primitive without a rule in the field: an uninterpreted function of all that it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from verify.arithmetic.field.base import BaseField
from verify.arithmetic.field.modular import hashed
from verify.arithmetic.field.value import Residues
from verify.interpreter.host import on_host

if TYPE_CHECKING:
    from verify.interpreter.steps import Step


def uninterpreted(field: BaseField, step: Step, *operands: Any) -> list[Any]:
    """Each number of each result is a hash of its place and of every number in every operand.

    The floats that steer are those that jax itself computes; a hole anywhere in a case is one everywhere.
    """
    outputs = on_host(step, [field.steer(operand) for operand in operands])
    seed, hole = _seed(field, step, operands), _holes(operands)
    results: list[Any] = []
    for output in outputs:
        seed = hashed(seed, "result", field.moduli[-1])  # two results of one function are not the same
        if output.dtype.kind in "iub":
            results.append(output)
            continue
        ones = (1,) * (output.ndim - 1)
        places = np.arange(output[:1].size, dtype=np.int64).reshape(output[:1].shape)
        tower = field.uninterpret(
            step.primitive, np.broadcast_to(seed.reshape(-1, *ones) + places, output.shape)
        )
        holes = None if hole is None else np.broadcast_to(hole.reshape(-1, *ones), output.shape)
        steers = output.astype(np.result_type(output.dtype, np.float64))
        results.append(Residues(steers, tower, (1, 1), hole=holes))
    return results


def _seed(field: BaseField, step: Step, operands: tuple[Any, ...]) -> np.ndarray:
    """One number a case for all operands together.

    With other shapes or parameters (a lower triangle, an upper one) it is another function.
    """
    name, top = step.primitive, field.moduli[-1]
    seed = hashed(np.zeros(1, np.int64), f"{name} {step.inputs} {sorted(step.params.items())}", top)
    for operand in operands:
        numbers = hashed(operand if isinstance(operand, np.ndarray) else operand.top, name, top)
        for column in numbers.reshape(len(numbers), -1).T:
            seed = hashed((seed * 3 + column) % top, name, top)
    return seed


def _holes(operands: tuple[Any, ...]) -> np.ndarray | None:
    """The cases in which any operand has a hole."""
    holes = [o.hole for o in operands if isinstance(o, Residues) and o.hole is not None]
    rows = [hole.reshape(len(hole), -1).any(axis=1) for hole in holes]
    return np.logical_or.reduce(np.broadcast_arrays(*rows)) if rows else None
