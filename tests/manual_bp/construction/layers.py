"""What the tests of trees share: a layer whose parameters are a tree, and a cell whose state is one."""

# pyright: reportArgumentType=false
# NumPy arrays are welcome where a NamedTuple is annotated with those of jax.

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array
from jaxtyping import Float

from manual_bp.derivation import Derivation


class Layer(NamedTuple):
    W: Float[Array, "q d"]
    b: Float[Array, " q"]


def affine(params: Layer, x: Float[Array, " d"]) -> Float[Array, " q"]:
    return params.W @ x + params.b


def dJ_dparams(dJ_dy, x):
    return Layer(W=jnp.outer(dJ_dy, x), b=dJ_dy)


def dJ_dx(dJ_dy, params):
    return params.W.T @ dJ_dy


AFFINE = Derivation(
    "affine", "a test", dict(y=affine), dict(dJ_dparams=dJ_dparams, dJ_dx=dJ_dx), cotangent="dJ_dy"
)
PARAMS = Layer(W=np.array([[1.0, -1.0, 2.0], [0.5, 1.0, 0.0]]), b=np.array([0.25, 2.0]))
X, G = np.array([1.0, -2.0, 0.5]), np.array([2.0, -3.0])
GRADIENT = Layer(W=np.outer(G, X), b=G)


def same(one: Any, other: Any) -> bool:
    """As arrays, and as trees."""
    structures = jax.tree.structure(one) == jax.tree.structure(other)
    return structures and all(map(np.array_equal, jax.tree.leaves(one), jax.tree.leaves(other)))


def message_of(kind: type[Exception], function: Any, *arguments: Any, **keywords: Any) -> str:
    with pytest.raises(kind) as caught:
        function(*arguments, **keywords)
    return str(caught.value)


class State(NamedTuple):
    h: Float[Array, " n"]
    c: Float[Array, " n"]


def step(x: Float[Array, " n"], before: State) -> State:
    c = before.c + x
    return State(c * before.h, c)


def dJ_dbefore(dJ_dafter: State, before: State, after: State) -> State:
    return State(dJ_dafter.h * after.c, dJ_dafter.c + dJ_dafter.h * before.h)


CELL = Derivation("cell", "a test", dict(after=step), dict(dJ_dbefore=dJ_dbefore), cotangent="dJ_dafter")
