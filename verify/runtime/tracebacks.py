"""Exceptions as the user reads them: the frames that can be mended, without Python's, the libraries' and our own."""

from __future__ import annotations

import traceback
from pathlib import Path

import manual_bp
import verify
from verify.runtime import files

OURS = tuple(Path(package.__path__[0]) for package in (manual_bp, verify))


def users(error: BaseException) -> str:
    """The traceback of the user's frames alone, and what was raised."""
    report = traceback.TracebackException.from_exception(error)
    report.__cause__ = report.__context__ = None
    theirs = [frame for frame in report.stack if not is_foreign(frame.filename)]
    report.stack = traceback.StackSummary.from_list(theirs)
    return "".join(report.format())


def one_line(error: BaseException) -> str:
    """What was raised, the first line of what it says, and the file and line of the user's that it comes from."""
    said = str(error).strip().partition("\n")[0]
    theirs = [frame for frame in traceback.extract_tb(error.__traceback__) if not is_foreign(frame.filename)]
    where = f" ({Path(theirs[-1].filename).name}, line {theirs[-1].lineno})" if theirs else ""
    return f"{type(error).__name__}: {said}{where}"


def first_words(error: Exception) -> str:
    """The first line of what was said, or, where that opens a traceback, the last."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[-1 if lines[0].endswith('last):') else 0]}"


def is_foreign(filename: str) -> bool:
    """Whether a file is Python's, a library's or this project's; the book's equations are the reader's."""
    path, book = Path(filename), OURS[0] / "book"
    within = any(path.is_relative_to(folder) for folder in (*files.libraries(), *OURS))
    return filename.startswith("<") or (within and not path.is_relative_to(book))
