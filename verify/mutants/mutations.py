"""Makes wrong equations out of right ones, knowing nothing of what they compute.

What is changed is the result, one of the arrays that the equation takes, or one of the rows that are chosen.
`verify.mutants.operators` says how.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp

from manual_bp.construction.graph import Equation

Change = Callable[[Any], Any]  # of an array
Variants = Iterator[tuple[str, Equation]]  # what was changed, and the equation so changed


class Site(NamedTuple):
    """An equation, and what surrounds it at one choice of rows."""

    equation: Equation
    rows: Mapping[str, Any]  # what is chosen
    tables: Mapping[str, Mapping[str, Any]]
    shapes: Mapping[str, Any]  # of every symbol and derivative: something with shape and dtype
    derivatives: frozenset[str]  # which of those are derivatives


# --- the result -------------------------------------------------------------------------------------------------------


def result(change: Change, *, rank: int = 0) -> Callable[[Site], Variants]:
    """The equation with its result changed, if that has so many axes."""

    def variants(site: Site) -> Variants:
        function = site.equation.function
        if len(site.shapes[site.equation.name].shape) < rank:
            return

        def changed(*arrays: Any, **rows: Any) -> Any:
            return change(jnp.asarray(function(*arrays, **rows)))

        yield "", dataclasses.replace(site.equation, function=changed)

    return variants


def sizes(change: Callable[[Any, Any], Any]) -> Callable[[Site], Variants]:
    """The result changed by each size of what the equation takes: a mean for a sum, or the other way round."""

    def variants(site: Site) -> Variants:
        equation, seen = site.equation, set()
        for place, parameter in enumerate(equation.parameters):
            for axis, size in enumerate(site.shapes[parameter].shape):
                if str(size) not in seen:
                    seen.add(str(size))
                    yield (
                        str(size),
                        dataclasses.replace(equation, function=_by_size(equation, change, place, axis)),
                    )

    return variants


def _by_size(
    equation: Equation, change: Callable[[Any, Any], Any], place: int, axis: int
) -> Callable[..., Any]:
    return lambda *arrays, **rows: change(equation.function(*arrays, **rows), arrays[place].shape[axis])


# --- one of the arrays it takes ---------------------------------------------------------------------------------------


def parameter(change: Change, *, rank: int = 0, derivatives: bool = False) -> Callable[[Site], Variants]:
    """The equation with each array of so many axes that it takes changed, or each derivative."""

    def variants(site: Site) -> Variants:
        for place, name in _floats(site):
            if len(site.shapes[name].shape) >= rank and (not derivatives or name in site.derivatives):
                yield name, dataclasses.replace(site.equation, function=_taking(site.equation, place, change))

    return variants


def axes(change: Callable[[Any, int], Any]) -> Callable[[Site], Variants]:
    """The equation with each array that it takes changed along each axis."""

    def variants(site: Site) -> Variants:
        for place, name in _floats(site):
            for axis, size in enumerate(site.shapes[name].shape):
                changed = _taking(site.equation, place, _along(change, axis))
                yield f"{name} over {size}", dataclasses.replace(site.equation, function=changed)

    return variants


def _along(change: Callable[[Any, int], Any], axis: int) -> Change:
    return lambda array: change(array, axis)


def _floats(site: Site) -> list[tuple[int, str]]:
    """Places and names of the floating-point arrays that the equation takes."""
    taken = enumerate(site.equation.parameters)
    return [(place, name) for place, name in taken if jnp.issubdtype(site.shapes[name].dtype, jnp.floating)]


def _taking(equation: Equation, place: int, change: Change) -> Callable[..., Any]:
    def changed(*arrays: Any, **rows: Any) -> Any:
        return equation.function(*arrays[:place], change(arrays[place]), *arrays[place + 1 :], **rows)

    return changed


def another_symbol(site: Site) -> Variants:
    """Another quantity of the same shape in the place of each array."""
    for place, name in _floats(site):
        here = site.shapes[name]
        for other, there in site.shapes.items():
            if other != name and there.shape == here.shape and there.dtype == here.dtype:
                taken = [*site.equation.parameters]
                taken[place] = other
                yield f"{other} for {name}", dataclasses.replace(site.equation, parameters=tuple(taken))


# --- one of the rows that are chosen ----------------------------------------------------------------------------------


def option_ignored(site: Site) -> Variants:
    """The first other row of the table, whatever is chosen: one of the same kind, if there is one."""
    for choice in site.equation.choices:
        chosen = site.rows[choice]
        others = [row for row in site.tables[choice].values() if row != chosen]
        like = [row for row in others if getattr(row, "target", None) == getattr(chosen, "target", None)]
        for row in (like or others)[:1]:
            yield f"{choice} = {row}", _choosing(site, choice, row)


def function_for_derivative(site: Site) -> Variants:
    """phi for phi'."""
    for choice, row in _derivatives(site):
        if hasattr(row, "function"):
            yield choice, _choosing(site, choice, dataclasses.replace(row, derivative=row.function))


def other_slope(side: float) -> Callable[[Site], Variants]:
    """At each kink the slope of one side."""

    def variants(site: Site) -> Variants:
        for choice, row in _derivatives(site):
            for kink in getattr(row, "kinks", ()):
                derivative = _beside(row.derivative, kink, side * 2.0**-20)
                yield (
                    f"{row} at {kink:g}",
                    _choosing(site, choice, dataclasses.replace(row, derivative=derivative)),
                )

    return variants


def _beside(derivative: Callable[..., Any], kink: float, step: float) -> Callable[..., Any]:
    def changed(z: Any, *target: Any) -> Any:
        at = z - target[0] if target and target[0].shape == z.shape else z
        return jnp.where(at == kink, derivative(z + step, *target), derivative(z, *target))

    return changed


def slope(change: Callable[[Any, Any], Any]) -> Callable[[Site], Variants]:
    """The derivative of each row changed, as a function of where it is taken and of its value there."""

    def variants(site: Site) -> Variants:
        for choice, row in _derivatives(site):
            derivative = _bent(row.derivative, change)
            yield str(row), _choosing(site, choice, dataclasses.replace(row, derivative=derivative))

    return variants


def _bent(derivative: Callable[..., Any], change: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    return lambda z, *target: change(z, derivative(z, *target))


def _derivatives(site: Site) -> Iterator[tuple[str, Any]]:
    """The choices of the equation whose row has a derivative by hand."""
    for choice in site.equation.choices:
        if dataclasses.is_dataclass(site.rows[choice]) and hasattr(site.rows[choice], "derivative"):
            yield choice, site.rows[choice]


def _choosing(site: Site, choice: str, row: Any) -> Equation:
    function = site.equation.function
    return dataclasses.replace(
        site.equation, function=lambda *arrays, **rows: function(*arrays, **{**rows, choice: row})
    )
