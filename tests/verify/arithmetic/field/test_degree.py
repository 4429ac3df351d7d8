"""The degree that the field carries bounds the true one, and with it the share of wrong identities that survive."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from tests.verify.arithmetic.field.evaluation import walk
from verify.arithmetic.field.arithmetic import Field
from verify.arithmetic.field.modular import MODULI, inverse
from verify.arithmetic.field.value import Residues


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


def test_a_degree_beyond_every_float_bounds_nothing_and_raises_nothing():
    """As after 128 steps that each multiply denominators."""
    residues = np.random.default_rng(3).integers(0, MODULI[0], 5)
    value = Residues(np.ones(5), (residues,), degree=(2**5000, 2**5000))
    agreement = Field(5, 1).compare(value, value)
    assert (agreement.mismatch, agreement.log2_error) == (None, 0.0)
