"""How far a size reaches: up to which one all have to be looked at, for each dimension of a local rule."""

from __future__ import annotations

import math
from collections.abc import Mapping

from manual_bp import domains
from verify.generation.data import Spec
from verify.sizes.degrees import Degree, Factor, Known, NoClaim, Position, Unknown, degree, over_common
from verify.sizes.flat import sizes_in
from verify.sizes.local_programs import LocalPrograms
from verify.sizes.reading import Reading, all_axes, read
from verify.sizes.table import RULES

Reached = tuple[Reading, int]


def decide(programs: LocalPrograms, dims: list[str]) -> tuple[dict[str, Reached], dict[str, str]]:
    """For each dimension the size up to which all have to be looked at, in the order in which they are decided; or why
    there is none."""
    found: dict[str, Reached] = {}
    why: dict[str, str] = {}
    while True:
        before = len(found)
        for dim in dims:
            if dim not in found:
                try:
                    found[dim] = _reach(programs, dim, {each: reach for each, (_, reach) in found.items()})
                except NoClaim as none:
                    why[dim] = str(none)
        if len(found) == before:
            return found, {dim: reason for dim, reason in why.items() if dim not in found}


def _reach(programs: LocalPrograms, dim: str, decided: Mapping[str, int]) -> Reached:
    flat = programs.flat
    names = dict(zip(flat.inputs, programs.traced.names, strict=True))
    used = {number for operation in flat.operations for number in operation.inputs} | {*flat.outputs}
    probe = Reading(flat, dim, decided)
    leaves = {
        number: _leaf(probe, number, programs.specs[name], number in used) for number, name in names.items()
    }
    reading = read(flat, dim, leaves, decided, RULES)
    reading.named += probe.named
    reading.needs |= probe.needs
    numerators, _ = over_common([degree(reading.values[number]) for number in flat.outputs])
    indices = len(reading.along(flat.arrays[flat.outputs[1]]))
    return reading, math.ceil(max(numerators)) + max(indices + reading.named, reading.smallest)


def _leaf(reading: Reading, number: int, spec: Spec, used: bool) -> Known:
    """An input: free, but for probabilities, which are parts of a sum, and for what names an element."""
    array = reading.flat.arrays[number]
    axes = all_axes(array)
    if not used:
        return Degree(axes=axes)
    if any(reading.dimension in sizes_in(size) and not reading.is_it(size) for size in array.shape):
        return Unknown("a leaf with an axis of another size made of it")
    last = frozenset({len(array.shape) - 1} if array.shape and reading.is_it(array.shape[-1]) else ())
    match spec.domain:
        case domains.Simplex() if last:
            return Degree(0, (Factor(("simplex", number), 1, axes - last),), axes)
        case domains.OneHot() if last:
            reading.name(array.shape, axes - last)
        case domains.Index(size) if size == reading.dimension:
            reading.name(array.shape, axes)
            return Position(axes, named=True)
        case domains.Index(str(size)) if reading.dimension in size:
            return Unknown("an index into an axis of another size made of it")
    return Degree(axes=axes)


def fitting_in(readings: dict[str, Reached], why: dict[str, str], most: int) -> dict[str, Reached]:
    """As many of the dimensions as a box of so many shapes has room for, those that reach farthest left out first."""
    fitting = dict(readings)
    while math.prod(reach for _, reach in fitting.values()) > most:
        dim = max(fitting, key=lambda dim: fitting[dim][1])
        leave_out(fitting, dim, f"sizes up to {fitting[dim][1]} would have to be looked at", why)
    return fitting


def leave_out(readings: dict[str, Reached], dim: str, reason: str, why: dict[str, str]) -> None:
    """Takes a dimension out, and those that need it to be small."""
    del readings[dim]
    why[dim] = reason
    for other in [other for other, (reading, _) in readings.items() if dim in reading.needs]:
        if other in readings:
            leave_out(readings, other, f"there would have to be a claim for {dim}", why)
