"""The gradient whole, as it runs under jax.grad: a wrong manual VJP is refuted, and no equation is blamed."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation
from tests.verify.campaign.judging import judged, not_proved, of
from verify.verdict import Verdict


def stretched(a: Float[Array, ""], x: Float[Array, " n"]) -> Float[Array, " n"]:
    return a * x


def energy(v: Float[Array, " n"]) -> Float[Array, ""]:
    return jnp.sum(v**2) / 2


ENERGY = dict(
    name="energy",
    source="a test",
    forward=dict(v=stretched, E=energy),
    backward=dict(dE_dv=lambda v: v, dE_da=lambda dE_dv, x: dE_dv @ x, dE_dx=lambda a, dE_dv: a * dE_dv),
)


class Doubled(Derivation):
    """Its manual VJP computes another value."""

    def with_manual_vjp(self) -> Callable[..., Any]:
        manual = super().with_manual_vjp()
        return lambda **leaves: 2 * manual(**leaves)


class Deaf(Derivation):
    """Its manual VJP does not listen to the cotangent."""

    def with_manual_vjp(self) -> Callable[..., Any]:
        manual = super().with_manual_vjp()

        @jax.custom_vjp
        def run(leaves: dict[str, Any]) -> Any:
            return manual(**leaves)

        run.defvjp(
            lambda leaves: (manual(**leaves), leaves),
            lambda leaves, cotangent: (jax.grad(lambda leaves: manual(**leaves))(leaves),),
        )
        return lambda **leaves: run(leaves)


@pytest.mark.parametrize(("kind", "quantity"), [(Doubled, ("VJP", "primal")), (Deaf, "VJP")])
def test_a_wrong_manual_vjp_is_refuted_and_no_equation_is_blamed(kind, quantity):
    report = judged(kind(**ENERGY), {})
    assert not_proved(report) == {"gradient"}
    named = of(report, "gradient")
    assert named.verdict is Verdict.REFUTED and named.counterexample is not None
    assert named.counterexample.quantity.startswith(quantity)
