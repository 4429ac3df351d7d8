"""Writes a report as a JSON file, whole or not at all."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Protocol

from verify.runtime import files


class Saved(Protocol):
    """A report, or a kill matrix."""

    def to_json(self) -> dict[str, Any]: ...


def save(report: Saved, path: Path) -> None:
    """Write `report` to `path`, whose folder is made where missing; a reader never sees half a file."""
    files.write(path, dumps(report))


def dumps(report: Saved) -> str:
    """The report as JSON text, schema 1."""
    return json.dumps(_finite(report.to_json()), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    """JSON has no infinities and no NaN: they become the strings "Infinity", "-Infinity" and "NaN"."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
