"""Nothing that the book states of derivatives is left out, and no derivation is there for nothing."""

import importlib

import pytest

from tests.manual_bp.contents import GROWN, SECTIONS, Statement
from verify.targets import discovery

STATEMENTS = [statement for section in SECTIONS.values() for statement in section]
BOOK = {target.derivation.name: target.derivation for target in discovery.book()}


def exists(place: str) -> str:
    """What kind of thing stands there: equation, node, function, or "" for nothing."""
    module, _, function = place.partition(":")
    if function:
        home = "manual_bp" if module == "prod" else "manual_bp.book"
        return "function" if hasattr(importlib.import_module(f"{home}.{module}"), function) else ""
    name, _, key = place.partition("/")
    derivation = BOOK.get(name)
    if derivation is None:
        return ""
    return "equation" if key in derivation.equations else "node" if key in derivation.nodes else ""


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement.name)
def test_a_statement_has_its_equations_or_a_reason_why_it_has_none(statement: Statement):
    kinds = {place: exists(place) for place in statement.places}
    assert all(kinds.values()), f"{statement.name}: {kinds}"
    if statement.reason:
        assert "equation" not in kinds.values()
    else:
        assert set(kinds.values()) == {"equation"}


def test_a_statement_stands_once():
    names = [statement.name for statement in STATEMENTS]
    assert len(names) == len(set(names))


def test_every_derivation_of_the_book_is_there_for_a_statement():
    named = {place.partition("/")[0] for statement in STATEMENTS for place in statement.places}
    assert sorted(BOOK.keys() - named) == sorted(GROWN)
