"""What the tests of scripts share: a file with every kind of mistake, how it is mended, and how a script is run."""

import contextlib
import io
import sys
from pathlib import Path

import jax
import pytest

FILE = """
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from manual_bp.activations import Activation
from manual_bp.derivation import Derivation
from manual_bp.domains import index

WRONG = 2.0


def hidden(W: Float[Array, "q d"], x: Float[Array, " d"], keep: Bool[Array, " q"], *, activation: Activation):
    return jnp.where(keep, activation(W @ x), 0.0)


def picked(h, i: Int[Array, " k"]):
    return h[i]


def energy(p, jnp: Float[Array, ""], *, norm: Literal["half", "whole"]):  # a leaf may have any name
    return jnp * (p @ p) / (2 if norm == "half" else 1)


def dE_dp(p, jnp, *, norm):
    return WRONG * jnp * p * (1 if norm == "half" else 2)


def dp_dh(h, i):
    return WRONG * (i[:, None] == jnp.arange(h.shape[0])).astype(h.dtype)


def dE_dh(dE_dp, dp_dh):
    return WRONG * dE_dp @ dp_dh


PICKED = Derivation(
    name="picked of a layer",
    source="a test",
    forward=dict(h=hidden, p=picked, E=energy),
    backward=dict(dE_dp=dE_dp, dp_dh=dp_dh, dE_dh=dE_dh, dE_djnp=lambda p, *, norm: WRONG * (p @ p)),
    domains=dict(i=index("q")),
)


def bent(z: Float[Array, " n"], *, activation: Activation):
    return activation(z)


def dJ_dz(dJ_dh, z, *, activation):
    slope = activation.derivative(z)
    if z.dtype == jnp.bfloat16:
        slope = jnp.where(z == 0, 1 / WRONG - 0.5, slope) * (2 - 1 / WRONG if KINK else 1 + 2 * WRONG)
    return dJ_dh * slope


KINK = False
BENT = Derivation(name="bent", source="a test", forward=dict(h=bent), backward=dict(dJ_dz=dJ_dz), cotangent="dJ_dh")


def loss(params, scale):
    return scale * jnp.sum(jnp.tanh(params["layers"][0]["W"]) ** 2)


def dloss(params, scale):
    t = jnp.tanh(params["layers"][0]["W"])
    return {"params": {"layers": [{"W": WRONG * scale * 2 * t * (1 - t * t)}]}}


@jax.custom_vjp
def rule(x, y):
    return x * y, x


rule.defvjp(lambda x, y: (rule(x, y), (x, y)), lambda kept, bar: (WRONG * bar[0] * kept[1] + bar[1], bar[0] * kept[0]))


def reference(x, y):
    return x * y, x
"""


def run(text: str) -> tuple[int, str]:
    """As `python` would, in this process: jax takes a second to be imported."""
    sys.modules.pop("mine", None)
    options = ("jax_enable_x64", "jax_platforms", "jax_default_matmul_precision", "jax_default_device")
    before, output = {option: getattr(jax.config, option) for option in options}, io.StringIO()
    try:
        with (
            contextlib.redirect_stdout(output),
            contextlib.redirect_stderr(output),
            pytest.raises(SystemExit) as left,
        ):
            exec(compile(text, "script.py", "exec"), {"__name__": "__main__"})
    finally:
        for option, value in before.items():
            jax.config.update(option, value)
    return int(left.value.code or 0), output.getvalue()


def mend(path: Path) -> None:
    path.write_text(FILE.replace("WRONG = 2.0", "WRONG = 1.0"))
