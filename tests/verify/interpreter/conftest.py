"""What the tests of the NumPy primitives share: one equation as a step, judged against JAX."""

import itertools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

from verify.interpreter.walker import ShapeDtype, Step

Function = Callable[..., Any]

CASES = 5


def _equation(name: str, jaxpr: Any) -> Any:
    """The only equation of this primitive, however deep in calls."""
    found = [equation for equation in jaxpr.eqns if equation.primitive.name == name]
    calls = [equation for equation in jaxpr.eqns if equation.primitive.name in ("jit", "pjit")]
    found += [_equation(name, call.params["jaxpr"].jaxpr) for call in calls]
    assert len(found) == 1, f"{name}: {len(found)} equations in {jaxpr}, expected one"
    return found[0]


def step_of(name: str, function: Function, *shapes: Any) -> Step:
    """The step of the equation `name` in `function`, traced on arrays of these shapes and dtypes."""
    equation = _equation(name, jax.make_jaxpr(function)(*shapes).jaxpr)
    inputs = tuple(ShapeDtype(atom.aval.shape, atom.aval.dtype) for atom in equation.invars)
    outputs = tuple(ShapeDtype(var.aval.shape, var.aval.dtype) for var in equation.outvars)
    return Step(name, equation.params, inputs, outputs, equation)


def agrees_with_jax(name: str, function: Function, rule: Function, *arrays: np.ndarray) -> None:
    """The rule gives what the primitive gives under vmap, for operands that differ by case and that do not.

    `arrays` are the primitive's operands with a data axis in front; the function is traced without it.
    """
    step = step_of(name, function, *[jax.ShapeDtypeStruct(array.shape[1:], array.dtype) for array in arrays])
    assert step.equation is not None and len(step.inputs) == len(arrays)
    primitive, results = step.equation.primitive, len(step.outputs)
    batched = jax.vmap(lambda *operands: primitive.bind(*operands, **step.params))
    for shared in itertools.islice(itertools.product((False, True), repeat=len(arrays)), 8):
        given = [array[:1] if one else array for array, one in zip(arrays, shared, strict=True)]
        ours = rule(step, *given)
        theirs = batched(*[np.broadcast_to(array, (CASES, *array.shape[1:])) for array in given])
        pairs = list(zip(ours, theirs, strict=True)) if primitive.multiple_results else [(ours, theirs)]
        assert len(pairs) == results
        for (mine, reference), output in zip(pairs, step.outputs, strict=True):
            assert len(mine) in (1, CASES) and mine.shape[1:] == output.shape
            mine = np.broadcast_to(mine, reference.shape)
            np.testing.assert_array_equal(mine, np.asarray(reference), strict=True)


@pytest.fixture(scope="session")
def agrees() -> Callable[..., None]:
    return agrees_with_jax


@pytest.fixture(scope="session")
def step() -> Callable[..., Step]:
    return step_of


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(20240607)
