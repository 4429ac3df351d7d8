"""Where a derivation's tables have kinks and ties, and which of them the values of a run have met."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from manual_bp.derivation import Derivation


class Site(NamedTuple):
    """A forward function that applies a row with kinks: where it does, and what it is applied to."""

    choice: str
    row: Any
    at: np.ndarray  # the activation's argument, or a loss's o - y


def sites(derivation: Derivation, choices: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[Site]:
    """Every place where a row with kinks is applied; `values` holds plain arrays by symbol."""
    for step in derivation.graph.steps.values():
        for choice in step.choices:
            row = choices[choice]
            arguments = [np.asarray(values[parameter]) for parameter in step.parameters]
            if not getattr(row, "kinks", ()) or not arguments:
                continue
            at = arguments[0] - arguments[1] if len(arguments) > 1 else arguments[0]
            yield Site(choice, row, at)


def hits(site: Site, exact: np.ndarray | bool = True) -> dict[float, int]:
    """How many elements lie exactly at each kink; only those that are `exact` count."""
    return {kink: int(((site.at == kink) & exact).sum()) for kink in site.row.kinks}


def pieces(site: Site) -> dict[int, int]:
    """How many elements lie strictly inside each piece between the kinks."""
    which = np.searchsorted(np.asarray(site.row.kinks), site.at[~np.isin(site.at, site.row.kinks)])
    counts = np.bincount(which.ravel(), minlength=len(site.row.kinks) + 1)
    return dict(enumerate(counts.tolist()))
