r"""Gradients written by hand: the equations of *Dive into Deep Learning* as JAX functions, without autodiff.

Notation. `dJ_dz` is the derivative of the scalar J with respect to z, and is shaped like z; `dz_dx`, the
derivative of a tensor, is a Jacobian of shape `z.shape + x.shape`. Symbols are the book's: `x` inputs, `W1`
and `W2` weights, `z` what enters an activation `phi`, `h` what leaves it, `o` outputs, `y` targets, `L` the
loss l(o, y), `lam` the weight decay $\lambda$, `s` its penalty, `J` the objective. Dimensions are lower-case
too: `d` inputs, `h` hidden units, `q` outputs, `n` examples. `phi'` is elementwise, and $\odot$ is the
elementwise product.

A derivation is written with `Derivation`, `Row`, `Activation`, `Loss`, `Target` and the domains of leaves: these names
are imported from here, and jax with the first of them. `manual_bp.book` has the equations, `manual_bp.prod` the chain
rule of tensors.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from manual_bp.activations import ACTIVATIONS, Activation
    from manual_bp.construction.tables import Row
    from manual_bp.derivation import Derivation
    from manual_bp.domains import (
        binary,
        counts,
        index,
        interval,
        mask,
        nonnegative,
        one_hot,
        positive,
        real,
        simplex,
    )  # fmt: skip
    from manual_bp.losses import LOSSES, Loss, Target

__all__ = [
    "ACTIVATIONS",
    "LOSSES",
    "Activation",
    "Derivation",
    "Loss",
    "Row",
    "Target",
    "binary",
    "counts",
    "index",
    "interval",
    "mask",
    "nonnegative",
    "one_hot",
    "positive",
    "real",
    "simplex",
]

_MODULES = {
    "ACTIVATIONS": "activations",
    "Activation": "activations",
    "Derivation": "derivation",
    "LOSSES": "losses",
    "Loss": "losses",
    "Row": "construction.tables",
    "Target": "losses",
}


def __getattr__(name: str) -> Any:
    """Imports a public name from its module when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES.get(name, 'domains')}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
