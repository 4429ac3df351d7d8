"""Looks for false alarms: right equations on the nastiest data there is, in every dtype, at every precision.

`python -m benchmarks.soak --cases 1000000` must end without a refutation and without a result that is farther off
than its bound explains. Each turn takes a derivation, a row of each table, dimensions from 1 to 64, a dtype, a
precision and a way of calling, all by its number, so that a turn can be had again: `--first N --turns 1`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from manual_bp.book.backprop import biases, chapter, minibatch, output_activation
from verify.generation.data import fill, kinks_of
from verify.generation.ranks import instance, tables
from verify.generation.strategies import numbers
from verify.generation.structures import STRUCTURES, Shape, Structure, each_case
from verify.interpreter.walker import forget_programs
from verify.lanes.bounds import bound
from verify.lanes.device.execution import WAYS
from verify.lanes.device.lane import Compiled
from verify.lanes.proof import prove
from verify.programs.pair import Pair
from verify.settings import DTYPES, PRECISIONS

DERIVATIONS = tuple(module.DERIVATION for module in (chapter, biases, minibatch, output_activation))
LARGEST = 64
NUMBERS = 400_000  # in the leaves of one turn, about
CASES = (52, 2080)  # of a turn, at least and at most
POINTS = 24  # of the proof, where the shape is small
SMALL = 600


class Alarm(NamedTuple):
    """A right equation that was not accepted."""

    turn: int
    equation: str
    what: str


class Turn(NamedTuple):
    """What one turn did."""

    cases: int
    points: int
    alarms: tuple[Alarm, ...]
    worst: float  # of the device, over its bound
    autodiff: float


def extreme_exponents(rng: np.random.Generator, shape: Shape, kinks: Sequence[float]) -> np.ndarray:
    """1e-30 to 1e30."""
    return rng.choice((-1.0, 1.0), shape) * 10.0 ** rng.uniform(-30, 30, shape)


def denormals(rng: np.random.Generator, shape: Shape, kinks: Sequence[float]) -> np.ndarray:
    """Around the smallest normal numbers of every dtype, in half of the cases beside ordinary ones."""
    tiny = rng.choice((2.0**-1022, 2.0**-126, 2.0**-14), each_case(shape)) * rng.uniform(-4, 4, shape)
    ordinary = (rng.random(each_case(shape)) < 0.5) & (rng.random(shape) < 0.5)
    return np.where(ordinary, rng.standard_normal(shape), tiny)


def cancelling(rng: np.random.Generator, shape: Shape, kinks: Sequence[float]) -> np.ndarray:
    """A common offset of 1e4, and differences near the last place of float32."""
    return 1e4 + rng.standard_normal(shape) * rng.choice((1e-3, 1.0), each_case(shape))


def far_out(rng: np.random.Generator, shape: Shape, kinks: Sequence[float]) -> np.ndarray:
    """Where every activation saturates, on both sides, and some do not."""
    return rng.standard_normal(shape) * rng.choice((5.0, 30.0, 90.0), each_case(shape))


NASTY = (
    *STRUCTURES,
    Structure("extreme exponents", extreme_exponents, lattice=False),
    Structure("denormals", denormals, lattice=False),
    Structure("cancelling", cancelling, lattice=False),
    Structure("far out", far_out, lattice=False),
)


def turn(number: int, seed: int) -> Turn:
    """Everything of one turn: the proof where the shape is small, float64 with bounds, the device."""
    rng = np.random.default_rng([seed, number])
    derivation = DERIVATIONS[number % len(DERIVATIONS)]
    rows = {name: list(table.values()) for name, table in tables(derivation).items()}
    chosen = {name: row[int(rng.integers(len(row)))] for name, row in rows.items()}
    pair = Pair(*instance(derivation, chosen))
    derivation = pair.derivation
    dtype, precision = DTYPES[number // len(DERIVATIONS) % len(DTYPES)], str(rng.choice(PRECISIONS))
    largest = rng.choice((4, 8, LARGEST), p=(0.5, 0.4, 0.1))
    sizes = {name: int(rng.integers(1, largest + 1)) for name in pair.dims}
    count = int(np.clip(NUMBERS // numbers(derivation, sizes), *CASES)) // len(NASTY) + 1
    specs, kinks = pair.specs(sizes), kinks_of(pair.choices)
    drawn = [fill(rng, sizes, specs, row, count, kinks=kinks) for row in NASTY]
    leaves = {leaf: np.concatenate([part[leaf] for part in drawn]) for leaf in specs}
    here = f"{derivation.name} {' '.join(row.name for row in pair.choices.values())} {sizes}"
    alarms, points = [], 0
    try:
        if numbers(derivation, sizes) <= SMALL:
            proof, points = prove(pair, sizes, rng, POINTS), POINTS
            alarms += [
                Alarm(number, n, f"{here}: proof failed") for n, o in proof.outcomes.items() if not o.equal
            ]
        for name, comparison in bound(pair, sizes, leaves).comparisons.items():
            if comparison.differ:
                alarms.append(
                    Alarm(number, name, f"{here}: float64 differs, case {int(comparison.differing.argmax())}")
                )
        device = Compiled(pair, dtype, precision)(sizes, leaves, (WAYS[number % len(WAYS)],))
        runs = {**device.runs, **({"jax.grad": device.autodiff} if device.autodiff else {})}
        for name, run in runs.items():
            if run.violation is not None:
                seen = run.violation._replace(inputs=None)
                alarms.append(
                    Alarm(
                        number, name, f"{here} {dtype} {precision}: {run.worst:.4g} times the bound, {seen}"
                    )
                )
        worst = max(run.worst for run in device.runs.values())
        autodiff = device.autodiff.worst if device.autodiff else 0.0
    finally:
        forget_programs()
    return Turn(len(leaves["x" if "x" in leaves else "X"]), points, tuple(alarms), worst, autodiff)


def turns(first: int, seed: int, jobs: int) -> Iterator[Turn]:
    """One turn after the other, for ever."""
    if jobs == 1:
        while True:
            yield turn(first, seed)
            first += 1
    with multiprocessing.get_context("spawn").Pool(jobs, maxtasksperchild=50) as pool:
        while True:
            batch = [(first + place, seed) for place in range(16 * jobs)]
            yield from pool.starmap(turn, batch, chunksize=1)
            first += len(batch)


def main() -> int:
    """Prints every alarm and a summary; 1 if there was an alarm."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--turns", type=int, default=0, help="stop after so many turns, whatever the cases")
    parser.add_argument("--first", type=int, default=0, help="the number of the first turn")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    given = parser.parse_args()
    started, cases, points, alarms, worst, autodiff, done = time.perf_counter(), 0, 0, 0, 0.0, 0.0, 0
    try:
        for each in turns(given.first, given.seed, given.jobs):
            done += 1
            cases, points, alarms = cases + each.cases, points + each.points, alarms + len(each.alarms)
            worst, autodiff = max(worst, each.worst), max(autodiff, each.autodiff)
            for alarm in each.alarms:
                print(f"turn {alarm.turn}: {alarm.equation}: {alarm.what}", flush=True)
            if done % 50 == 0:
                print(f"{cases:,} cases in {done:,} turns: {alarms} alarms", flush=True)
            if cases >= given.cases or done == given.turns:
                break
    except KeyboardInterrupt:
        print("interrupted: this is what was known by then")
    seconds = time.perf_counter() - started
    print(f"{cases:,} cases and {points:,} points in {done:,} turns, {seconds:.0f} s: {alarms} alarms")
    print(f"at most {worst:.4g} of the bound by hand, {autodiff:.4g} by jax.grad")
    return 1 if alarms else 0


if __name__ == "__main__":
    sys.exit(main())
