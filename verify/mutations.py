"""The ways in which an equation can be wrong: a table of operators, one row each, that apply to any equation.

Each row makes wrong equations out of a right one and knows nothing of what it computes: it changes the result, one of
the arrays that the equation takes, or one of the rows that are chosen. `kind` is the class of real bugs that it stands
for: M1 a cotangent dropped or applied in part, M2 taken for a scalar, M3 a wrong denominator, M4 an option ignored,
M5 too low a precision, M6 rounded before a cancellation, M8 a size assumed, M9 a sum over an axis missing, M10 an index
swapped, M11 rows not written, M12 NaN and infinity, M13 a term missing or twice, M14 a sign, or one region of a
function, M16 another primal value. An input overwritten (M7) and randomness (M15) are no matter of equations: arrays
are immutable, and functions that change are noticed when they are traced. A wrong oracle (M17) is no wrong equation.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import jax
import jax.numpy as jnp

from manual_bp.graph import Equation

Change = Callable[[Any], Any]  # of an array
Variants = Iterator[tuple[str, Equation]]  # what was changed, and the equation so changed


class Site(NamedTuple):
    """An equation, and what surrounds it at one choice of rows."""

    equation: Equation
    rows: Mapping[str, Any]  # what is chosen
    tables: Mapping[str, Mapping[str, Any]]
    shapes: Mapping[str, Any]  # of every symbol and derivative: something with shape and dtype
    derivatives: frozenset[str]  # which of those are derivatives


class Operator(NamedTuple):
    """A way of being wrong. Where it only `rounds`, the algebra stays right and the verdict is `inaccurate`."""

    name: str
    kind: str
    variants: Callable[[Site], Variants]
    rounds: bool = False


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


def _scaled(factor: float) -> Change:
    return lambda array: array * factor


def _transposed(array: Any) -> Any:
    """Transposed where that keeps the shape: a swapped index that only square shapes allow."""
    return array.T if len({*map(str, array.shape)}) == 1 else array


def _first_wrong(array: Any) -> Any:
    return array.at[(0,) * array.ndim].add(1)


def _last_unwritten(array: Any) -> Any:
    return array.at[-1].set(0)


def _first_only(array: Any, axis: int) -> Any:
    """Zero but in the first place of an axis: whatever is summed over it is summed over one term."""
    places = jax.lax.broadcasted_iota(jnp.int32, array.shape, axis)
    return jnp.where(places == 0, array, 0)


def _at_size_one(array: Any) -> Any:
    return array * (0 if 1 in array.shape else 1)


def _at_equal_sizes(array: Any) -> Any:
    return array * (2 if len({*map(str, array.shape)}) == 1 else 1)


def _narrow(dtype: Any) -> Change:
    return lambda array: array.astype(dtype).astype(array.dtype)


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


def _first_everywhere(array: Any) -> Any:
    return jnp.broadcast_to(array[:1], array.shape)


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


def _complement_rounded(z: Any, derivative: Any) -> Any:
    """1 minus what was rounded to 16 bits: half the digits are gone where the slope is small."""
    return 1 - _narrow(jnp.bfloat16)(1 - derivative)


# --- the table --------------------------------------------------------------------------------------------------------

OPERATORS: Final = (
    Operator("negated", "M14", result(_scaled(-1.0))),
    Operator("zeroed", "plain", result(_scaled(0.0))),
    Operator("twice", "plain", result(_scaled(2.0))),
    Operator("half", "plain", result(_scaled(0.5))),
    Operator("times 1 + 1e-6", "plain", result(_scaled(1 + 1e-6))),
    Operator("times 1 + 2^-52", "plain", result(_scaled(1 + 2.0**-52))),
    Operator("NaN", "M12", result(_scaled(float("nan")))),
    Operator("infinite", "M12", result(lambda array: (array + 1) / 0)),
    Operator("one element wrong", "plain", result(_first_wrong)),
    Operator("last row not written", "M11", result(_last_unwritten, rank=1)),
    Operator("transposed where square", "M10", result(_transposed, rank=2)),
    Operator("zero where a size is 1", "M8", result(_at_size_one, rank=1)),
    Operator("twice where sizes are equal", "M8", result(_at_equal_sizes, rank=2)),
    Operator("divided by a size", "M3", sizes(lambda array, size: array / size)),
    Operator("times a size", "M3", sizes(lambda array, size: array * size)),
    Operator("without an array", "M13", parameter(_scaled(0.0))),
    Operator("an array twice", "M13", parameter(_scaled(2.0))),
    Operator("an array halved", "M13", parameter(_scaled(0.5))),
    Operator("an array negated", "M14", parameter(_scaled(-1.0))),
    Operator("another symbol", "plain", another_symbol),
    Operator("an index swapped", "M10", parameter(_transposed, rank=2)),
    Operator("one term of a sum", "M9", axes(_first_only)),
    Operator("cotangent dropped", "M1", parameter(jnp.ones_like, derivatives=True)),
    Operator("cotangent of the first element", "M2", parameter(_first_everywhere, rank=1, derivatives=True)),
    Operator("option ignored", "M4", option_ignored),
    Operator("phi for phi'", "plain", function_for_derivative),
    Operator("slope left of a kink", "plain", other_slope(-1)),
    Operator("slope right of a kink", "plain", other_slope(1)),
    Operator("wrong beyond 2", "M14", slope(lambda z, slope: jnp.where(z > 2, slope + 1, slope))),
    Operator("wrong below -2", "M14", slope(lambda z, slope: jnp.where(z < -2, slope + 1, slope))),
    Operator("arrays in float32", "M5", parameter(_narrow(jnp.float32)), rounds=True),
    Operator("arrays in bfloat16", "M5", parameter(_narrow(jnp.bfloat16)), rounds=True),
    Operator("result in float32", "M5", result(_narrow(jnp.float32)), rounds=True),
    Operator("rounded, then 1 minus it", "M6", slope(_complement_rounded), rounds=True),
)
