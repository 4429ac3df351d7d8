"""The page that puts `verify` beside other checks: what it shows is what they say, and it shows every gradient."""

from pathlib import Path

import jax.numpy as jnp
import pytest

from benchmarks import comparison
from benchmarks.gradients import CASES, SHAPES, Case, clip_forgotten, fast, right_layer, slope_without_square

PAGE = (Path(__file__).parents[1] / "docs" / "comparison.md").read_text(encoding="utf-8")
ROWS = dict(
    line.strip("| ").split(" | ", 1)
    for line in PAGE.partition(comparison.BEGIN)[2].partition(comparison.END)[0].splitlines()
    if line.startswith("| ")
)


def named(functions) -> Case:
    (case,) = [case for case in CASES if case.functions is functions]
    return case


def test_the_page_shows_every_gradient_and_every_check():
    shown = {f"right: {case.what}" if case.right else case.what for case in CASES}
    assert len(shown) == len(CASES) and shown <= ROWS.keys()
    assert ROWS["gradient"].split(" | ") == [
        *(f"{check}, {dtype}" for check in ("check_grads", "allclose") for dtype in ("float32", "float64")),
        "gradcheck",
        "verify",
    ]


def test_what_verify_says_of_one_gradient_is_what_the_page_shows(tmp_path: Path):
    by_verify = comparison.by_verify(tmp_path)
    for functions in (clip_forgotten, fast):
        case = named(functions)
        row = ROWS[f"right: {case.what}" if case.right else case.what]
        assert comparison.said(case, by_verify(case)) == row.rpartition(" | ")[2]


@pytest.mark.parametrize("check", [comparison.by_check_grads("float64"), comparison.by_allclose("float64")])
def test_other_checks_object_to_what_random_data_meet(check):
    assert check(named(slope_without_square)) is not None
    assert check(named(clip_forgotten)) is None
    assert check(named(right_layer)) is None


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.functions.__name__)
def test_a_gradient_has_the_shapes_of_what_it_is_taken_by(case: Case):
    objective, gradient = case.functions(jnp)
    for leaves in comparison.arrays(case, "float32"):
        assert jnp.shape(objective(*leaves)) == ()
        assert [each.shape for each in gradient(*map(jnp.asarray, leaves))] == [leaf.shape for leaf in leaves]
    assert {*SHAPES} >= {*objective.__code__.co_varnames[: objective.__code__.co_argcount]}


def test_a_file_without_a_place_for_the_table_is_refused():
    with pytest.raises(ValueError, match="no place for the comparison"):
        comparison.replaced("text", "table")
