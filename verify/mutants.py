"""Equations that are wrong on purpose: what the checker is checked with."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from manual_bp.derivation import Derivation


def planted(derivation: Derivation, name: str, function: Callable[..., Any]) -> Derivation:
    """The derivation with another function as the equation `name`."""
    if name not in derivation.equations:
        raise ValueError(f"{name!r} is no equation of {derivation.name} ({', '.join(derivation.equations)})")
    return dataclasses.replace(derivation, backward={**derivation.backward, name: function})
