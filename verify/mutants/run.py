"""The checker is checked: every equation is made wrong in every way of `mutations`, and each must be caught and named.

A mutant is traced alone and judged by the lanes as its equation is: in the field and with bounds, on autodiff's values
upstream. Three shapes serve: sizes that differ, sizes that are equal, ones; and for a mutant that is not caught there,
one size after the other 1, the others 2. What no lane can tell from its equation there is looked at again on more
shapes, points and cases: either it is the same function (h for z with relu), which is said and not counted, or it
survived, and the checker has a hole.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import multiprocessing
import signal
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from manual_bp.derivation import Derivation
from verify.generation import ranks
from verify.generation.strategies import dimension_names, ladder
from verify.interpreter.walker import Sizes, forget_programs
from verify.lanes.trial import Candidate, Detection, Trial
from verify.mutants.altered_gradients import WHOLE, Altered, Whole
from verify.mutants.false_oracles import FALSE_RULES, tried_false_rule
from verify.mutants.kills import KillMatrix, Mutant, MutantStatus
from verify.mutants.mutations import Site
from verify.mutants.operators import OPERATORS, Operator
from verify.programs import reference
from verify.programs.pair import Pair
from verify.programs.tracing import GRADIENT
from verify.settings import Settings
from verify.targets.discovery import Target, load

NOT_CAUGHT = ("", 0, "")
AGAIN = 3  # times the sizes that differ are tried again, for a mutant that nothing has caught
Progress = Callable[[str, int, int], None]


def planted(derivation: Derivation, name: str, function: Callable[..., Any]) -> Derivation:
    """The derivation with another function as the equation `name`."""
    if name not in derivation.equations:
        raise ValueError(f"{name!r} is no equation of {derivation.name} ({', '.join(derivation.equations)})")
    functions = {each: equation.function for each, equation in derivation.equations.items()}
    return dataclasses.replace(derivation, backward={**functions, name: function})


# --- the campaign -----------------------------------------------------------------------------------------------------


def run(targets: Sequence[Target], settings: Settings, progress: Progress) -> KillMatrix:
    """Makes every equation that the settings select wrong, and says what became of each mutant.

    Interrupted by Ctrl-C, it returns what is known so far and says so.
    """
    started = time.perf_counter()
    targets = [target for target in targets if not target.derivation.printed_wrong]  # wrong as they stand
    work = [(target, index) for target in targets for index in range(len(pairs(target.derivation)))]
    matrix, found = KillMatrix(), {}
    try:
        for done, (place, mutants) in enumerate(_generated(work, settings), start=1):
            found[place] = mutants
            target, index = work[place]
            progress(f"{target.derivation.name} {_shown(pairs(target.derivation)[index])}", done, len(work))
    except KeyboardInterrupt:
        matrix.interrupted = True
    matrix.mutants = [mutant for place in sorted(found) for mutant in found[place]]
    matrix.seconds = round(time.perf_counter() - started, 1)
    return matrix


def _generated(work: Sequence[tuple[Target, int]], settings: Settings) -> Iterator[tuple[int, list[Mutant]]]:
    """The mutants of each pair, as they come."""
    jobs = min(settings.jobs_on("cpu"), len(work))
    if jobs <= 1:
        for place, (target, index) in enumerate(work):
            yield place, generate(target.derivation, index, settings)
        return
    context = multiprocessing.get_context("spawn")  # jax has threads, which a fork would not survive
    executor = concurrent.futures.ProcessPoolExecutor(jobs, context, initializer=_begin)
    try:
        futures = {
            executor.submit(_load_and_generate, target.spec, index, settings): place
            for place, (target, index) in enumerate(work)
        }
        for future in concurrent.futures.as_completed(futures):
            yield futures[future], future.result()
    except BaseException:
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _begin() -> None:
    """Prepares a process: Ctrl-C is for the one that reports."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _load_and_generate(spec: str, index: int, settings: Settings) -> list[Mutant]:
    return generate(load(spec), index, settings)


def pairs(derivation: Derivation) -> list[dict[str, Any]]:
    """Two choices of rows, the last without kinks of each table and the last with some, or its first; else one."""

    def last(rows: list[Any], kinked: bool) -> Any:
        return [row for row in rows if bool(getattr(row, "kinks", ())) is kinked or row is rows[0]][-1]

    tables = {choice: list(table.values()) for choice, table in ranks.tables(derivation).items()}
    chosen = ({choice: last(rows, kinked) for choice, rows in tables.items()} for kinked in (False, True))
    return list(chosen)[: 2 if tables else 1]


def shapes(derivation: Derivation) -> list[tuple[Sizes, bool]]:
    """Sizes that differ, sizes that are equal, ones; and whether to trace at them: only there do functions see that."""
    names = dimension_names(derivation)
    different = {name: len(names) + 1 - place for place, name in enumerate(names)}
    return [(different, False), (dict.fromkeys(names, 2), True), (dict.fromkeys(names, 1), True)]


def shapes_with_a_one(derivation: Derivation) -> list[Sizes]:
    """One size after the other 1, beside sizes of 2: where all are 1, a derivative may be zero by itself."""
    names = dimension_names(derivation)
    return [{**dict.fromkeys(names, 2), name: 1} for name in names] if len(names) > 1 else []


def generate(derivation: Derivation, index: int, settings: Settings) -> list[Mutant]:
    """The mutants of every selected equation, and of the gradient as a whole, at one choice of rows."""
    rows = pairs(derivation)[index]
    pair = Pair(*ranks.instance(derivation, rows))
    derivation = pair.derivation
    seed = zlib.crc32(f"{settings.start} {derivation.name} {index}".encode())
    trials = [Trial(pair, sizes, seed, concrete=concrete) for sizes, concrete in shapes(derivation)]
    wrong = tuple(sorted({name for trial in trials for name in trial.wrong}))

    @functools.cache
    def with_a_one(place: int) -> Trial:
        return Trial(pair, shapes_with_a_one(derivation)[place], seed, concrete=True)

    def usual() -> Iterator[Trial]:
        yield from trials
        yield from map(with_a_one, range(len(shapes_with_a_one(derivation))))

    @functools.cache
    def more() -> list[Trial]:
        again = [Trial(pair, trials[0].sizes, seed + turn, concrete=False) for turn in range(1, AGAIN + 1)]
        return [*again, *(Trial(pair, sizes, seed, concrete=True) for sizes in ladder(derivation))]

    found = []
    for name, operator, detail, function in _made(pair, trials[0]):
        if not settings.selects(derivation.name, name):
            continue
        candidate = Candidate(name, function, pair.choices)
        if not any(candidate.runs(trial.programs) for trial in trials):
            continue  # what cannot be run at all deceives nobody
        sentence = _tried(candidate, usual())
        fate = _fate(operator, sentence, wrong)
        if sentence is None and _tried(candidate, more()) is not None:
            fate = MutantStatus.SURVIVED
        blamed = (*wrong, name) if sentence else wrong
        made = (derivation.name, _shown(rows), name, operator.name, operator.kind, detail)
        found.append(Mutant(*made, fate, *(sentence or NOT_CAUGHT), blamed))
    found += _false_rules(derivation, index, trials[0], seed, settings)
    forget_programs()
    return found


def _false_rules(
    derivation: Derivation, index: int, trial: Trial, seed: int, settings: Settings
) -> Iterator[Mutant]:
    """Each forward function with a false rule: one rule at one choice of rows, another one at the next."""
    rows = trial.pair.choices
    for turn, node in enumerate(derivation.forward, start=index):
        if settings.selects(derivation.name, node):
            rule = FALSE_RULES[turn % len(FALSE_RULES)]
            fate, sentence, blamed = tried_false_rule(derivation, node, rule, rows, trial.sizes, seed)
            made = (derivation.name, _shown(rows), node, rule.name, rule.kind, "")
            yield Mutant(*made, fate, *(sentence or NOT_CAUGHT), blamed)


def _tried(candidate: Candidate, trials: Iterable[Trial]) -> Detection | None:
    """How the first trial that catches it does."""
    return next((sentence for trial in trials if (sentence := trial.judge(candidate)) is not None), None)


def _fate(operator: Operator | Whole, sentence: Detection | None, wrong: tuple[str, ...]) -> MutantStatus:
    if sentence is None:
        return MutantStatus.SAME
    return (
        MutantStatus.KILLED if sentence.verdict is operator.expected and not wrong else MutantStatus.MISTAKEN
    )


def _shown(rows: Mapping[str, Any]) -> str:
    return " ".join(map(str, rows.values()))


def _made(pair: Pair, trial: Trial) -> Iterator[tuple[str, Operator | Whole, str, Any]]:
    """Every mutant: its equation, the operator, what was changed, and the function."""
    derivation = pair.derivation
    for name, equation in derivation.equations.items():
        shapes = trial.programs.reference.results
        site = Site(equation, pair.choices, derivation.choices, shapes, frozenset(derivation.derivatives))
        for operator in OPERATORS:
            for detail, variant in operator.variants(site):
                yield name, operator, detail, variant
    if pair.symbols:
        for whole in WHOLE:
            changed: Any = Altered(derivation, whole.change, pair.symbols)
            yield GRADIENT, whole, "", reference.composed(changed, pair.choices, pair.symbols)
