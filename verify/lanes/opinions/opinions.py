"""Second opinions on `jax.grad`, and who says what where they differ: forward mode, Jacobians, finite differences.

`jax.grad` is right about a function unless a rule of somebody's lies, or a NaN leaks out of the branch that is not
taken. So its derivatives are compared, along drawn directions, with forward mode and with the product of explicit
Jacobians, in float64 with bounds and over finite fields; and with differences in float64 (Richardson's).
They are asked at points of their own, and at every case that seems to refute an equation: who is wrong there,
the equation or `jax.grad`? Where any subgradient is right at a kink, generic points decide, and lattices do not.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from manual_bp.derivation import Derivation
from verify.arithmetic.bounds.arithmetic import Bounds
from verify.arithmetic.bounds.value import Bounded, differs
from verify.arithmetic.field.arithmetic import Field
from verify.arithmetic.field.modular import MODULI
from verify.arithmetic.field.value import Residues
from verify.generation.data import Leaves, fill, generic
from verify.generation.residues import Points
from verify.generation.strategies import numbers
from verify.generation.structures import STRUCTURE
from verify.interpreter.walker import Sizes
from verify.lanes.bounds import as_bounded, lift
from verify.lanes.opinions import directional
from verify.lanes.opinions.directional import along
from verify.lanes.opinions.finite_differences import differences
from verify.programs.pair import Pair
from verify.programs.reference import COTANGENT, reference
from verify.programs.tracing import DTYPES, GRADIENT, Traced
from verify.runtime.timings import timed

POINTS = 8  # generic ones, and as many on a lattice
TURNS = 8  # directions in which it is asked at each case
LARGE = 200  # numbers in the leaves of a shape at which Jacobians are no longer written out
GRID = 2.0**20  # of the leaves, so that adding a step to one rounds nothing
FIELD_POINTS = 8
FORWARD, JACOBIANS, DIFFERENCES = "forward mode", "explicit Jacobians", "finite differences"
WORDS = ("differs", "cannot tell", "agrees", "the same function")  # worst first


def worst(*said: Mapping[str, str]) -> dict[str, str]:
    """Of what each opinion said several times, the worst."""
    found: dict[str, str] = {}
    for who, word in (item for each in said for item in each.items()):
        found[who] = min(found.get(who, word), word, key=WORDS.index)
    return found


@dataclass
class Opinions:
    """What was heard: `said` for each derivative and each opinion, `disputes` for each equation that is in doubt."""

    said: dict[str, dict[str, str]] = field(default_factory=dict)
    disputes: dict[str, str] = field(default_factory=dict)

    def add(self, other: Opinions) -> None:
        """Of several opinions the worst word stays, and the first dispute."""
        for name, said in other.said.items():
            self.said[name] = worst(self.said.get(name, {}), said)
        self.disputes = {**other.disputes, **self.disputes}


def small_enough(derivation: Derivation, sizes: Sizes) -> Sizes:
    """These sizes, or smaller ones where Jacobians would not be written out: at most 3, at most 2, or 1."""
    for most in (max(sizes.values(), default=1), 3, 2):
        smaller = {name: min(size, most) for name, size in sizes.items()}
        if numbers(derivation, smaller) < LARGE:
            return smaller
    return dict.fromkeys(sizes, 1)


@timed("second opinions")
def ask_about(pair: Pair, asked: Iterable[tuple[Sizes, Leaves]], seed: int) -> Opinions:
    """Asks at each shape, and there at the cases given with it, which may be none."""
    shapes: dict[tuple[tuple[str, int], ...], list[Leaves]] = {}
    for sizes, case in asked:
        if numbers(pair.derivation, sizes) < LARGE:
            shapes.setdefault(tuple(sorted(sizes.items())), []).append(case)
    heard = Opinions()
    for sizes, cases in shapes.items():
        heard.add(ask(pair, dict(sizes), np.random.default_rng(seed), [case for case in cases if case]))
    return heard


def ask(pair: Pair, sizes: Sizes, rng: np.random.Generator, cases: Sequence[Leaves] = ()) -> Opinions:
    """Asks every opinion about every derivative of the reference, at one small shape and these cases of it."""
    wanted = directional.wanted(pair.derivation)
    directions = _directions(pair, sizes)
    given = _points(pair, sizes, rng, directions, cases)
    bounds = Bounds()
    specs = pair.specs(sizes)
    lifted = lift(bounds, specs, {name: given[name] for name in specs})
    lifted |= {name: bounds.exact(value) for name, value in given.items() if name not in specs}
    derivatives = pair.programs(sizes).reference(bounds, sizes, lifted)
    shapes = _shapes(pair, sizes, given, derivatives)

    contraction = Traced(
        directional.contraction(wanted), {**shapes, **{n: _struct(derivatives[n]) for n in wanted}}
    )
    autodiff = contraction(bounds, sizes, {**derivatives, **lifted})
    opinions: dict[str, Mapping[str, Bounded]] = {}
    programs: dict[str, Traced] = {}
    for name, function in ((FORWARD, directional.forward_mode), (JACOBIANS, directional.explicit_jacobians)):
        # a custom_vjp has no forward mode: whoever cannot tell is not heard
        with contextlib.suppress(Exception):
            programs[name] = Traced(function(pair.derivation, pair.choices), shapes)
            opinions[name] = programs[name](bounds, sizes, lifted)
    tied = np.zeros(len(given[along(next(iter(directions)))]), bool)
    with contextlib.suppress(Exception):
        opinions[DIFFERENCES], tied = differences(pair, sizes, shapes, given)
    agreed: set[tuple[str, str]] = set()
    with contextlib.suppress(Exception):
        agreed = _agreed_in_the_field(pair, sizes, rng, directions, contraction, programs)

    decides = np.ones(len(given[along(next(iter(directions)))]), bool)
    if pair.kinks == "any":  # a point where one way of computing is 0/0, or at a kink, is singular
        decides[POINTS : 2 * POINTS] = False
    result = Opinions()
    for name, (root, symbol) in wanted.items():
        theirs = {who: as_bounded(said[name]) for who, said in opinions.items()}
        ours = as_bounded(autodiff[name])
        if DIFFERENCES in theirs and (np.isnan(ours.value) & np.isfinite(theirs[DIFFERENCES].errors)).any():
            ours = _run_for_certain(pair, name, symbol, given)
        here = np.isfinite(
            as_bounded(derivatives[root]).value
        )  # where the function has a value to differentiate
        verdicts = {who: _in_rows(differs(ours, other)[0] & here, decides) for who, other in theirs.items()}
        if DIFFERENCES in verdicts:
            at_kinks = _in_rows(np.isfinite(ours.value), tied)
            verdicts[DIFFERENCES] = verdicts[DIFFERENCES] & ~at_kinks
        result.said[name] = {
            who: "differs" if _counts(who, verdicts[who], ours)
            else "the same function" if (who, name) in agreed
            else "agrees" if np.isfinite(differs(ours, other)[1]).any()
            else "cannot tell"
            for who, other in theirs.items()
        }  # fmt: skip
        against = [who for who, word in result.said[name].items() if word == "differs"]
        if against:
            at = tuple(int(i) for i in np.argwhere(verdicts[against[0]])[0])
            heard = {
                "jax.grad": ours,
                **{who: other for who, other in theirs.items() if np.isfinite(_at(other.errors, at))},
            }
            words = [
                f"{who} {'say' if who.endswith('s') else 'says'} {_at(value.value, at):.7g}"
                for who, value in heard.items()
            ]
            result.disputes[name] = f"along a drawn direction of {symbol}, {', '.join(words)} of {root}"
    whole = [f"d{pair.derivation.objective}_d{symbol}" for symbol in pair.symbols]
    if disputed := next((name for name in whole if name in result.disputes), None):
        result.disputes[GRADIENT] = f"{disputed}: {result.disputes[disputed]}"
    return result


def _in_rows(mask: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The mask in these rows alone."""
    return mask & rows.reshape(-1, *(1,) * (mask.ndim - 1))


def _counts(who: str, differing: np.ndarray, ours: Bounded) -> bool:
    """Differences are an estimate: one point alone could be an accident, but not where `jax.grad` is not finite."""
    points = differing.reshape(len(differing), -1).any(axis=1)
    if who != DIFFERENCES:
        return bool(points.any())
    return bool(points.sum() > 1 or (differing & ~np.isfinite(ours.value)).any())


def _at(array: np.ndarray, at: tuple[int, ...]) -> float:
    """One element of an array whose cases may all be the same."""
    return float(
        np.broadcast_to(array, (max(at[0] + 1, *array.shape[:1]), *array.shape[1:]))[at]
        if array.ndim
        else array
    )


def _run_for_certain(pair: Pair, name: str, symbol: str, given: Leaves) -> Bounded:
    """What `jax.grad` gives, compiled and run: whether a NaN is one for certain, the bounds do not always know."""
    leaves = {n: leaf for n, leaf in given.items() if n in pair.leaves or n in pair.derivation.cotangents}
    with jax.enable_x64(True), jax.default_device(jax.devices("cpu")[0]):
        got = jax.jit(jax.vmap(lambda leaves: reference(pair.derivation, pair.choices)(**leaves)[name]))(
            leaves
        )
        along_it = jax.vmap(lambda one, direction: jax.numpy.tensordot(one, direction, axes=direction.ndim))
        value = np.asarray(along_it(got, given[along(symbol)]))
    return Bounded(value, np.where(np.isnan(value), 0.0, np.inf))


# --- where they are asked -----------------------------------------------------------------------------------------


def _points(
    pair: Pair,
    sizes: Sizes,
    rng: np.random.Generator,
    directions: Mapping[str, tuple[int, ...]],
    cases: Sequence[Leaves],
) -> Leaves:
    """Leaves at generic points, on a lattice and at the cases, and directions of small integers."""
    specs = pair.specs(sizes)
    smooth = generic(rng, sizes, specs, POINTS)
    lattice = fill(rng, sizes, specs, STRUCTURE["integers to 1"], POINTS)
    given, moved = {}, directional.symbols_of(pair.derivation)
    for name, spec in specs.items():
        leaf = np.concatenate(
            [smooth[name], lattice[name], *(case[name] for case in cases for _ in range(TURNS))]
        )
        given[name] = np.rint(leaf * GRID) / GRID if name in moved and spec.kind == "float" else leaf
    return given | {
        along(s): rng.choice((-2.0, -1.0, 1.0, 2.0), (2 * POINTS + TURNS * len(cases), *shape))
        for s, shape in directions.items()
    }


def _directions(pair: Pair, sizes: Sizes) -> dict[str, tuple[int, ...]]:
    """Every symbol that is differentiated by, with its shape."""
    specs, derivation = pair.specs(sizes), pair.derivation
    leaves = {
        n: jax.ShapeDtypeStruct(spec.shape(sizes), DTYPES[spec.kind])
        for n, spec in specs.items()
        if n != COTANGENT
    }
    with jax.enable_x64(True):
        values = jax.eval_shape(lambda leaves: derivation.evaluate(leaves, pair.choices), leaves)
    return {symbol: values[symbol].shape for symbol in directional.symbols_of(pair.derivation)}


def _struct(value: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(as_bounded(value).value.shape[1:], np.float64)


def _shapes(pair: Pair, sizes: Sizes, given: Leaves, derivatives: Any) -> dict[str, jax.ShapeDtypeStruct]:
    specs = pair.specs(sizes)
    kinds = {name: DTYPES[specs[name].kind] if name in specs else np.float64 for name in given}
    return {n: jax.ShapeDtypeStruct(given[n].shape[1:], kinds[n]) for n in given if n != COTANGENT}


def _agreed_in_the_field(
    pair: Pair,
    sizes: Sizes,
    rng: np.random.Generator,
    directions: Mapping[str, tuple[int, ...]],
    contraction: Traced,
    programs: Mapping[str, Traced],
) -> set[tuple[str, str]]:
    """Opinions and derivatives that are the same function as `jax.grad`'s at every random point."""
    specs = pair.specs(sizes)
    floats = generic(rng, sizes, specs, FIELD_POINTS)
    given = Points.random(rng, specs, floats).leaves(pair.levels)

    def free(shape: tuple[int, ...]) -> Residues:
        shape = (FIELD_POINTS, *shape)
        return Residues(
            rng.normal(size=shape), tuple(rng.integers(0, m, shape) for m in MODULI[: pair.levels])
        )

    arithmetic = Field(FIELD_POINTS, pair.levels)
    given |= {along(symbol): free(shape) for symbol, shape in directions.items()}
    derivatives = pair.programs(sizes).reference(arithmetic, sizes, given)
    ours = contraction(arithmetic, sizes, {**derivatives, **given})
    agreed = set()
    for who, program in programs.items():
        for name, theirs in program(arithmetic, sizes, given).items():
            found = arithmetic.compare(arithmetic.lifted(ours[name]), arithmetic.lifted(theirs))
            if found.points and found.mismatch is None:
                agreed.add((who, name))
    return agreed
