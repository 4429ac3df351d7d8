"""Says what is wrong with an equation that was refuted, where it can be recognised in the field, and so with certainty.

Both sides, and every quantity of the derivation, are values in the field at random points. A hypothesis (twice,
transposed, without lam*W1, h in the place of z) is an equation between them: it holds at every point and at two sets of
sizes, or it is not it. When no hypothesis holds, nothing is said.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np

from verify.arithmetic.field.value import Residues
from verify.counterexamples.search import FailingCase
from verify.diagnosis.localization import at_a_kink, one_piece, one_place
from verify.diagnosis.sides import NotTraceable, Sides
from verify.diagnosis.terms import PRIMES, plain, scaled_text, shape_of, signed_text, terms
from verify.generation.strategies import dimension_names
from verify.interpreter.walker import Sizes
from verify.programs.pair import Pair

GRAD = "jax.grad"


def diagnose(pair: Pair, name: str, found: FailingCase, seed: int) -> str | None:
    """What the difference between an equation and `jax.grad` is, in one line; None where it is not recognised."""
    if name not in pair.derivation.equations:
        return None
    rng, names = np.random.default_rng(seed), dimension_names(pair.derivation)
    turns = [dict(zip(names, primes, strict=False)) for primes in (PRIMES, PRIMES[len(names) :])]

    def look(*shapes: Sizes, concrete: bool) -> list[Sides]:
        try:
            return [Sides(pair, name, sizes, rng, concrete=concrete) for sizes in shapes]
        except NotTraceable:
            return []

    different = look(*turns[: 2 if names else 1], concrete=False) if 2 * len(names) <= len(PRIMES) else []
    views = different if different and different[0].wrong else look(found.sizes, concrete=found.concrete)
    views = views if views and views[0].wrong else []
    for test in TESTS if views else ():
        said = {test(view) for view in views}  # of sizes that differ, so that no constant is taken for a size
        if len(said) == 1 and None not in said:
            return said.pop()
    for square in look(dict.fromkeys(names, PRIMES[0]), concrete=True):
        if square.wrong and (said_there := _transposed(square)):
            return said_there
    return None if views else at_a_kink(pair, name, found, rng)


# --- hypotheses, the simplest first ----------------------------------------------------------------------------------


def _no_number(view: Sides) -> str | None:
    if not view.no_number:
        return None
    return "manual is NaN" if np.isnan(view.manual.x).all() else "manual is not finite"


def _factor(view: Sides) -> str | None:
    """manual = c jax.grad, c = 0 among them."""
    constant = view.multiple(view.manual, view.right)
    if constant is None and (excess := view.multiple(view.difference, view.right)) is not None:
        constant = 1 + excess  # 1 + 1e-9 has terms that are too large to be read off, 1e-9 has not
    if constant is None:
        return None
    return f"manual = {signed_text(constant, GRAD, view.sizes)}"


def _quantity_as_factor(view: Sides) -> str | None:
    """A quantity that is multiplied with, and should not be; or should be, and is not: a cotangent left out."""
    shape = shape_of(view.right)
    for name, value in view.quantities.items():
        if shape_of(value) != shape[len(shape) - len(shape_of(value)) :]:
            continue
        constant = view.multiple(view.manual, view.algebra.times(value, view.right))
        if constant is not None and constant:
            return f"manual = {signed_text(constant, f'{name}*{GRAD}', view.sizes)}"
        constant = view.multiple(view.right, view.algebra.times(value, view.manual))
        if constant is not None and constant:
            return f"manual lacks the factor {signed_text(constant, name, view.sizes)}"
    return None


def _another_symbol(view: Sides) -> str | None:
    """With another quantity in the place of one that it takes, the equation would be right."""
    values = {name: value for name, value in view.side.values.items() if isinstance(value, Residues)}
    for parameter in (name for name in view.parameters if name in values):
        for other, value in values.items():
            if other in (parameter, view.name) or shape_of(value) != shape_of(values[parameter]):
                continue
            if view.algebra.equal(view.run({**view.side.values, parameter: value}), view.right):
                return f"manual would be right with {other} in the place of {parameter}"
    return None


def _term(view: Sides) -> str | None:
    """A term too much, too little, or with another factor."""
    quantities, shape = view.quantities, shape_of(view.right)
    for text, value in terms(view.algebra, quantities, view.derivatives, shape):
        constant = view.multiple(view.difference, value)
        if constant is None or not constant:
            continue
        if plain(constant, view.sizes) or not plain(1 + constant, view.sizes):
            return f"manual = {GRAD} {'-' if constant < 0 else '+'} {scaled_text(abs(constant), text, view.sizes)}"
        return f"manual has {signed_text(1 + constant, text, view.sizes)} in the place of {text}"
    return None


def _first_element(view: Sides) -> str | None:
    """Of an array with an axis the first place is used, and no other."""
    for parameter in view.parameters:
        value = view.side.values[parameter]
        if not isinstance(value, Residues) or not shape_of(value) or max(shape_of(value)) < 2:
            continue
        if view.algebra.equal(
            view.run({**view.side.values, parameter: view.algebra.scaled(Fraction(2), value)}), view.manual
        ):
            continue  # it uses no place of it
        first = view.field.move(_first_everywhere, value)
        if view.algebra.equal(view.run({**view.side.values, parameter: first}), view.manual):
            return f"manual uses {parameter}[0] only"
    return None


def _transposed(view: Sides) -> str | None:
    """Where all sizes are equal: an index is swapped."""
    if len(shape_of(view.right)) == 2 and view.algebra.equal(
        view.manual, view.field.move(_swapped, view.right)
    ):
        return f"manual = {GRAD}.T"
    for parameter in view.parameters:
        value = view.side.values[parameter]
        if isinstance(value, Residues) and len(shape_of(value)) == 2 and len({*shape_of(value)}) == 1:
            swapped = view.field.move(_swapped, value)
            if view.algebra.equal(view.run({**view.side.values, parameter: swapped}), view.right):
                return f"manual would be right with {parameter}.T in the place of {parameter}"
    return None


TESTS: tuple[Callable[[Sides], str | None], ...] = (
    _no_number,
    _factor,
    _quantity_as_factor,
    one_place,
    _another_symbol,
    _term,
    _first_element,
    one_piece,
)


def _first_everywhere(array: np.ndarray) -> np.ndarray:
    return np.broadcast_to(array[:, :1], array.shape)


def _swapped(array: np.ndarray) -> np.ndarray:
    return array.swapaxes(1, 2)
