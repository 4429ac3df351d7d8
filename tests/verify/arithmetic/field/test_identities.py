"""Thousands of identities at once, right and wrong: those that hold close in the field, those that do not never do."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from tests.verify.arithmetic.field.evaluation import free, walk
from verify.arithmetic.field.arithmetic import Field
from verify.arithmetic.field.value import Residues

NODES, OPERATIONS, LEAVES = (
    7,
    9,
    6,
)  # a tree of seven binary nodes, each one of nine functions, over six leaves


def _plain_node(a: Any, b: Any) -> list[Any]:
    """The functions that a node may be."""
    return [
        a + b,
        a - b,
        a * b,
        a / b,
        a * (a + b),
        jnp.exp(a - b),
        jnp.exp(jnp.log(jnp.exp(a) + jnp.exp(b)) - b),
        a * jax.nn.sigmoid(b),
        a * jnp.tanh(b),
    ]


def _rewritten_node(a: Any, b: Any) -> list[Any]:
    """The same functions, by other formulas."""
    return [
        (2 * b + 3 * a + a) / 2 - a,
        -(b - a),
        ((a + b) ** 2 - (a - b) ** 2) / 4,
        1 / (b / a),
        a**2 + b * a,
        jnp.exp(a) / jnp.exp(b),
        jnp.exp(a - b) + 1,
        a / (1 + jnp.exp(-b)),
        a * (1 - 2 / (jnp.exp(2 * b) + 1)),
    ]


def _rooted_node(a: Any, b: Any) -> list[Any]:
    """Roots, and functions of which a few relations are known; the roots last."""
    return [
        a + b,
        a * b,
        a / b,
        jnp.sin(a) ** 2 * b,
        lax.erf(a) + b,
        a * jnp.tan(b),
        jnp.exp(a - b),
        a / jnp.sqrt(1 + b * b),
        jnp.sqrt(1 + a * a) ** 3 * b,
    ]


def _rewritten_rooted_node(a: Any, b: Any) -> list[Any]:
    return [
        (a * a - b * b) / (a - b),
        ((a + b) ** 2 - (a - b) ** 2) / 4,
        1 / (b / a),
        b - b * jnp.cos(a) ** 2,
        1 + b - lax.erfc(a),
        a * jnp.sin(b) / jnp.cos(b),
        jnp.exp(-b) / jnp.exp(-a),
        a * jnp.sqrt(1 + b * b) / (1 + b * b),
        (b + a * a * b) * jnp.sqrt(1 + a * a),
    ]


TABLES = {"exponentials": (_plain_node, _rewritten_node), "roots": (_rooted_node, _rewritten_rooted_node)}
ROUNDS = {"exponentials": 3, "roots": 1}


def _forest(node: Callable[..., list[Any]], operations: Any, places: Any, constants: Any, x: Any) -> Any:
    """Trees side by side: of each, the operation of every node and the leaf at every place are data."""

    def leaf(i: int) -> Any:
        return (
            lax.select_n(places[i], *(jnp.broadcast_to(x[j], places[i].shape) for j in range(LEAVES)))
            + constants[i]
        )

    level = [leaf(i) for i in range(NODES + 1)]
    for first in (0, 4, 6):
        pairs = zip(level[::2], level[1::2], strict=True)
        level = [lax.select_n(operations[first + i], *node(a, b)) for i, (a, b) in enumerate(pairs)]
    return level[0]


class Trees(NamedTuple):
    """Data of a forest, with the data axis in front."""

    operations: np.ndarray
    places: np.ndarray
    constants: np.ndarray


def _trees(rng: np.random.Generator, count: int, table: str = "exponentials") -> Trees:
    """At most one level of exponentials upon another, so that floats stay finite; no root of a root."""
    operations = rng.integers(0, OPERATIONS, (1, NODES, count))
    if table == "roots":
        operations[:, 4:] %= 7
    else:
        operations[:, 4:] = np.where(
            rng.random((1, 3, count)) < 0.5, operations[:, 4:] % 5, operations[:, 4:]
        )
    constants = rng.integers(-3, 4, (1, NODES + 1, count)) / rng.choice(
        [1.0, 2.0, 3.0], (1, NODES + 1, count)
    )
    return Trees(operations, rng.integers(0, LEAVES, (1, NODES + 1, count)), constants)


def _perturbed(rng: np.random.Generator, trees: Trees) -> Trees:
    """One thing of each tree made another: an operation, a leaf, or a constant by one part in 2^40."""
    operations, places, constants = (array.copy() for array in trees)
    count = operations.shape[-1]
    which, columns = rng.integers(0, 3, count), np.arange(count)
    node, place = rng.integers(0, NODES, count), rng.integers(0, NODES + 1, count)
    changed = columns[which == 0]
    operations[0, node[changed], changed] += rng.integers(1, OPERATIONS, len(changed))
    changed = columns[which == 1]
    places[0, place[changed], changed] += rng.integers(1, LEAVES, len(changed))
    changed = columns[which == 2]
    constants[0, place[changed], changed] += 2.0**-40
    return Trees(operations % OPERATIONS, places % LEAVES, constants)


def _walk_forest(node: Callable[..., list[Any]], trees: Trees, x: Residues, levels: int = 3) -> Residues:
    field = Field(len(x.x), levels)
    operands = trees.operations, trees.places, field.constant(trees.constants), x
    return walk(lambda *operands: _forest(node, *operands), field, *operands)[0]


class Elements(NamedTuple):
    """Of each element whether it is equal wherever both have a value, and whether there is any such point."""

    equal: np.ndarray
    compared: np.ndarray


def _elements(a: Residues, b: Residues) -> Elements:
    equal, hole = np.ones((), bool), np.zeros((), bool)
    for left, right in zip(a.r, b.r, strict=True):
        if left is not None and right is not None:
            equal = equal & np.asarray(left == right)
    for value in (a, b):
        if value.hole is not None:
            hole = hole | value.hole
    hole = np.broadcast_to(hole, a.x.shape)
    return Elements(np.asarray((equal | hole).all(axis=0)), np.asarray(~hole.all(axis=0)))


@pytest.mark.parametrize("table", TABLES)
def test_of_thousands_of_wrong_identities_none_closes(rng, table):
    """Wrong is what floats of the same trees tell apart."""
    count, closed, wrong = 1500, 0, 0
    for _ in range(ROUNDS[table]):
        trees, x = _trees(rng, count, table), free(rng, 3, (LEAVES,), 3)
        others = _perturbed(rng, trees)
        a, b = (
            _walk_forest(node, each, x) for node, each in zip(TABLES[table], (trees, others), strict=True)
        )
        equal = np.logical_and(*_elements(a, b))
        with np.errstate(all="ignore"):
            distance = np.abs(a.x - b.x) / np.maximum(np.abs(a.x), np.abs(b.x))
        different = (np.isfinite(distance) & (distance > 1e-3)).all(axis=0)
        assert not (equal & different).any(), f"closed: {np.argwhere(equal & different)[:3]}"
        wrong, closed = wrong + int(different.sum()), closed + int(equal.sum())
    assert wrong > 0.45 * ROUNDS[table] * count
    assert closed < 0.1 * ROUNDS[table] * count  # what a perturbation happens to leave alone


def test_a_constant_that_counts_is_caught_to_the_last_bit(rng):
    """Trees of +, -, *, / and a (a + b), whose every leaf counts: 2^-40 more in one constant is another function."""
    count, x = 1500, free(rng, 2, (LEAVES,), 2)
    trees = _trees(rng, count)
    trees = trees._replace(operations=trees.operations % 5)
    others = trees._replace(constants=trees.constants.copy())
    others.constants[0, rng.integers(0, NODES + 1, count), np.arange(count)] += 2.0**-40
    a, b = _walk_forest(_plain_node, trees, x, 2), _walk_forest(_rewritten_node, others, x, 2)
    derivative = jax.vmap(jax.jacrev(_forest_at_a_point, 3), in_axes=(2, 2, 2, None), out_axes=1)
    with jax.enable_x64(True):
        slopes = derivative(*(array for array in trees), jnp.asarray(x.x[:1]))
    moved = np.asarray((np.abs(slopes).reshape(count, -1) > 1e-6).any(axis=1))
    assert not (np.logical_and(*_elements(a, b)) & moved).any()
    assert moved.sum() > count / 2


def _forest_at_a_point(operations: Any, places: Any, constants: Any, x: Any) -> Any:
    return _forest(_plain_node, operations[0][:, None], places[0][:, None], constants[0][:, None], x[0])[0]


@pytest.mark.parametrize("table", TABLES)
def test_of_thousands_of_right_identities_none_fails(rng, table):
    """Every node rewritten by another formula, exponentials of exponentials of exponentials included."""
    count, closed = 1500, 0
    for _ in range(ROUNDS[table]):
        trees, x = _trees(rng, count, table), free(rng, 3, (LEAVES,), 4)
        equal, compared = _elements(*(_walk_forest(node, trees, x, 4) for node in TABLES[table]))
        assert equal.all()
        closed += int(compared.sum())
    assert closed > 0.99 * ROUNDS[table] * count  # the others divide by zero, as in a / (b - b)
