"""Writes a report as a JSON file, whole or not at all."""

from __future__ import annotations

import json
import math
import os
import tempfile
from pathlib import Path
from typing import Any

from verify.verdict import Report


def save(report: Report, path: Path) -> None:
    """Write `report` to `path`, whose folder is made where missing; a reader never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(dumps(report))
        os.chmod(temporary, 0o644)  # mkstemp leaves it readable to its owner alone
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def dumps(report: Report) -> str:
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
