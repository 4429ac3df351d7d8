"""Gradients that compute with complex numbers: right ones are proved, wrong ones refuted, through every lane."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax import lax

import verify
from verify.verdict import Verdict

RIGHT = {
    "modulus": (lambda a, x: jnp.sum(a * jnp.abs(x + 1j * x) ** 2), lambda a, x: 2 * x**2),
    "exponential": (lambda a, x: jnp.sum(a * jnp.real(jnp.exp(1j * x))), lambda a, x: jnp.cos(x)),
    "loop": (
        lambda a, x: jnp.sum(a * lax.fori_loop(0, 2, lambda _, y: jnp.real(1j * y * -1j), x)),
        lambda a, x: x,
    ),
    "transform of a real signal, of any length": (
        lambda a, x: jnp.sum(a) * jnp.sum(jnp.abs(jnp.fft.rfft(x)) ** 2),
        lambda a, x: jnp.full_like(a, jnp.sum(jnp.abs(jnp.fft.rfft(x)) ** 2)),
    ),
    "imaginary part of a root": (
        lambda a, x: jnp.sum(a * jnp.imag(jnp.sqrt(lax.complex(x, a)))),
        lambda a, x: jnp.imag(jnp.sqrt(lax.complex(x, a))) + a * jnp.imag(0.5j / jnp.sqrt(lax.complex(x, a))),
    ),
}
WRONG = {
    "modulus": (RIGHT["modulus"][0], lambda a, x: x**2),
    "a part for the other": (lambda a, x: jnp.sum(a * x), lambda a, x: jnp.imag(1j * x + 2 * x) * 2),
    "half a transform": (
        lambda a, x: jnp.sum(a * jnp.real(jnp.fft.fft(x)) ** 2),
        lambda a, x: jnp.real(jnp.fft.fft(x)) ** 2 - 0.1 * jnp.imag(jnp.fft.fft(x)) ** 2,
    ),
}


def judged(functions: tuple[Callable[..., Any], Callable[..., Any]], directory: Path) -> verify.Report:
    objective, manual = functions
    return verify.check_gradient(
        manual,
        objective,
        "a",
        shapes=dict(a="n", x="n"),
        examples=4,
        dtypes=("float32",),
        directory=directory,
    )


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_proved(name: str, tmp_path: Path):
    report = judged(RIGHT[name], tmp_path)
    verdicts = {equation.verdict for equation in report.derivations[0].equations}
    assert verdicts == {Verdict.PROVED}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_refuted(name: str, tmp_path: Path):
    report = judged(WRONG[name], tmp_path)
    assert {equation.verdict for equation in report.derivations[0].equations} == {Verdict.REFUTED}


def test_what_has_no_model_is_inconclusive(tmp_path: Path):
    def manual(a, x):
        return jnp.real(lax.sort(x + 0j))

    report = judged((lambda a, x: jnp.sum(a * jnp.sort(x)), manual), tmp_path)
    (equation, whole) = report.derivations[0].equations
    assert {equation.verdict, whole.verdict} == {Verdict.INCONCLUSIVE}
    assert "sort of complex numbers" in (equation.because or "")


def test_what_has_no_model_at_one_size_alone_is_inconclusive(tmp_path: Path):
    def manual(x):
        return jnp.real(jnp.conj(lax.sort(x + 0j))) if x.shape[0] == 5 else x

    def objective(x):
        return jnp.sum(x * x) / 2

    report = verify.check_gradient(
        manual, objective, "x", shapes={"x": "n"}, examples=2, dtypes=("float32",), directory=tmp_path
    )
    equation = report.derivations[0].equations[0]
    assert equation.verdict is Verdict.INCONCLUSIVE and "sort of complex numbers" in (equation.because or "")


def test_the_gradient_through_a_transform_is_traced_at_every_length(tmp_path: Path):
    """jax's transposed transform asks whether a length is odd, which a symbolic one does not know."""

    def objective(a, x):
        return a * jnp.sum(jnp.abs(jnp.fft.rfft(x)) ** 2)

    def manual(a, x):
        return jax.grad(objective, 1)(a, x)

    report = verify.check_gradient(
        manual,
        objective,
        "x",
        shapes={"a": "", "x": "n"},
        examples=4,
        dtypes=("float32",),
        directory=tmp_path,
    )
    assert {equation.verdict for equation in report.derivations[0].equations} == {Verdict.PROVED}
