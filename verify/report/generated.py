"""Puts what a run gives into a document, between two marks."""

from __future__ import annotations

import re


def marks(what: str) -> tuple[str, str]:
    """The lines before and after what is generated."""
    return f"<!-- {what} -->\n", f"<!-- end of {what} -->"


def replaced(text: str, what: str, made: str) -> str:
    """The text with this between the marks. Raises ValueError where they are missing."""
    begin, end = marks(what)
    if begin not in text or end not in text:
        raise ValueError(f"no place for the {what}: expected the lines {begin.strip()} and {end}")
    return re.sub(f"(?<={begin}).*(?={end})", lambda _: f"{made}\n", text, flags=re.DOTALL)
