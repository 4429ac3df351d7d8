"""A value as a rational function of the weights of one dimension: the degrees of its numerator and denominators.

The N elements of a dimension get weights w_1, ..., w_N: a sum over the dimension becomes the sum of w_i e_i, its size
the sum of the w_i. With weights 0 and 1 the program on N elements computes what it computes on those of weight 1.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

Axes = frozenset[int]


class NoClaim(Exception):
    """Why nothing is known of how far a size reaches."""


@dataclass(frozen=True)
class Factor:
    """A factor of a denominator. Two of one key are the same array."""

    key: Hashable
    degree: int
    axes: Axes  # along which it may vary
    power: int = 1


@dataclass(frozen=True)
class Degree:
    """A numerator of a degree, over factors; `axes` are those along which the whole may vary.

    Of zero the numerator has no degree: it is over any denominator. A square root is one more variable r, whose square
    is known: a value is A + r B, of the degree of A and of B with that of r, which is half of its square's.
    """

    numerator: Fraction | int = 0
    factors: tuple[Factor, ...] = ()
    axes: Axes = frozenset()
    zero: bool = False
    rooted: bool = False  # whether a root of a sum takes part
    root: bool = False  # whether it is one, and nothing else

    @property
    def free(self) -> bool:
        """Whether it is the same whatever the weights are."""
        return not self.numerator and not self.denominator

    @property
    def denominator(self) -> int:
        return sum(factor.degree * factor.power for factor in self.factors)


@dataclass(frozen=True)
class Position:
    """Which element it is: integers that are compared with others of the kind, and used for nothing else."""

    axes: Axes
    named: bool = False  # by a leaf, or by an extreme: then it is at least 0


@dataclass(frozen=True)
class Never:
    """A condition that never holds."""

    axes: Axes = frozenset()


@dataclass(frozen=True)
class Unknown:
    """A value of which nothing is known, and why."""

    why: str
    axes: Axes = frozenset()


@dataclass(frozen=True)
class LogTerm:
    """A multiple of the logarithm of a value; two of one key are of the same array."""

    key: Hashable
    value: Degree
    times: int


@dataclass(frozen=True)
class Logarithm:
    """What is free, and multiples of logarithms of what is not: known again where exp is taken of it."""

    terms: tuple[LogTerm, ...]
    axes: Axes


Known = Logarithm | Degree | Position | Never | Unknown


def degree(value: Known) -> Degree:
    """The value as a number. Raises NoClaim where it is none, or nothing is known of it."""
    if isinstance(value, Unknown):
        raise NoClaim(value.why)
    if isinstance(value, Logarithm):
        raise NoClaim("a logarithm of a sum over it")
    if not isinstance(value, Degree):
        raise NoClaim("a position is used as a number")
    return value


def over_common(values: Iterable[Degree]) -> tuple[list[Fraction | int], tuple[Factor, ...]]:
    """The numerators' degrees over the least common denominator, and that."""
    values = [*values]
    common: dict[Hashable, Factor] = {}
    for factor in (factor for value in values for factor in value.factors):
        known = common.get(factor.key)
        if known is None or known.power < factor.power:
            common[factor.key] = factor
    factors = tuple(common.values())
    whole = Degree(factors=factors).denominator
    return [0 if v.zero else v.numerator + whole - v.denominator for v in values], factors


def added(*values: Degree) -> Degree:
    """A sum, or any one of the values."""
    numerators, factors = over_common(values)
    return Degree(max(numerators, default=0), factors, _axes(values), *_marks(values))


def multiplied(a: Degree, b: Degree) -> Degree:
    if a.zero or b.zero:
        return Degree(zero=True)
    powers: dict[Hashable, Factor] = {}
    for factor in (*a.factors, *b.factors):
        known = powers.get(factor.key)
        powers[factor.key] = replace(factor, power=factor.power + known.power) if known else factor
    return Degree(a.numerator + b.numerator, tuple(powers.values()), a.axes | b.axes, *_marks([a, b]))


def inverted(value: Degree, key: Hashable) -> Degree:
    """One over a value; `key` stands for its array. Raises NoClaim for one that has a root and is more than that."""
    if value.root:  # of P/Q it is R/Q where R is the root of PQ, and R/P upside down
        square = int(2 * value.numerator) - value.denominator
        new = (Factor(("radicand", key), square, value.axes),) if square else ()
        return replace(value, factors=new)
    if value.rooted:
        raise NoClaim("a division by what has a root of a sum over it")
    new = (Factor(("numerator", key), int(value.numerator), value.axes),) if value.numerator else ()
    return Degree(value.denominator, new, value.axes)


def rooted(value: Degree) -> Degree:
    """The square root of a rational value."""
    if value.rooted:
        raise NoClaim("a root of what has a root of a sum over it")
    half = Fraction(value.numerator + value.denominator, 2)
    return Degree(half, value.factors, value.axes, value.zero, rooted=True, root=True)


def raised(value: Degree, power: int, key: Hashable) -> Degree:
    if power < 0:
        value, power = inverted(value, key), -power
    factors = tuple(replace(factor, power=factor.power * power) for factor in value.factors) if power else ()
    return Degree(value.numerator * power, factors, value.axes, rooted=value.rooted)


def moved(value: Known, move: Hashable, axes: Callable[[Axes], Axes]) -> Known:
    """What a movement of numbers makes of a value: `move` says which, `axes` where each axis has gone.

    A factor that varies along no axis is one number, wherever it stands.
    """
    if isinstance(value, Logarithm):
        terms = [
            replace(
                term,
                key=(move, term.key) if term.value.axes else term.key,
                value=degree(moved(term.value, move, axes)),
            )
            for term in value.terms
        ]
        return Logarithm(tuple(terms), axes(value.axes))
    if not isinstance(value, Degree):
        return replace(value, axes=axes(value.axes))
    factors = tuple(
        replace(factor, key=(move, factor.key), axes=axes(factor.axes)) if factor.axes else factor
        for factor in value.factors
    )
    return replace(value, factors=factors, axes=axes(value.axes))


def summed(value: Degree, axis: int, times: int | None, *, weighted: bool, move: Hashable) -> Degree:
    """A sum along an axis, which stays. `times` is how many are added, None for any number.

    With `weighted` they are the elements of the dimension. Raises NoClaim where denominators differ along the axis and
    any number of them is added.
    """
    if value.zero:
        return value
    differing = [factor for factor in value.factors if axis in factor.axes]
    numerator = value.numerator + weighted
    factors = [
        replace(factor, key=(move, factor.key)) if factor.axes else factor
        for factor in value.factors
        if axis not in factor.axes
    ]
    if differing:
        if times is None or weighted:
            raise NoClaim("a sum of fractions whose denominators differ along it")
        degree = sum(factor.degree * factor.power for factor in differing)
        numerator += (times - 1) * degree
        key = (move, "product", *(factor.key for factor in differing))
        axes = frozenset().union(*(factor.axes for factor in differing)) - {axis}
        factors.append(Factor(key, times * degree, axes))
    return Degree(numerator, tuple(factors), value.axes - {axis}, rooted=value.rooted)


def _marks(values: Sequence[Degree]) -> tuple[bool, bool]:
    """Whether all are zero, and whether any has a root."""
    return all(value.zero for value in values), any(value.rooted for value in values)


def _axes(values: Iterable[Degree]) -> Axes:
    return frozenset().union(*(value.axes for value in values))
