"""Judges gradients written by hand: is the derivation right, and is it computed accurately here?

`check` returns a report, `require` raises where a verdict is not good, `python -m verify` is for a shell.
Neither jax nor anything that judges is imported before it is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from verify.settings import Settings
from verify.verdict import Report, Verdict

if TYPE_CHECKING:
    from manual_bp.derivation import Derivation

__all__ = ["Refuted", "Report", "Settings", "Verdict", "check", "require"]


class Refuted(AssertionError):
    """A derivation whose verdict is not good; the message tells the story of each equation that failed."""


def check(derivation: Derivation, **settings: Any) -> Report:
    """Judge every equation of `derivation` alone and its gradient whole, in this process.

    `settings` are the fields of Settings but `jobs`. Raises TypeError for anything that is no Derivation,
    ValueError or TypeError for a setting that makes no sense, PlatformError for a platform that is not here.
    """
    from manual_bp.derivation import Derivation
    from verify import campaign, platforms
    from verify.targets import Target

    if not isinstance(derivation, Derivation):
        raise TypeError(f"check: {derivation!r} is no Derivation; expected a manual_bp.derivation.Derivation")
    chosen = Settings(**settings, jobs=1)
    platforms.choose(chosen.platform)
    return campaign.run([Target(derivation.name, derivation)], chosen, lambda label, done, total: None)


def require(derivation: Derivation, **settings: Any) -> Report:
    """As `check`, for tests: raises Refuted unless every equation is proved or verified."""
    from verify.report.story import story

    report = check(derivation, **settings)
    if report.good:
        return report
    stories = [
        story(equation, judged.name)
        for judged in report.derivations
        for equation in judged.equations
        if not equation.verdict.good
    ]
    raise Refuted("\n\n".join(stories) or f"{derivation.name}: nothing was judged")
