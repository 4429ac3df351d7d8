"""Gradients that once ended in an internal error: results that no case changes, names, scattered extremes, roots."""

from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from jaxtyping import Array, Int

import verify
from manual_bp.domains import index, positive
from verify.verdict import Verdict

CASES = {
    "a constant gradient": (
        lambda x: jnp.sum(x),
        lambda x: jax.nn.sigmoid(x) + jax.nn.sigmoid(-x),
        dict(wrt="x", shapes=dict(x="n")),
    ),
    "a product": (
        lambda x: jnp.prod(x),
        lambda x: jnp.prod(x) / x,
        dict(wrt="x", shapes=dict(x="n"), domains=dict(x=positive)),
    ),
    "a leaf of a name of ours": (
        lambda cotangent, x: jnp.sum(cotangent * x),
        lambda cotangent, x: x,
        dict(wrt="cotangent", shapes=dict(cotangent="n", x="n")),
    ),
    "drawn inside": (
        lambda x: jnp.sum((x + jax.random.normal(jax.random.key(1), x.shape, x.dtype)) ** 2) / 2,
        lambda x: x + jax.random.normal(jax.random.key(1), x.shape, x.dtype),
        dict(wrt="x", shapes=dict(x="n")),
    ),
    **{
        f"scattered, the {name}": (
            lambda c, x, i, name=name: jnp.sum(c * getattr(jnp.zeros(4, x.dtype).at[i], name)(x)),
            lambda c, x, i, name=name: getattr(jnp.zeros(4, x.dtype).at[i], name)(x),
            dict(wrt="c", shapes=dict(c="4", x="n", i=Int[Array, " n"]), domains=dict(i=index(4))),
        )
        for name in ("max", "min")
    },
    "running products of roots": (
        lambda c, x: jnp.sum(c * jnp.cumprod(jnp.sqrt(x))),
        lambda c, x: jnp.cumprod(jnp.sqrt(x)),
        dict(wrt="c", shapes=dict(c="n", x="n"), domains=dict(x=positive)),
    ),
    "running products from behind": (
        lambda c, x: jnp.sum(c * jax.lax.cumprod(x, reverse=True)),
        lambda c, x: jax.lax.cumprod(x[::-1])[::-1],
        dict(wrt="c", shapes=dict(c="n", x="n")),
    ),
}


def judged(which: str, factor: float, directory: Path) -> Verdict:
    objective, manual, given = CASES[which]
    names = list(given["shapes"])

    def scaled(*leaves):
        return factor * manual(**dict(zip(names, leaves, strict=True)))

    scaled.__signature__ = __import__("inspect").signature(manual)  # type: ignore[attr-defined]
    report = verify.check_gradient(
        lambda **leaves: scaled(*(leaves[name] for name in names)),
        objective,
        examples=1,
        dtypes=("float32",),
        directory=directory,
        **given,
    )
    return report.verdict


SLOW = ("drawn inside", "running products from behind", "a product", "scattered, the min")


@pytest.mark.parametrize(
    "which", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in CASES]
)
def test_right_is_right(which, tmp_path):
    assert judged(which, 1.0, tmp_path).good


@pytest.mark.slow
@pytest.mark.parametrize("which", ["a constant gradient", "a leaf of a name of ours", "scattered, the max"])
def test_twice_of_it_is_wrong(which, tmp_path):
    assert judged(which, 2.0, tmp_path) is Verdict.REFUTED
