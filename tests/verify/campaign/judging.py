"""What the tests of one unit of work share: a derivation judged on it, and what the report says of each equation."""

from typing import Any

from manual_bp.derivation import Derivation
from verify.campaign.conclusion import conclude
from verify.campaign.unit import judge
from verify.campaign.work import Unit
from verify.generation.exploration import explore
from verify.settings import Settings
from verify.verdict import DerivationReport, EquationReport, Verdict

SMOOTH = dict(activation="tanh", loss="squared_error")


def judged(
    derivation: Derivation, choices: dict[str, str] = SMOOTH, on_device: bool = False, **settings: Any
) -> DerivationReport:
    """One pair, on the ladder and three more shapes."""
    planned = tuple(explore(derivation, 0, 3))
    settings = {"dtypes": ("float32",), **settings}
    unit = Unit("a_file.py:IT", 0, dict(choices), planned, on_device, Settings(**settings))
    return conclude(derivation.name, derivation.source, [judge(derivation, unit)])


def not_proved(report: DerivationReport) -> set[str]:
    return {equation.name for equation in report.equations if equation.verdict is not Verdict.PROVED}


def of(report: DerivationReport, name: str) -> EquationReport:
    return next(equation for equation in report.equations if equation.name == name)


def verdicts(report: DerivationReport) -> dict[str, Verdict]:
    return {equation.name: equation.verdict for equation in report.equations}
