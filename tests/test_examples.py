"""Layers as users write them: each is proved, and one realistic mistake in each is refuted, and named.

The mistakes are those of real projects: missing sums, a cotangent taken for a scalar, rows that are overwritten.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import pytest

import verify
from manual_bp.derivation import Derivation
from verify.targets import discovery
from verify.verdict import Verdict

FILES = {path.stem: path for path in sorted((Path(__file__).parent / "examples").glob("*.py"))}


class Mistake(NamedTuple):
    """A wrong function in the place of an equation."""

    what: str
    equation: str
    wrong: Callable[..., Any]
    parts: tuple[str, ...] = ()  # those to be named, where the equation gives a tree


def loop_that_ends_early(dJ_dy, layers, h):
    dJ_dh, found = dJ_dy, []
    for i in range(len(layers) - 1, 0, -1):
        dJ_dz = dJ_dh * (1 - h[i] ** 2)
        found.append({"W": jnp.outer(dJ_dz, h[i - 1]), "b": dJ_dz})
        dJ_dh = layers[i]["W"].T @ dJ_dz
    return [{"W": jnp.zeros_like(layers[0]["W"]), "b": jnp.zeros_like(layers[0]["b"])}, *found[::-1]]


def unmasked(dJ_dP, P):
    return P * (dJ_dP - dJ_dP.sum(-1, keepdims=True))


def first_row_for_all(dJ_dL, z, y):
    p = jnp.exp(z) / jnp.exp(z).sum(-1, keepdims=True)
    return dJ_dL[0] * (p - (y[:, None] == jnp.arange(z.shape[1])))


def mean_forgotten(dJ_du, u, s):
    return (dJ_du - u * (dJ_du * u).mean(-1, keepdims=True)) / s


def sum_for_mean(dJ_dy, x, r, gamma):
    g = gamma * dJ_dy
    return r * (g - x * r**2 * (g * x).sum(-1, keepdims=True))


def not_flipped(dJ_dy, K):
    from jax.lax import conv_general_dilated

    return conv_general_dilated(dJ_dy[None], K.swapaxes(0, 1), (1, 1), ((1, 1), (1, 1)))[0]


def turned_on(dJ_dy, w):
    x, y, cosine, sine = dJ_dy[:, 0], dJ_dy[:, 1], jnp.cos(w), jnp.sin(w)
    return jnp.stack([x * cosine - y * sine, x * sine + y * cosine], axis=1)


MISTAKES = {
    "attention": Mistake("weights left out of the row sum", "dJ_dS", unmasked),
    "convolution": Mistake("the kernel not flipped", "dJ_dx", not_flipped),
    "cross_entropy": Mistake("a cotangent a row taken for a scalar", "dJ_dz", first_row_for_all),
    "deep": Mistake(
        "the first layer left out",
        "dJ_dlayers",
        loop_that_ends_early,
        parts=("dJ_dlayers_0_W", "dJ_dlayers_0_b"),
    ),
    "dense": Mistake("no sum over the rows it was broadcast to", "dJ_db", lambda dJ_dY: dJ_dY[0]),
    "dropout": Mistake("the mask of the way back is another", "dJ_dx", lambda dJ_dy, keep: dJ_dy / keep),
    "embedding": Mistake(
        "repeated rows overwritten", "dJ_dE", lambda dJ_dy, E, i: jnp.zeros_like(E).at[i].set(dJ_dy)
    ),
    "grouped_query": Mistake(
        "the first query head for all that share the keys",
        "dJ_dK",
        lambda dJ_dS, Q: jnp.einsum("gts,gtd->gsd", dJ_dS[:, 0], Q[:, 0]),
    ),
    "layer_norm": Mistake("the mean's own term missing", "dJ_dx", mean_forgotten),
    "lstm": Mistake(
        "the cotangent of the cell dropped",
        "dJ_dm",
        lambda dJ_dh2, s, m: dJ_dh2 * s[2] * (1 - jnp.tanh(m) ** 2),
    ),
    "rms_norm": Mistake("a sum for a mean", "dJ_dx", sum_for_mean),
    "rotary": Mistake("turned the same way again", "dJ_dx", turned_on),
    "segment_mean": Mistake(
        "not divided by the size of the group", "dJ_dx", lambda dJ_dm, i: dJ_dm[i]
    ),
}  # fmt: skip


def load(name: str) -> Derivation:
    (target,) = discovery.resolve([str(FILES[name])])
    return target.derivation


def judged(derivation: Derivation, directory: Path) -> dict[str, Verdict]:
    report = verify.check(derivation, examples=1, dtypes=("float32",), directory=directory)
    return {equation.name: equation.verdict for equation in report.derivations[0].equations}


def test_every_example_has_its_mistake():
    assert [*FILES] == [*MISTAKES]


@pytest.mark.parametrize("name", FILES)
def test_every_equation_is_proved(name: str, tmp_path: Path):
    derivation = load(name)
    assert judged(derivation, tmp_path) == dict.fromkeys([*derivation.equations, "gradient"], Verdict.PROVED)


# Diagnoses try products of many axes, for up to half a minute.
FAST = ("dense", "dropout", "embedding", "rms_norm")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in MISTAKES]
)
def test_a_mistake_is_refuted_and_no_other_equation_is_blamed(name: str, tmp_path: Path):
    derivation, mistake = load(name), MISTAKES[name]
    backward = {**derivation.backward, mistake.equation: mistake.wrong}
    verdicts = judged(dataclasses.replace(derivation, backward=backward), tmp_path)
    wrong = {equation for equation, verdict in verdicts.items() if verdict is not Verdict.PROVED}
    named = {*(mistake.parts or [mistake.equation]), "gradient"}
    assert wrong == named, mistake.what
    assert {verdicts[equation] for equation in named} == {Verdict.REFUTED}
