"""What no interpreter can enter: kernels, foreign calls, and calls back into Python.

An equation that calls one of them is run, and that is all that can be done with it: there is no program of it to
walk over a field, nor one to bound the rounding of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from jax.extend import core

CALLBACKS = frozenset({"pure_callback", "io_callback"})
OPAQUE = CALLBACKS | {
    "ffi_call",
    "pallas_call",
    "core_map",  # pl.kernel
    "mpmd_map",
    "mosaic_gpu_p",
    "tpu_custom_call",
    "triton_kernel_call",  # jax-triton
}


@dataclass(frozen=True)
class Opaque:
    """An equation, or the composed gradient, that calls these primitives."""

    primitives: tuple[str, ...]


class OpaqueError(Exception):
    """A primitive that an arithmetic has no rule for, and that jax cannot evaluate on the host in its place."""

    def __init__(self, primitive: str, error: Exception):
        super().__init__(f"{primitive}: {type(error).__name__}: {error}")
        self.primitive = primitive


def on_device_alone(primitives: Sequence[str]) -> str:
    """Why nothing but the device judges, in words."""
    return f"judged on the device alone: no arithmetic enters {', '.join(sorted(primitives))}"


def opaque_in(jaxpr: Any) -> tuple[str, ...]:
    """The primitives of a program that no interpreter can enter."""
    return tuple(sorted(OPAQUE & set(primitives_of(jaxpr))))


def primitives_of(jaxpr: core.Jaxpr) -> Iterator[str]:
    """The names of all primitives of a program, those of the programs inside it too."""
    for equation in jaxpr.eqns:
        yield equation.primitive.name
        if equation.primitive.name not in OPAQUE:  # what is inside a kernel is its own affair
            for inner in core.jaxprs_in_params(equation.params):
                yield from primitives_of(inner)
