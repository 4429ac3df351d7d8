"""The page: whole and well-formed HTML, with every equation and what failed, as it is and in a browser."""

import html
import html.parser
import itertools
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from verify import cli
from verify.campaign import campaign
from verify.report import page
from verify.report.page.graph import HEIGHT, drawing
from verify.report.page.mathematics import mathml
from verify.settings import Settings
from verify.targets.discovery import resolve
from verify.verdict import (
    COMPOSED,
    Counterexample,
    DerivationReport,
    EquationReport,
    Report,
    Verdict,
    Wiring,
)

DERIVATIONS = [target.derivation for target in resolve()]  # the book's
CHROME = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", CHROME))), None
)
VOID = {"meta", "link", "br", "hr", "img", "input", "path", "rect", "circle", "line"}

WRONG = '''"""A layer, one of whose equations is wrong."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation


def z(W: Float[Array, "h d"], x: Float[Array, " d"]):
    r"""$z = W x$"""
    return W @ x


def L(z, y: Float[Array, " h"]):
    r"""$L = \\frac12 \\|\\tanh(z) - y\\|^2$"""
    return jnp.sum((jnp.tanh(z) - y) ** 2) / 2


def dL_dz(z, y):
    r"""$\\frac{\\partial L}{\\partial z} = (\\tanh(z) - y) \\odot (1 - \\tanh(z))$"""
    return (jnp.tanh(z) - y) * (1 - jnp.tanh(z))


def dL_dW(dL_dz, x):
    r"""$\\frac{\\partial L}{\\partial W} = \\frac{\\partial L}{\\partial z} x^\\top$"""
    return jnp.outer(dL_dz, x)


LAYER = Derivation("layer", "a test", dict(z=z, L=L), dict(dL_dz=dL_dz, dL_dW=dL_dW))
'''


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Of a layer that is wrong, and of one of the book's chapters that is right."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "layer.py").write_text(WRONG)
    settings = Settings(examples=2, dtypes=("float32",), directory=folder, jobs=1)
    return campaign.run(resolve([f"{folder / 'layer.py'}", "weight-decay"]), settings, lambda *_: None)


class Document(html.parser.HTMLParser):
    """Elements that are open and closed in order, their ids, the fragments that are linked to, and the text."""

    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.outside: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append(tag)
        self.ids += [str(found["id"])] if "id" in found else []
        self.links += [str(found["href"])] if tag == "a" else []
        self.outside += [str(found[name]) for name in ("src", "srcset", "data") if name in found]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_data(self, data):
        self.text += data


def test_a_page_is_whole_and_needs_nothing_else(report: Report):
    text = page.render(report)
    document = Document(text)
    assert len(set(document.ids)) == len(document.ids)
    assert {link.removeprefix("#") for link in document.links} <= set(document.ids)
    assert "script" not in document.tags and document.outside == [] and "http" not in text.replace(MATHML, "")
    assert document.tags.count("math") >= len(report.equations) == 8
    assert document.tags.count("svg") == 6  # for each derivation the graph, errors and sizes


MATHML = "http://www.w3.org/1998/Math/MathML"  # a name, which nothing is fetched from


def test_what_failed_is_told_first_with_both_sides_and_its_script(report: Report):
    text = page.render(report)
    (wrong,) = [e for e in report.equations if e.name == "dL_dz"]
    case = wrong.counterexample
    assert case is not None and wrong.verdict is Verdict.REFUTED
    told = Document(text).text.partition("What failed")[2]
    for said in (repr(case.manual), repr(case.autodiff), case.replay, "the script", "jax.config.update"):
        assert said in told
    assert told.index(repr(case.manual)) < told.index("weight-decay")
    assert '<g class="adjoint refuted">' in text


def test_text_of_users_is_escaped():
    case = Counterexample("bounds", {}, {"n": 1}, {"x": [1.0]}, {}, (0,), 1.0, 2.0, 0.0, replay="<b>@1")
    evil = EquationReport(
        "dJ_dx", r"x < y & <script>alert(1)</script>", Verdict.REFUTED, "<i>", counterexample=case
    )
    wiring = Wiring(["<x>"], {"J": ["<x>"]}, "J", {"dJ_dx": ("J", "<x>")}, {"dJ_dx": []})
    found = Report({"device": "<d>"}, {}, {}, [DerivationReport("<script>", "a & b", [evil], wiring=wiring)])
    document = Document(page.render(found))
    assert "script" not in document.tags and not {"b", "i", "d", "x"} & set(document.tags)
    assert "<script>" in document.text


def test_a_report_of_nothing_has_a_page():
    text = Document(page.render(Report({}, {}, {}, [], interrupted=True))).text
    assert "nothing was judged" in text and "interrupted" in text


def test_every_formula_of_the_book_is_mathematics():
    formulas = [equation.tex for derivation in DERIVATIONS for equation in derivation.equations.values()]
    assert len(formulas) > 150
    assert [tex for tex in formulas if not mathml(tex).startswith("<math")] == []


def test_words_between_formulas_are_text():
    assert "<mtext>" in mathml("a = b$ where $b > 0") and "$" not in mathml("a = b$ where $b > 0")


def test_what_no_converter_knows_is_shown_in_unicode(monkeypatch: pytest.MonkeyPatch):
    def fails(tex: str) -> str:
        raise ValueError(tex)

    mathml.cache_clear()
    monkeypatch.setattr("verify.report.page.mathematics.convert", fails)
    assert mathml(r"\lambda < 1") == "<code>λ &lt; 1</code>"
    mathml.cache_clear()


@pytest.mark.parametrize("derivation", DERIVATIONS, ids=lambda derivation: derivation.name)
def test_no_box_of_a_graph_covers_another(derivation):
    from verify.campaign.summaries import wiring  # beside what it is needed for

    found = drawing(wiring(derivation), dict.fromkeys(derivation.equations, Verdict.PROVED))
    assert found.boxes.keys() == {*derivation.leaves, *derivation.graph.steps, *derivation.equations}
    boxes = sorted(found.boxes.values(), key=lambda box: (box.y, box.x))
    for left, right in itertools.pairwise(boxes):
        assert left.y != right.y or left.x + left.width < right.x
    assert all(box.x >= 0 and box.x + box.width <= found.width and box.y < found.height for box in boxes)
    taken = sum(len({*step.parameters}) for step in derivation.graph.steps.values())
    assert len(found.arrows) >= taken


@pytest.mark.parametrize("derivation", DERIVATIONS, ids=lambda derivation: derivation.name)
def test_no_arrow_passes_through_a_box(derivation):
    from verify.campaign.summaries import wiring  # beside what it is needed for

    found = drawing(wiring(derivation), {})
    for x, y in itertools.chain.from_iterable(points(arrow.path) for arrow in found.arrows):
        assert [
            name
            for name, box in found.boxes.items()
            if box.x < x < box.x + box.width and box.y < y < box.y + HEIGHT
        ] == []


def points(path: str) -> Iterator[tuple[float, float]]:
    """Along a path of cubic curves and level lines, its own ends left out."""
    x, y = 0.0, 0.0
    for command, *numbers in (step.split() for step in re.findall(r"[MCH][^MCH]*", path)):
        to = [float(number) for number in numbers]
        if command == "H":
            to = [x, y, to[0], y, to[0], y]
        if command != "M":
            corners = [(x, y), *zip(to[::2], to[1::2], strict=True)]
            for t in (share / 20 for share in range(1, 20)):
                weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
                pairs = list(zip(weights, corners, strict=True))
                yield sum(w * c[0] for w, c in pairs), sum(w * c[1] for w, c in pairs)
        x, y = to[-2:]


def test_the_command_line_writes_it_beside_the_report(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "layer.py").write_text(WRONG)
    options = [
        "layer.py",
        "--examples",
        "1",
        "--dtype",
        "float32",
        "--jobs",
        "1",
        "--report",
        "out/mine.json",
    ]
    assert cli.main(options) == 1
    assert "page: out/mine.html" in capsys.readouterr().out
    assert "layer" in Document((tmp_path / "out" / "mine.html").read_text()).text
    monkeypatch.setattr(page, "NEEDED", ("jinja2", "no_such_library"))
    (tmp_path / "out" / "mine.html").unlink()
    assert cli.main(options) == 1
    assert 'pip install "manual-bp[report]"' in capsys.readouterr().out
    assert not (tmp_path / "out" / "mine.html").exists() and json.loads(
        (tmp_path / "out" / "mine.json").read_text()
    )
    assert cli.main([*options[:-1], "out/mine.html"]) == 2
    assert "--report out/mine.html: expected a name for the JSON, as out/mine.json" in capsys.readouterr().err


LOOK = """<!doctype html><script>
const scrolls = e => ["auto", "scroll"].includes(getComputedStyle(e).overflowX)
  && (e.scrollWidth > e.clientWidth || e.scrollHeight > e.clientHeight);
function look(frame) {
  const page = frame.contentDocument, all = [...page.querySelectorAll("*")];
  const wide = all.filter(e => e.tagName === "math").map(e => e.getBoundingClientRect().width);
  const unfocused = all.filter(e => e !== page.documentElement && scrolls(e) && e.tabIndex < 0);
  document.documentElement.dataset.seen = JSON.stringify({
    page: page.documentElement.scrollWidth, window: frame.contentWindow.innerWidth, math: wide.length,
    shown: wide.filter(w => w > 0).length, errors: page.querySelectorAll("merror").length,
    lost: [...page.querySelectorAll("a")].filter(a => !page.querySelector(a.getAttribute("href"))).length,
    unfocused: unfocused.map(e => e.outerHTML.slice(0, 80)),
  });
}
</script><iframe onload="look(this)" style="border: 0" width="%d" height="900" srcdoc="%s"></iframe>"""


@pytest.mark.skipif(
    BROWSER is None and "GITHUB_ACTIONS" not in os.environ,
    reason="no browser is installed: chromium or google-chrome",
)
@pytest.mark.parametrize("width", [360, 800, 1200])
def test_in_a_browser_it_is_shown_whole(report: Report, tmp_path: Path, width: int):
    """In a frame, as a window of a browser without a screen is not as narrow as a telephone."""
    text = page.render(report).replace("<details>", "<details open>")
    (path := tmp_path / "page.html").write_text(LOOK % (width, html.escape(text)))
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1300,1000"]
    logged = ["--enable-logging=stderr", f"--user-data-dir={tmp_path / 'profile'}"]
    command = [str(BROWSER), *options, *logged, "--dump-dom", path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert "CONSOLE" not in done.stderr
    found = re.search(r'data-seen="([^"]*)"', done.stdout)
    assert found is not None, done.stderr
    seen = json.loads(html.unescape(found[1]))
    assert seen["math"] == seen["shown"] >= len(report.equations)
    assert (seen["errors"], seen["lost"], seen["unfocused"]) == (0, 0, [])
    assert seen["page"] <= seen["window"] == width


def test_the_gradient_whole_has_no_box(report: Report):
    assert COMPOSED in {equation.name for equation in report.equations}
    assert all(COMPOSED not in derivation.wiring.equations for derivation in report.derivations)
