"""The story of a failure: complete, at 80 columns, with values that Python reads back exactly."""

import math

import numpy as np
import pytest

from verify.report.story import story
from verify.verdict import Counterexample, EquationReport, Verdict


def refuted(**changes) -> EquationReport:
    case = dict(
        lane="bounds",
        choices={"activation": "tanh"},
        dims={"d": 1, "h": 2},
        leaves={"W1": [[1.0], [2.0]], "y": 0, "lam": 1e-12},
        inputs={"dJ_dh": [0.1, 1 / 3], "z": [0.5, 0.25], "lam": 1e-12},
        index=(1,),
        manual=0.42,
        autodiff=0.1,
        bound=3e-16,
        holds=("dJ_dL", "dJ_do"),
        replay="backprop/dJ_dz@3f2a41",
        script="kept/dJ_dz of mine.py",
    )
    tex = r"\partial J/\partial z = \partial J/\partial h \odot \phi'(z)"
    return EquationReport("dJ_dz", tex, Verdict.REFUTED, counterexample=Counterexample(**{**case, **changes}))


def test_it_is_whole():
    assert (
        story(refuted(), "backprop")
        == """\
backprop/dJ_dz is refuted: it is not the derivative
    ∂J/∂z = ∂J/∂h ⊙ φ′(z)

  smallest case found (d = 1, h = 2, float64):
    activation = 'tanh'
    W1 = np.array([[1.0], [2.0]])
    y = 0
    lam = 1e-12

  what the equation alone was given, from autodiff:
    dJ_dh = np.array([0.1, 0.3333333333333333])
    z = np.array([0.5, 0.25])

  dJ_dz[1]:
    manual      0.42
    jax.grad    0.1
    difference  0.32
    bound       3e-16 is what rounding could explain

  equations before it that hold: dJ_dL, dJ_do

  to see it again:
    python 'kept/dJ_dz of mine.py'
    python -m verify --replay backprop/dJ_dz@3f2a41"""
    )


def test_scalars_have_no_index():
    assert "\n  dJ_dz:\n" in story(refuted(index=()))


def test_where_there_is_no_script_it_says_why():
    text = story(refuted(script="", unwritable="no import reaches the table of phi"))
    assert text.endswith("\n\n  no script of it: no import reaches the table of phi")


@pytest.mark.parametrize("size", [1, 9, 40])
def test_it_fits_and_python_reads_the_values_back(size):
    numbers = np.random.default_rng(size).normal(size=(3, size)) * 10.0 ** np.arange(-20, 10, 10)[:, None]
    numbers[0, 0] = np.inf
    numbers[-1, -1] = np.nan
    text = story(
        refuted(leaves={"matrix": numbers.tolist(), "lam": -math.inf}, inputs={}, replay="", script=""),
        "backprop",
    )
    assert max(map(len, text.splitlines())) <= 80
    begin, end = text.index("    matrix"), text.index("  dJ_dz[1]")
    values: dict = {"np": np}
    exec("\n".join(line[4:] for line in text[begin:end].splitlines()), values)
    np.testing.assert_array_equal(values["matrix"], numbers)
    assert values["lam"] == -math.inf


@pytest.mark.parametrize("verdict", list(Verdict))
def test_without_a_counterexample_the_reason_is_given(verdict):
    equation = EquationReport("dJ_dz", "", verdict, because="the budget was spent " * 10)
    first, *rest = story(equation).splitlines()
    assert first.startswith(f"dJ_dz is {verdict}")
    assert " ".join(" ".join(rest).split()).endswith("the budget was spent")
    assert max(map(len, [first, *rest])) <= 80
