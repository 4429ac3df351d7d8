"""phi' by hand: how accurate it is where phi saturates, its values at kinks, and rows as static arguments."""

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest

from manual_bp.activations import ACTIVATIONS, Activation

DTYPES = ("float64", "float32", "bfloat16", "float16")

# What jax.grad returns where two pieces meet (float32 and float64 agree, on every release that we support).
AT_KINKS = {
    "relu": {0: 0},
    "relu6": {0: 0, 6: 0},
    "leaky_relu": {0: 1},
    "hard_tanh": {-1: 1, 1: 1},
    "hard_sigmoid": {-3: 0, 3: 0},
    "hard_silu": {-3: 0, 3: 1},
    "sparse_plus": {-1: 0, 1: 1},
    "sparse_sigmoid": {-1: 0.25, 1: 0.25},
    "soft_sign": {0: 1},
    "elu": {0: 1},
    "celu": {0: 1},
    "selu": {0: 1.0507009873554805 * 1.6732632423543772},
}

SELU_ALPHA, SELU_SCALE = mp.mpf(1.6732632423543772), mp.mpf(1.0507009873554805)


def mp_sigmoid(z):
    return 1 / (1 + mp.exp(-z))


def mp_softplus(z):
    return mp.log(1 + mp.exp(z))


CURVED: dict[str, Callable[[Any], Any]] = {  # phi once more, from its definition
    "hard_silu": lambda z: z * min(max(z + 3, 0), 6) / 6,
    "sparse_plus": lambda z: 0 if z <= -1 else z if z >= 1 else (z + 1) ** 2 / 4,
    "sigmoid": mp_sigmoid,
    "tanh": mp.tanh,
    "softplus": mp_softplus,
    "silu": lambda z: z * mp_sigmoid(z),
    "soft_sign": lambda z: z / (1 + abs(z)),
    "log_sigmoid": lambda z: mp.log(mp_sigmoid(z)),
    "elu": lambda z: z if z > 0 else mp.exp(z) - 1,
    "celu": lambda z: z if z > 0 else mp.exp(z) - 1,
    "selu": lambda z: SELU_SCALE * (z if z > 0 else SELU_ALPHA * (mp.exp(z) - 1)),
    "gelu": lambda z: z * mp.erfc(-z / mp.sqrt(2)) / 2,
    "gelu_tanh": lambda z: z / 2 * (1 + mp.tanh(mp.sqrt(2 / mp.pi) * (z + mp.mpf("0.044715") * z**3))),
    "squareplus": lambda z: (z + mp.sqrt(z * z + 4)) / 2,
    "mish": lambda z: z * mp.tanh(mp_softplus(z)),
}
PIECEWISE_LINEAR = ("identity", "relu", "relu6", "leaky_relu", "hard_tanh", "hard_sigmoid", "sparse_sigmoid")

# Exact in every dtype, and no kinks: dense where the functions bend, then out to where float64 saturates.
NEAR = [2.0**-12, 0.125, 0.375, 0.5, 0.75, 1.25, 1.5, 2, 2.5, 3.25, 3.5, 4, 5, 6]
FAR = [7.5, 9, 10, 12, 16.5, 20, 26, 36, 40, 88, 90, 700]
POINTS = np.array([sign * point for point in NEAR + FAR for sign in (-1, 1)])

# What the longest, mish, may err by the ulps that jax documents: a softplus 6, a tanh 5, two sigmoids 5.
UNITS = 16


@jax.jit
def derivatives(z):
    """phi' of every activation, in one program."""
    return {name: row.derivative(z) for name, row in ACTIVATIONS.items()}


@jax.jit
def autodiff(z):
    return {
        name: jax.vmap(jax.grad(ACTIVATIONS[name].function))(z) for name in {*PIECEWISE_LINEAR, *AT_KINKS}
    }


def lattice(dtype):
    """Multiples of 1/8, every kink among them, and -0.0."""
    return jnp.append(jnp.arange(-64, 65) / 8, -0.0).astype(dtype)


@pytest.fixture(autouse=True)
def x64():
    with jax.enable_x64(True):
        yield


def test_the_table_holds_every_activation_under_its_own_name():
    assert {*CURVED, *PIECEWISE_LINEAR} == {*ACTIVATIONS}
    assert all(name == row.name for name, row in ACTIVATIONS.items())
    assert Activation.table() is ACTIVATIONS


@pytest.mark.parametrize("name", CURVED)
def test_derivative_is_as_accurate_as_rounding_z_allows(name):
    r"""Units in the last place of |phi'(z)| + |z phi''(z)|, what rounding z changes, saturated or not.

    Below the smallest normal number a factor may be flushed to 0; the others are polynomials of degree 3 in z
    at most.
    """
    with mp.workdps(60 if name == "gelu" else 330):  # phi' may be 1e-304 beside a phi of 1
        exact = [mp.diff(CURVED[name], mp.mpf(z)) for z in POINTS]
        scale = [
            abs(first) + abs(z * mp.diff(CURVED[name], mp.mpf(z), 2))
            for z, first in zip(POINTS, exact, strict=True)
        ]
    for dtype in DTYPES:
        info = jnp.finfo(dtype)
        computed = np.asarray(derivatives(jnp.asarray(POINTS, dtype))[name], np.float64)
        for z, got, want, size in zip(POINTS, computed, exact, scale, strict=True):
            bound = UNITS * float(info.eps) * size + float(info.tiny) * (1 + abs(z)) ** 3
            assert abs(mp.mpf(got) - want) <= bound, (
                f"{name}'({z}) in {dtype}: {got}, but should be {float(want)}"
            )


@pytest.mark.parametrize("dtype", DTYPES)
def test_piecewise_linear_derivative_equals_autodiff_on_a_lattice(dtype):
    z = lattice(dtype)
    manual, automatic = derivatives(z), autodiff(z)
    for name in PIECEWISE_LINEAR:
        np.testing.assert_array_equal(manual[name], automatic[name], err_msg=name)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_derivative_at_kinks_is_the_one_of_autodiff(dtype):
    assert {name: row.kinks for name, row in ACTIVATIONS.items() if row.kinks} == {
        name: tuple(slopes) for name, slopes in AT_KINKS.items()
    }
    z = lattice(dtype)
    manual, automatic = derivatives(z), autodiff(z)
    for name, slopes in AT_KINKS.items():
        for kink, slope in slopes.items():
            at = np.flatnonzero(z == kink)
            assert at.size == (2 if kink == 0 else 1)
            assert (manual[name][at] == np.asarray(slope, dtype)).all(), f"{name}'({kink})"
            assert (automatic[name][at] == np.asarray(slope, dtype)).all(), f"jax.grad({name})({kink})"


def every_finite(dtype):
    """Every finite number of a 16-bit type; of a wider one as many bit patterns, and the corners."""
    info = jnp.finfo(dtype)
    bits = np.arange(2**16, dtype=np.uint64) << np.uint64(info.bits - 16)
    z = jax.lax.bitcast_convert_type(jnp.asarray(bits, f"uint{info.bits}"), dtype)
    corners = [0.0, info.smallest_subnormal, info.tiny, info.eps, 1.0, 1e4, info.max]
    signed = [sign * float(corner) for sign, corner in itertools.product((1, -1), corners)]
    return jnp.concatenate([z[jnp.isfinite(z)], jnp.asarray(signed, dtype)])


@pytest.mark.parametrize("dtype", DTYPES)
def test_derivative_is_finite_at_every_finite_number(dtype):
    z = every_finite(dtype)
    assert z.size > 60_000
    for name, slopes in derivatives(z).items():
        bad = ~np.asarray(jnp.isfinite(slopes))
        assert not bad.any(), f"{name}' is {slopes[bad][:5]} at {z[bad][:5]}"


@pytest.mark.parametrize("dtype", DTYPES)
def test_derivative_far_out_is_the_slope_of_the_asymptote(dtype):
    left = {"identity": 1, "leaky_relu": 0.01, "log_sigmoid": 1}
    level = (
        "relu6",
        "hard_tanh",
        "hard_sigmoid",
        "sigmoid",
        "tanh",
        "sparse_sigmoid",
        "soft_sign",
        "log_sigmoid",
    )
    right = {"selu": 1.0507009873554805} | dict.fromkeys(level, 0)
    largest = jnp.finfo(dtype).max
    for name, slopes in derivatives(jnp.stack([-largest, largest])).items():
        want = jnp.asarray([left.get(name, 0), right.get(name, 1)], dtype)
        np.testing.assert_array_equal(slopes, want, err_msg=name)


@pytest.mark.parametrize("shape", [(), (1,), (3, 2), (2, 0, 3)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_functions_and_derivatives_keep_shape_and_dtype(shape, dtype):
    z = jax.ShapeDtypeStruct(shape, dtype)
    for row in ACTIVATIONS.values():
        for function in (row, row.function, row.derivative):
            out = jax.eval_shape(function, z)
            assert (out.shape, out.dtype) == (shape, dtype), row.name


def float_literals(function):
    """The float constants in a function's jaxpr, calls included."""
    literals, todo = set(), [jax.make_jaxpr(function)(1.0).jaxpr]
    while todo:
        equations = todo.pop().eqns
        constants = [v.val for equation in equations for v in equation.invars if hasattr(v, "val")]
        literals |= {abs(float(c)) for c in constants if np.issubdtype(np.asarray(c).dtype, np.floating)}
        todo += [p.jaxpr for equation in equations for p in equation.params.values() if hasattr(p, "jaxpr")]
    return literals


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_constants_are_those_of_jax_and_not_products_of_them(name):
    row = ACTIVATIONS[name]
    plain = {n / d for n in range(7) for d in (1, 2, 4, 6)}
    assert float_literals(row.derivative) <= float_literals(jax.grad(row.function)) | plain


def test_rows_are_static_under_jit_vmap_and_grad():
    traces = []

    @jax.jit
    def slope(activation, z):
        traces.append(activation.name)
        return activation.derivative(z)

    z = jnp.ones(3)
    for name in ("tanh", "relu", "tanh"):
        slope(ACTIVATIONS[name], z)
    assert traces == ["tanh", "relu"]
    by_row = jax.vmap(slope, in_axes=(None, 0))(ACTIVATIONS["relu"], jnp.stack([z, -z]))
    np.testing.assert_array_equal(by_row, [[1, 1, 1], [0, 0, 0]])
    assert jax.grad(lambda z, activation: activation(z))(2.0, ACTIVATIONS["relu"]) == 1


def test_rows_are_equal_by_their_fields():
    relu = ACTIVATIONS["relu"]
    assert relu == Activation("relu", relu.function, relu.derivative, relu.kinks)
    assert relu != Activation("relu", relu.function, ACTIVATIONS["leaky_relu"].derivative, relu.kinks)
    assert len({*ACTIVATIONS.values(), relu}) == len(ACTIVATIONS)
