"""A jaxpr as one list of operations: calls entered, equal operations made one, what no result depends on left out."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jax.extend import core

from verify.interpreter.random_keys import are_keys
from verify.interpreter.steps import CALLS, SymbolicSize


class Array(NamedTuple):
    """What is known of an array before it is computed; sizes may be symbolic."""

    shape: tuple[Any, ...]
    dtype: Any


class Operation(NamedTuple):
    """One operation; arrays go by their number, and arrays of the same number are equal."""

    primitive: str
    params: Mapping[str, Any]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    equation: Any  # of the jaxpr


@dataclass
class Flat:
    """The operations on which the results depend, in order."""

    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()
    operations: list[Operation] = field(default_factory=list)
    arrays: list[Array] = field(default_factory=list)
    literals: dict[int, np.ndarray] = field(default_factory=dict)
    keys: list[int] = field(default_factory=list)  # of `jax.random`, which are constants too


def flatten(closed: core.ClosedJaxpr) -> Flat:
    """The operations of a jaxpr, calls entered."""
    flattening = _Flattening()
    flat = flattening.flat
    flat.inputs = tuple(flattening.array(variable.aval) for variable in closed.jaxpr.invars)
    consts = [flattening.constant(const) for const in closed.consts]
    flat.outputs = tuple(flattening.enter(closed.jaxpr, consts, flat.inputs))
    flat.operations = _live(flat)
    return flat


def _live(flat: Flat) -> list[Operation]:
    wanted, found = {*flat.outputs}, []
    for operation in reversed(flat.operations):
        if wanted.intersection(operation.outputs):
            wanted.update(operation.inputs)
            found.append(operation)
    return found[::-1]


class _Flattening:
    """One walk through a jaxpr and all that it calls."""

    def __init__(self) -> None:
        self.flat = Flat()
        self._known: dict[Hashable, tuple[int, ...]] = {}

    def array(self, aval: Any) -> int:
        self.flat.arrays.append(Array(tuple(getattr(aval, "shape", ())), getattr(aval, "dtype", None)))
        return len(self.flat.arrays) - 1

    def literal(self, value: np.ndarray) -> int:
        key = ("literal", value.dtype.str, value.shape, value.tobytes())
        if key not in self._known:
            self._known[key] = (self.array(value),)
            self.flat.literals[self._known[key][0]] = value
        return self._known[key][0]

    def constant(self, value: Any) -> int:
        if not are_keys(value):
            return self.literal(np.asarray(value))
        self.flat.keys.append(self.array(value))
        return self.flat.keys[-1]

    def enter(self, jaxpr: Any, consts: Sequence[int], operands: Sequence[int]) -> list[int]:
        """The results of a jaxpr on arrays that are known by number."""
        numbers = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *operands], strict=True))

        def read(atom: Any) -> int:
            if isinstance(atom, core.Literal):
                return self.literal(np.asarray(atom.val, getattr(atom.aval, "dtype", None)))
            return numbers[atom]

        for equation in jaxpr.eqns:
            inputs = tuple(map(read, equation.invars))
            numbers.update(zip(equation.outvars, self._apply(equation, inputs), strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def _apply(self, equation: Any, inputs: tuple[int, ...]) -> Sequence[int]:
        name = equation.primitive.name
        if name in CALLS:
            inner = equation.params[CALLS[name]]
            consts = [self.constant(const) for const in getattr(inner, "consts", ())]
            return self.enter(getattr(inner, "jaxpr", inner), consts, inputs)
        key = (name, inputs, _key(equation.params))
        outputs = self._known.get(key)
        if outputs is None:
            outputs = self._known[key] = tuple(self.array(variable.aval) for variable in equation.outvars)
            self.flat.operations.append(Operation(name, equation.params, inputs, outputs, equation))
        return outputs


_FRESH = itertools.count()


def _key(params: Mapping[str, Any]) -> Hashable:
    """Equal parameters have equal keys; what cannot be compared is equal to nothing."""
    items = tuple(sorted(params.items()))
    try:
        hash(items)
    except TypeError:
        return next(_FRESH)
    return items


def sizes_in(value: Any) -> set[str]:
    """The names of the sizes that stand in a shape or a parameter, also in a jaxpr inside one."""
    if isinstance(value, SymbolicSize):
        return {*value.get_vars()}
    if isinstance(value, tuple | list):
        return set().union(*map(sizes_in, value))
    if isinstance(value, Mapping):
        return sizes_in([*value.values()])
    jaxpr = getattr(value, "jaxpr", value)
    if not isinstance(jaxpr, core.Jaxpr):
        return set()
    atoms = [atom for each in jaxpr.eqns for atom in (*each.invars, *each.outvars)]
    atoms += [*jaxpr.invars, *jaxpr.constvars, *jaxpr.outvars]
    shapes = [tuple(getattr(atom.aval, "shape", ())) for atom in atoms]
    return sizes_in(shapes) | sizes_in([each.params for each in jaxpr.eqns])
