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


@pytest.mark.parametrize(
    "seed", [*range(8), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(8, 200))]
)
def test_the_gradient_of_jax_is_right(seed):
    code = composed(seed)
    assert verdict(code) in ("proved", "verified"), code


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_with_an_error_it_is_not(seed):
    code, error = composed(seed), ERRORS[seed % len(ERRORS)]
    if changes(code, error):
        assert verdict(code, error) in ("refuted", "inaccurate"), (code, error)
