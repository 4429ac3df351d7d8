"""Where the values of a leaf live: declarations only, `verify` draws from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal


@dataclass(frozen=True)
class Domain:
    """A set of values; `str` of it completes the sentence "the value must be ..."."""

    kind: ClassVar[Literal["float", "int", "bool"]] = "float"
    words: ClassVar[str] = "in a domain"

    @property
    def integer(self) -> bool:
        """Whether arrays of this domain have an integer dtype, so that nothing is differentiated by them."""
        return self.kind == "int"

    def __str__(self) -> str:
        return self.words


@dataclass(frozen=True)
class Real(Domain):
    words = "a real number"


@dataclass(frozen=True)
class Nonnegative(Domain):
    words = "a number >= 0"


@dataclass(frozen=True)
class Positive(Domain):
    words = "a number > 0"


@dataclass(frozen=True)
class Interval(Domain):
    """low <= value <= high, both ends included."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"interval({self.low}, {self.high}): the first end must lie below the second")

    def __str__(self) -> str:
        return f"a number from {self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Simplex(Domain):
    """Probabilities along the last axis, drawn as counts over a power of two: their sum is 1, unrounded."""

    words = "probabilities: >= 0, with sum 1 along the last axis"


@dataclass(frozen=True)
class OneHot(Domain):
    words = "one-hot: a single 1 along the last axis, 0 elsewhere"


@dataclass(frozen=True)
class Index(Domain):
    """An integer 0 <= i < size; `size` is a number, the name of a dimension, or None.

    None stands for the last dimension of the output that a target belongs to; only losses use it.
    """

    kind = "int"
    size: int | str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.size, int) and self.size < 1:
            raise ValueError(f"index({self.size}): no integer lies below it; the size must be at least 1")

    def __str__(self) -> str:
        return f"an integer, 0 <= i < {'the number of outputs' if self.size is None else self.size}"


@dataclass(frozen=True)
class Binary(Domain):
    words = "0 or 1"


@dataclass(frozen=True)
class Counts(Domain):
    words = "a count: 0, 1, 2, ..."


@dataclass(frozen=True)
class Mask(Domain):
    kind = "bool"
    words = "true or false"


real = Real()
nonnegative = Nonnegative()
positive = Positive()
simplex = Simplex()
one_hot = OneHot()
binary = Binary()
counts = Counts()
mask = Mask()
interval = Interval
index = Index
