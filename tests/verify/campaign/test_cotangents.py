"""A layer, closed by a drawn cotangent: right equations are proved, and one that mistreats it is refuted."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import pytest
from jaxtyping import Array, Float

import verify
from manual_bp.derivation import Derivation
from tests.verify.campaign.judging import judged, verdicts
from verify.verdict import Verdict


def scaled(a: Float[Array, "n d"], b: Float[Array, " d"]) -> Float[Array, "n d"]:
    return a * b


def layer(dJ_da: Callable[..., Any], dJ_db: Callable[..., Any]) -> Derivation:
    return Derivation("layer", "a test", dict(y=scaled), dict(dJ_da=dJ_da, dJ_db=dJ_db), cotangent="dJ_dy")


RIGHT = dict(dJ_da=lambda dJ_dy, b: dJ_dy * b, dJ_db=lambda dJ_dy, a: jnp.sum(dJ_dy * a, axis=0))


def test_a_right_layer_is_proved():
    assert set(verdicts(judged(layer(**RIGHT), {})).values()) == {Verdict.PROVED}


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("dJ_da", lambda b, a: jnp.broadcast_to(b, a.shape)),  # the cotangent dropped
        ("dJ_da", lambda dJ_dy, b: dJ_dy[0, 0] * b * jnp.ones_like(dJ_dy)),  # taken for a scalar
        ("dJ_da", lambda dJ_dy, b: dJ_dy[:1] * b + 0 * dJ_dy),  # applied to the first row only
        ("dJ_db", lambda dJ_dy, a: (dJ_dy * a)[0]),  # no sum over the broadcast axis
        ("dJ_db", lambda dJ_dy, a: jnp.mean(dJ_dy * a, axis=0)),
    ],
)
def test_a_wrong_cotangent_is_refuted(name, function):
    report = judged(layer(**{**RIGHT, name: function}), {})
    other = "dJ_db" if name == "dJ_da" else "dJ_da"
    assert verdicts(report) == {name: Verdict.REFUTED, other: Verdict.PROVED, "gradient": Verdict.REFUTED}


def test_check_names_the_wrong_equation_and_require_raises():
    wrong = layer(**{**RIGHT, "dJ_db": lambda dJ_dy, a: 2 * jnp.sum(dJ_dy * a, axis=0)})
    report = verify.check(wrong, examples=2, dtypes=("float32",))
    assert [verdicts(each)["dJ_db"] for each in report.derivations] == [Verdict.REFUTED]
    assert not report.good
    with pytest.raises(verify.Refuted, match=r"layer/dJ_db is refuted"):
        verify.require(wrong, examples=2, dtypes=("float32",))
