"""Writes the file that a new user starts from: a dense layer and its gradient, which runs as it stands."""

from __future__ import annotations

from pathlib import Path

TEMPLATE = '''"""The layer y = tanh(W x + b), and its gradient by hand: `python -m verify {file}` judges it.

Names are the wiring: a function takes symbols by name, an equation other derivatives too. Annotations are
the shapes; each array that is given, not computed, needs one. Docstrings hold the formulas of the report.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation


def preactivation(W: Float[Array, "q d"], x: Float[Array, " d"], b: Float[Array, " q"]):
    return W @ x + b


def output(z):
    return jnp.tanh(z)


def dJ_dz(dJ_dy, y):
    r"""$\\partial J/\\partial z = \\partial J/\\partial y \\odot (1 - y \\odot y)$"""
    return dJ_dy * (1 - y * y)


def dJ_dW(dJ_dz, x):
    r"""$\\partial J/\\partial W = \\partial J/\\partial z \\, x^\\top$"""
    return jnp.outer(dJ_dz, x)


def dJ_dx(dJ_dz, W):
    r"""$\\partial J/\\partial x = W^\\top \\, \\partial J/\\partial z$"""
    return W.T @ dJ_dz


def dJ_db(dJ_dz):
    r"""$\\partial J/\\partial b = \\partial J/\\partial z$"""
    return dJ_dz


LAYER = Derivation(
    name="{name}",
    source="my notes",
    forward=dict(z=preactivation, y=output),
    backward=dict(dJ_dz=dJ_dz, dJ_dW=dJ_dW, dJ_dx=dJ_dx, dJ_db=dJ_db),
    cotangent="dJ_dy",  # y is no scalar: whatever follows the layer gives dJ_dy, which is drawn here
)
'''


class TemplateError(Exception):
    """The file cannot be written; the message says what to do."""


def write(path: Path) -> None:
    """Writes the template. Raises TemplateError where the file exists, or its name or folder will not do."""
    if path.suffix != ".py":
        raise TemplateError(
            f"{path}: expected the name of a Python file, such as {path.stem or 'my_layer'}.py"
        )
    if not path.parent.is_dir():
        raise TemplateError(f"{path}: there is no folder {path.parent}; make it first")
    if path.stem in ("verify", "manual_bp"):
        raise TemplateError(f"{path}: a file of that name hides the package {path.stem}; choose another")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE.format(file=path.name, name=path.stem.replace("_", "-")))
    except FileExistsError:
        raise TemplateError(f"{path}: exists already, and is not overwritten; choose another name") from None
    except OSError as error:
        raise TemplateError(f"{path}: cannot be written ({error.strerror}); choose another place") from error
