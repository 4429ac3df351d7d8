"""Keeps counterexamples from one run to the next, so that they are replayed first, and under a token on demand."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from verify.campaign.evidence import rank_of
from verify.campaign.work import Findings
from verify.runtime import files
from verify.verdict import EquationReport

FOLDER = "counterexamples"
DIGITS = 6  # of a token's digest


class Store:
    """The counterexamples below a directory, a file an equation: of each run, the one that its report shows.

    Beside each stands the script that shows it.
    """

    def __init__(self, directory: Path, platform: str, precision: str):
        self.folder = directory / FOLDER
        self.where = {"platform": platform, "precision": precision}
        self._best: dict[Path, tuple[int, int, int]] = {}  # what this run has kept, and how good it is

    def kept(self, derivation: str) -> list[dict[str, Any]]:
        """The counterexamples kept of a derivation, without those of another device.

        A file that cannot be read counts as none.
        """
        found = []
        for path in sorted((self.folder / _name(derivation)).glob("*.json")):
            stored = read(path)
            if stored is not None and (
                stored.get("lane") != "device" or self.where.items() <= stored.items()
            ):
                found.append({**stored, "equation": path.stem})
        return found

    def enter(self, derivation: str, position: int, findings: Findings, target: str = "") -> None:
        """Keeps what a unit found, and drops what no longer is a counterexample; `target` is what it was found in."""
        for name in findings.resolved:
            if self.path(derivation, name) not in self._best:
                self.path(derivation, name).unlink(missing_ok=True)
                self.script(derivation, name).unlink(missing_ok=True)
        for name, report in findings.equations.items():
            if report.counterexample is not None:
                self._keep(self.path(derivation, name), position, report, target)

    def _keep(self, path: Path, position: int, report: EquationReport, target: str) -> None:
        rank = (*rank_of(report), position)
        if path not in self._best or rank < self._best[path]:
            self._best[path] = rank
            assert report.counterexample is not None
            stored = {**dataclasses.asdict(report.counterexample), **self.where, "target": target}
            files.write(path, json.dumps(stored, allow_nan=True, indent=1))

    def path(self, derivation: str, equation: str) -> Path:
        return self.folder / _name(derivation) / f"{_name(equation)}.json"

    def script(self, derivation: str, equation: str) -> Path:
        return self.path(derivation, equation).with_suffix(".py")


def read(path: Path) -> dict[str, Any] | None:
    """What a file keeps; None where it cannot be read."""
    try:
        stored = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return stored if isinstance(stored, dict) else None


def token(derivation: str, equation: str, stored: Mapping[str, Any]) -> str:
    """What a counterexample is called: its equation, and a digest of everything that it is judged on."""
    judged = [stored.get(key) for key in ("lane", "dtype", "choices", "ranks", "dims", "leaves", "inputs")]
    if judged[-2]:  # what the equation is given follows from the leaves
        judged.pop()
    digest = hashlib.sha256(json.dumps(judged, sort_keys=True).encode()).hexdigest()
    return f"{derivation}/{equation}@{digest[:DIGITS]}"


def _name(name: str) -> str:
    """As the name of a file."""
    return quote(name, safe=" ").replace(".", "%2E")
