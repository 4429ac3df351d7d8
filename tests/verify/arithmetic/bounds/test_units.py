"""The table of units holds on the CPU that runs the tests, and covers our own evaluation too."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from verify.arithmetic.bounds.elementary_functions import ELEMENTARY, flushed
from verify.arithmetic.bounds.units import HOST, HOST_ULPS, ULPS, Units, unit_of

DTYPES = ("float64", "float32", "bfloat16", "float16")
DOMAIN = {  # where a function is real; (-inf, inf) if not said
    "log": (0, 1e30), "log2": (0, 1e30), "sqrt": (0, 1e30), "rsqrt": (0, 1e30), "log1p": (-1, 1e30),
    "acosh": (1, 1e30),
    "asin": (-1, 1), "acos": (-1, 1), "atanh": (-1, 1), "erf_inv": (-1, 1), "lgamma": (0, 1e5),
    "digamma": (0, 1e5),
    "sin": (-1e4, 1e4), "cos": (-1e4, 1e4), "tan": (-1e4, 1e4), "erfc": (-30, 26),
}  # fmt: skip


def _points(name: str, count: int, rng: np.random.Generator) -> np.ndarray:
    low, high = DOMAIN.get(name, (-1e30, 1e30))
    wide = rng.choice([-1, 1], count) * 10.0 ** rng.uniform(-20, 5, count)
    points = np.concatenate(
        [wide, rng.normal(size=count), rng.uniform(-8, 8, count), rng.uniform(-90, 90, count)]
    )
    return points[(points > low) & (points < high)]


def _jax(name: str):
    """The primitive; log2 is one since jax 0.11, and the same logarithm times a constant before."""
    return getattr(jax.lax, name, None) or getattr(jnp, name)


@pytest.mark.parametrize("dtype", DTYPES)
def test_xla_errs_by_no_more_than_the_table(dtype: str):
    rng, unit, units = np.random.default_rng(7), unit_of(dtype), Units(dtype, "highest", "cpu")
    with jax.enable_x64(True):
        points = {name: _points(name, 4000, rng) for name in ELEMENTARY}
        arguments = {name: jnp.asarray(x[np.abs(x) < unit.largest], dtype) for name, x in points.items()}
        computed = jax.jit(lambda given: {name: _jax(name)(x) for name, x in given.items()})(arguments)
    for name, row in ELEMENTARY.items():
        x = np.asarray(arguments[name], np.float64)
        with np.errstate(all="ignore"):
            true = row.function(x)
            scale = np.abs(true) if row.floor is None else np.maximum(np.abs(true), row.floor(x))
            allowed = units.relative(name, unit, x) * scale + flushed(unit)
            error = np.abs(np.asarray(computed[name], np.float64) - true)
        inside = np.isfinite(true) & (np.abs(true) < unit.largest) & (np.abs(x) >= unit.tiny)
        worst = np.argmax(np.where(inside, error / allowed, 0))
        assert error[worst] <= allowed[worst], (
            f"{name}({x[worst]!r}) in {dtype}: {error[worst] / unit.ulp} ulps"
        )


@pytest.mark.parametrize("dtype", DTYPES)
def test_points_that_are_called_exact_are_exact_in_xla(dtype: str):
    """Those of each function, roots of squares, and quotients by powers of two, by their roots too."""
    points = {name: np.array(row.exact) for name, row in ELEMENTARY.items() if row.exact}
    whole = np.arange(1, int(2 ** (unit_of(dtype).bits // 2)) if dtype != "float64" else 4096)
    powers = 2.0 ** np.arange(0, 6)

    def compute(points, squares, powers):
        values = {name: _jax(name)(x) for name, x in points.items()}
        return values, jnp.sqrt(squares), 3 / powers, 3 / jnp.sqrt(powers * powers)

    with jax.enable_x64(True):
        given = {name: jnp.asarray(x, dtype) for name, x in points.items()}
        computed = jax.jit(compute)(given, jnp.asarray(whole**2, dtype), jnp.asarray(powers, dtype))
    values, roots, quotients, by_roots = jax.tree.map(lambda x: np.asarray(x, np.float64), computed)
    with np.errstate(all="ignore"):
        for name, x in points.items():
            np.testing.assert_array_equal(values[name], ELEMENTARY[name].function(x), name)
    np.testing.assert_array_equal(roots, whole)
    np.testing.assert_array_equal(quotients, 3 / powers)
    np.testing.assert_array_equal(by_roots, 3 / powers)


def _logistic(x):
    return 1 / (1 + mpmath.exp(-x))


MPMATH = {
    "logistic": _logistic,
    "exp2": lambda x: mpmath.mpf(2) ** x,
    "log2": lambda x: mpmath.log(x, 2),
    "rsqrt": lambda x: 1 / mpmath.sqrt(x),
    "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
    "erf_inv": mpmath.erfinv,
    "lgamma": mpmath.loggamma,
}


@pytest.mark.parametrize("name", ELEMENTARY)
def test_our_own_functions_err_by_no_more_than_is_added_for_them(name: str):
    x = _points(name, 20, np.random.default_rng(3))
    row, function = ELEMENTARY[name], MPMATH.get(name, getattr(mpmath, name, None))
    assert function is not None
    with np.errstate(all="ignore"):
        value = row.function(x)
    inside = np.isfinite(value) & (np.abs(value) > 1e-280)
    assert inside.sum() >= 20
    with mpmath.workprec(200):
        for argument, ours in zip(x[inside].tolist(), value[inside].tolist(), strict=True):
            true = function(mpmath.mpf(argument))
            scale = max(abs(true), 0 if row.floor is None else float(row.floor(np.asarray(argument))))
            assert abs(true - ours) <= HOST_ULPS * 2 * HOST * scale, (name, argument, ours, float(true))


def test_units_of_the_formats():
    assert [unit_of(dtype).bits for dtype in DTYPES] == [53, 24, 8, 11]
    for dtype in DTYPES:
        unit, info = unit_of(dtype), jnp.finfo(dtype)
        assert unit.ulp == float(info.eps) and unit.largest == float(info.max)
        assert 2.0**-unit.bits < unit.u < 2.0**-unit.bits * 2.1


def test_float64_stands_for_the_dtype_of_the_run_and_nothing_else_does():
    units = Units("bfloat16", "highest", "cpu")
    assert units.of(np.dtype("float64")).bits == 8
    assert units.of(np.dtype("float32")).bits == 24


@pytest.mark.parametrize(
    ("platform", "precision", "requested", "input_bits"),
    [
        ("cpu", "default", None, 24),
        ("gpu", "default", None, 11),
        ("gpu", "highest", None, 24),
        ("gpu", "highest", (jax.lax.Precision.HIGHEST, jax.lax.Precision.DEFAULT), 11),
        ("gpu", "default", (jax.lax.Precision.HIGHEST, jax.lax.Precision.HIGHEST), 24),
        ("tpu", "default", None, 8),
    ],
)
def test_the_matrix_unit_follows_platform_and_precision(platform, precision, requested, input_bits):
    unit = unit_of("float32")
    assert Units("float32", precision, platform).products(unit, unit, requested).input_bits == input_bits


@pytest.mark.parametrize("platform", ["cpu", "gpu", "tpu"])
def test_every_function_has_its_units(platform: str):
    for dtype in DTYPES:
        units = Units(dtype, "highest", platform)
        assert all(units.ulps(name, units.run) >= 0.5 for name in (*ELEMENTARY, *ULPS))


@pytest.mark.parametrize(
    ("dtype", "precision", "platform"), [("float32", "best", "cpu"), ("float32", "high", "fpga")]
)
def test_unknown_settings_are_named(dtype: str, precision: str, platform: str):
    with pytest.raises(ValueError, match=r"'best', expected one of default|'fpga', expected one of cpu"):
        Units(dtype, precision, platform)
