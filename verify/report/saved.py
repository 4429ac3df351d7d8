"""Reads a report that was saved as JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from verify.verdict import (
    SCHEMA,
    BoundsEvidence,
    Counterexample,
    DerivationReport,
    DeviceEvidence,
    EquationReport,
    Met,
    ProofEvidence,
    Report,
    SizeEvidence,
    Status,
    Verdict,
    Wiring,
)

NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}  # as the report writes them
Data = TypeVar("Data")


class SavedReportError(Exception):
    """What cannot be read as a report; the message is one line that says what to do."""


def load(path: Path) -> Report:
    """The report that was saved to `path`; what another version wrote besides, or left out, is no error.

    Raises SavedReportError where there is no file, or none that holds a report.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SavedReportError(
            f"{path}: cannot be read ({error.strerror}); `--report {path}` writes one"
        ) from error
    except ValueError as error:
        raise SavedReportError(f"{path}: is no JSON ({error}); expected what `--report` writes") from error
    schema = found.get("schema") if isinstance(found, dict) else None
    if schema != SCHEMA:
        said = "no report" if schema is None else f"a report of schema {schema}"
        raise SavedReportError(f"{path}: is {said}; expected schema {SCHEMA}, as `--report` writes it")
    try:
        return _report(found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"{type(error).__name__}: {error}"
        raise SavedReportError(
            f"{path}: is no whole report ({what}); write it again with `--report`"
        ) from error


def _report(found: Mapping[str, Any]) -> Report:
    derivations = list(map(_derivation, found["derivations"]))
    return Report(
        found["environment"], found["settings"], found["totals"], derivations, found.get("interrupted", False)
    )


def _derivation(found: Mapping[str, Any]) -> DerivationReport:
    equations = list(map(_equation, found["equations"]))
    report = DerivationReport(found["name"], found["source"], equations, found.get("note"))
    report.wiring, report.met = _data(Wiring, found.get("wiring", {})), _data(Met, found.get("met", {}))
    report.wiring.derivatives = {
        name: (root, symbol) for name, (root, symbol) in report.wiring.derivatives.items()
    }
    report.met.sizes = {
        dimension: {int(size): shapes for size, shapes in counts.items()}
        for dimension, counts in report.met.sizes.items()
    }
    return report


def _equation(found: Mapping[str, Any]) -> EquationReport:
    lanes = found["lanes"]
    proof = _data(ProofEvidence, lanes["proof"])
    proof.status, proof.opaque = Status(proof.status), tuple(proof.opaque)
    if isinstance(proof.sizes, dict):
        proof.sizes = _data(SizeEvidence, proof.sizes)
    case = found["counterexample"]
    report = _data(EquationReport, found)
    report.verdict, report.proof = Verdict(report.verdict), proof
    report.bounds = _data(BoundsEvidence, lanes["bounds"])
    report.device = [_data(DeviceEvidence, each) for each in lanes["device"]]
    report.counterexample = None if case is None else _data(Counterexample, case)
    if report.counterexample is not None:
        report.counterexample.index = tuple(report.counterexample.index)
        report.counterexample.holds = tuple(report.counterexample.holds)
    return report


def _data(kind: type[Data], found: Mapping[str, Any]) -> Data:
    """The fields that this version knows, with numbers that JSON has no word for."""
    names = {field.name for field in dataclasses.fields(kind)}  # pyright: ignore[reportArgumentType]
    return kind(**{name: _number(value) for name, value in found.items() if name in names})


def _number(value: Any) -> Any:
    if isinstance(value, str):
        return NUMBERS.get(value, value)
    if isinstance(value, list):
        return [_number(each) for each in value]
    if isinstance(value, dict):
        return {name: _number(each) for name, each in value.items()}
    return value
