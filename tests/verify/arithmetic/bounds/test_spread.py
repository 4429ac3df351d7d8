"""Whatever the operands are within their bounds, the result is within its own: each rule alone, by sampling."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from verify.arithmetic.bounds.arithmetic import Bounds
from verify.arithmetic.bounds.elementary_functions import ELEMENTARY
from verify.arithmetic.bounds.value import Bounded
from verify.interpreter.walker import Program, evaluate

lax = jax.lax
CASES = 400
DOMAIN = {
    "log": 0.0, "log2": 0.0, "sqrt": 0.0, "rsqrt": 0.0, "log1p": -1.0, "acosh": 1.0,
    "lgamma": 0.0, "digamma": 0.0,
}  # fmt: skip
UNIT = ("asin", "acos", "atanh", "erf_inv")


def _argument(name: str, rng: np.random.Generator) -> np.ndarray:
    wide = rng.normal(size=CASES) * 10.0 ** rng.uniform(-6, 1.5, CASES)
    if name in UNIT:
        return rng.uniform(-1, 1, CASES) * (1 - 10.0 ** rng.uniform(-8, 0, CASES))
    return DOMAIN[name] + np.abs(wide) if name in DOMAIN else wide


@pytest.mark.parametrize("name", ELEMENTARY)
def test_a_function_spreads_no_more_than_its_rule_says(name: str):
    """Over the whole interval: its ends, which are the worst of a monotone function, and points inside."""
    rng, row = np.random.default_rng(11), ELEMENTARY[name]
    x = _argument(name, rng)
    e = np.abs(x) * 10.0 ** rng.uniform(-12, 0.5, CASES) + 10.0 ** rng.uniform(-14, -1, CASES)
    with np.errstate(all="ignore"):
        value = row.function(x)
        spread = row.spread(x, e + 2.0**-51 * np.abs(x), value)  # x + e is itself rounded below
        for part in (-1.0, 1.0, *rng.uniform(-1, 1, 6)):
            moved = np.abs(row.function(x + part * e) - value)
            noise = 40 * 2.0**-53 * (np.abs(value) + moved + (0 if row.floor is None else row.floor(x)))
            outside = ~(moved <= spread * (1 + 1e-9) + noise) & np.isfinite(spread) & np.isfinite(value)
            assert not outside.any(), (
                name,
                x[outside][0],
                e[outside][0],
                moved[outside][0],
                spread[outside][0],
            )
        small = e < 1e-6 * np.minimum(1, np.abs(x))
        assert np.isfinite(spread[small & (np.abs(x) < 5)]).mean() > 0.9  # and is not empty talk


def _rows(x: Any, y: Any) -> Any:
    """Rules of one or two arrays, each with smooth or piecewise behaviour of its own."""
    half = jnp.abs(x) + 0.5
    return {
        "add": x + y, "sub": x - y, "mul": x * y, "div": x / half,
        "max": jnp.maximum(x, y), "abs": jnp.abs(x),
        "min": jnp.minimum(x, 0.25), "sign": jnp.sign(x), "cube": x**3, "inverse": half**-2, "pow": half**y,
        "whole": lax.pow(x, 3.0), "floor": jnp.floor(4 * x),
        "round": jnp.round(4 * x), "rem": lax.rem(x, half),
        "atan2": jnp.arctan2(x, y), "clamp": lax.clamp(-0.5, x, 0.5), "where": jnp.where(x > y, x, 2 * y),
        "truth": (x > 0.1).astype(x.dtype), "dot": x @ y.T, "sum": jnp.sum(x * y, axis=1),
        "running": jnp.cumsum(x, axis=1), "factors": jnp.cumprod(x, axis=1),
        "product": jnp.prod(half, axis=0),
        "largest": jnp.max(x, axis=1), "sorted": jnp.sort(x, axis=1), "top": lax.top_k(x, 2)[0],
        "highest": lax.cummax(x, axis=1), "logsumexp": lax.cumlogsumexp(x, axis=1),
        "pool": lax.reduce_window(x, -jnp.inf, lax.max, (2, 2), (1, 1), "SAME"),
        "near": lax.reduce_window(x, 0.0, lax.add, (2, 2), (1, 1), "SAME"),
        "added": jnp.zeros(3).at[jnp.array([0, 2, 2])].add(x[:, 0]), "taken": x[jnp.array([2, 0])],
        "scaled": jnp.ones(3).at[jnp.array([0, 2])].multiply(x[:2, 0]),
        "picked": jnp.take_along_axis(x, jnp.argmax(y, axis=1)[:, None], axis=1),
        "order": jnp.argsort(x) * 1.0,
        "whole part": x.astype(jnp.int32).astype(x.dtype), "float32": x.astype(jnp.float32).astype(x.dtype),
        "short": lax.reduce_precision(x, 8, 7), "pooled": jax.grad(_pool)(x), "conv": lax.conv(
            x[None, None], y[None, None, :2, :2], (1, 1), "SAME"),
        "switch": lax.cond(jnp.sum(x) > 0, lambda: 2 * x, lambda: -x), "masked": x * (y > 0),
        "halved": lax.while_loop(lambda v: jnp.sum(v) > 1, lambda v: v / 2, jnp.abs(x)),
    }  # fmt: skip


def _pool(x: Any) -> Any:
    return jnp.sum(lax.reduce_window(x, -jnp.inf, lax.max, (2, 2), (1, 1), "VALID"))


@pytest.mark.parametrize(
    "size", [1e-12, *(pytest.param(size, marks=pytest.mark.slow) for size in (1e-6, 1e-2, 0.3))]
)
def test_results_stay_within_when_operands_move_within_their_bounds(size: float):
    """Numbers from a coarse lattice with errors of all sizes, so that ties and near ties abound."""
    rng, bounds = np.random.default_rng(2), Bounds()
    shape = (CASES, 3, 4)
    leaves = [rng.integers(-6, 7, shape) / 4 for _ in range(2)]
    errors = [size * rng.uniform(0, 1, shape) * rng.integers(0, 2, shape) for _ in range(2)]
    with jax.enable_x64(True):
        traced = jax.ShapeDtypeStruct(shape[1:], jnp.float64)
        program = Program(jax.make_jaxpr(_rows)(traced, traced))
    names = sorted(_rows(*(jnp.ones(shape[1:]),) * 2))
    with np.errstate(all="ignore"):
        carried = [Bounded(leaf, error) for leaf, error in zip(leaves, errors, strict=True)]
        results = bounds.settle(evaluate(program, bounds, {}, carried))
        decided = dict.fromkeys(names, 0.0)
        for _ in range(12):
            moved = [
                leaf + error * rng.choice([-1, -0.5, 0, 0.5, 1], shape)
                for leaf, error in zip(leaves, errors, strict=True)
            ]
            arithmetic = Bounds()
            others = evaluate(program, arithmetic, {}, [Bounded(leaf) for leaf in moved])
            for name, result, other in zip(names, results, others, strict=True):
                allowed = (np.broadcast_to(result.errors, result.value.shape) + other.errors) * (1 + 1e-6)
                allowed = allowed + 2.0**-50 * np.where(
                    allowed > 0, 8 + np.abs(result.value), 0
                )  # moving rounds
                outside = ~(np.abs(result.value - other.value) <= allowed) & np.isfinite(allowed)
                assert not outside.any(), (
                    name,
                    np.argwhere(outside)[0],
                    result.value[outside][0],
                    other.value[outside][0],
                )
                decided[name] = float(np.isfinite(allowed).mean())
    assert not bounds.estimated
    if size <= 1e-6:
        assert all(share > 0.2 for share in decided.values()), decided
