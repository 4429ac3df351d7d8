"""A call of a jitted function in its stages, each timed apart: trace, compile, run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from verify.runtime.timings import timed


def run_jitted(function: Callable[[Any], Any], inputs: Any) -> Any:
    """What a call of the jitted function gives, in its stages."""
    with timed("trace for the device"):
        traced = jax.jit(function).trace(inputs)
        lowered = traced.lower()
    with timed("compile"):
        compiled = lowered.compile()
    with timed("run on the device"):
        return jax.block_until_ready(compiled(inputs))
