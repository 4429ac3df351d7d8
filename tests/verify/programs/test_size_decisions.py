"""What a user's Python decides by sizes: every way of asking is noted, and both answers are judged."""

from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from jax import Array

import verify
from manual_bp.book import backprop
from verify.generation.ranks import instance
from verify.generation.strategies import rotation
from verify.programs.pair import Pair
from verify.targets.functions import gradient_derivation
from verify.verdict import Verdict


def energy(x: Array) -> Array:
    return jnp.sum(x * x) / 2


def tabled(x, n, entries):
    return entries.get(n, 1)


# Each is the factor of a wrong gradient at some sizes n (and m = 3 with them), and where it is not 1.
DECISIONS = {
    "equal": (lambda x, n: 2 if n == 5 else 1, [5]),
    "different": (lambda x, n: 1 if n != 7 else 2, [7]),
    "a multiple": (lambda x, n: 2 if n % 6 == 0 else 1, [6, 12]),
    "no multiple": (lambda x, n: 1 if n % 3 else 2, [3, 6]),
    "one of several": (lambda x, n: 2 if n in (9, 11) else 1, [9, 11]),
    "in a set": (lambda x, n: 2 if n in {4, 32} else 1, [4, 32]),
    "in a table": (lambda x, n: tabled(x, n, {13: 2}), [13]),
    "from there on": (lambda x, n: 2 if n >= 40 else 1, [40]),
    "below": (lambda x, n: 2 if 3 * n + 1 < 5 else 1, [1]),
    "behind another": (lambda x, n: (2 if n == 21 else 1) if n > 19 else 1, [21]),
    "of the shape": (lambda x, n: 2 if x.shape == (6,) else 1, [6]),
    "a half": (lambda x, n: 2 if n // 2 == 4 else 1, [8, 9]),
    "far out": (lambda x, n: 2 if n >= 5000 else 1, [5000, 5001]),
    "one size far out": (lambda x, n: 2 if n == 4321 else 1, [4321]),
    "in memory": (lambda x, n: 2 if n * n * 8 > 2**27 else 1, [4097, 4098]),
    "a position": (lambda x, n: jnp.where(jnp.arange(x.shape[0]) < 20, 1.0, 2.0), [22]),
}


@pytest.mark.parametrize("name", DECISIONS)
def test_what_is_wrong_at_some_sizes_alone_is_refuted_there(name: str, tmp_path: Path):
    factor, wrong_at = DECISIONS[name]
    report = verify.check_gradient(
        lambda x: factor(x, x.shape[0]) * x, energy, shapes=dict(x="n"),
        examples=1, dtypes=("float32",), directory=tmp_path,
    )  # fmt: skip
    equation = report.derivations[0].equations[0]
    assert equation.verdict is Verdict.REFUTED
    assert equation.counterexample is not None
    if name != "a position":
        assert equation.counterexample.dims["n"] in wrong_at


@pytest.mark.parametrize("size", [500_000, 10**7])
def test_sizes_that_are_too_large_to_be_drawn_are_named(size: int, tmp_path: Path):
    report = verify.check_gradient(
        lambda x: 2 * x if x.shape[0] >= size else x, energy, shapes=dict(x="n"),
        examples=1, dtypes=("float32",), directory=tmp_path,
    )  # fmt: skip
    equation = report.derivations[0].equations[0]
    assert equation.verdict is Verdict.VERIFIED
    assert f"no case reached n = {size:,}" in (equation.because or "")


def test_two_sizes_that_are_equal(tmp_path: Path):
    report = verify.check_gradient(
        lambda A: 2 * A if A.shape[0] == A.shape[1] + 3 else A, lambda A: jnp.sum(A * A) / 2,
        shapes=dict(A="m n"), examples=1, dtypes=("float32",), directory=tmp_path,
    )  # fmt: skip
    case = report.derivations[0].equations[0].counterexample
    assert case is not None and case.dims["m"] == case.dims["n"] + 3


def test_a_chapter_of_the_book_is_asked_like_a_user_s_file(tmp_path: Path):
    written = compile("lambda x: 2 * x if x.shape[0] == 7 else x", backprop.__file__, "eval")
    report = verify.check_gradient(
        eval(written), energy, shapes=dict(x="n"), examples=1, dtypes=("float32",), directory=tmp_path
    )
    case = report.derivations[0].equations[0].counterexample
    assert case is not None and case.dims["n"] == 7


def test_what_is_right_both_ways_is_proved(tmp_path: Path):
    report = verify.check_gradient(
        lambda x: jnp.concatenate([x[:5], x[5:]]) if x.shape[0] > 5 else x + 0, energy, shapes=dict(x="n"),
        examples=2, dtypes=("float32",), directory=tmp_path,
    )  # fmt: skip
    assert report.verdict is Verdict.PROVED


def test_what_holds_at_every_size_is_no_decision():
    def manual(x):
        assert x.shape == x.shape and x.ndim == 1 and x.shape[0] != 0 and x.shape[0] >= 1
        assert x.shape[0] + 1 != x.shape[0]
        assert x.shape[0] != "n"
        return x

    pair = Pair(gradient_derivation(manual, energy, shapes=dict(x="n")), {})
    assert pair.symbolic is not None and not pair.decisions


@pytest.mark.parametrize("derivation", [backprop.DERIVATION, backprop.MINIBATCH], ids=["one", "minibatch"])
def test_the_book_decides_nothing_by_sizes(derivation):
    """Nor does jax on its behalf: what it asks while it traces, batches and differentiates holds at every size."""
    pair = Pair(instance(derivation, rotation(derivation, 0)[0])[0], rotation(derivation, 0)[0])
    assert pair.symbolic is not None and not pair.decisions


def test_jax_has_its_own_answers_back():
    size = type(jax.export.symbolic_shape("n")[0])
    pair = Pair(gradient_derivation(lambda x: x, energy, shapes=dict(x="n")), {})
    assert pair.symbolic is not None
    assert {getattr(size, name).__module__ for name in ("__eq__", "__hash__", "__ge__")} == {size.__module__}


def test_where_there_are_no_sizes_none_decides(tmp_path: Path):
    report = verify.check_gradient(
        lambda x: x, energy, shapes=dict(x="3"), examples=1, dtypes=("float32",), directory=tmp_path
    )
    assert report.verdict is Verdict.PROVED
