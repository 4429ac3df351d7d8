"""Derivations that misbehave in every way: the campaign survives each, blames the equation, and judges the others."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from verify.campaign import campaign, workers
from verify.settings import Settings
from verify.targets import discovery
from verify.verdict import EquationReport, Verdict

HEAD = '''"""One derivation for each way in which an equation can misbehave."""

import os
import sys

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation

CALLS, FACTOR, BUFFER = [], 2.0, np.ones(())


def scaled(a: Float[Array, ""], x: Float[Array, " n"]) -> Float[Array, " n"]:
    return a * x


def energy(v: Float[Array, " n"]) -> Float[Array, ""]:
    return (v * v).sum() / 2


def dE_dx(dE_dv, a):
    return a * dE_dv


def forever(v):
    return v + 0 * jax.lax.while_loop(lambda count: count > -1, lambda count: count + 1.0, 0.0)


def compiled_forever(v):
    """A constant that XLA works out, one window after the other, before anything is run."""
    windows = jax.lax.reduce_window(jnp.ones(2**18, v.dtype), 0.0, jax.lax.add, (2**14,), (1,), "SAME")
    return v + 0 * windows[0]


def energy_with(name, dE_dv):
    forward, backward = dict(v=scaled, E=energy), dict(dE_dv=dE_dv, dE_dx=dE_dx)
    return Derivation(name=name, source="a test", forward=forward, backward=backward)

'''
# What dE_dv does with v; the verdict on it, and what is said of it.
WAYS = {
    "wrong_shape": ("return v.sum()", Verdict.REFUTED, "returned shape ()"),
    "wrong_dtype": ("return v.astype(jnp.float32)", Verdict.REFUTED, "returned float32"),
    "a_tree": ("return {'v': v}", Verdict.REFUTED, "returned dict, expected one array"),
    "nothing": ("return None", Verdict.REFUTED, "returned NoneType"),
    "words": ("return 'v'", Verdict.REFUTED, "returned str"),
    "not_a_number": ("return v * jnp.nan", Verdict.REFUTED, "different functions"),
    "infinite": ("return v + jnp.inf", Verdict.REFUTED, "different functions"),
    "looks_at_shapes": ("return 2 * v if v.shape[0] == 1 else v", Verdict.REFUTED, "different functions"),
    "raises": ("raise RuntimeError('no idea')", Verdict.INCONCLUSIVE, "raised RuntimeError: no idea"),
    "leaves": ("sys.exit(3)", Verdict.INCONCLUSIVE, "raised SystemExit: 3"),
    "never_stops_calling": (
        "return dE_dv_of_never_stops_calling(v)",
        Verdict.INCONCLUSIVE,
        "raised RecursionError",
    ),
    "counts_calls": ("CALLS.append(len(CALLS)); return v", Verdict.PROVED, None),
    "depends_on_a_global": ("return v * FACTOR", Verdict.REFUTED, "manual = 2*jax.grad"),
    "overwrites_its_input": (
        "v[0] = 0.0; return v",
        Verdict.INCONCLUSIVE,
        "raised TypeError: JAX arrays are immut",
    ),
    "overwrites_what_it_keeps": ("BUFFER[...] += 1; return v * BUFFER", Verdict.INCONCLUSIVE, "traced twice"),
    "random": ("return v + np.random.default_rng().normal()", Verdict.INCONCLUSIVE, "traced twice"),
    "changes": ("CALLS.append(0); return v * len(CALLS)", Verdict.INCONCLUSIVE, "traced twice"),
    "too_large": ("return v + 0 * jnp.arange(2**44).sum()", Verdict.INCONCLUSIVE, "MemoryError"),
    "too_large_for_the_device": (
        "return v if v.dtype != jnp.float32 else v + 0 * jnp.sort(jnp.full(2**38, v[0]))[0]",
        Verdict.INCONCLUSIVE,
        "dE_dv: the proof in float32 raised MemoryError",
    ),
    "compiles_forever": (
        "return v if v.dtype != jnp.float32 else compiled_forever(v)",
        Verdict.INCONCLUSIVE,
        None,  # it takes too much time on the device, or too much memory in the walk before
    ),
    "raises_on_the_device": (
        "assert v.dtype != jnp.float32; return v",
        Verdict.INCONCLUSIVE,
        "dE_dv: the device in float32 raised AssertionError",
    ),
    "loops_on_the_device": (
        "return v if v.dtype != jnp.float32 else forever(v)",
        Verdict.INCONCLUSIVE,
        ("dE_dv: did not finish within", "raised EndlessLoop"),  # whichever limit is reached first
    ),
    "dies": ("os._exit(3)", Verdict.INCONCLUSIVE, "dE_dv: ended its process with exit code 3, twice"),
    "is_killed": ("os.kill(os.getpid(), 9)", Verdict.INCONCLUSIVE, "dE_dv: ended its process with SIGKILL"),
    "never_ends": ("while True: pass", Verdict.INCONCLUSIVE, "dE_dv: did not finish within"),
    "loops": (
        "return jax.lax.while_loop(lambda v: (v == v).all(), lambda v: v, v)",
        Verdict.INCONCLUSIVE,
        "dE_dv: a first look raised EndlessLoop",
    ),
}
TAIL = """

def dE_dv_of_{name}(v):
    {body}


{upper} = energy_with("{name}", dE_dv_of_{name})
"""
SQUARE = '''"""An equation that is wrong for square matrices only, and a forward pass that is random."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation


def product(W: Float[Array, "h d"], x: Float[Array, " d"]) -> Float[Array, " h"]:
    return W @ x


def energy(y: Float[Array, " h"]) -> Float[Array, ""]:
    return (y * y).sum() / 2


def noisy(y: Float[Array, " h"]) -> Float[Array, ""]:
    return (y * y).sum() / 2 + np.random.default_rng().normal()


def dE_dy(y):
    return y


def dE_dW(dE_dy, x):
    return jnp.outer(x, dE_dy) if dE_dy.shape == x.shape else jnp.outer(dE_dy, x)


def dE_dx(dE_dy, W):
    return W.T @ dE_dy


BACKWARD = dict(dE_dy=dE_dy, dE_dW=dE_dW, dE_dx=dE_dx)
SQUARE = Derivation(name="square", source="a test", forward=dict(y=product, E=energy), backward=BACKWARD)
NOISY = Derivation(name="noisy", source="a test", forward=dict(y=product, E=noisy), backward=BACKWARD)
'''


# Those that end their process, or that are ended when a limit is reached: slow, for they are tried twice.
ENDED = ("compiles_forever", "loops_on_the_device", "dies", "is_killed", "never_ends", "loops")


def ways(*names: str) -> list[Any]:
    return [pytest.param(name, marks=pytest.mark.slow if name in ENDED else ()) for name in names]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, EquationReport]]:
    """A derivation's equations, judged in one campaign with all that end their process or all that do not."""

    @functools.cache
    def campaign_of(ended: bool) -> dict[str, dict[str, EquationReport]]:
        return judge({name for name in WAYS if (name in ENDED) is ended}, tmp_path_factory.mktemp("hostile"))

    return lambda name: campaign_of(name in ENDED)[name]


def judge(names: set[str], folder: Path) -> dict[str, dict[str, EquationReport]]:
    """By derivation and equation."""
    path, square = folder / "hostile.py", folder / "square.py"
    path.write_text(
        HEAD
        + "".join(
            TAIL.format(name=name, upper=name.upper(), body=WAYS[name][0]) for name in WAYS if name in names
        )
    )
    square.write_text(SQUARE)
    settings = Settings(examples=4, dtypes=("float32",), jobs=2, directory=folder / ".verify")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "LIMIT", 6.0)
        report = campaign.run(discovery.resolve([str(path), str(square)]), settings, lambda *_: None)
    return {
        derivation.name: {equation.name: equation for equation in derivation.equations}
        for derivation in report.derivations
    }


@pytest.mark.parametrize("name", ways(*WAYS))
def test_the_equation_is_blamed_and_the_next_one_is_judged(judged, name):
    _, verdict, says = WAYS[name]
    equation = judged(name)["dE_dv"]
    assert equation.verdict is verdict, equation.because
    said = [says] if isinstance(says, str) else says
    assert said is None or any(each in equation.because for each in said)
    assert judged(name)["dE_dx"].verdict is Verdict.PROVED


@pytest.mark.parametrize("name", ways("random", "changes", "dies", "is_killed", "never_ends"))
def test_what_is_composed_of_it_is_not_judged_either(judged, name):
    gradient = judged(name)["gradient"]
    assert gradient.verdict is Verdict.INCONCLUSIVE
    assert "gradient: it takes dE_dv" in gradient.because
    assert (gradient.proof.points, gradient.device) == (0, [])


def test_wrong_for_equal_sizes_alone(judged):
    verdicts = {name: equation.verdict for name, equation in judged("square").items()}
    assert verdicts["dE_dW"] is verdicts["gradient"] is Verdict.REFUTED
    assert verdicts["dE_dy"] is verdicts["dE_dx"] is Verdict.PROVED
    case = judged("square")["dE_dW"].counterexample
    assert case is not None
    assert case.dims == {"h": 2, "d": 2}


def test_a_forward_pass_that_changes_is_named(judged):
    for equation in judged("noisy").values():
        assert equation.verdict is Verdict.INCONCLUSIVE
        assert equation.because.startswith("E: traced twice at the same shapes")
