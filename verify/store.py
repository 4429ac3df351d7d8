"""Keeps counterexamples from one run to the next, so that they are replayed first."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from verify.unit import Findings

FOLDER = "counterexamples"


def keep(directory: Path, derivation: str, findings: Findings) -> None:
    """Writes the counterexamples of a unit, one file an equation; the smallest stays."""
    for name, report in findings.equations.items():
        if report.counterexample is not None:
            path = directory / FOLDER / f"{derivation}.{name}.json"
            text = json.dumps(dataclasses.asdict(report.counterexample), allow_nan=True, indent=1)
            if not path.exists() or len(path.read_text()) > len(text):
                write(path, text)


def kept(directory: Path, derivation: str) -> list[tuple[str, dict[str, Any]]]:
    """The counterexamples kept of a derivation, by equation. A file that cannot be read counts as none."""
    found = []
    for path in sorted((directory / FOLDER).glob(f"{derivation}.*.json")):
        try:
            found.append((path.name.removeprefix(f"{derivation}.").removesuffix(".json"), json.loads(path.read_text())))
        except (OSError, ValueError):
            continue
    return found


def drop(directory: Path, derivation: str, equation: str) -> None:
    """Forgets a counterexample that no longer is one."""
    (directory / FOLDER / f"{derivation}.{equation}.json").unlink(missing_ok=True)


def write(path: Path, text: str) -> None:
    """Writes a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(temporary, path)
