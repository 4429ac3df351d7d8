"""Formulas as MathML, and as Unicode where a converter does not know what stands in them."""

from __future__ import annotations

import functools

from latex2mathml.converter import convert
from markupsafe import Markup, escape

from manual_bp.description.formula import to_unicode


@functools.lru_cache(maxsize=4096)
def mathml(tex: str) -> Markup:
    """A formula of TeX, with its Unicode as what a screen reader may say in its place."""
    said = to_unicode(tex)
    try:
        found = convert(_one(tex), display="block")  # sums with their limits below
    except Exception:  # the converter's own errors have no common type
        return Markup(f"<code>{escape(said)}</code>")
    shown = f' display="inline" displaystyle="true" aria-label="{escape(said)}"'
    return Markup(found.replace(' display="block"', shown, 1))


def _one(tex: str) -> str:
    """Formulas with words between them, `a = b$ where $b > 0`, as one."""
    return "".join(rf"\text{{{part}}}" if place % 2 else part for place, part in enumerate(tex.split("$")))
