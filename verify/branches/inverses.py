"""Equations undone: what an operand must be for a result to be a given number, the other operands being as they are.

`UNARY` has functions of one number; `RULES` has equations of several operands or of several numbers, which choose one
that can be changed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from verify.branches.outcomes import numbers

if TYPE_CHECKING:
    from verify.branches.inversion import Index, Inversion
    from verify.branches.tape import Entry

MANY = 256  # numbers that are changed together
STEPS = 80  # of a bisection


def _bisected(rising: Callable[[float], float], target: float, low: float, high: float) -> float:
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < target else (low, middle)
    return (low + high) / 2


UNARY: Mapping[str, Callable[[float, float], float]] = {  # of the target, and of what the operand is now
    "neg": lambda t, x: -t,
    "exp": lambda t, x: math.log(t),
    "exp2": lambda t, x: math.log2(t),
    "log": lambda t, x: math.exp(t),
    "expm1": lambda t, x: math.log1p(t),
    "log1p": lambda t, x: math.expm1(t),
    "sqrt": lambda t, x: t * t if t >= 0 else math.nan,
    "rsqrt": lambda t, x: t**-2 if t > 0 else math.nan,
    "cbrt": lambda t, x: t**3,
    "square": lambda t, x: math.copysign(math.sqrt(t), x),
    "abs": lambda t, x: math.copysign(t, x) if t >= 0 else math.nan,
    "tanh": lambda t, x: math.atanh(t),
    "logistic": lambda t, x: math.log(t) - math.log1p(-t),
    "sin": lambda t, x: math.asin(t),
    "cos": lambda t, x: math.acos(t),
    "tan": lambda t, x: math.atan(t),
    "asin": lambda t, x: math.sin(t),
    "acos": lambda t, x: math.cos(t),
    "atan": lambda t, x: math.tan(t),
    "sinh": lambda t, x: math.asinh(t),
    "cosh": lambda t, x: math.copysign(math.acosh(t), x),
    "asinh": lambda t, x: math.sinh(t),
    "atanh": lambda t, x: math.tanh(t),
    "erf": lambda t, x: _bisected(math.erf, t, -6.0, 6.0),
    "erfc": lambda t, x: _bisected(lambda y: -math.erfc(y), -t, -6.0, 27.0),
    "lgamma": lambda t, x: _bisected(math.lgamma, t, 1.4616, 1e18),  # on the branch that rises
    **dict.fromkeys(("floor", "ceil", "round", "sign", "reduce_precision", "rounded_like"), lambda t, x: t),
}


def _quotient(a: float, b: float) -> float:
    return a / b if b else math.nan


def _either(
    solve: Callable[[float, float, float], tuple[float, float]], twice: Callable[[float, float], float]
) -> Callable[..., bool]:
    """An elementwise operation of two numbers: `solve(target, a, b)` says what a must be and what b; `twice(target, a)`
    what a must be where both are the same.
    """

    def rule(inversion: Inversion, entry: Entry, index: Index, target: float) -> bool:
        a, b = entry.operands
        x, y = inversion.number(a, index), inversion.number(b, index)
        if a is b:
            return inversion.aim(a, index, twice(target, x))

        def solved(which: int) -> float:
            try:
                return solve(target, x, y)[which]
            except (ValueError, OverflowError, ZeroDivisionError):
                return math.nan

        return inversion.either(
            lambda: inversion.aim(a, index, solved(0)), lambda: inversion.aim(b, index, solved(1))
        )

    return rule


def _nothing(target: float, x: float) -> float:
    return math.nan


def _extreme(inversion: Inversion, entry: Entry, index: Index, target: float) -> bool:
    ways = [lambda operand=operand: inversion.aim(operand, index, target) for operand in entry.operands]
    return inversion.either(*ways)


def _clamp(inversion: Inversion, entry: Entry, index: Index, target: float) -> bool:
    return inversion.aim(entry.operands[1], index, target)


def _select(inversion: Inversion, entry: Entry, index: Index, target: float) -> bool:
    which, *cases = entry.operands
    chosen = int(np.clip(inversion.number(which, index), 0, len(cases) - 1))
    return inversion.aim(cases[chosen], index, target)


def _convert(inversion: Inversion, entry: Entry, index: Index, target: float) -> bool:
    (a,) = entry.operands
    if numbers(a).dtype == bool:
        return target in (0.0, 1.0) and inversion.decide(a, index, bool(target))
    return inversion.aim(a, index, target)


def _integer_pow(inversion: Inversion, entry: Entry, index: Index, target: float) -> bool:
    (a,), n = entry.operands, entry.step.params["y"]
    if n % 2 == 0 and target < 0:
        return False
    sign = inversion.number(a, index) if n % 2 == 0 else target
    return inversion.aim(a, index, math.copysign(abs(target) ** (1 / n), sign))


def reduced(entry: Entry, index: Index) -> list[Index]:
    """The entries of a reduction's operand that one of its results is made of."""
    axes, shape = entry.step.params["axes"], entry.step.inputs[0].shape
    kept = iter(index)
    along = [np.arange(size) if axis in axes else np.array([next(kept)]) for axis, size in enumerate(shape)]
    places = np.stack(np.meshgrid(*along, indexing="ij"), -1).reshape(-1, len(shape)) if shape else [()]
    return [tuple(map(int, place)) for place in places]


def _sum(inversion: Inversion, entry: Entry, index: Index, target: float) -> bool:
    """One term makes up the difference, or all do in proportion."""
    (a,) = entry.operands
    places = reduced(entry, index)
    values = [inversion.number(a, place) for place in places]
    total = math.fsum(values)
    one = int(inversion.rng.integers(len(places)))

    def together() -> bool:
        if len(places) > MANY or not total:
            return False
        return all([inversion.aim(a, at, x * (target / total)) for at, x in zip(places, values, strict=True)])

    return inversion.either(lambda: inversion.aim(a, places[one], values[one] + (target - total)), together)


def _largest(sign: float) -> Callable[..., bool]:
    """max, and min with another sign: the winner becomes the target, and what lies beyond it is brought back."""

    def rule(inversion: Inversion, entry: Entry, index: Index, target: float) -> bool:
        (a,) = entry.operands
        places = reduced(entry, index)
        values = [sign * inversion.number(a, place) for place in places]
        beyond = [at for at, x in zip(places, values, strict=True) if x > sign * target]
        if len(beyond) > MANY:
            return False
        step = sign * max(abs(target), 1.0)
        back = [inversion.aim(a, at, target - step * inversion.rng.random()) for at in beyond]
        return all(back) and inversion.aim(a, places[int(np.argmax(values))], target)

    return rule


def _dot(inversion: Inversion, entry: Entry, index: Index, target: float) -> bool:
    """One factor of one term of the sum that a contraction is."""
    summed, batched = entry.step.params["dimension_numbers"]
    total = inversion.number(entry.results[0], index)
    shapes = [operand.shape for operand in entry.step.inputs]
    term = [int(inversion.rng.integers(shapes[0][axis])) for axis in summed[0]]
    batch, free = index[: len(batched[0])], iter(index[len(batched[0]) :])
    places: list[Index] = []
    for side, shape in enumerate(shapes):
        known = dict(zip(summed[side], term, strict=True)) | dict(zip(batched[side], batch, strict=True))
        places.append(tuple(known[axis] if axis in known else next(free) for axis in range(len(shape))))
    (a, b), (at_a, at_b) = entry.operands, places
    x, y = inversion.number(a, at_a), inversion.number(b, at_b)
    wanted = x * y + (target - total)
    return inversion.either(
        lambda: inversion.aim(a, at_a, _quotient(wanted, y)),
        lambda: inversion.aim(b, at_b, _quotient(wanted, x)),
    )


Rule = Callable[[Any, Any, Any, float], bool]
RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("add", "add_any"), _either(lambda t, a, b: (t - b, t - a), lambda t, a: t / 2)),
    "sub": _either(lambda t, a, b: (t + b, a - t), _nothing),
    "mul": _either(
        lambda t, a, b: (_quotient(t, b), _quotient(t, a)), lambda t, a: math.copysign(math.sqrt(t), a)
    ),
    "div": _either(lambda t, a, b: (t * b, _quotient(a, t)), _nothing),
    "pow": _either(lambda t, a, b: (t ** (1 / b), math.log(t) / math.log(a)), _nothing),
    **dict.fromkeys(("max", "min"), _extreme),
    "clamp": _clamp,
    "select_n": _select,
    "convert_element_type": _convert,
    "integer_pow": _integer_pow,
    "reduce_sum": _sum,
    "reduce_max": _largest(1.0),
    "reduce_min": _largest(-1.0),
    "dot_general": _dot,
}
