"""Cosines and sines of the parts of a full turn, in float64."""

from __future__ import annotations

import numpy as np


def cosines_and_sines(length: int) -> tuple[np.ndarray, np.ndarray]:
    """cos(2 pi j k / length) and sin(2 pi j k / length) by row j and column k, with the quarter turns exact."""
    places = np.arange(length)
    eighths = 8 * (np.outer(places, places) % max(length, 1))  # of a turn, over the length
    quarters = (eighths + length) // max(2 * length, 1)  # the nearest quarter turn
    angle = (eighths - 2 * length * quarters) * (np.pi / 4 / max(length, 1))
    c, s = np.cos(angle), np.sin(angle)
    cosines = np.choose(quarters % 4, [c, -s, -c, s])
    sines = np.choose(quarters % 4, [s, c, -s, -c])
    return cosines + 0.0, sines + 0.0  # no -0
