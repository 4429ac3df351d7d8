"""Domains: what they say of themselves, and that they are plain values."""

import pytest

from manual_bp import domains
from manual_bp.domains import Index, Interval, index, interval

EVERY = [
    (domains.real, "float", "a real number"),
    (domains.nonnegative, "float", "a number >= 0"),
    (domains.positive, "float", "a number > 0"),
    (interval(0, 0.5), "float", "a number from 0 to 0.5"),
    (domains.simplex, "float", "probabilities: >= 0, with sum 1 along the last axis"),
    (domains.one_hot, "float", "one-hot: a single 1 along the last axis, 0 elsewhere"),
    (index("q"), "int", "an integer, 0 <= i < q"),
    (index(10), "int", "an integer, 0 <= i < 10"),
    (index(), "int", "an integer, 0 <= i < the number of outputs"),
    (domains.binary, "float", "0 or 1"),
    (domains.counts, "float", "a count: 0, 1, 2, ..."),
    (domains.mask, "bool", "true or false"),
]


@pytest.mark.parametrize(("domain", "kind", "words"), EVERY)
def test_a_domain_names_its_dtype_and_its_values(domain, kind, words):
    assert (domain.kind, domain.integer, str(domain)) == (kind, kind == "int", words)


def test_every_domain_is_listed_above_and_they_differ():
    known = {kind for kind in domains.Domain.__subclasses__() if kind.__module__ == domains.__name__}
    assert {type(domain) for domain, *_ in EVERY} == known
    assert len({domain for domain, *_ in EVERY}) == len(EVERY)
    assert index("q") == Index("q")
    assert interval(0, 1) == Interval(0.0, 1.0)


@pytest.mark.parametrize("ends", [(1, 0), (2, 2), (float("nan"), 1)])
def test_an_interval_needs_its_ends_in_order(ends):
    with pytest.raises(ValueError, match="the first end must lie below the second"):
        interval(*ends)


@pytest.mark.parametrize("size", [0, -3])
def test_an_index_needs_something_to_count(size):
    with pytest.raises(ValueError, match=f"index\\({size}\\)"):
        index(size)
