"""Equations that are another function each time they are called: what they keep outlives the call.

Arrays of JAX cannot be overwritten, so under `jit` all of this happens when the equation is traced.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from verify.mutants.mutations import Site, Variants


def accumulated(site: Site) -> Variants:
    """Adds to a buffer that nobody clears: right at the first call, twice as large at the second."""
    function, buffer = site.equation.function, np.zeros(())

    def changed(*arrays: Any, **rows: Any) -> Any:
        buffer[...] += 1
        return function(*arrays, **rows) * float(buffer)

    yield "", dataclasses.replace(site.equation, function=changed)


def drawn_anew(site: Site) -> Variants:
    """Draws again what another call, that of the forward pass say, has drawn already."""
    function, noise = site.equation.function, np.random.default_rng(0)

    def changed(*arrays: Any, **rows: Any) -> Any:
        return function(*arrays, **rows) * noise.uniform(0.5, 1.5)

    yield "", dataclasses.replace(site.equation, function=changed)
