"""Keeps what a run has judged until it is complete: one that was killed is taken up where it ended."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import pickle
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import manual_bp
import verify
from verify.campaign.work import Findings, Unit
from verify.runtime import files
from verify.settings import Settings

FOLDER = "journal"
DAYS = 7  # after which nobody will take up a run that was killed


class Journal:
    """The findings of the units of one run: its folder is named by everything that decides what they are."""

    def __init__(self, settings: Settings, environment: Mapping[str, Any]):
        everything = json.dumps(
            [settings.to_json(), dict(environment), dict(_sources()), sorted(_versions())]
        )
        self.folder = settings.directory / FOLDER / hashlib.sha256(everything.encode()).hexdigest()[:32]
        _forget_old(self.folder.parent)

    def read(self, unit: Unit) -> Findings | None:
        """What an earlier run found of this unit."""
        try:
            found = pickle.loads(self._path(unit).read_bytes())
        except (OSError, ValueError, EOFError, pickle.UnpicklingError, AttributeError, ImportError):
            return None
        return found if isinstance(found, Findings) else None

    def write(self, unit: Unit, findings: Findings) -> None:
        files.write(self._path(unit), pickle.dumps(findings))

    def clear(self) -> None:
        """The run is complete, so there is nothing to take up."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # where no other run is waiting to be taken up
            self.folder.parent.rmdir()

    def _path(self, unit: Unit) -> Path:
        # Not the replays, unless there is nothing else: the run that was killed may have kept more of them.
        more = unit.replays if unit.only_replays else ()
        decides = (unit.spec, unit.index, unit.choices, unit.explored, unit.on_device, more)
        return self.folder / f"{hashlib.sha256(repr(decides).encode()).hexdigest()[:32]}.pickle"


def _forget_old(folder: Path) -> None:
    for path in folder.glob("*"):
        if time.time() - path.stat().st_mtime > DAYS * 86400:
            shutil.rmtree(path, ignore_errors=True)


def _sources() -> Iterator[tuple[str, str]]:
    """Digests of every source file of this project, and of those that are loaded and belong to no library."""
    ours = [
        path
        for package in (manual_bp, verify)
        for root in package.__path__
        for path in Path(root).rglob("*.py")
    ]
    loaded = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    theirs = [
        Path(path)
        for path in loaded
        if path and path.endswith(".py") and not path.startswith(files.libraries())
    ]
    for path in sorted({*ours, *theirs}):
        if path.is_file():
            yield str(path), hashlib.sha256(path.read_bytes()).hexdigest()


def _versions() -> Iterator[str]:
    for installed in importlib.metadata.distributions():
        yield f"{installed.name} {installed.version}"
