"""What XLA computes on the CPU is within the bounds, to the bit where they are zero; and the bounds have
power.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from verify.arithmetic.bounds.arithmetic import Bounds
from verify.arithmetic.bounds.value import Bounded, differs, power
from verify.interpreter.walker import Program, evaluate

CASES = 128
NAMES = [
    "identity", "relu", "relu6", "sigmoid", "hard_sigmoid", "tanh", "hard_tanh", "softplus", "sparse_plus",
    "sparse_sigmoid", "silu", "hard_silu", "soft_sign", "log_sigmoid", "leaky_relu", "elu", "celu", "selu",
    "gelu", "squareplus", "mish",
]  # fmt: skip
ACTIVATIONS = {name: getattr(jax.nn, name) for name in NAMES}
ACTIVATIONS["gelu_exact"] = lambda z: jax.nn.gelu(z, approximate=False)
PIECEWISE = (
    "relu",
    "relu6",
    "leaky_relu",
    "hard_tanh",
    "hard_sigmoid",
    "hard_silu",
    "sparse_sigmoid",
    "identity",
)


def _layer(activation: Callable[..., Any]) -> Callable[..., Any]:
    def objective(W1, W2, x, y):
        return 0.5 * jnp.sum((W2 @ activation(W1 @ x) - y) ** 2) + 0.25 * jnp.sum(W1**2)

    return jax.grad(objective, argnums=(0, 1))


def _all_layers(*leaves: Any) -> dict[str, Any]:
    return {name: _layer(activation)(*leaves) for name, activation in ACTIVATIONS.items()}


def _others(x, y, K):
    """Losses, reductions, convolution, sorting: the gradient of each by x and y."""
    losses = {
        "softmax": lambda x, y: optax.softmax_cross_entropy(x, jax.nn.softmax(y)),
        "labels": lambda x, y: (
            optax.softmax_cross_entropy_with_integer_labels(x, jnp.arange(4)) + y.sum(1) ** 3
        ),
        "sigmoid": lambda x, y: optax.sigmoid_binary_cross_entropy(x, jax.nn.sigmoid(y)),
        "huber": optax.huber_loss,
        "log cosh": optax.log_cosh,
        "attention": lambda x, y: jax.nn.softmax(x @ y.T) @ y,
        "normalised": lambda x, y: jax.nn.standardize(x) ** 3 * y,
        "sorted": lambda x, y: jnp.sort(jnp.tanh(x), axis=1) * y,
        "largest": lambda x, y: jax.lax.top_k(jnp.tanh(x), 2)[0] * jnp.max(jnp.sin(y), axis=1, keepdims=True),
        "running": lambda x, y: jnp.cumsum(jnp.sin(x), axis=0) * jnp.cumprod(jnp.cos(y), axis=1),
        "clipped": lambda x, y: jnp.clip(x * y, -0.5, 0.5) ** 2,
        "taken": lambda x, y: jnp.tanh(x[jnp.array([0, 2, 2, 1])]) * y,
        "pooled": lambda x, y: (
            jax.lax.reduce_window(x * y, -jnp.inf, jax.lax.max, (2, 2), (1, 1), "SAME") ** 2
        ),
        "powers": lambda x, y: jnp.abs(x) ** y + 1 / (x**3 + 90) + jnp.cbrt(y) + jnp.sqrt(1 + x * x),
        "angles": lambda x, y: (
            jnp.arctan2(x, y) + jnp.sin(x) * jnp.cos(y) + jnp.tan(0.2 * x) + jnp.arcsinh(y)
        ),
        "erf": lambda x, y: jax.scipy.special.erf(x) * jax.scipy.special.erfc(y) + jax.lax.lgamma(1 + x * x),
        "convolved": lambda x, y: jax.lax.conv(jnp.tanh(x)[None, None], K, (1, 2), "SAME") ** 2 * y.sum(),
    }
    return {
        name: jax.grad(lambda x, y, loss=loss: jnp.sum(loss(x, y)), argnums=(0, 1))(x, y)
        for name, loss in losses.items()
    }


PROGRAMS = {
    "layers": (_all_layers, ((5, 4), (3, 5), (4,), (3,))),
    "others": (_others, ((4, 6), (4, 6), (2, 1, 3, 3))),
}


@functools.cache
def _program(name: str) -> Program:
    function, shapes = PROGRAMS[name]
    with jax.enable_x64(True):
        return Program(
            jax.make_jaxpr(function)(*[jax.ShapeDtypeStruct(shape, jnp.float64) for shape in shapes])
        )


@functools.cache
def _compiled(name: str) -> Callable[..., Any]:
    return jax.jit(jax.vmap(PROGRAMS[name][0]))


def _both(
    name: str, dtype: str, draw: Callable[..., np.ndarray], bounds: Bounds
) -> list[tuple[str, Bounded, Bounded]]:
    """Every result with its bound, and as XLA computes it; float64 under x64, everything else without."""
    rng = np.random.default_rng(5)
    leaves = [jnp.asarray(draw(rng, (CASES, *shape)), "float32") for shape in PROGRAMS[name][1]]
    with jax.enable_x64(dtype == "float64"):
        given = [leaf.astype(dtype) for leaf in leaves]
        computed = _compiled(name)(*given)
    operands = [bounds.exact(np.asarray(leaf, np.float64)) for leaf in given]
    with np.errstate(all="ignore"):
        ours = bounds.settle(evaluate(_program(name), bounds, {}, operands))
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_flatten_with_path(computed)[0]]
    theirs = [Bounded(np.asarray(leaf, np.float64)) for leaf in jax.tree.leaves(computed)]
    return list(zip(paths, ours, theirs, strict=True))


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.normal(size=shape) * 10.0 ** rng.choice([0, 0, 0, -2, 1], (shape[0], *(1,) * (len(shape) - 1)))


def _lattice(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.integers(-1, 2, shape)


@pytest.mark.parametrize("dtype", [pytest.param("float64", marks=pytest.mark.slow), "float32", "bfloat16"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_xla_is_within_the_bounds(name: str, dtype: str):
    bounds = Bounds(dtype)
    indeterminate = total = 0
    for path, ours, theirs in _both(name, dtype, _normal, bounds):
        different, ratio = differs(ours, theirs)
        assert not different.any(), (
            f"{path}: {np.nanmax(ratio)} times the bound at {np.argwhere(different)[0]}"
        )
        indeterminate, total = indeterminate + np.isnan(ratio).sum(), total + ratio.size
    # in a narrow type saturated entries tie, so that sorting is in doubt
    assert indeterminate < {"float64": 0.01, "float32": 0.1, "bfloat16": 0.3}[dtype] * total
    assert not bounds.estimated


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
def test_where_the_bound_is_zero_xla_is_equal_to_the_bit(dtype: str):
    """On small integers: kinks are hit throughout, and every piecewise activation is decided there."""
    exact = dict.fromkeys(PIECEWISE, 0)
    for path, ours, theirs in _both("layers", dtype, _lattice, Bounds(dtype)):
        errors = np.broadcast_to(ours.errors, ours.value.shape)
        certain = errors == 0
        assert (ours.value == theirs.value)[certain].all(), path
        assert not differs(ours, theirs)[0].any(), path
        for name in PIECEWISE:
            exact[name] += int(certain.sum()) if f"'{name}'" in path else 0
    share = {name: count / (CASES * (20 + 15)) for name, count in exact.items()}
    assert all(share[name] > 0.7 for name in ("relu", "identity", "hard_tanh")), share
    assert all(share.values()), share


@pytest.mark.parametrize(
    "name", ["relu", "leaky_relu", "hard_tanh", "hard_sigmoid", "hard_silu", "elu", "selu"]
)
def test_another_slope_at_the_kink_is_refuted_on_lattice_data(name: str):
    """The bound at the kink is small enough to see that one side's slope is not the other's."""
    activation = ACTIVATIONS[name]
    kinks = {"hard_tanh": (-1.0, 1.0), "hard_sigmoid": (-3.0, 3.0), "hard_silu": (-3.0, 3.0)}.get(
        name, (0.0,)
    )
    with jax.enable_x64(True):
        program = Program(jax.make_jaxpr(jax.grad(activation))(jax.ShapeDtypeStruct((), jnp.float64)))
        for kink in kinks:
            bounds = Bounds()
            here, left, right = (
                evaluate(program, bounds, {}, [bounds.exact(np.array([kink + step]))])[0]
                for step in (0, -0.01, 0.01)
            )
            assert differs(here, left)[0].any() or differs(here, right)[0].any()
            assert np.isfinite(here.errors).all() and (here.errors <= 1e-14).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_factor_of_1_plus_1e_12_is_refuted(name: str):
    """In one batch of draws that stay out of saturation, for every activation."""
    _, shapes = PROGRAMS["layers"]
    rng, bounds = np.random.default_rng(0), Bounds()
    with jax.enable_x64(True):
        traced = [jax.ShapeDtypeStruct(shape, jnp.float64) for shape in shapes]
        program = Program(jax.make_jaxpr(_layer(ACTIVATIONS[name]))(*traced))
    leaves = [bounds.exact(0.7 * rng.normal(size=(256, *shape))) for shape in shapes]
    with np.errstate(all="ignore"):
        for result in evaluate(program, bounds, {}, leaves):
            wrong = Bounded(result.value * (1 + 1e-12), result.error)
            assert differs(result, wrong)[0].any()
            assert not differs(result, result)[0].any()
            measured = power(result, result)
            assert measured is not None and measured < 1e-12
