"""The field as a prover: what it says is equal is equal, and its probability of error is a bound."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from verify.arithmetic.field.arithmetic import Field
from verify.arithmetic.field.modular import MODULI, inverse, residue
from verify.arithmetic.field.value import Residues
from verify.interpreter.walker import Program, evaluate

SHAPE = jax.ShapeDtypeStruct


def traced(function: Callable[..., Any], *shapes: Any) -> Program:
    """`shapes` are shapes of float64 arrays, or structs."""
    structs = [SHAPE(shape, jnp.float64) if isinstance(shape, tuple) else shape for shape in shapes]
    with jax.enable_x64(True):
        return Program(jax.make_jaxpr(function)(*structs))


def walk(function: Callable[..., Any], field: Field, *operands: Any) -> list[Any]:
    shapes = [
        SHAPE(o.shape[1:], o.dtype) if isinstance(o, np.ndarray) else SHAPE(o.x.shape[1:], np.float64)
        for o in operands
    ]
    with np.errstate(all="ignore"):
        return [field.lifted(v) for v in evaluate(traced(function, *shapes), field, {}, operands)]


def free(
    rng: np.random.Generator, points: int, shape: tuple[int, ...] = (), levels: int = 2, low: float = 0.5
) -> Residues:
    """A leaf: floats between `low` and 2, and residues that have nothing to do with them."""
    tower = tuple(rng.integers(0, m, (points, *shape)) for m in MODULI[:levels])
    return Residues(rng.uniform(low, 2, (points, *shape)), tower)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20240607)


# --- thousands of identities at once ----------------------------------------------------------------------------------

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


# --- the degree is a bound --------------------------------------------------------------------------------------------


def _rational_programs() -> dict[str, Callable[..., Any]]:
    def energy(x, y):
        return ((x @ y) ** 2 / (1 + (x * x).sum())).sum()

    return {
        "products": lambda x, y: (x @ y @ x).sum() * x[0, 0],
        "quotients": lambda x, y: (x / (1 + y)).sum(),
        "quotient of sums": lambda x, y: x.sum() / (y.sum() + 1) + y[0, 0] / x[0, 1],
        "powers": lambda x, y: x[0, 0] ** 5 + y[0, 0] ** -3,
        "running sums": lambda x, y: (jnp.cumsum(1 / x, 1) * jnp.cumprod(y, 0)).sum(),
        "product": lambda x, y: (x * y).prod() - (x + y).prod(),
        "mean": lambda x, y: (x - x.mean()).var() * y.mean(),
        "chosen": lambda x, y: jnp.maximum(x * x, y).max() + jnp.where(x > y, x * y, 1 / x).sum(),
        "moved": lambda x, y: jnp.concatenate([x, y * y]).reshape(-1)[::-1][2] * x.T[1, 0],
        "scattered": lambda x, y: x.at[jnp.array([0, 0])].add(1 / y)[0].sum(),
        "gradient": lambda x, y: jax.grad(energy)(x, y).sum(),
        "second derivative": lambda x, y: jax.grad(lambda x: jax.grad(energy)(x, y)[0, 0])(x).sum(),
        "loop": lambda x, y: lax.fori_loop(0, 3, lambda i, c: c * x[0, 0] + y[0, 0], 1.0),
        "scan": lambda x, y: lax.scan(lambda c, row: (c * row, c / (1 + row)), x[0], y)[1].sum(),
        "logs and powers": lambda x, y: jnp.exp(5 * jnp.log(x[0, 0]) - 2 * jnp.log(y[0, 0])),
        "logs of sums": lambda x, y: jnp.exp(jnp.log(x).sum() + jnp.log(y[0, 0]) / 0.25),
        "convolution": lambda x, y: jnp.convolve(x[0], y[1]).sum() * jnp.dot(x[0], y[0]),
        "normalisation": lambda x, y: ((x / x.sum(1, keepdims=True)) * y).sum(),
        "solve": lambda x, y: (
            (x[0, 0] * y[1, 1] - x[0, 1] * y[1, 0]) / (x[0, 0] * x[1, 1] - x[0, 1] * x[1, 0])
        ),
    }


def _rank(matrix: list[list[int]], modulus: int) -> int:
    """By elimination modulo a prime."""
    rows, rank = [row[:] for row in matrix], 0
    for column in range(len(rows[0])):
        pivot = next((i for i in range(rank, len(rows)) if rows[i][column]), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        scale = pow(rows[rank][column], -1, modulus)
        for row in rows[rank + 1 :]:
            if row[column]:
                factor = row[column] * scale % modulus
                row[:] = [(a - factor * b) % modulus for a, b in zip(row, rows[rank], strict=True)]
        rank += 1
    return rank


def _fits(t: np.ndarray, values: np.ndarray, above: int, below: int, modulus: int) -> bool:
    """Whether values at t are those of u / v with polynomials of degrees `above` and `below` at most."""
    powers = [[pow(int(each), k, modulus) for k in range(max(above, below) + 1)] for each in t]
    rows = [
        p[: above + 1] + [-int(f) * k % modulus for k in p[: below + 1]]
        for p, f in zip(powers, values, strict=True)
    ]
    return _rank(rows, modulus) < above + below + 2


@pytest.mark.parametrize("name", _rational_programs())
def test_the_carried_degree_bounds_the_true_one(name, rng):
    """On a random line a rational function keeps its degrees, and interpolation finds them."""
    modulus, points, shape = MODULI[1], 160, (2, 2)
    t = np.arange(1, points + 1)
    lines = [
        (rng.integers(0, modulus, shape), rng.integers(0, modulus, shape), rng.uniform(0.5, 2, shape))
        for _ in range(2)
    ]
    leaves = [
        Residues(
            np.broadcast_to(x, (points, *shape)),
            (np.zeros((points, *shape), int), (a + b * t[:, None, None] % modulus) % modulus),
        )
        for a, b, x in lines
    ]
    field = Field(points)
    (result,) = walk(_rational_programs()[name], field, *leaves)
    values, (above, below) = np.broadcast_to(np.asarray(result.top).reshape(-1), points), result.degree
    true = next(
        (u, v)
        for total in range(40)
        for u, v in ((u, total - u) for u in range(total + 1))
        if _fits(t[: total + 6], values[: total + 6], u, v, modulus)
    )
    assert true[0] <= above and true[1] <= below, f"{true} is more than {result.degree}"
    assert max(true) > 0


def test_the_fit_knows_a_degree():
    """The test above would notice: (t^3 + 1) / (t^2 + 2) is no quotient of smaller degrees."""
    t, modulus = np.arange(1, 40), MODULI[1]
    values = (t**3 + 1) * np.asarray(inverse(t**2 + 2, modulus)) % modulus
    assert _fits(t, values, 3, 2, modulus) and _fits(t, values, 4, 2, modulus)
    assert not _fits(t, values, 2, 2, modulus) and not _fits(t, values, 3, 1, modulus)


@pytest.mark.parametrize("degree", [1, 3, 20])
def test_wrong_identities_survive_as_rarely_as_is_said(degree, monkeypatch):
    """In a field so small that survivors can be counted: their share is degree / modulus at most."""
    points, modulus = 40_000, 1009
    field = Field(points, 1)
    monkeypatch.setattr(field, "moduli", (modulus,))
    leaf = Residues(np.ones(points), (np.random.default_rng(3).integers(0, modulus, points),))
    (zeros,) = walk(lambda x: jnp.prod(x - np.arange(1.0, degree + 1)), field, leaf)
    agreement = field.compare(zeros, field.constant(np.zeros(1)))
    assert agreement.mismatch is not None
    survived = float(np.mean(np.asarray(zeros.top) == 0))
    claimed = 2 ** (agreement.log2_error / agreement.points)
    assert survived <= claimed * 1.15 and math.isclose(claimed, degree / modulus, rel_tol=1e-9)
    assert survived >= degree / modulus * 0.85  # this one is as bad as the bound allows


# --- what a field keeps -----------------------------------------------------------------------------------------------


def test_constants_are_read_as_the_simplest_rational():
    field = Field(2)
    for array in (np.array([[0.1, 1 / 6, -2.5]]), np.array([[0.1]]), np.array(1 / 3).reshape(1)):
        value = field.constant(array)
        for modulus, level in zip(field.moduli, value.r, strict=True):
            expected = [residue(Fraction(x).limit_denominator(1000), modulus) for x in array.ravel().tolist()]
            assert np.asarray(level).ravel().tolist() == expected
    assert field.constant(np.array([0.25])).rational == Fraction(1, 4)
    holed = field.constant(np.array([[1.0, np.inf, np.nan]]))
    assert holed.hole is not None and holed.hole.tolist() == [[False, True, True]]


def test_a_hole_spreads_to_all_that_depends_on_it_and_is_not_compared(rng):
    points = 4
    field = Field(points)
    x = free(rng, points, (3,))
    for level in x.r:
        level[1, 2] = 0  # type: ignore[index]
    programs: list[Callable[..., Any]] = [
        lambda x: (1 / x)[2],
        lambda x: (1 / x).sum(),
        lambda x: jnp.exp(1 / x).prod(),
        lambda x: jnp.dot(x, 1 / x),
        lambda x: jnp.cumsum(1 / x)[2],
        lambda x: x.at[0].add(1 / x[2])[0],
        lambda x: jnp.log(x)[2],
        lambda x: jnp.concatenate([x, 1 / x])[5] * 0,
        lambda x: jnp.where(x > 3, x, 1 / x)[2],
    ]
    for program in programs:
        (value,) = walk(program, field, x)
        assert value.hole is not None
        assert np.broadcast_to(value.hole, (points,)).tolist() == [False, True, False, False]
        agreement = field.compare(value, value)
        assert (agreement.points, agreement.dropped, agreement.mismatch) == (points - 1, 1, None)
    (whole,) = walk(lambda x: 1 / x[:2], field, x)
    assert field.compare(whole, whole).dropped == 0


def test_what_never_had_a_value_is_not_called_equal(rng):
    field = Field(3)
    (a,) = walk(lambda x: 1 / (x - x), field, free(rng, 3))
    agreement = field.compare(a, a)
    assert agreement.points == 0 and agreement.log2_error == 0


def test_a_mismatch_says_where(rng):
    field = Field(5)
    x = free(rng, 5, (2, 3))
    (a,) = walk(lambda x: x * 2, field, x)
    (b,) = walk(lambda x: x.at[1, 2].add(1e-9) + x, field, x)
    assert field.compare(a, b).mismatch == (0, 1, 2)
    assert field.compare(a, a).mismatch is None


def test_branch_patterns_count_what_points_chose():
    points = 200
    field = Field(points)
    x = free(np.random.default_rng(0), points, (3,), low=-2)
    walk(lambda x: jnp.where(x > 0, x, 0.1 * x), field, x)
    signs = {tuple(row) for row in (x.x > 0).tolist()}
    assert len(signs) == 8
    assert len(set(field.patterns.tolist())) == len(signs)
    smooth = Field(points)
    walk(lambda x: jnp.tanh(x) * x, smooth, x)
    assert len(set(smooth.patterns.tolist())) == 1


# --- primitives without a rule ----------------------------------------------------------------------------------------


def _eigenvectors(lower: bool) -> Callable[..., Any]:
    return lambda a, b: lax.linalg.eigh(a, lower=lower, symmetrize_input=False)[0]


UNKNOWN: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {  # two functions that differ
    "another name": (lambda a, b: lax.bessel_i0e(a), lambda a, b: lax.bessel_i1e(a)),
    "another argument": (lambda a, b: lax.digamma(a), lambda a, b: lax.digamma(a + 1e-9)),
    "another order": (lambda a, b: lax.igamma(a, b), lambda a, b: lax.igamma(b, a)),
    "another parameter": (_eigenvectors(True), _eigenvectors(False)),
    "another result": (
        lambda a, b: lax.linalg.qr(a, full_matrices=False)[0],
        lambda a, b: lax.linalg.qr(a, full_matrices=False)[1],
    ),
    "another element": (
        lambda a, b: lax.linalg.qr(a, full_matrices=False)[0],
        lambda a, b: lax.linalg.qr(a, full_matrices=False)[0].T,
    ),
    "narrow": (
        lambda a, b: lax.digamma(a.astype(jnp.bfloat16)).astype(float),
        lambda a, b: lax.digamma((a + 1e-9).astype(jnp.bfloat16)).astype(float),
    ),
}


@pytest.mark.parametrize("what", UNKNOWN)
def test_an_uninterpreted_function_is_the_same_for_the_same_arguments_alone(what, rng):
    left, right = UNKNOWN[what]
    a, b = free(rng, 4, (3, 3)), free(rng, 4, (3, 3))
    fields = [Field(4) for _ in range(3)]
    (one,), (again,), (other,) = (
        walk(f, field, a, b) for f, field in zip((left, left, right), fields, strict=True)
    )
    assert fields[0].compare(one, again).mismatch is None
    assert fields[0].compare(one, other).mismatch is not None
    assert fields[0].theorem == "exponential"


def test_primitives_without_a_rule_are_named(rng):
    field = Field(3)
    walk(
        lambda x: lax.digamma(x).sum() + jnp.exp(x).sum() + lax.linalg.qr(x, full_matrices=False)[0][0, 0],
        field,
        free(rng, 3, (2, 2)),
    )
    assert {"digamma", "qr"} <= field.uninterpreted
    assert "exp" not in field.uninterpreted
