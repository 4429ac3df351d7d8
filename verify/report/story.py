"""Tells of one equation that was not accepted: where it fails, by how much, and how to see it again."""

from __future__ import annotations

import pprint
import re
import shlex
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from manual_bp.construction.axes import gathered
from manual_bp.description.formula import to_unicode
from verify.verdict import COMPOSED, LAWS, Counterexample, DerivationReport, EquationReport, Verdict

WIDTH = 80
INDENT = "    "
HEADLINES = {
    Verdict.REFUTED: "refuted: it is not the derivative",
    Verdict.DISPUTED: "disputed: the oracles disagree with each other, so nothing is concluded",
    Verdict.INACCURATE: "inaccurate: the algebra is right, the result is farther off than rounding explains",
    Verdict.INCONCLUSIVE: "inconclusive: nothing is concluded",
    Verdict.VERIFIED: "verified: no difference that float64 with its bounds could see",
    Verdict.PRINTED_WRONG: "printed wrong: it is refuted, as expected",
    Verdict.PROVED: "proved",
}


def story(equation: EquationReport, derivation: str = "") -> str:
    """The whole story of `equation` in plain text at 80 columns; `derivation` is the name it is known by."""
    name = f"{derivation}/{equation.name}" if derivation else equation.name
    lines = _wrapped(f"{name} is {HEADLINES[equation.verdict]}", "")
    if formula := to_unicode(equation.tex):
        lines += _wrapped(formula, INDENT)
    if equation.because:
        lines += _wrapped(equation.because, "  ")
    if equation.counterexample:
        lines += told(equation.counterexample, equation.name)
    return "\n".join(lines)


class Stories(NamedTuple):
    """The equations that were not accepted, each with the name of its derivation."""

    told: list[tuple[str, EquationReport]]  # whose story is worth reading
    listed: list[tuple[str, EquationReport]]  # of the same verdict as one of those that they are made of


def stories(derivations: Iterable[DerivationReport]) -> Stories:
    """One mistake is told once: not again of the gradient that is composed of it, nor of the laws of its rule."""
    found, failed = Stories([], []), dict[str, set[Verdict]]()
    for derivation in derivations:
        rule = derivation.name.removesuffix(LAWS)
        before = failed.setdefault(rule, set())
        for equation in derivation.equations:
            if equation.verdict.good or equation.cut_short:
                continue
            made_of_others = equation.name == COMPOSED or derivation.name != rule
            follows = made_of_others and equation.verdict in before
            (found.listed if follows else found.told).append((derivation.name, equation))
            before.add(equation.verdict)
    return found


def listing(listed: Iterable[tuple[str, EquationReport]]) -> str:
    """One line for each equation that is not told of, with the command that shows it; "" where there is none."""
    lines = []
    for derivation, equation in listed:
        case = equation.counterexample
        again = "" if case is None else commands(case)[-1:]
        lines += [f"  {derivation}/{equation.name} is {equation.verdict}", *(INDENT + line for line in again)]
    return "\n".join(["these go with what is told above:", *lines] if lines else [])


def commands(case: Counterexample) -> list[str]:
    """The commands that show a case again."""
    again = [f"python {shlex.quote(case.script)}"] if case.script else []
    return again + ([f"python -m verify --replay {shlex.quote(case.replay)}"] if case.replay else [])


def remarks(equation: EquationReport) -> Iterator[str]:
    """What is said of an equation besides its verdict, where it is good or was not judged to the end."""
    if equation.because and (equation.verdict.good or equation.cut_short):
        yield equation.because
    if equation.note and equation.verdict.good:
        yield equation.note


def drawn_sizes(equation: EquationReport) -> Iterator[str]:
    """For which dimensions a proof holds at the sizes that were drawn, a remark for each reason."""
    if equation.verdict is Verdict.PROVED and equation.name != COMPOSED:
        dimensions: dict[str, list[str]] = {}
        for dimension, why in equation.proof.sizes.sampled.items():
            dimensions.setdefault(why, []).append(dimension)
        for why, names in dimensions.items():
            yield f"at the sizes of {', '.join(names)} that were drawn: {why}"


def where(case: Counterexample) -> str:
    """The sizes and the dtype of a case."""
    dims = [f"{dim} = {size}" for dim, size in gathered(case.dims, case.ranks).items()]
    return ", ".join(filter(None, [*dims, case.dtype]))


def numbers_of(case: Counterexample) -> list[str]:
    """The rows and leaves of a case, as lines that assign them."""
    return _assignments({**case.choices, **case.leaves})


def given(case: Counterexample) -> list[str]:
    """What the equation alone was given besides the leaves, as lines that assign it."""
    return _assignments({key: value for key, value in case.inputs.items() if key not in case.leaves})


def told(case: Counterexample, name: str) -> list[str]:
    """A case of an equation, line by line: the numbers, both sides, and the commands that show it again."""
    at = ", ".join(map(str, case.index))
    whole = "" if case.quantity in ("", name) else f" of the {name}"
    what = (case.quantity if whole else name) + (f"[{at}]" if at else "") + whole
    lines = ["", *_wrapped(f"smallest case found ({where(case)}):", "  ")]
    lines += numbers_of(case)
    if inputs := given(case):
        lines += ["", *_wrapped("what the equation alone was given, from autodiff:", "  "), *inputs]
    difference = abs(case.manual - case.autodiff)
    lines += [
        "",
        f"  {what}:",
        f"{INDENT}manual      {case.manual!r}",
        f"{INDENT}jax.grad    {case.autodiff!r}",
        f"{INDENT}difference  {difference:.3g}",
        f"{INDENT}bound       {case.bound:.3g} is what rounding could explain",
    ]
    if case.holds:
        lines += ["", *_wrapped(f"equations before it that hold: {', '.join(case.holds)}", "  ")]
    if again := commands(case):
        lines += ["", "  to see it again:", *(INDENT + command for command in again)]
    if case.unwritable:
        lines += ["", *_wrapped(f"no script of it: {case.unwritable}", "  ")]
    return lines


def _assignments(values: Mapping[str, Any]) -> list[str]:
    """Lines of Python, with `import numpy as np`; exact, because a float's repr is."""
    lines = []
    for name, value in values.items():
        if isinstance(value, str):
            lines.append(f"{INDENT}{name} = {value!r}")
        else:
            array = "np.array" if isinstance(value, list | tuple) else ""
            lines += assignment(f"{INDENT}{name}", value, array)
    return lines


def assignment(name: str, value: Any, array: str, more: str = "") -> list[str]:
    """The lines that assign numbers to a name: as they are, or as an `array` made of them and of `more`."""
    start, end = (f"{name} = {array}(", f"{more})") if array else (f"{name} = ", "")
    text = pprint.pformat(value, width=max(40, WIDTH - len(start) - len(end)), compact=True)
    text = re.sub(r"\b(nan|inf)\b", rf"{array.partition('.')[0] or 'np'}.\1", text)
    return (start + text.replace("\n", "\n" + " " * len(start)) + end).split("\n")


def _wrapped(text: str, indent: str) -> list[str]:
    # Names, formulas and numbers stay whole where they can: break at spaces alone.
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent + "  ",
                         break_on_hyphens=False, break_long_words=False)  # fmt: skip
