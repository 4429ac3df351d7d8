"""Degrees of logarithms of sums, kept with what they are logarithms of; and which values are positive for certain."""

from __future__ import annotations

from collections.abc import Mapping

from verify.sizes.degrees import (
    Degree,
    Known,
    Logarithm,
    LogTerm,
    NoClaim,
    degree,
    inverted,
    multiplied,
    raised,
)
from verify.sizes.flat import Operation
from verify.sizes.reading import REPEATS, Reading, Rule

SUMS = frozenset({"abs", "add", "add_any", "mul", "div", "reduce_sum", "cumsum", "max", *REPEATS})


def positive(reading: Reading, number: int) -> bool:
    """Whether an array is made of exponentials, sizes and positive numbers alone, by sums, products and quotients."""
    if number in reading.flat.literals:
        return bool((reading.flat.literals[number] > 0).all())
    made = reading.made.get(number)
    if made is None:
        return False
    if made.primitive in ("exp", "dim_as_value"):
        return True
    return made.primitive in SUMS and all(positive(reading, each) for each in made.inputs)


def log(reading: Reading, operation: Operation, a: Known) -> Known:
    value = degree(a)
    if value.free:
        return Degree(axes=value.axes)
    if value.rooted or not positive(reading, operation.inputs[0]):
        raise NoClaim("a logarithm of a sum over it")
    key = reading.source(operation.inputs[0])
    return Logarithm((LogTerm(key, value, 1),), value.axes)


def exp(reading: Reading, operation: Operation, a: Known) -> Known:
    if not isinstance(a, Logarithm):
        value = degree(a)
        if not value.free:
            raise NoClaim("exp of a sum over it")
        return Degree(axes=value.axes)
    product = Degree(axes=a.axes)
    for term in a.terms:
        if term.times > 0:
            product = multiplied(product, raised(term.value, term.times, term.key))
        elif term.times < 0:
            one = inverted(term.value, ("antilogarithm", term.key))
            product = multiplied(product, raised(one, -term.times, term.key))
    return product


def combined(a: Known, b: Known, sign: int) -> Logarithm | None:
    """a + b or a - b where one is a logarithm and the other is free or one too; None where none is."""
    if not (isinstance(a, Logarithm) or isinstance(b, Logarithm)):
        return None
    terms: dict[object, LogTerm] = {}
    for value, times in ((a, 1), (b, sign)):
        if not isinstance(value, Logarithm):
            if not degree(value).free:
                raise NoClaim("a logarithm of a sum over it, beside another sum")
            continue
        for term in value.terms:
            known = terms[term.key].times if term.key in terms else 0
            terms[term.key] = LogTerm(term.key, term.value, known + times * term.times)
    axes = frozenset().union(*(value.axes for value in (a, b)))
    return Logarithm(tuple(terms.values()), axes)


def absolute(reading: Reading, operation: Operation, a: Known) -> Known:
    """abs and sign: of what is positive for certain itself, and 1."""
    value = degree(a)
    if value.free:
        return Degree(axes=value.axes)
    if not positive(reading, operation.inputs[0]):
        raise NoClaim(f"{operation.primitive} of a sum over it")
    return value if operation.primitive == "abs" else Degree()


RULES: Mapping[str, Rule] = {"abs": absolute, "exp": exp, "log": log, "sign": absolute}
