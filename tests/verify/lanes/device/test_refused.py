"""What a dtype does not run is left out by name, and the rest decides; what no dtype runs is a fault."""

import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation
from verify.lanes.device.lane import Compiled, Device
from verify.programs.pair import GRADIENT, Pair
from verify.programs.reference import COTANGENT
from verify.programs.tracing import WalkError

SIZES = {"n": 4}
LEAVES = {"x": np.array([[1.0, -2.0, 3.0, 0.5]]), COTANGENT: np.array([1.0])}


def energy(x: Float[Array, " 4"]) -> Float[Array, ""]:
    return jnp.sum(x * x) / 2


def wide_energy(x: Float[Array, " 4"]) -> Float[Array, ""]:
    return energy(in_two_dtypes(x))


def factorised(x):
    return jnp.linalg.cholesky(jnp.eye(4, dtype=x.dtype)) @ x


def in_two_dtypes(x):
    if x.dtype == jnp.bfloat16:
        raise TypeError("not in bfloat16")
    return x


def in_none(x):
    if x.dtype != jnp.float64:
        raise TypeError("only in float64")
    return x


def on(forward, by_hand, dtype: str) -> Device:
    pair = Pair(Derivation("energy", "", dict(J=forward), dict(dJ_dx=by_hand)), {})
    return Compiled(pair, dtype)(SIZES, LEAVES, ("batched",))


@pytest.mark.parametrize("by_hand", [factorised, in_two_dtypes])
def test_what_one_dtype_does_not_run_is_refused_there_by_name(by_hand):
    device = on(energy, by_hand, "bfloat16")
    assert set(device.refused) == {"dJ_dx", GRADIENT} and not device.runs
    assert "bfloat16" in device.refused["dJ_dx"]


def test_an_equation_alone_is_judged_where_the_forward_pass_does_not_run():
    device = on(wide_energy, lambda x: x, "bfloat16")
    assert set(device.refused) == {GRADIENT} and set(device.runs) == {"dJ_dx"}


def test_what_no_dtype_runs_is_a_fault():
    with pytest.raises(WalkError, match="only in float64"):
        on(energy, lambda x: in_none(x), "bfloat16")
