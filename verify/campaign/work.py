"""What a unit of work is asked and what it finds, as plain data: both travel between processes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from manual_bp.derivation import Derivation
from verify.branches.coverage import Branches
from verify.generation.exploration import Planned
from verify.programs.reference import uncomposed
from verify.programs.tracing import GRADIENT, Fault
from verify.settings import Settings
from verify.verdict import EquationReport


@dataclass(frozen=True)
class Unit:
    """What is to be judged, as plain data: it travels to another process."""

    spec: str  # where the derivation is loaded from
    index: int  # of the pair in the derivation's rotation
    choices: dict[str, str]  # names of rows, and of ranks
    explored: tuple[Planned, ...]  # what Hypothesis drew for it
    on_device: bool
    settings: Settings
    replays: tuple[dict[str, Any], ...] = ()  # stored counterexamples of these choices, judged first
    only_replays: bool = False  # nothing else is judged: this seed does not meet these choices
    lost: tuple[
        tuple[str, str], ...
    ] = ()  # equations that took a process down or never ended, and what is said of them
    apart: bool = (
        False  # each equation in a program of its own on the device, so that it can be told which one
    )


@dataclass
class Findings:
    """What a unit found, equation by equation, as plain data."""

    equations: dict[str, EquationReport]
    faults: dict[str, Fault] = field(default_factory=dict)
    shapes: set[tuple[tuple[str, int], ...]] = field(default_factory=set)
    cases: int = 0
    programs: int = 0
    kinks: dict[tuple[str, str, float], int] = field(default_factory=dict)
    unmet: list[str] = field(default_factory=list)  # pieces of activations and losses that no point reached
    branches: Branches = field(
        default_factory=dict
    )  # of the programs: which outcomes could be, and which were
    resolved: list[str] = field(
        default_factory=list
    )  # equations whose stored counterexample no longer is one
    seconds: dict[str, float] = field(default_factory=dict)  # by what they were spent on

    @property
    def on_device_alone(self) -> bool:
        """Whether there is an equation that only the device can judge."""
        return any(report.proof.opaque for report in self.equations.values())


def blank(derivation: Derivation, settings: Settings) -> dict[str, EquationReport]:
    """What the settings select of a derivation, with nothing known of it yet: its equations, and the gradient whole
    where an equation gives a derivative by a leaf.
    """
    names = [*derivation.equations, *([] if uncomposed(derivation) else [GRADIENT])]
    chosen = [name for name in names if settings.selects(derivation.name, name)]
    return {name: EquationReport(name, tex_of(derivation, name)) for name in chosen}


def tex_of(derivation: Derivation, name: str) -> str:
    """The formula of an equation, and of the gradient as a whole."""
    if name in derivation.equations:
        return derivation.equations[name].tex
    root = derivation.objective
    return r"\nabla " + root + r" \text{ composed of the equations}"


def upstream(derivation: Derivation, name: str) -> list[str]:
    """The equations that an equation takes, and those that they take, in the derivation's order."""
    if name == GRADIENT:
        return list(derivation.equations)
    seen: set[str] = set()
    wanted = list(derivation.equations[name].parameters)
    while wanted:
        parameter = wanted.pop()
        if parameter in derivation.equations and parameter not in seen:
            seen.add(parameter)
            wanted.extend(derivation.equations[parameter].parameters)
    return [equation for equation in derivation.equations if equation in seen]
