"""Formulas as MathML, and as Unicode where a converter does not know what stands in them."""

from __future__ import annotations

import functools
import re

from latex2mathml.converter import convert
from markupsafe import Markup, escape

from manual_bp.description.formula import to_unicode


@functools.lru_cache(maxsize=4096)
def mathml(tex: str) -> Markup:
    """A formula of TeX, with its Unicode as what a screen reader may say in its place."""
    said = to_unicode(tex)
    try:
        found = convert(tex)
    except Exception:  # the converter's own errors have no common type
        return Markup(f"<code>{escape(said)}</code>")
    label = f'<math displaystyle="true" aria-label="{escape(said)}"'
    return Markup(re.sub(r"^<math", lambda _: label, found, count=1))
