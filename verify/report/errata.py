"""The table of equations that a book prints wrong, from the report of a run; as a program it puts it into a file.

`python -m verify.report.errata .verify/report.json README.md` replaces what stands between the two marks.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from manual_bp.description.formula import to_unicode
from verify.report import generated
from verify.verdict import COMPOSED, Verdict

BEGIN, END = generated.marks("errata")


def table(report: Mapping[str, Any]) -> str:
    """The errata of a report in JSON, as a table in Markdown: where, as printed, what is wrong and at which case."""
    rows = [
        f"| {derivation['source']} | `{to_unicode(equation['tex'])}` | {equation['because']} |"
        for derivation in report["derivations"]
        for equation in derivation["equations"]
        if equation["verdict"] == Verdict.PRINTED_WRONG and equation["name"] != COMPOSED
    ]
    return "\n".join(["| chapter | as printed | what is wrong, and where it shows |", "|---|---|---|", *rows])


def replaced(text: str, errata: str) -> str:
    """The text with this table between the marks. Raises ValueError where they are missing."""
    return generated.replaced(text, "errata", errata)


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    target.write_text(replaced(target.read_text(), table(json.loads(source.read_text()))))
