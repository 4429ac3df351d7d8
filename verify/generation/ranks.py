"""How many axes `*batch` stands for is one more choice: a table of ranks, rotated with the others.

A derivation is judged at one rank of each such word, and is then like any other: `*batch d` is `batch_0 batch_1 d`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from manual_bp.construction.tables import Row, by_name
from manual_bp.derivation import Derivation


@dataclass(frozen=True)
class Rank(Row):
    """A number of axes."""

    axes: int

    @classmethod
    def table(cls) -> Mapping[str, Rank]:
        return RANKS


RANKS = by_name(Rank("rank 0", 0), Rank("rank 1", 1), Rank("rank 2", 2))


def tables(derivation: Derivation) -> dict[str, Mapping[str, Any]]:
    """The table of each static choice, and that of each word that stands for any number of axes."""
    return {**derivation.choices, **{word: _ranks(derivation, word) for word in derivation.axes}}


def _ranks(derivation: Derivation, word: str) -> Mapping[str, Rank]:
    """All that are judged, or the one that the derivation fixes."""
    if word not in derivation.ranks:
        return RANKS
    rank = derivation.ranks[word]
    return by_name(Rank(f"rank {rank}", rank))


def instance(derivation: Derivation, rows: Mapping[str, Any]) -> tuple[Derivation, dict[str, Any]]:
    """The derivation with as many axes as the rows say, and the rows that a call takes."""
    ranks = {word: rows[word].axes for word in derivation.axes}
    at = replace(derivation, ranks=ranks) if derivation.axes else derivation
    return at, {choice: row for choice, row in rows.items() if choice not in ranks}


def chosen(derivation: Derivation, names: Mapping[str, str]) -> tuple[Derivation, dict[str, Any]]:
    """As `instance`, of rows by name."""
    known = tables(derivation)
    return instance(derivation, {choice: known[choice][row] for choice, row in names.items()})


def instances(
    derivation: Derivation, pairs: Iterable[Mapping[str, Any]]
) -> list[tuple[Derivation, dict[str, Any]]]:
    """The derivation at all the ranks among these choices, each with the first rows that come with them."""
    found: dict[tuple[int, ...], tuple[Derivation, dict[str, Any]]] = {}
    for rows in pairs:
        found.setdefault(tuple(rows[word].axes for word in derivation.axes), instance(derivation, rows))
    return [*found.values()]


def turns(derivation: Derivation) -> int:
    """How many pairs of a rotation it takes to meet every rank."""
    return max((len(_ranks(derivation, word)) for word in derivation.axes), default=1)


def said(derivation: Derivation) -> str:
    """The ranks of a derivation, as the end of a message."""
    words = ", ".join(f"{word} of rank {rank}" for word, rank in derivation.ranks.items())
    return f" ({words})" if words else ""


def widest(derivation: Derivation) -> Derivation:
    """The derivation with the most axes: its dimensions are those of all ranks."""
    return instance(derivation, {word: [*_ranks(derivation, word).values()][-1] for word in derivation.axes})[
        0
    ]


def row_names(choices: Mapping[str, Any]) -> dict[str, str]:
    return {choice: str(getattr(row, "name", row)) for choice, row in choices.items()}


def named(choices: Mapping[str, Any], ranks: Mapping[str, int]) -> dict[str, str]:
    """What is chosen, by name: rows of tables, and numbers of axes."""
    return row_names(choices) | {word: f"rank {rank}" for word, rank in ranks.items()}
