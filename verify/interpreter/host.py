"""A primitive evaluated by JAX itself, in float64 on the host: what an arithmetic falls back on where it has no
rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from verify.interpreter.opaque import OpaqueError

if TYPE_CHECKING:
    from verify.interpreter.steps import Step


def on_host(step: Step, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The results of the primitive for every case, each with the data axis in front."""
    if step.equation is None:
        raise NotImplementedError(f"{step.primitive}: no equation of a jaxpr to evaluate")
    primitive = step.equation.primitive

    def one(*operands: Any) -> list[jax.Array]:
        results = primitive.bind(*operands, **step.params)
        return list(results) if primitive.multiple_results else [results]

    cases = max((len(array) for array in arrays), default=1)
    with jax.enable_x64(True), jax.default_device(jax.devices("cpu")[0]):
        columns = [
            np.broadcast_to(array, (cases, *array.shape[1:])).astype(aval.dtype)
            for array, aval in zip(arrays, step.inputs, strict=True)
        ]
        try:
            results = jax.vmap(one)(*columns) if columns else [result[None] for result in one()]
            return [np.asarray(result) for result in results]
        except Exception as error:  # it may have no rule for batches, or none for this dtype
            raise OpaqueError(step.primitive, error) from error
