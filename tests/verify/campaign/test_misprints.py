"""Equations marked as printed wrong: they must be refuted, and then a run is good; right ones must not be marked."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import pytest
from jaxtyping import Array, Float

import verify
from manual_bp.derivation import Derivation
from manual_bp.description.formula import to_unicode
from verify.report.errata import BEGIN, END, replaced, table
from verify.targets import discovery
from verify.verdict import Report, Verdict


def energy(x: Float[Array, " n"]) -> Float[Array, ""]:
    return jnp.sum(x * x) / 2


def wrong(x: Array) -> Array:
    r"""$\partial_x J = -x$"""
    return -x


def right(x: Array) -> Array:
    r"""$\partial_x J = x$"""
    return x


PRINTED = Derivation(
    name="energy", source="A book, 'Energy'", forward=dict(J=energy), backward=dict(dJ_dx=wrong),
    printed_wrong=dict(dJ_dx="the sign"),
)  # fmt: skip


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return judged(wrong, tmp_path_factory.mktemp("wrong"))


def judged(equation: Callable[..., Any], directory: Path) -> Report:
    derivation = dataclasses.replace(PRINTED, backward=dict(dJ_dx=equation))
    return verify.check(derivation, examples=1, dtypes=("float32",), directory=directory)


def test_what_is_printed_wrong_is_refuted_as_expected_with_the_case_that_shows_it(report: Report):
    equation, whole = report.derivations[0].equations
    assert equation.verdict is Verdict.PRINTED_WRONG and equation.counterexample is not None
    assert equation.because is not None
    assert equation.because.startswith("the sign; at x = [") and "jax.grad" in equation.because
    assert (whole.verdict, whole.because) == (Verdict.PRINTED_WRONG, "it is composed of dJ_dx")
    assert report.good and report.verdict is Verdict.PRINTED_WRONG


def test_a_right_equation_that_is_marked_fails_the_run(tmp_path: Path):
    report = judged(right, tmp_path)
    equation = report.derivations[0].equations[0]
    assert not report.good and equation.verdict is Verdict.INCONCLUSIVE
    assert equation.because == "marked as printed wrong (the sign), and proved; take it out of printed_wrong"


def test_what_is_printed_wrong_says_nothing_of_the_others(report: Report):
    proved = dataclasses.replace(report.derivations[0].equations[0], verdict=Verdict.PROVED)
    other = dataclasses.replace(report.derivations[0], equations=[proved])
    both = dataclasses.replace(report, derivations=[*report.derivations, other])
    assert both.verdict is Verdict.PROVED


def test_the_table_of_errata_has_a_line_for_each_equation(report: Report):
    assert [line.split(" | ")[:2] for line in table(report.to_json()).splitlines()[2:]] == [
        ["| A book, 'Energy'", "`∂ₓJ = −x`"]
    ]


def test_a_mark_names_an_equation():
    with pytest.raises(TypeError, match=r"energy: printed_wrong: 'dJ_dy' is no equation \(dJ_dx\)"):
        dataclasses.replace(PRINTED, printed_wrong=dict(dJ_dy="the sign"))


README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")


def test_the_readme_lists_the_errata_of_the_book():
    listed = README.partition(BEGIN)[2].partition(END)[0].splitlines()[2:]
    expected = {
        (derivation.source, to_unicode(derivation.equations[name].tex), what)
        for _, derivation in discovery.book()
        for name, what in derivation.printed_wrong.items()
    }
    found = [line.strip("| ").split(" | ", 2) for line in listed]
    assert {(where, formula.strip("`"), says.partition(";")[0]) for where, formula, says in found} == expected


def test_the_table_takes_its_place_in_a_text():
    assert replaced(f"a\n{BEGIN}old\n{END}\nb", "new") == f"a\n{BEGIN}new\n{END}\nb"
    with pytest.raises(ValueError, match="no place for the errata"):
        replaced("a", "new")
