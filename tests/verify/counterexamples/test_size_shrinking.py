"""Dimensions are made as small as the failure allows, and every array stays in its domain."""

import numpy as np
import pytest

from manual_bp import domains
from verify.counterexamples.size_shrinking import cut, shrink_sizes
from verify.generation.data import Spec, fill
from verify.generation.structures import STRUCTURE

SPECS = {
    "x": Spec(("h", "d"), "float", domains.real),
    "p": Spec(("d", "q"), "float", domains.simplex),
    "hot": Spec(("q",), "float", domains.one_hot),
    "i": Spec(("d",), "int", domains.index("q")),
    "lam": Spec((), "float", domains.positive),
}
SIZES = {"h": 9, "d": 7, "q": 5}


def drawn(sizes, seed=0):
    return fill(np.random.default_rng(seed), sizes, SPECS, STRUCTURE["wide exponents"], 1)


@pytest.mark.parametrize(
    ("fails", "smallest"),
    [
        (lambda sizes: True, dict(h=1, d=1, q=1)),
        (lambda sizes: sizes["h"] >= 2 and sizes["q"] >= 3, dict(h=2, d=1, q=3)),
        (lambda sizes: sizes["h"] > sizes["d"] >= 2, dict(h=3, d=2, q=1)),
        (lambda sizes: sizes["d"] == 7, dict(h=1, d=7, q=1)),
    ],
)
def test_sizes_become_as_small_as_the_failure_allows(fails, smallest):
    def differ(sizes, leaves):
        return np.full(len(leaves["x"]), fails(sizes))

    sizes, leaves = shrink_sizes(SIZES, drawn(SIZES), lambda sizes: SPECS, differ, 0, ())
    assert sizes == smallest
    assert {name: leaf.shape for name, leaf in leaves.items()} == {
        name: (1, *spec.shape(sizes)) for name, spec in SPECS.items()
    }


def test_what_only_the_given_numbers_show_is_cut_out_of_them():
    leaves = drawn(SIZES)
    leaves["x"][0, 0, 0] = 12345.0

    def differ(sizes, leaves):
        return leaves["x"][:, 0, 0] == 12345.0

    sizes, found = shrink_sizes(SIZES, leaves, lambda sizes: SPECS, differ, 0, ())
    assert sizes == dict(h=1, d=1, q=1)
    assert found["x"].tolist() == [[[12345.0]]]


@pytest.mark.parametrize("seed", range(5))
def test_what_is_cut_lies_in_its_domains(seed):
    sizes = {"h": 2, "d": 3, "q": 2}
    leaves = cut(drawn(SIZES, seed), SPECS, sizes)
    assert leaves is not None
    assert (leaves["p"].sum(-1) == 1).all() and (leaves["p"] >= 0).all()
    assert leaves["hot"].sum() == 1 and (leaves["i"] < 2).all()
    assert cut(leaves, SPECS, SIZES) is None
