"""The classic 2-2-2 sigmoid network, to the digits that have been published for it and fifteen of our own."""

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import pytest

from manual_bp.book.backprop import OUTPUT_ACTIVATION

RATE = 0.5
LEAVES: dict[str, Any] = dict(
    W1=np.array([[0.15, 0.20], [0.25, 0.30]]),
    x=np.array([0.05, 0.10]),
    b1=np.array([0.35, 0.35]),
    W2=np.array([[0.40, 0.45], [0.50, 0.55]]),
    b2=np.array([0.60, 0.60]),
    y=np.array([0.01, 0.99]),
    lam=0.0,
)
CHOICES = dict(activation="sigmoid", output_activation="sigmoid", loss="squared_error")
value_and_gradient = OUTPUT_ACTIVATION.value_and_gradient("W1", "W2")

# Both weight matrices are updated at once. The error published after the update, 0.291027924, comes from
# updating W2 first and taking the gradient by W1 through the new W2.
EXPECTED = {
    "E": ("0.298371109", 0.298371108760003),
    "out_o1": ("0.75136507", 0.751365069552316),
    "out_o2": ("0.772928465", 0.772928465321463),
    "dE/dw5": ("0.082167041", 0.0821670405642308),
    "dE/dw1": ("0.000438568", 0.000438567734474347),
    "w5+": ("0.35891648", 0.358916479717885),
    "w6+": ("0.408666186", 0.408666186076233),
    "w7+": ("0.511301270", 0.511301270238738),
    "w8+": ("0.561370121", 0.561370121107989),
    "w1+": ("0.149780716", 0.149780716132763),
    "w2+": ("0.19956143", 0.199561432265526),
    "w3+": ("0.24975114", 0.249751143632370),
    "w4+": ("0.29950229", 0.299502287264739),
    "E+": (None, 0.291027773693599),
}


@pytest.fixture(scope="module")
def found() -> Iterator[dict[str, float]]:
    with jax.enable_x64(True):
        E, gradient = value_and_gradient(**LEAVES, **CHOICES)
        updated = {name: LEAVES[name] - RATE * gradient[name] for name in gradient}
        rows = {name: OUTPUT_ACTIVATION.choices[name][row] for name, row in CHOICES.items()}
        o = OUTPUT_ACTIVATION.evaluate(LEAVES, rows)["o"]
        (w1, w2), (w3, w4) = updated["W1"]
        (w5, w6), (w7, w8) = updated["W2"]
        weights = [w1, w2, w3, w4, w5, w6, w7, w8]
        yield {
            "E": float(E),
            "out_o1": float(o[0]),
            "out_o2": float(o[1]),
            "dE/dw5": float(gradient["W2"][0, 0]),
            "dE/dw1": float(gradient["W1"][0, 0]),
            **{f"w{i}+": float(weight) for i, weight in enumerate(weights, 1)},
            "E+": float(OUTPUT_ACTIVATION.value(**LEAVES | updated, **CHOICES)),
        }


@pytest.mark.parametrize("quantity", EXPECTED)
def test_to_fifteen_digits(found: dict[str, float], quantity: str):
    _, digits = EXPECTED[quantity]
    assert f"{found[quantity]:.14e}" == f"{digits:.14e}"


@pytest.mark.parametrize("quantity", [name for name, (published, _) in EXPECTED.items() if published])
def test_to_the_digits_published(found: dict[str, float], quantity: str):
    published, _ = EXPECTED[quantity]
    places = len(str(published).partition(".")[2])
    assert f"{found[quantity]:.{places}f}" == published
