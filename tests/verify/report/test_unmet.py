"""The page names what no data met: branches, pieces of functions, kinks, sizes."""

import re

from verify.report import page
from verify.verdict import DerivationReport, Met, Report


def test_what_was_not_met_is_named():
    met = Met({"n": {1: 2, 4: 1}}, 3, 1, ["piece 2 of relu", "dJ_dx: x = 2"])
    totals = {"kinks": {"activation relu": {"0": 0, "6": 1200}}}
    found = page.render(Report({}, {}, totals, [DerivationReport("a", "b", met=met)]))
    text = " ".join(re.sub(r"<[^>]+>", " ", found).split())
    assert "Not met: piece 2 of relu dJ_dx: x = 2 " in text
    assert "Sizes that no shape had: n = 2, 3." in text
    assert "activation relu 0: not met, 6: 1,200 times" in text


def test_where_all_was_met_nothing_is_said():
    text = page.render(Report({}, {}, {}, [DerivationReport("a", "b", met=Met({"n": {1: 2, 2: 1}}, 3, 3))]))
    assert "Not met" not in text and "no shape had" not in text
