"""Complex numbers, of which no lane has a model: whatever computes with them is neither proved nor refuted."""

from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

import verify
from verify.verdict import Verdict

CASES = {
    "in both": (lambda a, x: jnp.sum(a * jnp.abs(x + 1j * x) ** 2), lambda a, x: 2 * x**2),
    "in both, and wrong": (lambda a, x: jnp.sum(a * jnp.abs(x + 1j * x) ** 2), lambda a, x: x**2),
    "forwards alone": (lambda a, x: jnp.sum(a * jnp.real(jnp.exp(1j * x))), lambda a, x: jnp.cos(x)),
    "inside a loop": (
        lambda a, x: jnp.sum(a * jax.lax.fori_loop(0, 2, lambda _, y: jnp.real(1j * y * -1j), x)),
        lambda a, x: x,
    ),
    "by hand alone": (lambda a, x: jnp.sum(a * x), lambda a, x: jnp.real(jnp.fft.ifft(jnp.fft.fft(x)))),
    "by hand alone, and wrong": (lambda a, x: jnp.sum(a * x), lambda a, x: jnp.imag(1j * x + x)),
}


@pytest.mark.parametrize("name", CASES)
def test_nothing_complex_is_proved_or_refuted(name: str, tmp_path: Path):
    objective, manual = CASES[name]
    report = verify.check_gradient(
        manual, objective, "a", shapes=dict(a="n", x="n"), examples=1, dtypes=("float32",), directory=tmp_path
    )
    assert {equation.verdict for equation in report.derivations[0].equations} == {Verdict.INCONCLUSIVE}
    assert "complex numbers take part" in (report.derivations[0].equations[0].because or "")
