"""What is wrong in one dtype alone is refuted there, whichever are run; what is right in all of them is not blamed."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import verify
from manual_bp.domains import nonnegative
from verify.settings import DTYPES
from verify.verdict import Verdict

OTHERS = [dtype for dtype in DTYPES if dtype != "float64"]
TENTH, ROOT = jnp.array(0.1, jnp.float32), jnp.sqrt(jnp.array(2 / jnp.pi, jnp.float32))


def half_square(x):
    return jnp.sum(x * x) / 2


def judged(manual, objective, tmp_path: Path, wrt="x", **given):
    shapes = given.pop("shapes", dict(x="n"))
    report = verify.check_gradient(
        manual, objective, wrt, shapes=shapes, examples=4, directory=tmp_path, **given
    )
    return report.derivations[0].equations[0]


WRONG = {
    "a factor": lambda x: 2 * x,
    "a sign": lambda x: -x,
    "a band": lambda x: jnp.where((x > 0.25) & (x < 1.25), 0.0, x),
    "a neighbour": lambda x: jnp.roll(x, 1),
}


@pytest.mark.parametrize(("mistake", "dtype"), [*zip(WRONG, [*OTHERS, "float16"], strict=True)])
def test_a_mistake_in_one_dtype_is_named_with_it(dtype, mistake, tmp_path):
    found = judged(lambda x: WRONG[mistake](x) if x.dtype == dtype else x, half_square, tmp_path)
    assert found.verdict is Verdict.REFUTED
    assert found.because is not None and f"in {dtype}, where the program is another one" in found.because
    assert found.counterexample is not None and found.counterexample.dtype == dtype


@pytest.mark.parametrize("size", [lambda n: n > 8, lambda n: n == 5])
def test_a_mistake_in_one_dtype_at_some_sizes_is_found(size, tmp_path):
    found = judged(
        lambda x: 2 * x if x.dtype == jnp.float16 and size(x.shape[0]) else x, half_square, tmp_path
    )
    assert found.verdict is Verdict.REFUTED


def test_a_mistake_without_64_bits_is_found(tmp_path):
    x64 = "jax_enable_x64"
    found = judged(lambda x: x if getattr(jax.config, x64) else 2 * x, half_square, tmp_path)
    assert found.verdict is Verdict.REFUTED
    assert found.counterexample is not None and found.counterexample.dtype in OTHERS


@pytest.mark.parametrize(
    ("manual", "objective"),
    [
        (lambda x: TENTH * x, lambda x: jnp.sum(0.1 * x * x) / 2),
        (
            lambda x: ROOT.astype(x.dtype) * (1 - jnp.tanh(ROOT.astype(x.dtype) * x) ** 2),
            lambda x: jnp.sum(jnp.tanh(np.sqrt(2 / np.pi) * x)),
        ),
        (lambda x: x.astype(jnp.float32).astype(x.dtype), half_square),
        (
            lambda x: 1 / (x + jnp.finfo(x.dtype).eps),
            lambda x: jnp.sum(jnp.log(x + jnp.finfo(x.dtype).eps)),
        ),
        (
            lambda x: jnp.where(x.dtype == jnp.float16, 2.0, 1.0) * x,
            lambda x: jnp.where(x.dtype == jnp.float16, 2.0, 1.0) * jnp.sum(x * x) / 2,
        ),
    ],
)
def test_constants_and_tolerances_of_a_dtype_are_right(manual, objective, tmp_path):
    assert judged(manual, objective, tmp_path, domains=dict(x=nonnegative)).verdict.good


def test_a_cast_is_judged_where_the_wider_dtype_is_run(tmp_path):
    def casting(x):
        return x.astype(jnp.float32).astype(x.dtype)

    found = judged(casting, half_square, tmp_path, dtypes=("float64",))
    assert found.verdict is Verdict.INACCURATE
    assert "it computes in float32" in (found.cause or "")


def test_what_takes_numbers_apart_is_judged_in_every_dtype(tmp_path):
    """The bits of a number, as `copysign` and `ldexp` read them, are others in each dtype."""
    found = judged(lambda x: jnp.copysign(jnp.abs(x), x), half_square, tmp_path)
    assert found.verdict in (Verdict.PROVED, Verdict.VERIFIED), found
