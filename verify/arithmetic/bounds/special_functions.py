"""Special functions in float64 that NumPy does not have, from the C library and from series; accurate to a
few units.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def _each(function: Callable[[float], float], **at: float) -> Callable[[Array], Array]:
    """A function of one Python float, element by element."""
    apply = np.frompyfunc(function, 1, 1)

    def vectorised(values: Array) -> Array:
        return np.asarray(apply(values), np.float64)

    return vectorised


def _lgamma(x: float) -> float:
    return math.inf if math.isinf(x) or (x <= 0 and x == math.floor(x)) else math.lgamma(x)


erf = _each(math.erf)
erfc = _each(math.erfc)
lgamma = _each(_lgamma)

_NORMAL = statistics.NormalDist()


def _erf_inv(x: float) -> float:
    """Wichura's AS 241 for the normal quantile, then Newton on erf or erfc, whichever is the small one."""
    size = abs(x)
    if not size < 1:
        return math.copysign(math.inf, x) if size == 1 else math.nan
    if size < 1e-8:
        return x * math.sqrt(math.pi) / 2
    y = -_NORMAL.inv_cdf((1 - size) / 2) / math.sqrt(2)
    for _ in range(2):
        residual = math.erf(y) - size if size < 0.5 else (1 - size) - math.erfc(y)
        y -= residual * math.sqrt(math.pi) / 2 * math.exp(y * y)
    return math.copysign(y, x)


erf_inv = _each(_erf_inv)


def digamma(x: Array) -> Array:
    """The recurrence up to 10, then the asymptotic series (Abramowitz and Stegun 6.3.5 and 6.3.18); reflected
    below 0.
    """
    x = np.asarray(x, np.float64)
    reflected = x < 0
    y = np.where(reflected, 1 - x, x)
    shift = np.zeros_like(y)
    for _ in range(10):
        small = y < 10
        shift = np.where(small, shift - 1 / y, shift)
        y = np.where(small, y + 1, y)
    s = 1 / (y * y)
    series = s * (
        1 / 12 - s * (1 / 120 - s * (1 / 252 - s * (1 / 240 - s * (1 / 132 - s * (691 / 32760 - s / 12)))))
    )
    result = np.log(y) - 0.5 / y - series + shift
    pole = (x <= 0) & (x == np.floor(x))
    reflection = np.pi / np.tan(np.pi * np.where(reflected & ~pole, x - np.rint(x), 0.25))
    return np.where(pole, np.nan, np.where(reflected, result - reflection, result))
