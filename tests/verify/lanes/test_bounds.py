"""The bounds lane: right equations agree, wrong ones differ, and power is measured on the cases that ran."""

import dataclasses

import numpy as np
import pytest

from manual_bp.book.backprop import chapter
from verify.arithmetic.bounds.value import Bounded
from verify.generation.data import fill
from verify.generation.structures import STRUCTURES
from verify.lanes.bounds import bound, measured_power
from verify.programs.pair import Pair
from verify.programs.tracing import GRADIENT

SIZES = {"d": 3, "h": 2, "q": 4}


def judged(activation="tanh", **equations):
    derivation = dataclasses.replace(chapter.DERIVATION, backward={**chapter.BACKWARD, **equations})
    rows = {"activation": derivation.choices["activation"][activation]}
    pair = Pair(derivation, rows | {"loss": derivation.choices["loss"]["huber"]})
    rng, specs = np.random.default_rng(1), pair.specs(SIZES)
    parts = [fill(rng, SIZES, specs, row, 6) for row in STRUCTURES]
    return bound(pair, SIZES, {leaf: np.concatenate([part[leaf] for part in parts]) for leaf in specs})


@pytest.fixture(scope="module")
def right():
    return judged()


def test_right_equations_agree(right):
    assert set(right.comparisons) == {*chapter.BACKWARD, GRADIENT}
    assert not any(comparison.differ for comparison in right.comparisons.values())
    assert all(comparison.worst <= 1 for comparison in right.comparisons.values())
    assert not right.estimated


def test_a_case_is_judged_for_every_equation(right):
    cases = 6 * len(STRUCTURES)
    assert {comparison.differing.shape for comparison in right.comparisons.values()} == {(cases,)}


def test_power_is_close_to_what_float64_can_hold(right):
    powers = [comparison.power for comparison in right.comparisons.values()]
    assert all(power is not None and 2.0**-52 <= power < 1e-13 for power in powers)


def test_what_is_below_the_power_is_not_seen_and_what_is_above_is():
    def off_by(relative):
        return judged(ds_dW1=lambda lam, W1: lam * W1 * (1 + relative)).comparisons["ds_dW1"]

    power = judged().comparisons["ds_dW1"].power
    assert power is not None and off_by(16 * power).differ and not off_by(0.0).differ


def test_a_wrong_equation_differs_and_those_after_it_do_not():
    comparisons = judged(dJ_dh=lambda W2, dJ_do: -(W2.T @ dJ_do)).comparisons
    assert {name for name, comparison in comparisons.items() if comparison.differ} == {"dJ_dh", GRADIENT}


def test_only_one_equation_is_compared_where_one_is_asked_for():
    pair = Pair(
        chapter.DERIVATION, {n: next(iter(t.values())) for n, t in chapter.DERIVATION.choices.items()}
    )
    leaves = fill(np.random.default_rng(0), SIZES, pair.specs(SIZES), STRUCTURES[0], 2)
    assert set(bound(pair, SIZES, leaves, only="dJ_dW1").comparisons) == {"dJ_dW1"}
    assert set(bound(pair, SIZES, leaves, only=GRADIENT).comparisons) == {GRADIENT}


# --- measured power -------------------------------------------------------------------------------------------


def pair_of(value, error):
    values, errors = np.atleast_1d(np.asarray(value, float)), np.atleast_1d(np.asarray(error, float))
    return Bounded(values, errors), Bounded(values)


@pytest.mark.parametrize("error", [1e-3, 2.0**-20, 1e-10])
def test_power_is_the_smallest_power_of_two_above_the_bound(error):
    power = measured_power(*pair_of(4.0, 4.0 * error))
    assert power is not None and error < power <= 2 * error * (1 + 1e-5)


def test_exact_numbers_have_all_the_power_of_float64():
    assert measured_power(*pair_of([3.0, 1.0], [0.0, 0.5])) == 2.0**-52


@pytest.mark.parametrize(
    ("value", "error"), [(0.0, 0.0), (1.0, 1.5), (1.0, np.inf), (np.nan, 0.0), (0.0, 1.0)]
)
def test_there_is_no_power_where_nothing_can_be_refuted(value, error):
    assert measured_power(*pair_of(value, error)) is None


def test_a_dtype_hides_what_it_cannot_store():
    def store(numbers):
        return numbers.astype(np.float16).astype(np.float64)

    assert measured_power(*pair_of(1.0, 0.0), store) == 2.0**-10


def test_power_looks_at_the_sharpest_elements_of_many():
    errors = np.full(10_000, 0.5)
    errors[1234] = 2.0**-30
    power = measured_power(*pair_of(np.ones(10_000), errors))
    assert power == 2.0**-29
