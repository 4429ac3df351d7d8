"""A simplified case still fails, still lies in its domains, and keeps only the numbers that matter."""

import numpy as np

from manual_bp import domains
from verify.counterexamples.shrinking import simplify, weight
from verify.generation.data import Spec, fill
from verify.generation.structures import STRUCTURE

SPECS = {
    "x": Spec(("d",), "float", domains.real),
    "lam": Spec((), "float", domains.nonnegative),
    "var": Spec((), "float", domains.positive),
    "r": Spec((), "float", domains.interval(0.25, 1)),
    "p": Spec(("d", "q"), "float", domains.simplex),
    "hot": Spec(("q",), "float", domains.one_hot),
    "i": Spec(("d",), "int", domains.index("q")),
    "k": Spec((), "float", domains.counts),
    "bits": Spec(("q",), "float", domains.binary),
    "mask": Spec(("d",), "bool", domains.mask),
}
DIMS = {"d": 2, "q": 3}


def wild(seed=0):
    leaves = fill(np.random.default_rng(seed), DIMS, SPECS, STRUCTURE["wide exponents"], 1)
    return {**leaves, "x": np.array([[1234.5, -3.14159]]), "i": np.array([[2, 1]])}


def test_what_does_not_matter_becomes_zero():
    found = simplify(wild(), SPECS, DIMS, lambda leaves: (leaves["x"][:, 1] < -1) & (leaves["i"][:, 0] > 0))
    assert found["x"].tolist() == [[0, -2]]
    assert found["i"].tolist() == [[1, 0]]
    assert found["lam"].tolist() == [0] and found["k"].tolist() == [0] and not np.any(found["mask"])


def test_the_simplest_case_lies_in_its_domains():
    found = simplify(wild(1), SPECS, DIMS, lambda leaves: np.ones(len(leaves["x"]), bool))
    assert all(found[name].shape == (1, *spec.shape(DIMS)) for name, spec in SPECS.items())
    assert found["var"].tolist() == [1] and 0.25 <= found["r"] <= 1
    assert found["p"].tolist() == [[[1, 0, 0], [1, 0, 0]]] and found["hot"].tolist() == [[1, 0, 0]]


def test_a_case_that_nothing_makes_simpler_stays():
    case = wild(2)

    def same(leaves):
        return np.all(
            [np.all(leaves[n] == case[n], axis=tuple(range(1, case[n].ndim))) for n in case], axis=0
        )

    found = simplify(case, SPECS, DIMS, same)
    assert all(np.array_equal(found[name], case[name]) for name in case)


def test_numbers_that_matter_together_become_simple_one_after_another():
    specs, dims = {"x": Spec(("d",), "float", domains.real)}, {"d": 40}
    case = {"x": np.linspace(1.1, 9.7, 40)[None]}
    walks = []

    def differ(leaves):
        walks.append(len(leaves["x"]))
        return leaves["x"].sum(axis=1) > 20

    found = simplify(case, specs, dims, differ)
    assert found["x"].sum() > 20 and weight(found) < weight(case) / 4
    assert len(walks) < 60


def test_fewer_digits_weigh_less():
    values = [0.0, 1.0, -1.0, 2.0, 3.0, 0.1, -1e-12]
    weights = [weight({"x": np.array([value])}) for value in values]
    assert weights == sorted(weights) and weights[0] == 0


def test_of_many_numbers_the_few_that_matter_are_found():
    """Groups are tried at once, so that the walks do not grow with the numbers."""
    rng, walks = np.random.default_rng(0), list[int]()
    specs, dims = {"x": SPECS["x"]}, {"d": 5000}

    def differ(leaves):
        walks.append(len(leaves["x"]))
        return (leaves["x"][:, 4321] > 1) & (leaves["x"][:, 17] < 0)

    x = rng.normal(size=(1, 5000)) * 100
    x[0, [4321, 17]] = 1234.5, -0.75
    found = simplify({"x": x}, specs, dims, differ)["x"][0]
    assert np.flatnonzero(found).tolist() == [17, 4321] and found[[17, 4321]].tolist() == [-1, 2]
    assert len(walks) < 40 and sum(walks) < 20_000
