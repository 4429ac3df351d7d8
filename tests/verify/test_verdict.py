"""A report as a value: its truth, its verdict when it was cut short, and how it shows itself."""

import copy
import json
import pickle
from html.parser import HTMLParser
from pathlib import Path

import pytest

import verify
from verify.report import json as saved
from verify.report import terminal
from verify.verdict import Counterexample, DerivationReport, EquationReport, Report, Verdict

HOSTILE = "<script>alert('&')</script>"


def equation(verdict: Verdict = Verdict.PROVED, name: str = "dJ_dW", **more) -> EquationReport:
    return EquationReport(name, r"\partial J/\partial W = x", verdict, **more)


def report(*equations: EquationReport, interrupted: bool = False, name: str = "layer", **more) -> Report:
    judged = [DerivationReport(name, "a book", [*equations], **more)] if equations else []
    return Report({"platform": "cpu"}, {"dtypes": ["float32"]}, {"cases": 7}, judged, interrupted)


@pytest.mark.parametrize("verdict", [*Verdict])
def test_a_report_is_true_where_it_is_good(verdict: Verdict):
    one = report(equation(), equation(verdict))
    assert bool(one) is one.good is verdict.good
    assert not report()  # nothing was judged


# --- interrupted ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", [*Verdict])
def test_of_an_interrupted_run_nothing_is_good_and_what_is_bad_stays(verdict: Verdict):
    found = equation(verdict, because="a reason" if not verdict.good else None)
    one = report(found, interrupted=True)
    assert not one and one.verdict is (Verdict.INCONCLUSIVE if verdict.good else verdict)
    (shown,) = one.derivations[0].equations
    assert shown.cut_short is verdict.good
    assert shown.because == found.because or verdict.good
    assert found.verdict is verdict  # what was handed over stays as it is
    for text in (str(one), repr(one), one._repr_html_(), saved.dumps(one)):
        assert not any(good in text for good in ("proved", "verified"))


def test_interrupted_before_anything_was_judged():
    one = report(interrupted=True)
    assert not one and one.verdict is Verdict.INCONCLUSIVE
    assert json.loads(saved.dumps(one))["verdict"] == "inconclusive"


def test_the_reason_is_said_once_and_without_a_story():
    text = str(
        report(equation(), equation(name="dJ_db"), equation(Verdict.REFUTED, "dJ_dx"), interrupted=True)
    )
    assert text.count("the run was interrupted") == 1
    assert "dJ_dW, dJ_db: the run was interrupted" in text
    assert "layer/dJ_dx is refuted" in text and "layer/dJ_dW is" not in text


# --- print ------------------------------------------------------------------------------------------------------------


def test_str_is_what_the_terminal_shows(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    monkeypatch.setenv("COLUMNS", "100")
    one = report(
        equation(), equation(Verdict.REFUTED, "dJ_db", because="another sign"), note="and nothing else"
    )
    terminal.show(one, terminal.console())
    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert str(one).splitlines() == printed
    assert "layer/dJ_db is refuted" in str(one) and "and nothing else" in str(one)
    assert "\x1b" not in str(one) and "report:" not in str(one)
    assert f"{one}" == str(one)


def test_str_has_no_colours_where_the_terminal_has(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLORTERM", "truecolor")
    assert "\x1b" not in str(report(equation()))


def test_repr_is_one_line():
    one = report(equation(), equation(Verdict.REFUTED), equation())
    assert repr(one) == "<Report refuted: layer; equations: 1 refuted, 2 proved>"
    assert repr(report()) == "<Report inconclusive: no derivation; equations: none>"


# --- notebooks --------------------------------------------------------------------------------------------------------


class Reader(HTMLParser):
    """The tags of a page, their attributes, its text; every tag that is opened must be closed in order."""

    def __init__(self, page: str):
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag != "br":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_html_has_a_line_for_each_equation_and_the_story_of_one_that_failed():
    case = Counterexample("bounds", {}, {"n": 1}, {"x": [1.5]}, {"x": [1.5]}, (0,), 1.0, -1.0, 0.0)
    failed = equation(Verdict.REFUTED, "dJ_db", because="another sign", counterexample=case)
    page = Reader(report(equation(because="open"), failed, note="and nothing else")._repr_html_())
    assert page.tags.count("tr") == 4 and page.tags.count("details") == 1
    for said in (
        "layer",
        "a book",
        "dJ_dW",
        "∂J/∂W = x",
        "open",
        "proved",
        "another sign",
        "x = np.array([1.5])",
    ):
        assert said in page.text
    assert "and nothing else" in page.text


def test_html_escapes_what_it_is_given():
    hostile = equation(Verdict.REFUTED, HOSTILE, because=HOSTILE)
    page = Reader(report(hostile, name=HOSTILE, note=HOSTILE)._repr_html_())
    assert "script" not in page.tags
    assert page.text.count(HOSTILE) >= 4


def test_html_is_self_contained_and_takes_the_colours_of_the_page():
    page = Reader(report(equation(), equation(Verdict.REFUTED))._repr_html_())
    assert {"script", "style", "link", "img", "iframe"}.isdisjoint(page.tags)
    assert {name for name, _ in page.attributes} <= {"style", "colspan"}
    styles = " ".join(str(value) for name, value in page.attributes if name == "style")
    assert "url(" not in styles and "background: none" in styles and "color: inherit" in styles


def test_html_of_nothing():
    assert "nothing was judged" in Reader(report()._repr_html_()).text


# --- Refuted ----------------------------------------------------------------------------------------------------------


def test_refuted_carries_the_report():
    one = report(equation(Verdict.REFUTED))
    with pytest.raises(verify.Refuted) as caught:
        verify.require(one)
    assert caught.value.report is one
    assert "layer/dJ_dW is refuted" in str(caught.value)
    for again in (pickle.loads(pickle.dumps(caught.value)), copy.copy(caught.value)):
        assert str(again) == str(caught.value)
        assert again.report is not None and again.report.verdict is Verdict.REFUTED


def test_pytest_shows_the_line_of_the_user_alone():
    with pytest.raises(verify.Refuted) as caught:
        verify.require(report(equation(Verdict.REFUTED)))
    frames = caught.traceback.filter(caught)
    assert [Path(frame.path).name for frame in frames] == ["test_verdict.py"]
    with pytest.raises(TypeError) as raised:
        verify.check(3)  # type: ignore
    assert [Path(frame.path).name for frame in raised.traceback.filter(raised)] == ["test_verdict.py"]
