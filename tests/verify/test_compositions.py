"""Random compositions of primitives: `jax.grad` itself by hand is always right, and with an error planted never."""

import pytest

import verify
from tests.verify.compositions import ERRORS, changes, composed, function, gradient


def verdict(code, error="{}"):
    """Every judgement of a gradient by the first argument, with as little as shows an error."""
    return str(
        verify.check_gradient(
            gradient(code, error),
            function(code),
            "x",
            shapes=dict(x="n", y="n"),
            examples=1,
            dtypes=("float32",),
            seed=0,
        ).verdict
    )


FAST = 3  # programs that every run of the tests judges; the slow tests judge as many as `--programs` says


def pytest_generate_tests(metafunc):
    several = range(metafunc.config.getoption("programs"))
    wrong = metafunc.function is test_with_an_error_it_is_not
    seeds = [
        pytest.param(seed, marks=[pytest.mark.slow] * (wrong or seed >= FAST))
        for seed in (several[::3] if wrong else several)
    ]
    metafunc.parametrize("seed", seeds)


def test_the_gradient_of_jax_is_right(seed):
    code = composed(seed)
    assert verdict(code) in ("proved", "verified"), code


def test_with_an_error_it_is_not(seed):
    code, error = composed(seed), ERRORS[seed % len(ERRORS)]
    if changes(code, error):
        assert verdict(code, error) in ("refuted", "inaccurate"), (code, error)
