"""Degrees of what only moves numbers: axes are permuted, repeated, taken away, cut and joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from verify.sizes.degrees import Axes, Degree, Known, NoClaim, Unknown, added, degree, moved
from verify.sizes.flat import Operation
from verify.sizes.reading import Reading, Rule, all_axes


def dropped(value: Degree, axes: Sequence[int]) -> Degree:
    """A value without some of its axes, along which it does not vary."""
    places = {axis: axis - sum(other < axis for other in axes) for axis in value.axes}
    result = mapped(value, ("dropped", *axes), places)
    assert isinstance(result, Degree)
    return result


def mapped(value: Known, move: Any, places: Mapping[int, int]) -> Known:
    """A value with each of its axes at another place. Raises NoClaim where nothing is known of it."""
    if isinstance(value, Unknown):
        raise NoClaim(value.why)

    def at(axes: Axes) -> Axes:
        return frozenset(places[axis] for axis in axes)

    return moved(value, move, at)


def broadcast_in_dim(reading: Reading, operation: Operation, value: Known, *sizes: Known) -> Known:
    places = {axis: int(place) for axis, place in enumerate(operation.params["broadcast_dimensions"])}
    move = ("broadcast", tuple(places.values()), len(operation.params["shape"]))
    return mapped(value, move, places)


def transpose(reading: Reading, operation: Operation, value: Known) -> Known:
    places = {int(axis): place for place, axis in enumerate(operation.params["permutation"])}
    return mapped(value, ("transpose", tuple(places)), places)


def squeeze(reading: Reading, operation: Operation, value: Known) -> Known:
    gone = {int(axis) for axis in operation.params["dimensions"]}
    kept = [a for a in range(len(reading.flat.arrays[operation.inputs[0]].shape)) if a not in gone]
    return mapped(value, ("squeeze", *gone), {axis: place for place, axis in enumerate(kept)})


def reshape(reading: Reading, operation: Operation, value: Known) -> Known:
    """Axes of one element come and go; others may be joined or split where they are not the dimension's."""
    before, after = (reading.flat.arrays[number] for number in (operation.inputs[0], operation.outputs[0]))
    old, new = sorted(all_axes(before)), sorted(all_axes(after))
    start = _common([before.shape[a] for a in old], [after.shape[a] for a in new])
    rest_old, rest_new = old[start:], new[start:]
    end = _common([before.shape[a] for a in rest_old[::-1]], [after.shape[a] for a in rest_new[::-1]])
    places = dict(zip(old[:start], new[:start], strict=True))
    places |= dict(zip(old[len(old) - end :], new[len(new) - end :], strict=True)) if end else {}
    joined = {*old} - places.keys()
    move = ("reshape", tuple(map(str, before.shape)), tuple(map(str, after.shape)))
    if not joined and len(places) == len(new):
        return mapped(value, move, places)
    if any(reading.is_it(before.shape[axis]) for axis in joined):
        raise NoClaim("a reshape joins its axis with another")
    number = degree(value)
    if any(factor.axes & joined for factor in number.factors):
        raise NoClaim("a reshape of fractions whose denominators differ")
    made = frozenset(new) - {*places.values()}
    kept = mapped(replace(number, axes=number.axes - joined), move, places)
    assert isinstance(kept, Degree)
    return replace(kept, axes=kept.axes | made)


def _common(a: Sequence[Any], b: Sequence[Any]) -> int:
    """How many entries two lists have in common from the start."""
    same = 0
    while same < min(len(a), len(b)) and _equal(a[same], b[same]):
        same += 1
    return same


def _equal(a: Any, b: Any) -> bool:
    return (
        type(a) is type(b) and str(a) == str(b) if not isinstance(a, int) else a == b and isinstance(b, int)
    )


def in_place(reading: Reading, operation: Operation, value: Known, *others: Known) -> Known:
    """Cut out, turned round or taken apart along other axes than the dimension's."""
    before, after = (reading.flat.arrays[number] for number in (operation.inputs[0], operation.outputs[0]))
    for axis, (old, new) in enumerate(zip(before.shape, after.shape, strict=True)):
        turned = operation.primitive == "rev" and axis in operation.params["dimensions"]
        if (turned or not _equal(old, new)) and (reading.is_it(old) or reading.is_it(new)):
            raise NoClaim(f"{operation.primitive} along it")
    kept = all_axes(after)
    number = degree(value)
    result = moved(number, (operation.primitive, _hashable(operation.params)), lambda axes: axes & kept)
    assert isinstance(result, Degree)
    return result


def joined(reading: Reading, operation: Operation, *values: Known) -> Known:
    """Put together along another axis than the dimension's, or with an edge around other axes."""
    output = reading.flat.arrays[operation.outputs[0]]
    for number in operation.inputs:
        array = reading.flat.arrays[number]
        for axis, size in enumerate(array.shape):
            if not _equal(size, output.shape[axis]) and (
                reading.is_it(size) or reading.is_it(output.shape[axis])
            ):
                raise NoClaim(f"{operation.primitive} along it")
    key = (operation.primitive, _hashable(operation.params))
    parts = [moved(degree(value), (*key, place), lambda axes: axes) for place, value in enumerate(values)]
    result = added(*map(degree, parts))
    axes = all_axes(output)
    factors = tuple(replace(factor, axes=axes) for factor in result.factors)
    return replace(result, factors=factors, axes=axes)


def stack(reading: Reading, operation: Operation, *values: Known) -> Known:
    """Put together along an axis of its own."""
    axis = int(operation.params["axis"])
    rank = len(reading.flat.arrays[operation.outputs[0]].shape) - 1
    places = {old: old + (old >= axis) for old in range(rank)}
    parts = [mapped(degree(value), ("stack", axis, n), places) for n, value in enumerate(values)]
    result = added(*map(degree, parts))
    factors = tuple(replace(factor, axes=factor.axes | {axis}) for factor in result.factors)
    return replace(result, factors=factors, axes=result.axes | {axis})


def taken_apart(reading: Reading, operation: Operation, value: Known) -> list[Known]:
    """Cut along another axis than the dimension's; each part has the degrees of the whole."""
    axis = int(operation.params["axis"])
    before = reading.flat.arrays[operation.inputs[0]].shape
    if reading.is_it(before[axis]):
        raise NoClaim(f"{operation.primitive} along it")
    number, places = degree(value), {old: old for old in range(len(before))}
    if operation.primitive == "unstack":
        places = {old: old - (old > axis) for old in range(len(before)) if old != axis}
    parts: list[Known] = []
    for n, output in enumerate(operation.outputs):
        kept = all_axes(reading.flat.arrays[output])
        factors = tuple(
            replace(
                factor,
                key=(operation.primitive, axis, n, factor.key) if factor.axes else factor.key,
                axes=_at(factor.axes, places) & kept,
            )
            for factor in number.factors
        )
        parts.append(replace(number, factors=factors, axes=_at(number.axes, places) & kept))
    return parts


def _at(axes: Axes, places: Mapping[int, int]) -> Axes:
    return frozenset(places[axis] for axis in axes if axis in places)


def _hashable(params: Mapping[str, Any]) -> str:
    return str(sorted((name, str(value)) for name, value in params.items()))


RULES: Mapping[str, Rule] = {
    "broadcast_in_dim": broadcast_in_dim,
    "concatenate": joined,
    "pad": joined,
    "reshape": reshape,
    "rev": in_place,
    "slice": in_place,
    "split": taken_apart,
    "squeeze": squeeze,
    "stack": stack,
    "transpose": transpose,
    "unstack": taken_apart,
}
