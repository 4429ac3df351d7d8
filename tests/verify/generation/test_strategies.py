"""The strategies themselves: what they reach, what they respect, what they shrink to."""

import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from jax import Array
from jaxtyping import Float, Int

from manual_bp import domains
from manual_bp.activations import ACTIVATIONS, Activation
from manual_bp.book.backprop import DERIVATION, MINIBATCH
from manual_bp.derivation import Derivation
from manual_bp.losses import LOSSES
from verify.generation.data import Spec
from verify.generation.strategies import (
    Case,
    cases,
    dimension_names,
    dimensions,
    ladder,
    numbers,
    rotation,
)  # fmt: skip
from verify.generation.structures import STRUCTURE, STRUCTURES


def scaled(x: Float[Array, "n 3"], w: Float[Array, " n"]) -> Float[Array, "n 3"]:
    return w[:, None] * x


def total(y: Float[Array, "n 3"]) -> Float[Array, ""]:
    return jnp.sum(y)


def picked(table: Float[Array, "v d"], i: Int[Array, " n"]) -> Float[Array, ""]:
    return jnp.sum(table[i])


def moment(
    z: Float[Array, ""], w: Float[Array, "3"], *, power: bool, activation: Activation
) -> Float[Array, ""]:
    return activation(z) * jnp.sum(w**2 if power else w)


SHARED = Derivation("shared", "", forward=dict(y=scaled, J=total), backward={})
EMBEDDING = Derivation("embedding", "", dict(J=picked), {}, domains=dict(i=domains.index("v")))
FIXED = Derivation("fixed", "", dict(J=moment), {})
quick = settings(max_examples=60, derandomize=True, database=None, deadline=None)


def smallest(strategy, condition):
    return find(
        strategy,
        condition,
        settings=settings(quick, max_examples=1000, phases=[Phase.generate, Phase.shrink]),
    )


def drawn(strategy, examples=300):
    found = []

    @settings(quick, max_examples=examples, phases=[Phase.generate])
    @given(strategy)
    def collect(value):
        found.append(value)

    collect()
    return found


def test_names_come_from_leaves_targets_and_indices():
    assert set(dimension_names(DERIVATION)) == {"h", "d", "q"}
    assert set(dimension_names(MINIBATCH)) == {"n", "h", "d", "q"}
    assert dimension_names(SHARED) == ("n",)
    assert dimension_names(EMBEDDING) == ("v", "d", "n")
    assert dimension_names(FIXED) == ()
    with pytest.raises(TypeError, match="expected a Derivation, got 3"):
        dimension_names(3)  # pyright: ignore[reportArgumentType]


@quick
@given(dimensions(MINIBATCH, largest=9))
def test_dimensions_are_in_range(dims):
    assert set(dims) == {"n", "h", "d", "q"}
    assert all(1 <= size <= 9 for size in dims.values())


def test_dimensions_are_often_different_sometimes_equal_and_reach_both_ends():
    found = [tuple(dims.values()) for dims in drawn(dimensions(MINIBATCH))]
    different = np.mean([len(set(sizes)) == 4 for sizes in found])
    assert different > 0.4
    assert any(len(set(sizes)) == 1 and sizes[0] > 1 for sizes in found)
    assert any(1 in sizes and len(set(sizes)) > 1 for sizes in found)
    assert {1, 16} <= {size for sizes in found for size in sizes}
    assert len(set(found)) > 150


def test_dimensions_shrink_to_ones():
    assert smallest(dimensions(MINIBATCH), lambda dims: True) == dict.fromkeys(dimension_names(MINIBATCH), 1)
    transposed = smallest(dimensions(DERIVATION), lambda dims: dims["h"] != dims["d"])
    assert sorted(transposed.values()) in ([1, 1, 2], [1, 2, 3])


def test_dimensions_are_zero_only_where_declared():
    found = drawn(dimensions(MINIBATCH, empty=("n",)))
    assert any(dims["n"] == 0 for dims in found)
    assert all(size > 0 for dims in found for name, size in dims.items() if name != "n")
    assert dimensions(FIXED) is not None and drawn(dimensions(FIXED), 1) == [{}]
    assert all(set(dims.values()) <= {1, 2} for dims in drawn(dimensions(MINIBATCH, largest=2), 30))


@pytest.mark.parametrize("arguments, message", [
    (dict(largest=0), "largest: 0, expected at least 1"),
    (dict(empty=("nn",)), r"empty: 'nn' is no size in backprop-minibatch \(.*\); did you mean 'n'\?"),
])  # fmt: skip
def test_impossible_dimensions_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        dimensions(MINIBATCH, **arguments)


@pytest.mark.parametrize("derivation", [DERIVATION, MINIBATCH, SHARED, EMBEDDING])
def test_the_ladder_climbs_from_ones(derivation):
    rungs = ladder(derivation)
    names = dimension_names(derivation)
    assert rungs[0] == dict.fromkeys(names, 1)
    sizes = [numbers(derivation, dims) for dims in rungs]
    assert sizes == sorted(sizes)
    assert len({tuple(dims.values()) for dims in rungs}) == len(rungs) <= 12
    for name in names:
        assert {**rungs[0], name: 2} in rungs
    assert any(len(set(dims.values())) == len(names) and min(dims.values()) > 1 for dims in rungs)
    assert ladder(derivation, rungs=3)[0] == rungs[0]


def test_the_ladder_of_fixed_sizes_is_one_rung():
    assert ladder(FIXED) == [{}]
    assert numbers(FIXED, {}) == 4


@pytest.mark.parametrize("seed", [0, 1, 12345])
@pytest.mark.parametrize("derivation", [DERIVATION, MINIBATCH, FIXED])
def test_a_rotation_meets_every_row_of_every_table(derivation, seed):
    turns = rotation(derivation, seed)
    assert len(turns) == max(len(table) for table in derivation.choices.values())
    for choice, table in derivation.choices.items():
        met = [turn[choice] for turn in turns]
        assert all(row in met for row in table.values()), choice


def test_seeds_shift_the_pairs_until_all_are_met():
    pairs = [
        (turn["activation"], turn["loss"])
        for seed in range(len(LOSSES))
        for turn in rotation(DERIVATION, seed)
    ]
    assert len(pairs) == len(set(pairs)) == len(ACTIVATIONS) * len(LOSSES)
    assert rotation(DERIVATION, 3) == rotation(DERIVATION, 3)


def test_a_derivation_without_choices_has_one_turn():
    assert rotation(SHARED, 7) == [{}]


def test_cases_shrink_to_ones_and_small_integers():
    assert smallest(cases(DERIVATION), lambda case: True) == Case({"h": 1, "d": 1, "q": 1}, STRUCTURES[0], 0)
    assert (
        smallest(cases(DERIVATION), lambda case: not case.structure.lattice).structure == STRUCTURE["normal"]
    )
    assert {case.structure for case in drawn(cases(DERIVATION))} == set(STRUCTURES)


def test_a_case_is_its_leaves():
    specs = {"x": Spec(("d", 2), "float", domains.real)}
    case = Case({"d": 3}, STRUCTURE["kinks"], 5)
    first, second = case.leaves(specs, 4), case.leaves(specs, 4)
    assert first["x"].shape == (4, 3, 2)
    assert np.array_equal(first["x"], second["x"])


def test_nothing_depends_on_the_hash_seed():
    program = (
        "import numpy as np\n"
        "from manual_bp.book.backprop import MINIBATCH as M\n"
        "from verify.generation.data import Spec\n"
        "from verify.generation.strategies import Case, ladder, rotation\n"
        "from verify.generation.structures import STRUCTURE\n"
        "choices = rotation(M, 5)[3]\n"
        "specs = {name: Spec(*M.leaf_spec(name, choices)) for name in M.leaves}\n"
        "leaves = Case(ladder(M)[4], STRUCTURE['kinks'], 1).leaves(specs, 2)\n"
        "print(choices, ladder(M), {name: values.tolist() for name, values in leaves.items()})\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(outputs) == 1 and len(outputs.pop()) > 500
