"""Tables: what an annotation offers, how names become rows, and what is said of a name that is none."""

import dataclasses
import enum
from typing import Literal

import jax
import jax.numpy as jnp
import pytest

from manual_bp.activations import ACTIVATIONS, Activation
from manual_bp.construction.tables import Row, by_name, choices_of, choose
from manual_bp.losses import LOSSES, Loss


class Mode(enum.Enum):
    FAST = 1
    SLOW = 2


CHOICES = [
    (Activation, ACTIVATIONS),
    (Loss, LOSSES),
    (bool, {"False": False, "True": True}),
    (Literal["sum", "mean"], {"sum": "sum", "mean": "mean"}),
    (Literal[1, 2], {"1": 1, "2": 2}),
    (Mode, {"FAST": Mode.FAST, "SLOW": Mode.SLOW}),
]


@pytest.mark.parametrize(("annotation", "choices"), CHOICES)
def test_a_value_and_its_name_choose_the_same(annotation, choices):
    assert choices_of(annotation) == choices
    for name, value in choices.items():
        assert choose("mode", annotation, name) is value
        assert choose("mode", annotation, value) is value


def test_a_row_of_ones_own_need_not_stand_in_the_table():
    cube = Activation("cube", lambda z: z**3, lambda z: 3 * z**2)
    assert choose("activation", Activation, cube) is cube


def test_an_unknown_name_is_told_the_nearest_and_all():
    with pytest.raises(
        ValueError, match=r"activation: no Activation is called 'sigmiod', did you mean 'sigmoid'\?"
    ) as error:
        choose("activation", Activation, "sigmiod")
    assert all(name in str(error.value) for name in ACTIVATIONS)
    with pytest.raises(ValueError, match=r"reduction: no .* is called 'zzz' \(there are sum, mean\)"):
        choose("reduction", Literal["sum", "mean"], "zzz")


@pytest.mark.parametrize(
    ("annotation", "given"),
    [(Activation, LOSSES["huber"]), (Activation, 3), (bool, 1), (Literal[1, 2], True)],
)
def test_what_is_neither_a_row_nor_a_name_is_a_type_error(annotation, given):
    with pytest.raises(TypeError, match=r"choice: got .*, expected .* or a name: "):
        choose("choice", annotation, given)


@pytest.mark.parametrize("annotation", [int, "Activation", None, float | None])
def test_an_annotation_that_offers_nothing_is_a_type_error(annotation):
    with pytest.raises(TypeError, match=r"does not say what can be chosen"):
        choices_of(annotation)


def test_a_new_kind_of_row_is_static_without_more_ado():
    @dataclasses.dataclass(frozen=True)
    class Scale(Row):
        factor: float

    half = Scale("half", 0.5)
    assert jax.tree.leaves(half) == []
    assert str(half) == "half"
    assert jax.jit(lambda scale, x: scale.factor * x)(half, jnp.ones(())) == 0.5
    with pytest.raises(NotImplementedError, match="Scale: define the classmethod table"):
        choices_of(Scale)


def test_two_rows_of_one_name_are_refused():
    with pytest.raises(ValueError, match="the names relu stand for several rows"):
        by_name(ACTIVATIONS["relu"], ACTIVATIONS["tanh"], ACTIVATIONS["relu"])


def test_a_table_cannot_be_changed():
    with pytest.raises(TypeError):
        ACTIVATIONS["mine"] = ACTIVATIONS["relu"]  # pyright: ignore[reportIndexIssue]
    with pytest.raises(dataclasses.FrozenInstanceError):
        ACTIVATIONS["relu"].name = "mine"  # pyright: ignore[reportAttributeAccessIssue]
