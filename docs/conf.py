"""How the documentation is built: `nox -s docs`."""

import importlib.metadata
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from docs.book import write  # after the path is set

project = "manual-bp"
author = "The manual-bp contributors"
try:
    release = importlib.metadata.version(project)
except importlib.metadata.PackageNotFoundError:
    release = ""
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "manual-bp"
exclude_patterns = ["_build"]
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
nitpicky = False
suppress_warnings = ["misc.highlighting_failure"]  # terminal output is no language

write(Path(__file__).parent / "book.md", Path(__file__).parents[1] / ".verify" / "report.json")
