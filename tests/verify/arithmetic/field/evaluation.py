"""What the tests of the field share: programs walked in it, leaves drawn for it, two functions compared in it."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from verify.arithmetic.field.arithmetic import Field
from verify.arithmetic.field.modular import MODULI
from verify.arithmetic.field.value import Agreement, Residues
from verify.interpreter.walker import Program, evaluate

POINTS = 96
SHAPE = jax.ShapeDtypeStruct


def traced(function: Callable[..., Any], *shapes: Any) -> Program:
    """`shapes` are shapes of float64 arrays, or structs."""
    structs = [SHAPE(shape, np.float64) if isinstance(shape, tuple) else shape for shape in shapes]
    with jax.enable_x64(True):
        return Program(jax.make_jaxpr(function)(*structs))


def walk(function: Callable[..., Any], field: Field, *operands: Any) -> list[Any]:
    """The results of a function of leaves, which are residues or arrays with a data axis in front."""
    shapes = [
        SHAPE(o.shape[1:], o.dtype) if isinstance(o, np.ndarray) else SHAPE(o.x.shape[1:], np.float64)
        for o in operands
    ]
    return walked(traced(function, *shapes), field, *operands)


def walked(program: Program, field: Field, *operands: Any) -> list[Any]:
    """The results of a program that is traced already."""
    with np.errstate(all="ignore"):
        return [field.lifted(value) for value in evaluate(program, field, {}, operands)]


def free(
    rng: np.random.Generator, points: int, shape: tuple[int, ...] = (), levels: int = 2, low: float = 0.5
) -> Residues:
    """A leaf: floats between `low` and 2, and residues that have nothing to do with them."""
    tower = tuple(rng.integers(0, m, (points, *shape)) for m in MODULI[:levels])
    return Residues(rng.uniform(low, 2, (points, *shape)), tower)


def random_leaves(seed: int, levels: int, count: int = 2) -> list[Residues]:
    """Positive floats, and residues independent of them."""
    rng = np.random.default_rng(seed)
    return [
        Residues(rng.uniform(0.5, 2, POINTS), tuple(rng.integers(1, m, POINTS) for m in MODULI[:levels]))
        for _ in range(count)
    ]


def compared(
    left: Callable[..., Any], right: Callable[..., Any], levels: int = 3, **kind: bool
) -> tuple[Agreement, np.ndarray, list[Field]]:
    """How two functions of two numbers compare in a field of this kind, and the floats by which they steer."""
    fields = [Field(POINTS, levels, **kind) for _ in range(2)]
    values = [
        walk(function, field, *random_leaves(5, levels))[0]
        for field, function in zip(fields, (left, right), strict=True)
    ]
    return fields[0].compare(*values), values[0].x, fields
