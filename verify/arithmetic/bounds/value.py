"""Numbers that know how wrong they may be, truth values that know when they may be, and the one criterion.

For every element, |computed - value| <= error, whatever a device of the run's dtype computes: any order of
summation, fused multiply-adds, fewer roundings than written, denormals flushed to zero. The value in real
arithmetic is one of those.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
SLACK = 1 + 1e-6  # bounds are themselves computed in floating point


class Bounded:
    """A floating-point array with its error bound: None is exact everywhere, 0 exact there, inf
    indeterminate.

    A value that is not finite and has error 0 is so for certain; with error inf nothing is known of it.
    """

    __slots__ = ("_grid", "_some_exact", "error", "exponent", "quotient", "tag", "value")

    def __init__(self, value: Array, error: Array | None = None, tag: Array | None = None):
        self.value = value
        self.error = error
        self.tag = tag  # equal and not 0: the same computed number, met again; None: 0 everywhere
        self.quotient: tuple[Bounded, Bounded] | None = (
            None  # what was divided by what, where this is a quotient
        )
        self.exponent: Array | None = None  # of e, where this is an exponential or a product of some
        self._grid: Array | None = None
        self._some_exact: bool | None = None

    def __repr__(self) -> str:
        return f"Bounded({self.value!r}, {self.error!r})"

    @property
    def errors(self) -> Array:
        """The error bound as an array that broadcasts against the value."""
        return _ZERO if self.error is None else self.error

    @property
    def some_exact(self) -> bool:
        """Whether any element is exact."""
        if self.error is None:
            return True
        if self._some_exact is None:
            self._some_exact = bool((self.error == 0).any())
        return self._some_exact

    @property
    def grid(self) -> Array:
        """The lowest bit set in each value."""
        if self._grid is None:
            self._grid = lowest_bit(self.value)
        return self._grid

    def exact_where(self, holds: Array) -> Array:
        """Where this is exact and `holds`, a fact about its value, does."""
        return holds if self.error is None else holds & (self.error == 0)

    def without_bound(self, where: Array) -> Bounded:
        """The same numbers, of which nothing is known where this holds, of the data axis and maybe some after it."""
        whole = where.reshape(*where.shape, *(1,) * (self.value.ndim - where.ndim))
        return Bounded(self.value, np.where(whole, np.inf, self.errors + np.zeros_like(self.value)))

    def reshaped(self, shape: tuple[int, ...]) -> Bounded:
        """The same numbers as an array of another shape behind the data axis."""

        def reshape(array: Array | None) -> Array | None:
            return None if array is None else array.reshape(len(array), *shape)

        return Bounded(self.value.reshape(len(self.value), *shape), reshape(self.error), reshape(self.tag))


class Doubtful:
    """Booleans or integers that a device may compute differently where `doubt` is True."""

    __slots__ = ("doubt", "value")

    def __init__(self, value: Array, doubt: Array):
        self.value = value
        self.doubt = doubt

    def __repr__(self) -> str:
        return f"Doubtful({self.value!r}, {self.doubt!r})"


_ZERO = np.zeros(())
_MAGNITUDE, _EXPONENT, _HIDDEN = np.int64(2**63 - 1), np.int64(0x7FF << 52), np.int64(2**52)


def lowest_bit(values: Array) -> Array:
    """The lowest bit set in each float64, as a power of two; inf for 0, which has none, and 0 for a denormal."""
    bits = values.view(np.int64) & _MAGNITUDE
    lowest = np.negative(bits)
    lowest &= bits
    np.minimum(lowest, _HIDDEN, out=lowest)  # all bits of the fraction are 0: the hidden one
    scale = bits & _EXPONENT
    result = lowest.astype(np.float64)
    result *= 2.0**-52
    result *= scale.view(np.float64)
    zero = bits == 0
    if zero.any():
        result[zero] = np.inf
    return result


def plainly(value: Array, doubt: Array) -> Array | Doubtful:
    """The value as a plain array where nothing is in doubt."""
    return Doubtful(value, doubt) if doubt.any() else value


def numbers(value: Any) -> Array:
    """The plain numbers of any value."""
    return value if isinstance(value, np.ndarray) else value.value


def differs(a: Bounded, b: Bounded) -> tuple[Array, Array]:
    """Where two results cannot both be right, and the difference over what rounding explains.

    The ratio is 0 where they are equal, above 1 where they differ, and NaN where either is indeterminate. A
    number that is certainly not finite differs from any finite one; infinities of either sign and NaN do not
    differ from their like.
    """
    with np.errstate(all="ignore"):
        bound = (a.errors + b.errors) * SLACK
        difference = np.abs(a.value - b.value)
        ratio = np.where(difference == 0, np.where(np.isfinite(bound), 0.0, np.nan), difference / bound)
        unlike = np.isfinite(a.value) != np.isfinite(b.value)
        ratio = np.where(np.isnan(difference) | np.isinf(difference), np.where(unlike, np.inf, 0.0), ratio)
        ratio = np.where(np.isfinite(bound), ratio, np.nan)
    return ratio > 1, ratio


def power(a: Bounded, b: Bounded) -> float | None:
    """The smallest relative error of any element that would have been refuted; None where there is no such
    element.
    """
    with np.errstate(all="ignore"):
        size = np.abs(b.value)
        relative = (a.errors + b.errors) / size
        seen = np.isfinite(relative) & (size > 0) & (relative < 1)
    return max(float(relative[seen].min()), 2.0**-52) if seen.any() else None
