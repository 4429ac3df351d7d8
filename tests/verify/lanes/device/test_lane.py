"""The device lane: what it runs, how often it compiles, what it judges to the bit, and what it finds wrong."""

import dataclasses
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Float

from manual_bp.book.backprop import chapter
from manual_bp.derivation import Derivation
from verify.campaign import device_runs
from verify.diagnosis import inaccuracy
from verify.generation.data import fill, kinks_of
from verify.generation.structures import STRUCTURES
from verify.lanes.device.calibration import bounds_on
from verify.lanes.device.kink_injection import ROWS, Injection
from verify.lanes.device.lane import Compiled, Device
from verify.programs.pair import Pair
from verify.programs.tracing import GRADIENT

SIZES = {"d": 3, "h": 2, "q": 1}


def pair_of(derivation: Derivation = chapter.DERIVATION, **names: str) -> Pair:
    return Pair(derivation, {choice: derivation.choices[choice][name] for choice, name in names.items()})


def drawn(pair: Pair, sizes: dict[str, int], count: int = 4) -> dict[str, np.ndarray]:
    rng, specs = np.random.default_rng(0), pair.specs(sizes)
    parts = [fill(rng, sizes, specs, row, count, kinks=kinks_of(pair.choices)) for row in STRUCTURES]
    return {leaf: np.concatenate([part[leaf] for part in parts]) for leaf in specs}


def changed(**equations) -> Derivation:
    return dataclasses.replace(chapter.DERIVATION, backward={**chapter.BACKWARD, **equations})


@pytest.fixture(scope="module")
def run() -> tuple[Device, list[str]]:
    """The chapter with kinks in both tables, in all three ways; and the names of all programs compiled for it."""
    pair = pair_of(activation="relu6", loss="huber")
    bounds_on("float32", "highest")  # asks the device once for a process
    compiled: list[str] = []

    def listen(event: str, duration_secs: float, **about: str | int) -> None:
        if event.endswith("backend_compile_duration"):
            compiled.append(str(about.get("fun_name", event)))

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        device = Compiled(pair, "float32")(SIZES, drawn(pair, SIZES))
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    return device, compiled


def test_right_equations_are_within_their_bounds(run):
    device, _ = run
    assert set(device.runs) == {*chapter.BACKWARD, GRADIENT}
    assert all(judged.worst <= 1 and judged.violation is None for judged in device.runs.values())
    assert device.autodiff is not None and device.autodiff.worst <= 1


def test_nothing_is_compiled_but_what_is_meant_to_be(run):
    """All equations alone; the gradient and `jax.grad` batched, by themselves and in scan."""
    device, compiled = run
    assert len(compiled) == device.programs == 7


def test_every_kink_is_met_by_design(run):
    device, _ = run
    assert set(device.kinks) == {
        ("activation", "relu6", 0.0), ("activation", "relu6", 6.0), ("loss", "huber", -1.0), ("loss", "huber", 1.0)
    }  # fmt: skip
    assert min(device.kinks.values()) >= ROWS // 2
    assert device.runs["dJ_dz"].kinks >= 2 * ROWS and device.runs["dJ_do"].kinks >= ROWS


def test_lattice_data_is_judged_to_the_bit(run):
    device, _ = run
    assert device.runs["dJ_dW2"].exact > 50
    assert device.runs["dJ_dL"].exact == device.runs["dJ_dL"].cases


def test_every_way_of_calling_is_counted(run):
    device, _ = run
    cases = len(device.leaves["x"])
    assert device.ways == {"batched": cases, "single": 2, "scan": cases}


def test_differences_are_given_in_units_in_the_last_place(run):
    device, _ = run
    assert 0 < device.runs["ds_dW1"].ulps <= 0.5  # one product, rounded once
    assert device.autodiff is not None and device.autodiff.ulps > 0


def test_power_is_that_of_the_dtype(run):
    """A number that is exact in float32 can be wrong by half a unit in the last place and still be stored."""
    device, _ = run
    assert device.runs["ds_dW1"].power == pytest.approx(2.0**-24)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
def test_right_equations_in_the_other_dtypes(dtype):
    pair = pair_of(activation="tanh", loss="softmax_cross_entropy")
    device = Compiled(pair, dtype)(SIZES, drawn(pair, SIZES), ("scan",))
    assert max(judged.worst for judged in device.runs.values()) <= 1
    assert device.autodiff is not None and device.autodiff.worst <= 1


# --- wrong ones -----------------------------------------------------------------------------------------------


def test_the_other_slope_at_a_kink_is_found_and_is_no_rounding():
    def dJ_dz(dJ_dh, z, *, activation):
        return dJ_dh * jnp.where(z >= 0, 1.0, 0.0).astype(z.dtype)

    pair = pair_of(changed(dJ_dz=dJ_dz), activation="relu", loss="log_cosh")
    device = Compiled(pair, "bfloat16")(SIZES, drawn(pair, SIZES), ("batched",))
    seen = device.runs["dJ_dz"].violation
    assert seen is not None and seen.kink and seen.wrong and seen.bound == 0
    assert seen.inputs is not None and seen.inputs["z"][seen.index] == 0
    assert device.runs["dJ_do"].violation is None


def narrow_in_float32(dJ_dh, z, *, activation):
    """Right in every dtype but float32."""
    slope = activation.derivative(z)
    return dJ_dh * (slope.astype(jnp.float16).astype(z.dtype) if z.dtype == jnp.float32 else slope)


@pytest.fixture(scope="module")
def narrow() -> tuple[Pair, Device]:
    pair = pair_of(changed(dJ_dz=narrow_in_float32), activation="tanh", loss="squared_error")
    return pair, Compiled(pair, "float32")(SIZES, drawn(pair, SIZES), ("batched",))


def test_what_is_wrong_in_one_dtype_only_is_off_there(narrow):
    _, device = narrow
    seen = device.runs["dJ_dz"].violation
    assert seen is not None and not seen.kink and device.runs["dJ_dz"].worst > 100
    assert device.runs["dJ_dW2"].violation is None and device.runs[GRADIENT].violation is not None
    assert device.autodiff is not None and device.autodiff.worst <= 1


def test_the_cause_says_where_it_turns_right(narrow):
    pair, device = narrow
    seen = device.runs["dJ_dz"].violation
    words = inaccuracy.explain(pair, "dJ_dz", SIZES, {}, seen, "float32", "default")
    assert words.startswith("wrong in float32 at default, right in float64; ")
    assert words.endswith("of what rounding explains is that of logistic")  # tanh' is 4 s(2z) s(-2z)


def test_the_cause_of_a_gradient_is_run_again_from_its_leaves(narrow):
    pair, device = narrow
    seen = device.runs[GRADIENT].violation
    leaves = {name: leaf[seen.case : seen.case + 1] for name, leaf in device.leaves.items()}
    words = inaccuracy.explain(pair, GRADIENT, SIZES, leaves, seen, "float32", "highest")
    assert "right in float64" in words and "without the compiler" not in words


def test_a_cast_to_a_narrower_dtype_is_named():
    def dJ_dh(W2, dJ_do):
        return jax.lax.reduce_precision(W2, 8, 7).T @ dJ_do

    pair = pair_of(changed(dJ_dh=dJ_dh), activation="identity", loss="squared_error")
    said = inaccuracy.narrowed(pair, "dJ_dh", SIZES, drawn(pair, SIZES))
    assert said is not None and "reduce_precision" in said
    negated = changed(dJ_dh=lambda W2, dJ_do: W2.T @ -dJ_do)
    wrong = pair_of(negated, activation="identity", loss="huber")
    assert inaccuracy.narrowed(wrong, "dJ_dh", SIZES, drawn(pair, SIZES)) is None


# --- kinks and shapes -----------------------------------------------------------------------------------------


def test_an_argument_that_goes_two_ways_is_not_put_on_kinks():
    """Then the derivative is a sum over both, and one of them alone is no reference."""

    def hidden(z: Float[jax.Array, " n"], *, activation: chapter.Activation):
        return activation(z)

    def total(h, z):
        return jnp.sum(h * z)

    def dJ_dz(dJ_dh, h, z, *, activation: chapter.Activation):
        return dJ_dh * activation.derivative(z) + h

    def dJ_dh(z):
        return z

    twice = Derivation("twice", "", forward=dict(h=hidden, J=total), backward=dict(dJ_dh=dJ_dh, dJ_dz=dJ_dz))
    assert Injection(pair_of(twice, activation="relu")).places == []
    once = Injection(pair_of(activation="relu", loss="absolute_error"))
    assert [place.equation.name for place in once.places] == ["dJ_dz", "dJ_do"]


def shapes_of(turn: int) -> Iterator[list[int]]:
    pair = pair_of(activation="relu", loss="huber")
    return (sorted(sizes.values()) for sizes, *_ in device_runs.plans(pair, turn))


def test_shapes_are_small_and_pairwise_different_and_take_turns():
    assert list(shapes_of(0)) == [[2, 3, 4], [1, 2, 3]] == list(shapes_of(1))
    pair = pair_of(activation="relu", loss="huber")
    smallest = {
        min(sizes, key=sizes.__getitem__) for turn in range(3) for sizes, *_ in device_runs.plans(pair, turn)
    }
    assert smallest == {"d", "h", "q"}


def test_where_it_is_to_be_thorough_the_equations_alone_are_run_at_both_shapes():
    pair = pair_of(activation="relu", loss="huber")
    for turn in range(2):
        plans = device_runs.plans(pair, turn, thorough=True)
        assert [plan.alone for plan in plans] == [True, True]
        assert [plan[:3] for plan in plans] == [plan[:3] for plan in device_runs.plans(pair, turn)]


def test_in_turn_everything_is_run_at_both_shapes_and_in_every_way():
    turns = [device_runs.plans(pair_of(activation="relu", loss="huber"), turn) for turn in range(4)]
    for plans in turns:
        assert sum(plan.alone for plan in plans) == sum(len(plan.autodiff) for plan in plans) == 1
        assert all(
            set(plan.autodiff) <= set(plan.ways) for plan in plans
        )  # on the same cases, to be compared
    assert {plans[0].ways for plans in turns} == {("batched",)}
    assert {plans[1].ways for plans in turns} == {("single",), ("scan",)}
    assert {way for plans in turns for plan in plans for way in plan.autodiff} == {
        "batched",
        "single",
        "scan",
    }
    assert all(any(plans[place].alone for plans in turns) for place in (0, 1))
