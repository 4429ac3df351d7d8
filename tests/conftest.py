"""What every test shares: the CPU, quiet Hypothesis, and a derivation as a user would write it in a file."""

import os
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")  # before jax is imported; set it to test on another device

import hypothesis
import pytest

hypothesis.settings.register_profile("tests", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("tests")

LAYER = '''"""Half the squared length of a scaled vector, and its gradient by hand."""

from jaxtyping import Array, Float

from manual_bp.derivation import Derivation


def scaled(a: Float[Array, ""], x: Float[Array, " n"]) -> Float[Array, " n"]:
    return a * x


def energy(v: Float[Array, " n"]) -> Float[Array, ""]:
    return (v * v).sum() / 2


def dE_dv(v):
    r"""$\\partial E/\\partial v = v$"""
    return v


def dE_dx(dE_dv, a):
    r"""$\\partial E/\\partial x = a\\, \\partial E/\\partial v$"""
    return a * dE_dv


ENERGY = Derivation(
    name="energy",
    source="a test",
    forward=dict(v=scaled, E=energy),
    backward=dict(dE_dv=dE_dv, dE_dx=dE_dx),
)
'''


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    """A file with one derivation, `energy`."""
    path = tmp_path / "my_layer.py"
    path.write_text(LAYER)
    return path
