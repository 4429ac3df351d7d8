"""What rounding explains and the problem does not: NaN, infinities, lost digits where `jax.grad` has none."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

import verify
from manual_bp.domains import nonnegative, one_hot
from verify.verdict import EquationReport, Verdict


def softplus(x):
    return jnp.sum(jax.nn.softplus(x))


def roots(x):
    return jnp.sum(jnp.sqrt(x))


def energy(x):
    return jnp.sum(x * x) / 2


def shifted(x):
    return jnp.sum(jnp.log1p(x * x)) / 2


def normaliser(x):
    return jax.nn.logsumexp(x)


# Equal to the derivative in exact arithmetic, and not computed well: the objective, the derivative, the words.
LOST = {
    "exp overflows": (softplus, lambda x: jnp.exp(x) / (1 + jnp.exp(x)), {}, "NaN in float32"),
    "a softmax without its shift": (
        normaliser,
        lambda x: jnp.exp(x) / jnp.sum(jnp.exp(x)),
        {},
        "NaN in float32",
    ),
    "0 divided by 0": (roots, lambda x: x / (2 * x * jnp.sqrt(x)), dict(x=nonnegative), "NaN in float32"),
    "a product overflows": (energy, lambda x: x * 1e30 * 1e30 / 1e60, {}, "in float32"),
    "a square overflows": (shifted, lambda x: x * x * x / (x * x) / (1 + x * x), {}, "NaN in float32"),
    "1 minus almost 1": (softplus, lambda x: 1 - 1 / (1 + jnp.exp(x)), {}, "kept, jax.grad keeps"),
}
# Other formulas for the same derivative, none of which loses more than the problem allows.
KEPT = {
    "sigmoid": (softplus, jax.nn.sigmoid, {}),
    "sigmoid by its other half": (
        softplus,
        lambda x: jnp.where(x > 0, 1 / (1 + jnp.exp(-x)), jax.nn.sigmoid(x)),
        {},
    ),
    "softmax": (normaliser, jax.nn.softmax, {}),
    "softmax by hand": (normaliser, lambda x: jnp.exp(x - jax.nn.logsumexp(x)), {}),
    "half a reciprocal root": (roots, lambda x: 0.5 / jnp.sqrt(x), dict(x=nonnegative)),
    "another order": (energy, lambda x: (x + x) / 2, {}),
    "what XLA folds": (energy, lambda x: (x + 3) - 3, {}),
}


def judged(objective, manual, domains, directory: Path) -> EquationReport:
    """The worst of the equation alone and the gradient, which are run at different sizes."""
    report = verify.check_gradient(
        manual, objective, "x", shapes=dict(x="n"), domains=domains or None,
        examples=1, dtypes=("float32",), directory=directory,
    )  # fmt: skip
    return min(report.derivations[0].equations, key=lambda equation: [*Verdict].index(equation.verdict))


@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")  # of 1e60 to float32
@pytest.mark.parametrize("name", LOST)
def test_what_the_problem_does_not_lose_is_inaccurate(name: str, tmp_path: Path):
    objective, manual, domains, words = LOST[name]
    equation = judged(objective, manual, domains, tmp_path)
    assert equation.verdict is Verdict.INACCURATE
    assert equation.because is not None and words in equation.because
    (device,) = equation.device
    assert device.lost > 0 and device.loss is not None


@pytest.mark.parametrize("name", KEPT)
def test_what_keeps_its_digits_is_not_blamed(name: str, tmp_path: Path):
    objective, manual, domains = KEPT[name]
    equation = judged(objective, manual, domains, tmp_path)
    assert equation.verdict in (Verdict.PROVED, Verdict.VERIFIED), equation.because
    assert all(device.lost == 0 for device in equation.device)


def test_the_equation_is_named_that_overflows_though_it_is_shown_at_more_than_one_element_only(
    tmp_path: Path,
):
    """Alone and in the gradient whole: at size 1 a softmax without its shift is 1, or NaN where nothing is asked."""

    def softmax_unshifted(o, y):
        return jnp.exp(o) / jnp.sum(jnp.exp(o)) - y

    report = verify.check_gradient(
        softmax_unshifted,
        lambda o, y: jax.nn.logsumexp(o) - y @ o,
        "o",
        shapes=dict(o="q", y="q"),
        domains=dict(y=one_hot),
        examples=2,
        directory=tmp_path,
    )
    found = {equation.name: equation for equation in report.equations}
    assert {name: equation.verdict for name, equation in found.items()} == dict.fromkeys(
        found, Verdict.INACCURATE
    )
    assert re.search("NaN in float32 .*: exp (over|under)flows", str(found["dJ_do"].because))
