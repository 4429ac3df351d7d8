"""What a device's functions are good for: exact values are checked, platforms outside the table are measured."""

import jax
import numpy as np
import pytest

from verify.arithmetic.bounds.units import ULPS, unit_of
from verify.arithmetic.bounds.value import Bounded
from verify.interpreter.walker import Program, ShapeDtype, Step, evaluate
from verify.lanes.device import calibration
from verify.lanes.device.calibration import Checked, Measured


def walked(arithmetic, function, number):
    with jax.enable_x64(True):
        program = Program(jax.make_jaxpr(function)(jax.ShapeDtypeStruct((), np.float64)))
    (result,) = evaluate(program, arithmetic, {}, [arithmetic.exact(np.array([number]))])
    return result


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_values_that_count_as_exact_are_those_of_this_device(dtype):
    assert calibration.rounded_claims(dtype, None) == frozenset()


def test_a_function_that_is_not_exact_here_counts_as_rounded():
    exact, rounds = Checked("float32", "highest", "cpu"), Checked("float32", "highest", "cpu", ["exp"])
    assert walked(exact, jax.numpy.exp, 0.0).errors.max() == 0
    assert walked(rounds, jax.numpy.exp, 0.0).errors.max() >= 2.0**-23
    assert walked(rounds, jax.numpy.tanh, 0.0).errors.max() == 0


@pytest.fixture
def unknown(monkeypatch) -> Checked:
    monkeypatch.setattr(calibration, "PLATFORMS", ("gpu", "tpu"))
    return calibration.bounds_on("float32", "highest")


def test_a_platform_outside_the_table_is_measured(unknown):
    """No function of the table's is measured to be much worse than the table says, where it has a relative error."""
    assert isinstance(unknown.units, Measured)
    unit = unit_of("float32")
    for name in set(ULPS) - {
        "digamma",
        "lgamma",
        "exp2",
        "div",
        "pow",
        "atan2",
    }:  # these cross zero, or are no sweep
        assert 0.5 < unknown.units.ulps(name, unit) <= 2 * ULPS[name].float32[0] + 9, name


def test_products_are_probed_for_the_bits_they_keep(unknown):
    products = unknown.units.products(unit_of("float32"), unit_of("float32"), None)
    assert products.input == 0 and products.input_bits == 24
    assert unknown.units.products(unit_of("bfloat16"), unit_of("bfloat16"), None).input_bits == 8


def test_measured_bounds_hold_where_they_were_not_measured(unknown):
    step = Step("tanh", {}, (ShapeDtype((500,), np.float64),), (ShapeDtype((500,), np.float64),))
    x = np.random.default_rng(0).normal(size=(1, 500)).astype(np.float32).astype(np.float64)
    result = unknown.rules["tanh"](unknown, step, Bounded(x))
    got = np.asarray(jax.jit(jax.numpy.tanh)(x.astype(np.float32))).astype(np.float64)
    assert (np.abs(got - result.value) <= result.errors).all()
