"""Puts a script beside each counterexample of a report, and says under which token it can be judged again."""

from __future__ import annotations

import dataclasses
import os

from manual_bp.derivation import Derivation
from verify.campaign.store import Store, token
from verify.campaign.workers import internal_error
from verify.counterexamples.script import script
from verify.runtime import files
from verify.settings import Settings
from verify.targets.discovery import Target
from verify.targets.import_statements import Imports
from verify.targets.source_code import Unwritable
from verify.verdict import DerivationReport


def show(report: DerivationReport, target: Target, store: Store, settings: Settings) -> None:
    """Fills in `replay`, and `script` or why there is none, of every counterexample."""
    from_where = origin(target)
    for equation in report.equations:
        case = equation.counterexample
        if case is None:
            continue
        path = store.script(report.name, equation.name)
        try:
            text = script(target.derivation, equation, settings.precision, settings.platform)
        except Exception as error:  # whatever it is, it is no reason to lose the report
            path.unlink(missing_ok=True)  # that of an earlier case
            case.unwritable = str(error) if isinstance(error, Unwritable) else internal_error(error)
        else:
            files.write(path, text)
            case.script = str(path)
        if from_where:
            case.replay = token(report.name, equation.name, dataclasses.asdict(case))


def origin(target: Target) -> str:
    """The `module:attribute` or `file.py:attribute` that a derivation is loaded from; "" where it stands in neither."""
    if ":" in target.spec:
        return target.spec
    return located(target.derivation)


def located(derivation: Derivation) -> str:
    """Where a derivation that was handed over as a value stands."""
    imports = Imports(())
    found = imports.find(derivation)
    if found is None:
        return ""
    path, name = imports.file(found.partition(".")[0]), found.partition(".")[2]
    return f"{os.path.relpath(path)}:{name}"
