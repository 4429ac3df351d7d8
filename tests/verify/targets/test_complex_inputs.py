"""Gradients by complex arguments: jax's convention, by hand, in trees, in examples and in scripts."""

from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from jaxtyping import Array, Complex, Float

import verify
from tests.verify.counterexamples.scripts import run
from verify.verdict import Verdict


def power(a: Float[Array, " n"], z: Complex[Array, " n"]) -> Float[Array, ""]:
    return jnp.sum(a * jnp.abs(z) ** 2)


def dpower(a, z):
    return 2 * a * jnp.conj(z)


def dpower_of_steepest_ascent(a, z):
    return 2 * a * z


def judged(manual, objective, wrt, directory: Path, **options) -> verify.Report:
    return verify.check_gradient(
        manual, objective, wrt, examples=3, dtypes=("float32",), directory=directory, **options
    )


def test_the_convention_is_jax_s(tmp_path: Path):
    report = judged(dpower, power, "z", tmp_path)
    named = {equation.name: equation.verdict for equation in report.derivations[0].equations}
    assert named == dict.fromkeys(("dJ_dz_re", "dJ_dz_im", "gradient"), Verdict.PROVED)
    z = jnp.array([1 + 2j])
    assert jax.grad(power, 1)(jnp.ones(1), z) == dpower(jnp.ones(1), z)


def test_the_conjugate_is_refuted_and_named(tmp_path: Path):
    report = judged(dpower_of_steepest_ascent, power, "z", tmp_path)
    by_name = {equation.name: equation for equation in report.derivations[0].equations}
    assert by_name["dJ_dz_re"].verdict is Verdict.PROVED
    assert by_name["dJ_dz_im"].verdict is Verdict.REFUTED
    assert "manual = -jax.grad" in (by_name["dJ_dz_im"].because or "")
    case = by_name["dJ_dz_im"].counterexample
    assert case is not None
    script = Path(case.script).read_text()
    assert (
        "-jnp.imag(test_complex_inputs.dpower_of_steepest_ascent(" in script
        and "jax.lax.complex(z_re, z_im)" in script
    )
    code, said = run(script)
    assert code == 1 and "jax.grad" in said


def test_trees_and_examples(tmp_path: Path):
    def objective(p, x):
        return jnp.sum(jnp.abs(p["w"] * x + p["b"]) ** 2)

    def manual(p, x):
        o = jnp.conj(p["w"] * x + p["b"])
        return {"w": 2 * o * x, "b": 2 * jnp.real(o)}

    shapes = dict(p={"w": jnp.ones(3) + 0j, "b": "3"}, x="3")
    report = judged(manual, objective, "p", tmp_path, shapes=shapes)
    assert report.verdict is Verdict.PROVED
    names = [equation.name for equation in report.derivations[0].equations]
    assert names == ["dJ_dp_b", "dJ_dp_w_re", "dJ_dp_w_im", "gradient"]


def test_a_complex_argument_that_nothing_is_differentiated_by(tmp_path: Path):
    def manual(a, z):
        return jnp.abs(z) ** 2

    assert judged(manual, power, "a", tmp_path).verdict is Verdict.PROVED


@pytest.mark.parametrize("wrong", [lambda a, z: (z, z), lambda a, z: {"y": z}])
def test_another_structure_is_named(wrong, tmp_path: Path):
    with pytest.raises(TypeError, match="built otherwise than z"):
        judged(wrong, power, "z", tmp_path)


@pytest.mark.parametrize("right", [True, False])
def test_custom_rules(right: bool, tmp_path: Path):
    def modulus(z):
        return jnp.abs(z) ** 2

    rule = jax.custom_vjp(modulus)
    rule.defvjp(lambda z: (modulus(z), z), lambda z, g: (2 * g * (jnp.conj(z) if right else z),))
    report = verify.check_custom_rule(
        rule, modulus, shapes={"z": Complex[Array, "n"]}, examples=2, dtypes=("float32",), directory=tmp_path,
        only=None if right else "dJ_*",  # the laws of a wrong one take longer, and say no more
    )  # fmt: skip
    assert report.verdict is (Verdict.PROVED if right else Verdict.REFUTED)
