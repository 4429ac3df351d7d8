"""What runs on a device gave, as a table in Markdown: `python -m benchmarks.device REPORT.json ...`."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from verify.report.saved import load
from verify.verdict import COMPOSED, DeviceEvidence, Report, Verdict

HEADINGS = (
    "precision", "dtype", "equations", "cases", "to the bit", "worst by hand", "worst of jax.grad", "ulps by hand",
    "ulps of jax.grad",
)  # fmt: skip


def table(reports: Sequence[Report]) -> Iterator[str]:
    """For each report its device and verdicts, then a row for each dtype, of what is right.

    Worst: the largest error over its bound. Ulps: the largest of the gradient whole, by hand and of `jax.grad` on the
    same cases.
    """
    for report in reports:
        where, totals = report.environment, report.totals
        counts = Counter(str(equation.verdict) for equation in report.equations)
        found = ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())
        yield (
            f"- {where['device']}, precision {where['precision']}, jax {where['jax']}, Python {where['python']}: "
            f"{found}; {totals['cases']:,} cases, {totals['programs']:,} programs, {totals['seconds']:.0f} s"
        )
    yield from ("", "| " + " | ".join(HEADINGS) + " |", "|---|---|" + "---:|" * (len(HEADINGS) - 2))
    for report in reports:
        for dtype in report.settings["dtypes"]:
            yield row(report, dtype)


def row(report: Report, dtype: str) -> str:
    """What the equations of a report that are proved or verified gave in one dtype."""
    right = [e for e in report.equations if e.verdict in (Verdict.PROVED, Verdict.VERIFIED)]
    of = [(e.name, d) for e in right for d in e.device if d.dtype == dtype and d.cases]
    whole = [evidence for name, evidence in of if name == COMPOSED]
    cells = [
        report.environment["precision"], dtype, f"{len(of):,}", f"{sum(d.cases for _, d in of):,}",
        f"{sum(d.exact for _, d in of):,}", _worst([d for _, d in of], "worst"), _worst(whole, "autodiff_worst"),
        _worst(whole, "manual_ulps"), _worst(whole, "autodiff_ulps"),
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def _worst(evidence: Sequence[DeviceEvidence], what: str) -> str:
    known = [value for each in evidence if (value := getattr(each, what)) is not None]
    return f"{max(known):.3g}" if known else "–"


if __name__ == "__main__":
    print(*table([load(Path(path)) for path in sys.argv[1:]]), sep="\n")
