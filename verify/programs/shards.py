"""A program for a mesh of devices as one for a single device: the shards are further axes of the arrays.

What `shard_map` runs on every device is mapped over the axes of the mesh by `jax.vmap`, where a collective is a sum, a
maximum, a gather or a permutation along an axis. So sharded equations are walked, proved and bounded like any other.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend import core

from verify.interpreter.opaque import OPAQUE, primitives_of
from verify.interpreter.steps import CALLS
from verify.programs.rewriting import CONTROL, Rewriting

SHARD_MAP = "shard_map"


class NoOneDevice(Exception):
    """A program for several devices that cannot be written for one."""


def is_sharded(jaxpr: Any) -> bool:
    """Whether a program, or one inside it, is run on the shards of a mesh."""
    return SHARD_MAP in primitives_of(getattr(jaxpr, "jaxpr", jaxpr))


def on_one_device(closed: core.ClosedJaxpr) -> core.ClosedJaxpr:
    """The same program with an axis more for each axis of a mesh. Raises NoOneDevice where jax cannot map it."""
    try:
        return OVER_ARRAYS.program(BY_AXES.program(closed))
    except Exception as error:  # a primitive without a rule for batches or for a named axis
        raise NoOneDevice(f"{SHARD_MAP}: {error}") from error


def _concerns(equation: Any) -> bool:
    name = equation.primitive.name
    return name == SHARD_MAP or (
        name not in OPAQUE and any(map(is_sharded, core.jaxprs_in_params(equation.params)))
    )


def _mapped(equation: Any, operands: list[Any]) -> Sequence[Any]:
    """What a shard_map returns: its body on all shards at once."""
    params = equation.params
    if equation.primitive.name != SHARD_MAP:
        raise NoOneDevice(f"{equation.primitive.name} has a program with {SHARD_MAP} inside")
    mesh = {name: params["mesh"].shape[name] for name in _manual_axes(params)}
    axes = tuple(mesh)
    held, arrays = (
        zip(
            *(_split(x, spec, mesh) for x, spec in zip(operands, params["in_specs"], strict=True)),
            strict=True,
        )
        if operands
        else ((), ())
    )
    body = functools.partial(_body, params["jaxpr"])
    for place in reversed(range(len(axes))):  # the first axis is mapped outermost
        body = _over(axes[place], mesh[axes[place]], body, [axes[place] in of for of in held])
    results = body(*arrays)
    checked = params.get("check_vma", False)
    return [
        _assembled(result, spec, mesh, checked)
        for result, spec in zip(results, params["out_specs"], strict=True)
    ]


def _manual_axes(params: Mapping[str, Any]) -> list[str]:
    """The axes of the mesh over which the body is written for one shard; over others jax shards it by itself."""
    manual = params.get("newly_manual_axes", params.get("manual_axes", frozenset(params["mesh"].axis_names)))
    return [name for name in params["mesh"].axis_names if name in manual]


def _body(jaxpr: Any, *operands: Any) -> list[Any]:
    inner = getattr(jaxpr, "jaxpr", jaxpr)
    return IN_SHARDS.evaluate(inner, getattr(jaxpr, "consts", ()), operands)


def _over(axis: str, size: int, body: Any, held: Sequence[bool]) -> Any:
    """The body on every shard along an axis; an operand that is not split along it is the same for all."""

    def run(*operands: Any) -> list[Any]:
        mapped = jax.vmap(
            lambda _, *given: body(*given), (0, *(0 if split else None for split in held)), axis_name=axis
        )
        return mapped(jnp.arange(size), *operands)

    return run


def _axes_of(spec: Any, rank: int) -> list[tuple[str, ...]]:
    """The axes of the mesh along which each dimension is split, the slowest first."""
    entries = [
        () if entry is None else (entry,) if isinstance(entry, str) else tuple(entry) for entry in spec
    ]
    return [*entries, *[()] * (rank - len(entries))]


def _split(array: Any, spec: Any, mesh: Mapping[str, int]) -> tuple[frozenset[str], Any]:
    """The axes of the mesh along which an array is split, and the array with these in front, in the mesh's order."""
    shape: list[Any] = []
    places: dict[str, int] = {}
    for size, axes in zip(jnp.shape(array), _axes_of(spec, jnp.ndim(array)), strict=True):
        for axis in axes:
            places[axis] = len(shape)
            shape.append(mesh[axis])
            size = size // mesh[axis]
        shape.append(size)
    front = [places[axis] for axis in mesh if axis in places]
    rest = [i for i in range(len(shape)) if i not in front]
    return frozenset(places), jnp.transpose(jnp.reshape(array, shape), (*front, *rest))


def _assembled(stacked: Any, spec: Any, mesh: Mapping[str, int], checked: bool) -> Any:
    """One array of the results of all shards, stacked in the mesh's order."""
    local = jnp.ndim(stacked) - len(mesh)
    entries = _axes_of(spec, local)
    split = {axis for axes in entries for axis in axes}
    for place in reversed(range(len(mesh))):
        if [*mesh][place] not in split:
            stacked = _one_of(stacked, place, checked)
    kept = [axis for axis in mesh if axis in split]
    shape: list[Any] = []
    order: list[int] = []
    for place, axes in enumerate(entries):
        order += [*(kept.index(axis) for axis in axes), len(kept) + place]
        size = jnp.shape(stacked)[len(kept) + place]
        for axis in axes:
            size = size * mesh[axis]
        shape.append(size)
    return jnp.reshape(jnp.transpose(stacked, order), shape)


def _one_of(stacked: Any, place: int, checked: bool) -> Any:
    """What all shards along an axis return alike: that of the first.

    Where jax has not checked that they are alike, they are mixed by weights that sum to 1: if all are equal that is the
    first one, and if they are not it is no number that anything else is.
    """
    first = lax.index_in_dim(stacked, 0, place, keepdims=False)
    size = jnp.shape(stacked)[place]
    if checked or size == 1 or not jnp.issubdtype(stacked.dtype, jnp.inexact):
        return first
    for i in range(1, size):
        other = lax.index_in_dim(stacked, i, place, keepdims=False)
        first = first + _weight(i) * (other - lax.index_in_dim(stacked, 0, place, keepdims=False))
    return first


def _weight(shard: int) -> float:
    """Of each shard its own: dyadic, and none that a mistake is likely to make up for."""
    return (2 * shard + 3) / 8 + 1 / 64


# --- inside ----------------------------------------------------------------------------------------------------------


def _reduction(function: Callable[..., Any]) -> Callable[..., Any]:
    def reduced(params: Mapping[str, Any], *operands: Any) -> Any:
        groups = params.get("axis_index_groups")
        return [function(x, params["axes"], axis_index_groups=groups) for x in operands]

    return reduced


def _one_after_another(function: Callable[..., Any]) -> Callable[..., Any]:
    """A collective along several axes of the mesh as one along each; groups are of a single axis."""

    def applied(params: Mapping[str, Any], x: Any) -> Any:
        name, groups = params["axis_name"], params.get("axis_index_groups")
        axes = name if isinstance(name, tuple) else (name,)
        if groups is not None and len(axes) > 1:
            raise NoOneDevice("groups of shards along several axes of a mesh")
        return function(params, x, axes, dict(axis_index_groups=groups))

    return applied


def _gather(params: Mapping[str, Any], x: Any, axes: Sequence[str], groups: Mapping[str, Any]) -> Any:
    dimension = params["all_gather_dimension"]
    for i, axis in enumerate(reversed(axes)):
        x = lax.all_gather(x, axis, axis=dimension, tiled=params["tiled"] or i > 0, **groups)
    return x


def _reduce_scatter(params: Mapping[str, Any], x: Any, axes: Sequence[str], groups: Mapping[str, Any]) -> Any:
    dimension = params["scatter_dimension"]
    for axis in axes:
        x = lax.psum_scatter(x, axis, scatter_dimension=dimension, tiled=True, **groups)
    return x if params["tiled"] else lax.squeeze(x, [dimension])


def _permute(params: Mapping[str, Any], x: Any, axes: Sequence[str], groups: Mapping[str, Any]) -> Any:
    """Every shard takes what its source has; one without a source gets zeros."""
    shards = _gather(dict(all_gather_dimension=0, tiled=False), x, axes, groups)
    source, receives = np.zeros(len(shards), int), np.zeros(len(shards), bool)
    for sender, receiver in params["perm"]:
        source[receiver], receives[receiver] = sender, True
    here = lax.axis_index(tuple(axes))
    taken = lax.dynamic_index_in_dim(shards, jnp.asarray(source)[here], keepdims=False)
    return jnp.where(jnp.asarray(receives)[here], taken, jnp.zeros_like(taken))


def _all_to_all(params: Mapping[str, Any], x: Any) -> Any:
    return lax.all_to_all(
        x,
        params["axis_name"],
        params["split_axis"],
        params["concat_axis"],
        tiled=params["tiled"],
        axis_index_groups=params.get("axis_index_groups"),
    )


# A mapped axis does not say whether an array varies along it: what only changes that does nothing.
COLLECTIVES: Mapping[str, Callable[..., Any]] = {
    "psum": _reduction(lax.psum),
    "psum_invariant": _reduction(lax.psum),
    "pmax": _reduction(lax.pmax),
    "pmin": _reduction(lax.pmin),
    "all_gather": _one_after_another(_gather),
    "all_gather_invariant": _one_after_another(_gather),
    "reduce_scatter": _one_after_another(_reduce_scatter),
    "ppermute": _one_after_another(_permute),
    "all_to_all": _all_to_all,
    "axis_index": lambda params: lax.axis_index(params["axis_name"]),
    "pvary": lambda params, *operands: [*operands],
}


def _within(equation: Any) -> bool:
    """All that is entered is written anew: what a loop carries is typed by the axes along which it varies."""
    name = equation.primitive.name
    return name in COLLECTIVES or name in CONTROL or name in CALLS or _concerns(equation)


def _collected(equation: Any, operands: list[Any]) -> Sequence[Any]:
    rule = COLLECTIVES.get(equation.primitive.name)
    if rule is None:
        return _mapped(equation, operands)
    results = rule(equation.params, *operands)
    return results if isinstance(results, list) else [results]


# --- of collectives along axes of an array, which vmap leaves behind --------------------------------------------------

REDUCTIONS: Mapping[str, Callable[..., Any]] = {
    "psum": lax.reduce_sum,
    "pmax": lax.reduce_max,
    "pmin": lax.reduce_min,
}


def _is_reduction(equation: Any) -> bool:
    return equation.primitive.name in REDUCTIONS or any(map(_reduces, core.jaxprs_in_params(equation.params)))


def _reduces(jaxpr: Any) -> bool:
    return any(map(_is_reduction, jaxpr.eqns))


def _reduced(equation: Any, operands: list[Any]) -> Sequence[Any]:
    params = equation.params
    if equation.primitive.name not in REDUCTIONS or params.get("axis_index_groups") is not None:
        raise NoOneDevice(f"{equation.primitive.name} has no form along an axis of an array")
    return [REDUCTIONS[equation.primitive.name](x, params["axes"]) for x in operands]


IN_SHARDS = Rewriting(_within, _collected)
BY_AXES = Rewriting(_concerns, _mapped)
OVER_ARRAYS = Rewriting(_is_reduction, _reduced)
