"""At kinks and ties: every subgradient is right unless jax.grad's own is asked for, and nothing else is."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import verify
from verify.lanes.subgradients import in_hull
from verify.verdict import Verdict


def slope(at_zero, left=0.0, right=1.0):
    return lambda x: jnp.where(x > 0, right, jnp.where(x < 0, left, at_zero)).astype(x.dtype)


def largest(shared):
    """The gradient of the largest entry; `shared` gives, of a mask of ties, the share of each."""
    return lambda x: shared((x == jnp.max(x)).astype(x.dtype))


def first(mask):
    return mask * (jnp.cumsum(mask) == 1)


def last(mask):
    return first(mask[::-1])[::-1]


def norm(at_zero):
    def gradient(x):
        square = jnp.sum(x * x)
        inside = jnp.where(square > 0, square, 1.0)
        return jnp.where(square > 0, x / jnp.sqrt(inside), at_zero(x))

    return gradient


def relu(x):
    return jnp.sum(jnp.maximum(x, 0.0))


def absolute(x):
    return jnp.sum(jnp.abs(x))


def maximum(x):
    return jnp.max(x)


def length(x):
    return jnp.sqrt(jnp.sum(x * x))


def logits(x):
    """Smooth, of two kinks that cancel."""
    return jnp.sum(jnp.maximum(x, 0) + jnp.log1p(jnp.exp(-jnp.abs(x))))


RIGHT = {
    "relu at 0": (relu, slope(0.0)),
    "relu at 1": (relu, slope(1.0)),
    "relu at 0.3": (relu, slope(0.25)),
    "the absolute value at -1": (absolute, slope(-1.0, left=-1.0)),
    "the first of the largest": (maximum, largest(first)),
    "the last of the largest": (maximum, largest(last)),
    "a mean of the largest": (maximum, largest(lambda mask: mask / jnp.sum(mask))),
    "a norm at 0": (length, norm(jnp.zeros_like)),
    "a norm at a unit vector": (length, norm(lambda x: jnp.ones_like(x) / jnp.sqrt(x.size))),
    "a smooth function": (logits, jax.nn.sigmoid),
}
WRONG = {
    "relu at 2": (relu, slope(2.0)),
    "relu at -1": (relu, slope(-1.0)),
    "the absolute value at 1.5": (absolute, slope(1.5, left=-1.0)),
    "all of the largest": (maximum, largest(lambda mask: mask)),
    "none of the largest": (maximum, largest(lambda mask: mask * (jnp.sum(mask) == 1))),
    "a norm at a long vector": (length, norm(lambda x: 2 * jnp.ones_like(x))),
    "a smooth function at 0": (logits, lambda x: jnp.where(x == 0, -1.0, jax.nn.sigmoid(x))),
}


def judged(functions: tuple[Any, Any], tmp_path: Path, **more: Any):
    objective, manual = functions
    report = verify.check_gradient(
        manual,
        objective,
        "x",
        shapes=dict(x="n"),
        examples=2,
        dtypes=("float32",),
        directory=tmp_path,
        **more,
    )
    return report.derivations[0].equations[0]


@pytest.mark.parametrize("which", RIGHT)
def test_another_subgradient_is_right_and_said(which, tmp_path):
    found = judged(RIGHT[which], tmp_path)
    assert found.verdict.good, found.because
    assert found.note is None or "at a kink any value between the slopes on all sides is right" in found.note


@pytest.mark.parametrize("which", ["relu at 0", "the first of the largest", "a norm at 0"])
def test_it_is_refuted_where_the_same_is_asked_for(which, tmp_path):
    assert judged(RIGHT[which], tmp_path, kinks="same").verdict in (Verdict.REFUTED, Verdict.DISPUTED)


@pytest.mark.parametrize("which", WRONG)
def test_what_is_none_is_refuted_as_wrong_there_alone(which, tmp_path):
    found = judged(WRONG[which], tmp_path)
    assert found.verdict is Verdict.REFUTED, found.because
    assert found.diagnosis is not None and "alone, and is right all around it" in found.diagnosis


@pytest.mark.parametrize(
    ("point", "corners", "inside"),
    [
        ([0.5, 0.5], [[1, 0], [0, 1]], True),
        ([1.0, 1.0], [[1, 0], [0, 1]], False),
        ([0.0, 0.0], [[1, 0], [0, 1]], False),
        ([0.2], [[0], [1]], True),
        ([1.1], [[0], [1]], False),
        ([0.0, 0.0, 0.0], [[1, 1, 1], [-1, -1, -1], [1, 0, 0]], True),
        ([np.nan], [[0], [1]], False),
    ],
)
def test_the_hull(point, corners, inside):
    assert in_hull(np.array(point), np.array(corners, float)) is inside


@pytest.mark.parametrize("kinked", [False, True])
@pytest.mark.parametrize("by_x", [1.0, 2.0])
@pytest.mark.parametrize("by_y", [1.0, 2.0])
def test_what_no_case_changes_is_compared_beside_what_cases_change(by_x, by_y, kinked, tmp_path: Path):
    """One derivative is a constant; the other varies, and is another subgradient where it is of a kink."""
    bend, slopes = (relu, slope(0.5)) if kinked else (lambda y: jnp.sum(y * y) / 2, lambda y: y)
    report = verify.check_gradient(
        lambda x, y: (by_x * jnp.ones_like(x), by_y * slopes(y)),
        lambda x, y: jnp.sum(x) + bend(y),
        wrt=("x", "y"),
        shapes=dict(x="n", y="n"),
        examples=1,
        dtypes=("float32",),
        directory=tmp_path,
    )
    verdicts = {each.name: each.verdict for each in report.derivations[0].equations}
    for name, factor in {"dJ_dx": by_x, "dJ_dy": by_y, "gradient": by_x * by_y}.items():
        assert verdicts[name].good if factor == 1 else verdicts[name] is Verdict.REFUTED, verdicts
