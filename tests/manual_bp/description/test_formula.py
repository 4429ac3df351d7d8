"""Formulas: the TeX of the book's equations in one line of Unicode, and never an exception."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manual_bp.description import signs
from manual_bp.description.formula import to_unicode


@pytest.mark.parametrize(
    ("tex", "line"),
    [
        (r"$\partial J/\partial z = \partial J/\partial h \odot \phi'(z)$", "∂J/∂z = ∂J/∂h ⊙ φ′(z)"),
        (
            r"\partial J/\partial W^{(2)} = \partial J/\partial o\, h^\top + \lambda W^{(2)}",
            "∂J/∂W⁽²⁾ = ∂J/∂o hᵀ + λW⁽²⁾",
        ),
        (r"\partial J/\partial h = W^{(2)\top}\, \partial J/\partial o", "∂J/∂h = W⁽²⁾ᵀ ∂J/∂o"),
        (r"\frac{\partial J}{\partial \mathbf{o}} = \frac{\partial L}{\partial \mathbf{o}}", "∂J/∂o = ∂L/∂o"),
        (r"\text{prod}\left(\frac{\partial J}{\partial o}, x\right)", "prod(∂J/∂o, x)"),
        (r"s = \frac{\lambda}{2}\left(\|W\|_F^2 + \lVert V \rVert^2\right)", "s = λ/2 (‖W‖_F² + ‖V‖²)"),
        (r"\frac12 x^2", "½x²"),
        (r"\frac1n\sum_{i=1}^n x_i", "1/n ∑ᵢ₌₁ⁿ xᵢ"),
        (r"\hat p - y", "p̂ − y"),
        (r"-\exp(-x)/(1+e^{-x})^2", "−exp(−x)/(1 + e⁻ˣ)²"),
        (r"\frac{a+b}{2n}", "(a + b)/(2n)"),
        (r"\frac{\gamma x}{\sqrt{1+z}}", "γx/√(1 + z)"),
        (r"\log\sum_j e^{o_j}", "log ∑ⱼ e^(oⱼ)"),
        (r"\theta_{\mathrm{max}}, \theta_{AB}", "θₘₐₓ, θ_(AB)"),
        (r"\operatorname{diag}(\hat p)-\hat p\hat p^\top", "diag(p̂) − p̂p̂ᵀ"),
        (r"\overline{xy}", "overline(xy)"),
        (r"1[z > 0]\text{ if } \lambda \ge 0.25", "1[z > 0] if λ ≥ 0.25"),
        ("first\nsecond", "first"),
        ("", ""),
    ],
)
def test_formulas(tex, line):
    assert to_unicode(tex) == line


@pytest.mark.parametrize(
    ("tex", "line"), [(r"\foo{x} + 1", "foo x + 1"), ("^", ""), ("{x", "x"), ("x}", "x"), (r"\frac", "/()")]
)
def test_what_is_unknown_or_unfinished_keeps_its_letters(tex, line):
    assert to_unicode(tex) == line


PIECES = [
    *signs.FRACTIONS,
    *signs.UPRIGHT,
    *signs.ACCENTS,
    *signs.LETTERS,
    r"\sqrt",
    *"{}^_'x12 ,+-=()$\\",
]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_anything_becomes_one_line(tex):
    assert "\n" not in to_unicode(tex)


@given(st.text(max_size=20))
def test_no_text_raises(text):
    assert isinstance(to_unicode(text), str)
