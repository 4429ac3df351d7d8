"""A file of a user, with a mistake in every equation."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.verify.counterexamples.scripts import FILE


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # it is changed within a second
    yield path
    sys.modules.pop("mine", None)
