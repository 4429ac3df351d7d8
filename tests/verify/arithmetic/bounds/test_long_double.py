"""True values lie within the bounds: the same programs walked in 80-bit long double, an arithmetic of the
test's own.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from verify.arithmetic.bounds.arithmetic import Bounds
from verify.arithmetic.bounds.value import Bounded
from verify.interpreter.contraction import contract
from verify.interpreter.indexing import scatter_add
from verify.interpreter.integers import INTEGER_RULES
from verify.interpreter.movement import align, behind, cumulative, select
from verify.interpreter.walker import Program, Step, evaluate

pytestmark = pytest.mark.skipif(
    np.finfo(np.longdouble).nmant < 60, reason="long double is no wider than float64 here"
)
Long = np.longdouble
CASES = 64


class Truth:
    """A number as NumPy's long double, wrapped so that the walker does not take it for an integer."""

    def __init__(self, value: np.ndarray):
        self.value = value


def _elementwise(function: Callable[..., np.ndarray]) -> Callable[..., Any]:
    def rule(arithmetic: Any, step: Step, *operands: Any) -> Any:
        result = function(*align(step, *(_plain(operand) for operand in operands)))
        return Truth(result) if result.dtype.kind == "f" else result

    return rule


def _along(function: Callable[..., np.ndarray]) -> Callable[..., Any]:
    return lambda arithmetic, step, a: Truth(function(a.value, axis=behind(step.params["axes"])))


def _plain(operand: Any) -> np.ndarray:
    return operand.value if isinstance(operand, Truth) else operand


def _logistic(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _select(arithmetic: Any, step: Step, which: np.ndarray, *cases: Any) -> Any:
    result = select(step, which, *map(_plain, cases))
    return Truth(result) if isinstance(cases[0], Truth) else result


def _convert(arithmetic: Any, step: Step, a: Any) -> Any:
    if np.dtype(step.outputs[0].dtype).kind == "f":
        return Truth(_plain(a).astype(Long))
    return INTEGER_RULES["convert_element_type"](step, _plain(a))


class LongDouble:
    """Enough of an arithmetic for the programs below; 11 bits more than float64."""

    rules: Mapping[str, Callable[..., Any]] = {
        **{name: _elementwise(np.add) for name in ("add", "add_any")},
        "sub": _elementwise(np.subtract),
        "mul": _elementwise(np.multiply),
        "div": _elementwise(np.divide),
        "neg": _elementwise(np.negative),
        "abs": _elementwise(np.abs),
        "sign": _elementwise(np.sign),
        "max": _elementwise(np.maximum),
        "min": _elementwise(np.minimum),
        "clamp": _elementwise(lambda low, x, high: np.minimum(np.maximum(x, low), high)),
        "square": _elementwise(np.square),
        "one_minus_square": _elementwise(lambda x: 1 - x * x),
        "sqrt": _elementwise(np.sqrt),
        "rsqrt": _elementwise(lambda x: 1 / np.sqrt(x)),
        "cbrt": _elementwise(np.cbrt),
        "exp": _elementwise(np.exp),
        "exp2": _elementwise(np.exp2),
        "expm1": _elementwise(np.expm1),
        "log": _elementwise(np.log),
        "log2": _elementwise(np.log2),
        "log1p": _elementwise(np.log1p),
        "tanh": _elementwise(np.tanh),
        "logistic": _elementwise(_logistic),
        "sin": _elementwise(np.sin),
        "cos": _elementwise(np.cos),
        "tan": _elementwise(np.tan),
        "atan": _elementwise(np.arctan),
        "asin": _elementwise(np.arcsin),
        "sinh": _elementwise(np.sinh),
        "cosh": _elementwise(np.cosh),
        "asinh": _elementwise(np.arcsinh),
        "atanh": _elementwise(np.arctanh),
        "atan2": _elementwise(np.arctan2),
        "pow": _elementwise(np.power),
        "rem": _elementwise(np.fmod),
        "is_finite": _elementwise(np.isfinite),
        **{name: _elementwise(getattr(np, ufunc)) for name, ufunc in (
            ("eq", "equal"), ("ne", "not_equal"), ("lt", "less"), ("le", "less_equal"), ("gt", "greater"),
            ("ge", "greater_equal"),
        )},
        "integer_pow": lambda arithmetic, step, a: Truth(a.value ** step.params["y"]),
        "reduce_sum": _along(np.sum),
        "reduce_max": _along(np.max),
        "reduce_prod": _along(np.prod),
        "cumsum": lambda arithmetic, step, a: Truth(cumulative(step, a.value, np.add.accumulate)),
        "cumprod": lambda arithmetic, step, a: Truth(cumulative(step, a.value, np.multiply.accumulate)),
        "dot_general": lambda arithmetic, step, a, b: Truth(contract(step, a.value, b.value)),
        "conv_general_dilated": lambda arithmetic, step, a, b: Truth(contract(step, a.value, b.value)),
        "scatter-add": lambda arithmetic, step, a, i, b: Truth(scatter_add(step, a.value, i, b.value)),
        "select_n": _select,
        "convert_element_type": _convert,
        "argmax": lambda arithmetic, step, a: INTEGER_RULES["argmax"](step, a.value),
    }  # fmt: skip

    def constant(self, array: np.ndarray) -> Truth:
        return Truth(array.astype(Long))

    def move(self, function: Callable[..., Any], *values: Any) -> Any:
        result = function(*map(_plain, values))
        return [Truth(part) for part in result] if isinstance(result, list) else Truth(result)

    def steer(self, value: Any) -> np.ndarray:
        return _plain(value)

    def unknown(self, step: Step, *operands: Any) -> Sequence[Any]:
        raise NotImplementedError(f"{step.primitive}: the test's long double arithmetic has no rule for it")


def _layer(activation: Callable[..., Any]) -> Callable[..., Any]:
    def objective(W1, W2, x, y):
        return 0.5 * jnp.sum((W2 @ activation(W1 @ x) - y) ** 2) + 0.25 * jnp.sum(W1**2)

    return jax.grad(objective, argnums=(0, 1, 2))


def _attention(Q, K, V):
    scores = jnp.where(jnp.tril(jnp.ones((5, 5), bool)), Q @ K.T / jnp.sqrt(3.0), -jnp.inf)
    return jnp.sum((jax.nn.softmax(scores) @ V) ** 2)


def _normalised(x, scale):
    return jnp.sum((jax.nn.standardize(x, axis=-1) * scale) ** 3)


def _recurrent(W, x):
    def advance(h, row):
        after = jnp.tanh(W @ h + row)
        return after, after

    return jnp.sum(jax.lax.scan(advance, jnp.zeros(4), x)[1] ** 2)


def _functions(x, y):
    a = jnp.sin(x) * jnp.cos(y) + jnp.arctan2(x, y) + jnp.arcsinh(x) * jnp.cbrt(y) + jnp.tan(0.2 * x)
    b = jnp.sinh(0.3 * x) * jnp.cosh(0.3 * y) + jnp.arctanh(0.7 * jnp.tanh(x)) + jnp.exp2(y)
    b = b + jnp.expm1(x) + jnp.log2(2 + x * x)
    c = jnp.abs(x) ** y + jnp.prod(1 + 0.1 * x) + jnp.sum(jnp.cumprod(1 + 0.1 * y, axis=1)) + 1 / (x**3 + 40)
    return jnp.sum(a + b * c)


def _grad(function: Callable[..., Any], *where: int) -> Callable[..., Any]:
    return jax.grad(function, argnums=where)


def _cross_entropy(o):
    return jnp.sum(optax.softmax_cross_entropy_with_integer_labels(o, jnp.arange(4)))


ACTIVATIONS = [
    "relu", "relu6", "sigmoid", "hard_sigmoid", "tanh", "hard_tanh", "softplus", "sparse_plus",
    "sparse_sigmoid", "silu", "hard_silu", "soft_sign", "log_sigmoid", "leaky_relu", "elu", "celu", "selu",
    "gelu", "squareplus", "mish",
]  # fmt: skip
MLP = ((7, 6), (3, 7), (6,), (3,))
PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[tuple[int, ...], ...]]] = {
    **{name: (_layer(getattr(jax.nn, name)), MLP) for name in ACTIVATIONS},
    "cross entropy": (_grad(_cross_entropy, 0), ((4, 6),)),
    "sigmoid entropy": (
        _grad(lambda o, p: jnp.sum(optax.sigmoid_binary_cross_entropy(o, p)), 0),
        ((9,), (9,)),
    ),
    "log cosh": (_grad(lambda o, p: jnp.sum(optax.log_cosh(o, p)), 0, 1), ((9,), (9,))),
    "huber": (_grad(lambda o, p: jnp.sum(optax.huber_loss(o, p)), 0, 1), ((9,), (9,))),
    "maximum": (_grad(lambda x: jnp.sum(jnp.max(jnp.tanh(x), axis=1) ** 2), 0), ((4, 6),)),
    "cumulative": (_grad(lambda x: jnp.sum(jnp.cumsum(jnp.sin(x), axis=0) ** 2), 0), ((6, 3),)),
    "attention": (_grad(_attention, 0, 1, 2), ((5, 3),) * 3),
    "normalised": (_grad(_normalised, 0, 1), ((4, 6), (6,))),
    "recurrent": (_grad(_recurrent, 0, 1), ((4, 4), (5, 4))),
    "functions": (_grad(_functions, 0, 1), ((3, 4), (3, 4))),
    "embedding": (_grad(lambda E: jnp.sum(jnp.tanh(E[jnp.array([0, 2, 2, 1, 2])]) ** 2), 0), ((3, 4),)),
    "convolution": (
        _grad(lambda x, k: jnp.sum(jax.lax.conv(jnp.tanh(x)[None], k, (1, 2), "SAME") ** 2), 0, 1),
        ((2, 5, 6), (3, 2, 3, 3)),
    ),
}
SCALES = {"ordinary": 1.0, "large": 30.0, "small": 1e-3, "minute": 1e-150}


@functools.cache
def _program(name: str) -> Program:
    function, shapes = PROGRAMS[name]
    with jax.enable_x64(True):
        return Program(
            jax.make_jaxpr(function)(*[jax.ShapeDtypeStruct(shape, jnp.float64) for shape in shapes])
        )


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_true_value_is_within_the_bound(name: str, dtype: str):
    """The jaxpr's own literals are the truth here; in float64 our own rounding is all there is, so the bound
    is tight.
    """
    decided = 0
    for i, scale in enumerate(SCALES.values()):
        rng = np.random.default_rng(i)
        leaves = [scale * rng.normal(size=(CASES, *shape)) for shape in PROGRAMS[name][1]]
        leaves = [
            np.asarray(jnp.asarray(leaf, dtype), np.float64) if dtype != "float64" else leaf
            for leaf in leaves
        ]
        bounds = Bounds(dtype)
        with np.errstate(all="ignore"):
            ours = bounds.settle(
                evaluate(_program(name), bounds, {}, [bounds.exact(leaf) for leaf in leaves])
            )
            truth = evaluate(_program(name), LongDouble(), {}, [Truth(leaf.astype(Long)) for leaf in leaves])
            for mine, true in zip(ours, truth, strict=True):
                assert isinstance(mine, Bounded)
                error = np.abs(mine.value - true.value)
                beyond = error > mine.errors * (1 + 1e-6) + 2.0**-60 * np.abs(true.value)
                beyond &= np.isfinite(mine.errors) & np.isfinite(mine.value)
                assert not beyond.any(), (
                    np.argwhere(beyond)[0],
                    error[beyond][0],
                    (mine.errors + error)[beyond][0],
                )
                decided += int((np.isfinite(mine.errors) & (error < np.inf)).sum())
    assert not bounds.estimated
    assert decided > CASES


def test_a_bound_that_is_too_small_is_noticed():
    """The test above would fail if the rule for sums forgot to round."""
    program = _program("tanh")
    rng = np.random.default_rng(0)
    leaves = [rng.normal(size=(CASES, *shape)) for shape in PROGRAMS["tanh"][1]]
    bounds = Bounds()
    with np.errstate(all="ignore"):
        ours = evaluate(program, bounds, {}, [bounds.exact(leaf) for leaf in leaves])
        truth = evaluate(program, LongDouble(), {}, [Truth(leaf.astype(Long)) for leaf in leaves])
    error = np.abs(ours[0].value - truth[0].value)
    assert (error > ours[0].error / 30).any()
