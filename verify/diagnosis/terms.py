"""Quantities of a derivation, and what can be made of them, as exact values: the vocabulary of a diagnosis.

Axes are known by their sizes: at sizes that are pairwise different primes, two quantities can be multiplied in one way
at most, as a matrix product, an outer product or element by element, and a constant tells which sizes are in it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction

import numpy as np

from verify.arithmetic.field.arithmetic import Field
from verify.arithmetic.field.quadratic import Level, Quadratic
from verify.arithmetic.field.value import NoLevelLeft, Residues
from verify.interpreter.walker import ShapeDtype, Sizes, Step

PRIMES = (7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47)
Shape = tuple[int, ...]
ACCIDENT = 4096  # a random residue is a fraction with terms so small once in about so many times


def shape_of(value: Residues) -> Shape:
    return value.x.shape[1:]


class Algebra:
    """Arithmetic on values of a field."""

    def __init__(self, field: Field):
        self.field = field

    def minus(self, a: Residues, b: Residues) -> Residues:
        return self._elementwise("sub", a, b)

    def times(self, a: Residues, b: Residues) -> Residues:
        return self._elementwise("mul", a, b)

    def scaled(self, constant: Fraction, value: Residues) -> Residues:
        number = np.full(1, float(constant))
        return self.times(
            Residues(number, self.field.everywhere(constant, (1,)), (0, 0), rational=constant), value
        )

    def equal(self, a: Residues, b: Residues) -> bool:
        """Whether two values agree wherever both have one, and do so at some point."""
        try:
            agreement = self.field.compare(a, b)
        except NoLevelLeft:  # they have no level in common
            return False
        return shape_of(a) == shape_of(b) and agreement.mismatch is None and agreement.points > 0

    def zero(self, value: Residues) -> bool:
        return self.equal(value, self.minus(value, value))

    def product(self, a: Residues, b: Residues, shape: Shape) -> Residues:
        """The product with the axes of `shape`, summed over the axes that both have and it has not."""
        summed = [size for size in shape_of(a) if size not in shape]
        axes = [*shape, *summed]
        whole = self.times(self._spread(a, axes), self._spread(b, axes))
        if not summed:
            return whole
        places = tuple(range(len(shape), len(axes)))
        step = Step("reduce_sum", {"axes": places}, (_like(tuple(axes)),), (_like(shape),))
        return self.field.rules["reduce_sum"](
            self.field, step, self.field.move(_broadcast(tuple(axes)), whole)
        )

    def _spread(self, value: Residues, axes: list[int]) -> Residues:
        """The value with its axes in this order, and an axis of size 1 where it has none."""
        own = shape_of(value)
        order = [own.index(size) for size in axes if size in own]
        sizes = [size if size in own else 1 for size in axes]
        return self.field.move(_arranged(order, sizes), value)

    def _elementwise(self, primitive: str, a: Residues, b: Residues) -> Residues:
        shapes = shape_of(a), shape_of(b)
        step = Step(primitive, {}, tuple(map(_like, shapes)), (_like(np.broadcast_shapes(*shapes)),))
        return self.field.rules[primitive](self.field, step, a, b)


def _like(shape: Shape) -> ShapeDtype:
    return ShapeDtype(shape, np.dtype(np.float64))


def _arranged(order: list[int], sizes: list[int]) -> Callable[[np.ndarray], np.ndarray]:
    def arrange(array: np.ndarray) -> np.ndarray:
        return array.transpose(0, *(axis + 1 for axis in order)).reshape(len(array), *sizes)

    return arrange


def _broadcast(shape: Shape) -> Callable[[np.ndarray], np.ndarray]:
    return lambda array: np.broadcast_to(array, (len(array), *shape))


# --- which constant --------------------------------------------------------------------------------------------------


def constant_between(field: Field, a: Residues, b: Residues) -> Fraction | None:
    """The constant c that a = c b would need, read off at one element; whether it holds is for the caller to check."""
    levels = [
        (modulus, left, right)
        for modulus, *both in zip(field.moduli, a.r, b.r, strict=True)
        for left, right in [map(_without_extension, both)]
        if isinstance(left, np.ndarray) and isinstance(right, np.ndarray)
    ][-2:]
    if not levels:
        return None
    shape = np.broadcast_shapes(*(level.shape for _, *both in levels for level in both))
    usable = np.ones(shape, bool)
    for _, _, right in levels:
        usable &= right != 0
    for value in (a, b):
        if value.hole is not None:
            usable &= ~value.hole
    if not usable.any():
        return None
    at = np.unravel_index(int(usable.argmax()), shape)
    number, whole = 0, 1
    for modulus, left, right in levels:
        ours, theirs = (int(np.broadcast_to(level, shape)[at]) for level in (left, right))
        digit = (ours * pow(theirs, -1, modulus) - number) * pow(whole, -1, modulus) % modulus
        number, whole = number + digit * whole, whole * modulus
    return _rational(number, whole)


def _without_extension(level: Level) -> Level:
    """Residues of the quadratic extension that all lie in the prime's own field, as such."""
    return level.re if isinstance(level, Quadratic) and not np.any(level.im) else level


def _rational(number: int, modulus: int) -> Fraction | None:
    """The fraction with small terms that this residue stands for (Wang's reconstruction), if it is no accident."""
    bound = math.isqrt(modulus // 2)
    (r, s), (t, u) = (modulus, number), (0, 1)
    while s > bound:
        quotient = r // s
        r, s, t, u = s, r - quotient * s, u, t - quotient * u
    return Fraction(s, u) if 0 < max(s, 1) * abs(u) < modulus / ACCIDENT else None


def named(constant: Fraction, sizes: Sizes) -> tuple[Fraction, str, str]:
    """A constant as a small one, times the sizes that are in it, over others: 2/7 at h = 7 is 2 and 1 over h."""
    above, below = [], []
    for name, size in sizes.items():
        if constant.numerator % size == 0 and constant:
            above.append(name)
            constant /= size
        elif constant.denominator % size == 0:
            below.append(name)
            constant *= size
    return constant, "*".join(above), "*".join(below)


def plain(constant: Fraction, sizes: Sizes) -> bool:
    """Whether a constant is one that people write, sizes apart."""
    rest, _, _ = named(constant, sizes)
    return max(abs(rest.numerator), rest.denominator) <= 4


def scaled_text(constant: Fraction, text: str, sizes: Sizes) -> str:
    """A positive constant times a text, as one writes it: `2*lam*W1`, `jax.grad/n`, `(1 + 1e-06)*z`."""
    if constant != 1 and abs(constant - 1) < Fraction(1, 100):
        return f"(1 {'-' if constant < 1 else '+'} {float(abs(constant - 1)):g})*{text}"
    constant, above, below = named(constant, sizes)
    factors = [str(constant.numerator)] if constant.numerator != 1 else []
    factors += [above] if above else []
    divisors = [below] if below else []
    divisors += [str(constant.denominator)] if constant.denominator != 1 else []
    divided = "".join(f"/{divisor}" if "*" not in divisor else f"/({divisor})" for divisor in divisors)
    return "*".join([*factors, f"({text})" if " @ " in text and (factors or divided) else text]) + divided


def signed_text(constant: Fraction, text: str, sizes: Sizes) -> str:
    """As `scaled_text`, for any constant."""
    if constant == 0:
        return "0"
    return ("-" if constant < 0 else "") + scaled_text(abs(constant), text, sizes)


# --- what can be made of the quantities ------------------------------------------------------------------------------


def terms(
    algebra: Algebra, values: Mapping[str, Residues], derivatives: frozenset[str], shape: Shape
) -> Iterator[tuple[str, Residues]]:
    """Everything of this shape: what is written with leaves and nodes first, what takes a derivative after it."""
    names = sorted(values, key=lambda name: name in derivatives)
    plain = [name for name in names if name not in derivatives]
    for among in (plain, names):
        for place, first in enumerate(among):
            for second in among[place:]:
                if among is names and not {first, second} & derivatives:
                    continue  # those were first
                text = _product_text(first, shape_of(values[first]), second, shape_of(values[second]), shape)
                if text is not None:
                    yield text, algebra.product(values[first], values[second], shape)
        for name in among:
            if shape_of(values[name]) == shape and (among is plain or name in derivatives):
                yield name, values[name]


def _product_text(a: str, left: Shape, b: str, right: Shape, shape: Shape) -> str | None:
    """How the product of two quantities that gives this shape is written; None where there is none."""
    if any(len(set(each)) < len(each) for each in (left, right, shape)):
        return None  # an axis is no longer known by its size
    summed = (set(left) & set(right)) - set(shape)
    if (set(left) | set(right)) - summed != set(shape):
        return None
    if not summed:
        if len(left) == len(right) == 1 and len(shape) == 2:
            return f"outer({a}, {b})" if (*left, *right) == shape else f"outer({b}, {a})"
        first, second = (a, b) if len(left) <= len(right) else (b, a)
        aligned = shape[len(shape) - len(left) :] == left and shape[len(shape) - len(right) :] == right
        return f"{first}*{second}" if aligned else None
    if left == right:
        return f"{a} @ {b}" if len(left) == 1 else f"sum({a}*{b})"
    if len(summed) > 1 or max(len(left), len(right)) > 2:
        return None
    (inner,) = summed
    first_is_right = shape[0] in right if len(shape) == 2 else len(right) == 2
    if (
        first_is_right
    ):  # a matrix stands before a vector, and what has the result's first axis before the other
        a, left, b, right = b, right, a, left
    return f"{a if left[-1] == inner else a + '.T'} @ {b if right[0] == inner else b + '.T'}"
