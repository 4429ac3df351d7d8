"""A report as one page of HTML, to look at: equations with their evidence, graphs, plots, and what failed.

It takes two libraries that are not needed otherwise, and come with `manual-bp[report]`: Jinja for the templates, and
latex2mathml for the formulas.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from verify.runtime import files
from verify.verdict import Report

SUFFIX = ".html"
NEEDED = ("jinja2", "latex2mathml")
ADVICE = 'no page was written: pip install "manual-bp[report]" for one'


def available() -> bool:
    """Whether what a page takes is installed."""
    return all(importlib.util.find_spec(name) is not None for name in NEEDED)


def save(report: Report, path: Path) -> None:
    """Write the page of `report` to `path`, whole or not at all. Raises ImportError where a library is missing."""
    files.write(path, render(report))


def render(report: Report) -> str:
    """The page as text: HTML that needs no network, no script and no other file."""
    from verify.report.page.rendering import page  # takes the libraries

    return page(report)
