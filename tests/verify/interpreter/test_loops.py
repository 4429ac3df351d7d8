"""Loops that do not end, everywhere or in a coarse dtype only: named, and not waited for."""

import jax
import jax.numpy as jnp
import pytest
from jax import lax

import verify
from manual_bp.domains import interval
from verify.arithmetic.bounds.arithmetic import Bounds
from verify.arithmetic.field.arithmetic import Field
from verify.interpreter import loops, walker
from verify.interpreter.loops import EndlessLoop, check_ends
from verify.interpreter.walker import Program, evaluate


@pytest.fixture(autouse=True)
def few_turns(monkeypatch):
    for module in (loops, walker):
        monkeypatch.setattr(module, "MOST_TURNS", 200)


def endless(x):
    return lax.while_loop(lambda s: jnp.all(s < 2), lambda s: s * 1, x)


@pytest.mark.parametrize("arithmetic", [Bounds, lambda: Field(2)])
def test_a_walk_ends_with_the_name_of_the_loop(arithmetic):
    program = Program(jax.make_jaxpr(lambda: endless(jnp.zeros(2)))())
    with pytest.raises(EndlessLoop, match="while: a loop has not ended within"):
        evaluate(program, arithmetic(), {}, [])


SHAPES = {
    "bare": lambda x: endless(x),
    "in a jit": lambda x: jax.jit(endless)(x) + 1,
    "of cases": lambda x: jax.vmap(endless)(x),
    "after one that ends": lambda x: endless(lax.fori_loop(0, jnp.int32(x[0]) + 3, lambda i, s: s * 1, x)),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_program_whose_loop_does_not_end_is_found(shape):
    check_ends(SHAPES[shape], 2 + jnp.arange(3.0))
    with pytest.raises(EndlessLoop):
        check_ends(SHAPES[shape], jnp.arange(-3.0, 0.0))


def root(x):
    """Converges in float32, and in bfloat16, which has 8 bits, never for most x."""
    return lax.while_loop(lambda s: jnp.any(jnp.abs(s * s - x) > 1e-3 * x), lambda s: (s + x / s) / 2, x)


@pytest.mark.slow
@pytest.mark.parametrize(("factor", "verdict"), [(1, ("proved", "verified")), (2, ("refuted",))])
def test_what_ends_in_one_dtype_alone_is_judged_in_that(factor, verdict):
    report = verify.check_gradient(
        lambda c, x: factor * root(x),
        lambda c, x: jnp.sum(c * root(x)),
        "c",
        shapes=dict(c="2", x="2"),
        domains=dict(x=interval(0.5, 4)),
        examples=2,
        seed=0,
    )
    assert str(report.verdict) in verdict
