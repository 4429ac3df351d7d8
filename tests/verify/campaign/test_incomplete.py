"""Derivations that lack an equation: each equation is judged, and what cannot be composed of them is said."""

from pathlib import Path

import jax.numpy as jnp
import pytest
from jaxtyping import Array, Float

import verify
from manual_bp.derivation import Derivation
from verify.programs import reference
from verify.verdict import EquationReport, Verdict


def affine(W: Float[Array, "q d"], x: Float[Array, " d"], b: Float[Array, " q"]) -> Float[Array, " q"]:
    return W @ x + b


def energy(z: Float[Array, " q"], b: Float[Array, " q"]) -> Float[Array, ""]:
    return (z * z).sum() / 2 + (b * b).sum()


def dJ_dz(z):
    return z


def dJ_dW(dJ_dz, x):
    return jnp.outer(dJ_dz, x)


def dJ_dx(dJ_dz, W):
    return W.T @ dJ_dz


def dJ_db(z, b):
    return z + 2 * b


def dJ_db_of_both(dJ_dz, dJ_ds, b):
    return dJ_dz + 2 * dJ_ds * b


def layer(**backward) -> Derivation:
    return Derivation("layer", "a test", dict(z=affine, J=energy), backward)


COMPLETE = layer(dJ_dz=dJ_dz, dJ_dW=dJ_dW, dJ_dx=dJ_dx, dJ_db=dJ_db)


@pytest.mark.parametrize(
    ("derivation", "missing"),
    [
        (COMPLETE, None),
        (layer(dJ_dz=dJ_dz, dJ_dW=dJ_dW), None),  # by x and b nobody asks
        (layer(dJ_db=dJ_db), None),
        (layer(dJ_dz=dJ_dz), None),
        (layer(), None),
        (layer(dJ_dW=dJ_dW), "not composed: dJ_dz is missing, which dJ_dW takes; add dJ_dz to backward"),
        (
            layer(dJ_dW=dJ_dW, dJ_dx=dJ_dx),
            "not composed: dJ_dz is missing, which dJ_dW, dJ_dx take; add dJ_dz to backward",
        ),
        (
            layer(dJ_dW=dJ_dW, dJ_db=dJ_db),
            "not composed by W: dJ_dz is missing, which dJ_dW takes; add dJ_dz to backward",
        ),
    ],
)
def test_what_is_missing_is_named(derivation: Derivation, missing: str | None):
    assert reference.incomplete(derivation) == missing


def test_each_one_that_is_missing_is_named_with_all_that_take_it():
    def total(z: Float[Array, " q"], s: Float[Array, ""]) -> Float[Array, ""]:
        return (z * z).sum() / 2 + s

    def penalty(b: Float[Array, " q"]) -> Float[Array, ""]:
        return (b * b).sum()

    net = Derivation(
        "net", "a test", dict(z=affine, s=penalty, J=total), dict(dJ_dW=dJ_dW, dJ_db=dJ_db_of_both)
    )
    assert reference.incomplete(net) == (
        "not composed: dJ_dz is missing, which dJ_dW, dJ_db take; dJ_ds is missing, which dJ_db takes; "
        "add dJ_dz, dJ_ds to backward"
    )


def test_what_closes_a_layer_is_not_missing():
    closed = Derivation("layer", "a test", dict(z=affine), dict(dJ_dW=dJ_dW), cotangent="dJ_dz")
    assert reference.incomplete(closed) is None and reference.composed_symbols(closed) == ("W",)


def judged(
    derivation: Derivation, directory: Path, **settings
) -> tuple[verify.Report, dict[str, EquationReport]]:
    report = verify.check(derivation, examples=1, dtypes=("float32",), directory=directory, **settings)
    return report, {equation.name: equation for equation in report.derivations[0].equations}


def test_a_forgotten_equation_is_not_good(tmp_path: Path):
    report, found = judged(layer(dJ_dW=dJ_dW), tmp_path)
    assert found["dJ_dW"].verdict is Verdict.PROVED  # alone, it is right
    assert found["gradient"].verdict is report.verdict is Verdict.INCONCLUSIVE
    assert (
        found["gradient"].because
        == "not composed: dJ_dz is missing, which dJ_dW takes; add dJ_dz to backward"
    )
    assert not report
    with pytest.raises(verify.Refuted, match="dJ_dz is missing"):
        verify.require(report)


def test_what_can_be_composed_is_judged_beside_what_cannot(tmp_path: Path):
    report, found = judged(layer(dJ_dW=dJ_dW, dJ_db=dJ_db), tmp_path)
    assert (found["dJ_dW"].verdict, found["dJ_db"].verdict) == (Verdict.PROVED, Verdict.PROVED)
    assert found["gradient"].verdict is Verdict.INCONCLUSIVE
    assert found["gradient"].proof.points and "not composed by W" in str(found["gradient"].because)

    def wrong(z, b):
        return z - 2 * b

    report, found = judged(layer(dJ_dW=dJ_dW, dJ_db=wrong), tmp_path, only="gradient")
    assert found["gradient"].verdict is Verdict.REFUTED
    assert report.verdict is Verdict.REFUTED


def test_equations_asked_for_alone_are_judged_alone(tmp_path: Path):
    report, found = judged(layer(dJ_dW=dJ_dW), tmp_path, only="dJ_dW")
    assert [*found] == ["dJ_dW"] and report and report.derivations[0].note is None

    def never_called(z, b):
        raise AssertionError("it was left out")

    report, found = judged(layer(dJ_dW=dJ_dW, dJ_db=never_called), tmp_path, only="dJ_dW")
    assert [*found] == ["dJ_dW"] and report


def test_where_no_gradient_is_given_that_is_said(tmp_path: Path):
    report, found = judged(layer(dJ_dz=dJ_dz), tmp_path)
    assert [*found] == ["dJ_dz"] and report.good
    said = "no gradient is composed: no equation gives a derivative of J by a leaf (W, x, b)"
    assert report.derivations[0].note == report.to_json()["derivations"][0]["note"] == said
    assert "no gradient is composed" in str(report)
