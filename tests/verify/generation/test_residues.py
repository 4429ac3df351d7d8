"""Residues of values against exact rational arithmetic, and the constraints that random residues keep."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manual_bp import domains
from verify.generation.data import Spec, fill
from verify.generation.residues import exact_residue, exact_residues, residues
from verify.generation.structures import STRUCTURE

Q, P = 536870219, 1073740439
DIMS = {"n": 4, "q": 3}
SPECS = {
    "x": Spec(("n", "q"), "float", domains.real),
    "lam": Spec((), "float", domains.nonnegative),
    "k": Spec(("q",), "float", domains.counts),
    "p": Spec(("n", "q"), "float", domains.simplex),
    "hot": Spec(("n", "q"), "float", domains.one_hot),
    "bits": Spec(("q",), "float", domains.binary),
    "i": Spec(("n",), "int", domains.index("q")),
    "mask": Spec(("n",), "bool", domains.mask),
}


@pytest.mark.parametrize("modulus", [P, Q, 7])
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=8))
def test_the_residue_of_a_float_is_that_of_its_rational_value(modulus, values):
    expected = [Fraction(v).numerator * pow(Fraction(v).denominator, -1, modulus) % modulus for v in values]
    assert exact_residue(np.array(values, np.float64), modulus).tolist() == expected


def test_integers_and_booleans_are_their_own_residues():
    assert exact_residue(np.array([-1, 0, P + 2]), P).tolist() == [P - 1, 0, 2]
    assert exact_residue(np.array([True, False]), P).tolist() == [1, 0]
    assert exact_residue(np.array([0.5, 3], np.float32), P).tolist() == [(P + 1) // 2, 3]


def test_what_is_not_finite_has_no_residue():
    with pytest.raises(ValueError, match="not finite"):
        exact_residue(np.array([1.0, np.inf]), P)


def test_random_residues_range_freely_where_leaves_do():
    leaves = fill(np.random.default_rng(0), DIMS, SPECS, STRUCTURE["integers to 1"], 500)
    found = residues(np.random.default_rng(1), leaves, SPECS, P)
    for name in SPECS:
        assert found[name].shape == leaves[name].shape, name
        assert found[name].dtype == np.int64, name
        assert found[name].min() >= 0 and found[name].max() < P, name
    for name in ("x", "lam", "k", "p"):
        assert len(np.unique(found[name])) > 0.99 * found[name].size, name
        assert abs(found[name].mean() / P - 0.5) < 0.1, name


def test_random_residues_keep_what_equations_can_say():
    leaves = fill(np.random.default_rng(0), DIMS, SPECS, STRUCTURE["normal"], 100)
    for modulus in (P, Q):
        found = residues(np.random.default_rng(1), leaves, SPECS, modulus)
        assert np.all(found["p"].sum(-1) % modulus == 1)
        exact = exact_residues(leaves, modulus)
        assert np.all(exact["p"].sum(-1) % modulus == 1)
        for name in ("hot", "bits", "i", "mask"):
            assert np.array_equal(found[name], leaves[name]) and np.array_equal(exact[name], leaves[name]), (
                name
            )


def test_probabilities_of_one_outcome_are_one():
    leaves = {"p": np.ones((5, 1))}
    found = residues(np.random.default_rng(0), leaves, {"p": Spec((1,), "float", domains.simplex)}, P)
    assert np.all(found["p"] == 1)
