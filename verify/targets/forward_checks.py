"""Finds out before a run what would make all of it worthless: a forward pass that cannot be judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from manual_bp.construction.axes import is_open
from manual_bp.construction.composition import one_array
from manual_bp.construction.signatures import names_in, show, size_of, where
from manual_bp.derivation import Derivation
from verify.generation.data import Spec, fill, rounded
from verify.generation.ranks import instances
from verify.generation.strategies import Dims, ladder, rotation
from verify.generation.structures import STRUCTURES
from verify.interpreter.opaque import CALLBACKS, primitives_of
from verify.programs.tracing import DTYPES
from verify.settings import Settings

RUNGS = 6  # of the ladder that are traced


class ProbeError(ValueError):
    """A derivation that cannot be judged; the message says why, and what to do."""


def probe(derivation: Derivation, settings: Settings) -> None:
    """Draws leaves and traces the forward pass at a few small shapes. Raises ProbeError where that fails."""
    for each, choices in instances(derivation, rotation(derivation, settings.start)):
        _probe(each, choices, settings)


def _probe(derivation: Derivation, choices: Mapping[str, Any], settings: Settings) -> None:
    specs = {name: Spec(*derivation.leaf_spec(name, choices)) for name in derivation.leaves}
    try:
        rungs = ladder(derivation, rungs=RUNGS)
    except ValueError as error:  # a size that is computed of others, and not one
        raise ProbeError(f"{derivation.name}: {error}") from error
    for dims in rungs:
        try:
            leaves = fill(np.random.default_rng(0), dims, specs, STRUCTURES[0], 1)
            for dtype in settings.dtypes:
                rounded(leaves, specs, dtype)
        except ValueError as error:
            raise ProbeError(f"{derivation.name}: {error}") from error
        _trace(derivation, choices, specs, dims)


def _trace(derivation: Derivation, choices: Mapping[str, Any], specs: Mapping[str, Spec], dims: Dims) -> None:
    """One node after the other, so that the one that fails is named."""
    shapes = {name: jax.ShapeDtypeStruct(spec.shape(dims), DTYPES[spec.kind]) for name, spec in specs.items()}
    for node, step in derivation.graph.steps.items():
        here = f"{derivation.name}: {where(node, step.function)}"
        try:
            with jax.enable_x64(True):
                jaxpr, shapes[node] = jax.make_jaxpr(
                    lambda values, step=step: one_array(step, step(values, choices)), return_shape=True
                )({name: shapes[name] for name in step.parameters})
        except ProbeError:
            raise
        except Exception as error:
            said = str(error).strip().partition("\n")[0]
            taken = ", ".join(f"{name} {show(shapes[name].shape)}" for name in step.parameters)
            raise ProbeError(
                f"{here}: raised {type(error).__name__} for {taken}: {said}; mend the function, or let the "
                "annotations allow no such shapes: one name for sizes that are equal, numbers for fixed ones"
                f"{', names for axes that must be there' if derivation.axes else ''}"
            ) from error
        _check_stated(derivation, node, here, shapes[node].shape, dims)
        for primitive in set(primitives_of(jaxpr.jaxpr)) & CALLBACKS:
            raise ProbeError(
                f"{here}: calls back into Python ({primitive}), which nothing here can differentiate "
                "or enter; write that part in JAX"
            )
    objective = shapes.get(derivation.objective)
    if objective is not None and objective.shape:
        raise ProbeError(
            f"{derivation.name}: {derivation.objective}, the last node, has shape {show(objective.shape)}; "
            f"make it a scalar, or close the derivation with cotangent='dJ_d{derivation.objective}'"
        )


def _check_stated(derivation: Derivation, node: str, here: str, shape: tuple[int, ...], dims: Dims) -> None:
    """Raises ProbeError where a node is shaped otherwise than an annotation says; sizes without a leaf are free."""
    if node not in derivation.graph.stated:
        return
    stated, there = derivation.graph.stated[node]
    if any(map(is_open, stated.dims)):
        return
    known = [size_of(dim, dims) if dims.keys() >= {*names_in(dim)} else None for dim in stated.dims]
    if len(known) == len(shape) and all(
        size in (None, axis) for size, axis in zip(known, shape, strict=True)
    ):
        return
    at = ", ".join(f"{name} = {size}" for name, size in dims.items())
    raise ProbeError(
        f"{here}: returned shape {show(shape)} for {at}, but {node} is {show(stated.dims)} in {there}; "
        "mend the function or the annotation"
    )
