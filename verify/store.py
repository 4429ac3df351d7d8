"""Keeps counterexamples from one run to the next, so that they are replayed first."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from verify import files
from verify.evidence import rank_of
from verify.verdict import EquationReport
from verify.work import Findings

FOLDER = "counterexamples"


class Store:
    """The counterexamples below a directory, a file an equation: of each run, the one that its report shows."""

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
            try:
                stored = json.loads(path.read_text())
            except (OSError, ValueError):
                stored = None
            if isinstance(stored, dict) and (
                stored.get("lane") != "device" or self.where.items() <= stored.items()
            ):
                found.append({**stored, "equation": path.stem})
        return found

    def enter(self, derivation: str, position: int, findings: Findings) -> None:
        """Keeps what a unit found, and drops what no longer is a counterexample."""
        for name in findings.healed:
            if self._path(derivation, name) not in self._best:
                self._path(derivation, name).unlink(missing_ok=True)
        for name, report in findings.equations.items():
            if report.counterexample is not None:
                self._keep(self._path(derivation, name), position, report)

    def _keep(self, path: Path, position: int, report: EquationReport) -> None:
        rank = (*rank_of(report), position)
        if path not in self._best or rank < self._best[path]:
            self._best[path] = rank
            assert report.counterexample is not None
            stored = {**dataclasses.asdict(report.counterexample), **self.where}
            files.write(path, json.dumps(stored, allow_nan=True, indent=1))

    def _path(self, derivation: str, equation: str) -> Path:
        return self.folder / _name(derivation) / f"{_name(equation)}.json"


def _name(name: str) -> str:
    """As the name of a file."""
    return quote(name, safe=" ").replace(".", "%2E")
