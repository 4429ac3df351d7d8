"""Leaves lie exactly in their domains for every structure; lattices are exact, kinks and pieces are met."""

import itertools
from fractions import Fraction

import jax.numpy as jnp
import numpy as np
import pytest

from manual_bp import domains
from manual_bp.activations import ACTIVATIONS
from manual_bp.losses import LOSSES
from verify.generation.data import DRAWS, Spec, dyadics, fill, generic, kink_hits, kinks_of, rounded
from verify.generation.structures import KINKS, STRUCTURE, STRUCTURES

DIMS = {"h": 5, "d": 4, "q": 3, "n": 6}
N = 256

SPECS = {
    "W": Spec(("h", "d"), "float", domains.real),
    "x": Spec(("d",), "float", domains.real),
    "b": Spec((), "float", domains.real),
    "lam": Spec((), "float", domains.nonnegative),
    "var": Spec(("h",), "float", domains.positive),
    "rate": Spec(("h",), "float", domains.interval(0.1, 0.7)),
    "p": Spec(("n", "q"), "float", domains.simplex),
    "wide": Spec((300,), "float", domains.simplex),
    "hot": Spec(("n", "q"), "float", domains.one_hot),
    "i": Spec(("n",), "int", domains.index("q")),
    "j": Spec((), "int", domains.index(7)),
    "bits": Spec(("q",), "float", domains.binary),
    "k": Spec(("q",), "float", domains.counts),
    "mask": Spec(("n", "d"), "bool", domains.mask),
    "dJ_do": Spec(("q",), "float", domains.real, cotangent=True),
}

INSIDE = {
    domains.Real: np.isfinite,
    domains.Nonnegative: lambda v: v >= 0,
    domains.Positive: lambda v: v > 0,
    domains.Interval: lambda v: (v >= 0.1) & (v <= 0.7),
    domains.Simplex: lambda v: (v >= 0) & (v.sum(-1, keepdims=True) == 1),
    domains.OneHot: lambda v: np.isin(v, (0, 1)) & (v.sum(-1, keepdims=True) == 1),
    domains.Index: lambda v: v >= 0,
    domains.Binary: lambda v: np.isin(v, (0, 1)),
    domains.Counts: lambda v: (v >= 0) & (v == np.rint(v)),
    domains.Mask: lambda v: v.dtype == np.bool_,
}


def rng(seed=0):
    return np.random.default_rng(seed)


def filled(structure, seed=0, cases=N):
    return fill(rng(seed), DIMS, SPECS, STRUCTURE[structure], cases)


def check_domains(leaves):
    for name, spec in SPECS.items():
        values = leaves[name]
        assert values.shape == (N, *spec.shape(DIMS)), name
        assert values.dtype == {"float": np.float64, "int": np.int64, "bool": np.bool_}[spec.kind], name
        assert np.all(INSIDE[type(spec.domain)](values)), name
    assert leaves["i"].max() == 2
    assert leaves["j"].max() == 6


def test_every_domain_is_drawn_and_tested():
    declared = {
        kind for kind in vars(domains).values() if isinstance(kind, type) and kind.__base__ is domains.Domain
    }
    assert declared == set(DRAWS) == set(INSIDE) == {type(spec.domain) for spec in SPECS.values()}


@pytest.mark.parametrize("structure", STRUCTURE)
def test_domains_hold_exactly_for_every_structure(structure):
    check_domains(filled(structure))


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
@pytest.mark.parametrize("structure", ["normal", "wide exponents", "common offset", "integers to 2"])
def test_domains_hold_exactly_after_rounding(structure, dtype):
    leaves = rounded(filled(structure), SPECS, dtype)
    check_domains(leaves)
    for name, spec in SPECS.items():
        if spec.kind == "float":
            assert np.array_equal(leaves[name], leaves[name].astype(jnp.dtype(dtype)).astype(np.float64)), (
                name
            )


def test_rounding_leaves_no_subnormals_and_no_infinities():
    specs = {"v": Spec((6,), "float", domains.real), "u": Spec((6,), "float", domains.positive)}
    values = np.array([[1e-300, 1e-39, 1e-5, 1.0, 1e5, 1e300]])
    found = rounded({"v": values, "u": values}, specs, "float16")
    assert found["v"].tolist() == [[0.0, 0.0, 0.0, 1.0, 65504.0, 65504.0]]
    assert found["u"].tolist() == [[2.0**-14, 2.0**-14, 2.0**-14, 1.0, 65504.0, 65504.0]]


def test_rounding_refuses_an_interval_without_a_number_of_the_dtype():
    specs = {"r": Spec((), "float", domains.interval(1.0001, 1.0002))}
    leaves = fill(rng(), {}, specs, STRUCTURE["normal"], 4)
    with pytest.raises(ValueError, match=r"^r: no bfloat16 is a number from 1.0001 to 1.0002; widen"):
        rounded(leaves, specs, "bfloat16")


@pytest.mark.parametrize("name", ["p", "wide"])
def test_probabilities_sum_to_one_in_bfloat16_in_any_order(name):
    for structure in ("integers to 1", "normal"):
        values = filled(structure)[name].astype(jnp.bfloat16)
        for order in (values, values[..., ::-1]):
            total = np.zeros(values.shape[:-1], jnp.bfloat16)
            for k in range(values.shape[-1]):
                total = total + order[..., k]
            assert np.all(total == 1)


def test_lattices_have_few_bits():
    for structure in [s.name for s in STRUCTURES if s.lattice]:
        leaves = filled(structure)
        for name in ("W", "x", "b", "lam", "var", "p", "dJ_do", "k"):
            values = leaves[name]
            assert np.array_equal(values, values.astype(jnp.bfloat16).astype(np.float64)), (structure, name)
            fractions = np.ldexp(np.frexp(values)[0], 4)
            assert np.array_equal(fractions, np.rint(fractions)), (structure, name)


def test_no_lattice_is_left_unmarked():
    for structure in [s for s in STRUCTURES if not s.lattice]:
        values = filled(structure.name)["W"]
        assert not np.array_equal(values, values.astype(np.float32)), structure.name


@pytest.mark.parametrize("structure", STRUCTURE)
def test_cotangents_are_not_all_ones_or_zeros(structure):
    cotangents = filled(structure)["dJ_do"]
    assert np.mean(np.all(cotangents == 1, -1) | np.all(cotangents == 0, -1)) < 0.05


def test_masks_are_mixed_and_have_rows_and_cases_of_one_kind():
    mask = filled("normal")["mask"]
    for row in (mask, mask.reshape(N, -1)):
        assert np.any(np.all(row, -1)) and np.any(~np.any(row, -1))
    assert np.mean(np.any(mask, -1) & ~np.all(mask, -1)) > 0.2


def test_indices_have_duplicates_and_reach_every_place():
    i = filled("normal")["i"]
    assert set(i.ravel().tolist()) == {0, 1, 2}
    assert np.mean(np.ptp(i, axis=-1) == 0) > 0.2
    assert np.mean(np.ptp(i, axis=-1) > 0) > 0.2


def test_lambda_is_zero_tiny_ordinary_and_huge():
    lam = filled("normal")["lam"]
    for low, high in [(0, 0), (1e-15, 1e-6), (0.1, 1), (1e4, 1e8)]:
        assert np.any((lam >= low) & (lam <= high)), (low, high)
    assert set(np.unique(filled("integers to 1")["lam"])) >= {0.0, 2.0**-10, 0.5, 1.0, 2.0, 64.0}


def test_structures_are_what_their_names_say():
    assert np.all(filled("zeros")["W"][0] == 0) and np.any(filled("zeros")["W"])
    assert np.all(filled("ones")["x"][0] == 1)
    assert set(np.unique(filled("integers to 3")["W"])) == set(range(-3, 4))
    assert max(len(np.unique(case)) for case in filled("ties")["W"]) == 2
    assert max(len(np.unique(case, axis=0)) for case in filled("duplicate rows")["W"]) == 3
    assert np.abs(filled("saturating")["x"]).max() > 20
    assert np.any(np.abs(filled("common offset")["x"].mean(-1)) > 9e3)
    assert np.log10(np.abs(filled("wide exponents")["W"])).std() > 2


@pytest.mark.parametrize("structure", ["normal", "duplicate rows"])
def test_most_preactivations_are_moderate(structure):
    leaves = filled(structure)
    z = np.einsum("nhd,nd->nh", leaves["W"], leaves["x"])
    assert np.mean(np.abs(z) < 5) > 0.9
    assert np.mean(np.abs(z) > 0.3) > 0.5


def test_every_kink_is_hit_often():
    tables = [row for table in (ACTIVATIONS, LOSSES) for row in table.values()]
    assert {kink for row in tables for kink in row.kinks} <= set(KINKS)
    leaves = filled("kinks")
    z = np.einsum("nhd,nd->nh", leaves["W"], leaves["x"])
    for kink in KINKS:
        assert kink_hits(z, (kink,)) > 20, kink
    asked = fill(rng(), DIMS, SPECS, STRUCTURE["kinks"], N, kinks=(2.25,))["x"]
    assert kink_hits(asked, (2.25,)) > 120


def test_kinks_of_the_drawn_rows():
    assert kinks_of({"activation": ACTIVATIONS["relu6"], "loss": LOSSES["huber"], "flag": True}) == (
        -1,
        0,
        1,
        6,
    )
    assert kinks_of({}) == ()
    assert kink_hits(np.array([0.0, -0.0, 6.0, 5.9, 3.0]), (0.0, 6.0)) == 3
    assert kink_hits(np.ones(3), ()) == 0


def test_generic_floats_have_no_ties_and_lie_on_every_piece():
    leaves = generic(rng(), DIMS, SPECS, N, kinks=KINKS)
    for name in ("W", "x", "b", "lam", "var", "rate", "dJ_do"):
        assert len(np.unique(leaves[name])) == leaves[name].size, name
    z = np.einsum("nhd,nd->nh", leaves["W"], leaves["x"])
    for low, high in itertools.pairwise((-np.inf, *sorted(KINKS), np.inf)):
        assert np.sum((z > low) & (z < high)) > 40, (low, high)
    assert np.abs(z).max() < 200
    assert np.allclose(leaves["p"].sum(-1), 1)
    for name in ("lam", "var", "rate", "hot", "i", "bits", "k", "mask"):
        assert np.all(INSIDE[type(SPECS[name].domain)](leaves[name])), name


def test_the_same_seed_gives_the_same_numbers():
    for draw in (lambda: filled("kinks", 3), lambda: generic(rng(3), DIMS, SPECS, N)):
        first, second = draw(), draw()
        assert all(np.array_equal(first[name], second[name]) for name in SPECS)
    assert not np.array_equal(filled("normal", 3)["W"], filled("normal", 4)["W"])


@pytest.mark.parametrize("structure", STRUCTURE)
def test_empty_dimensions_and_no_cases(structure):
    specs = {name: SPECS[name] for name in ("W", "x", "p", "i", "mask", "lam")}
    for dims, cases in [({**DIMS, "n": 0}, 5), ({**DIMS, "d": 0}, 5), (DIMS, 0)]:
        leaves = fill(rng(), dims, specs, STRUCTURE[structure], cases)
        steering = generic(rng(), dims, specs, cases)
        for name, spec in specs.items():
            assert leaves[name].shape == steering[name].shape == (cases, *spec.shape(dims)), name


@pytest.mark.parametrize(
    "low, high", [(0, 1), (-1, 1), (0.1, 0.7), (-1e6, 1e6), (1e3, 1e3 + 1e-3), (-2, -1.5)]
)
def test_dyadics_are_a_coarse_grid_inside(low, high):
    grid = dyadics(low, high)
    assert 3 <= len(grid) <= 9
    assert np.all((grid >= low) & (grid <= high))
    steps = {Fraction(b) - Fraction(a) for a, b in itertools.pairwise(sorted(grid.tolist()))}
    assert len(steps) == 1 and steps.pop().numerator == 1


class Unknown(domains.Domain):
    words = "unheard of"


IMPOSSIBLE = [
    (
        Spec(("h", "c"), "float", domains.real),
        r"^v: dimension 'c' has no size; sizes are given for h, d, q, n$",
    ),
    (Spec(("h",), "int", domains.index("c")), r"^v: dimension 'c' has no size"),
    (Spec((), "float", domains.simplex), r"^v: shape \(\) has no last axis"),
    (Spec((2, 0), "float", domains.one_hot), r"^v: shape \(2, 0\) has no last axis"),
    (Spec((), "int", domains.index(None)), r"^v: nothing is .* for a size of None"),
    (Spec((), "int", domains.nonnegative), r"^v: ints cannot be a number >= 0"),
    (Spec((), "float", domains.interval(0, np.inf)), r"^v: a number from 0 to inf has no finite length"),
    (Spec((), "float", Unknown()), r"^v: no way to draw from Unknown\(\); a domain is one of Real, "),
]


@pytest.mark.parametrize("spec, message", IMPOSSIBLE)
def test_what_cannot_be_filled_is_named(spec, message):
    with pytest.raises(ValueError, match=message):
        fill(rng(), DIMS, {"v": spec}, STRUCTURE["normal"], 4)
