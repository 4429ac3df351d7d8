"""A program on a mesh, written for one device, is the unsharded one; one with a mistake in a collective is not."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.extend import core
from jax.sharding import AbstractMesh
from jax.sharding import PartitionSpec as P

from verify.programs.shards import is_sharded, on_one_device

MESH = AbstractMesh((2, 4), ("data", "model"))
BOTH = ("data", "model")
ROWS = np.arange(64.0).reshape(8, 8) ** 2 % 17


def sharded(body: Callable[[Any], Any], into: P, out: P, *, check: bool = False) -> Any:
    """What the body gives on all shards of ROWS, walked on one device."""
    program = jax.make_jaxpr(jax.shard_map(body, mesh=MESH, in_specs=into, out_specs=out, check_vma=check))(
        ROWS
    )
    one = on_one_device(program)
    assert is_sharded(program)
    assert not is_sharded(one)
    return np.asarray(core.jaxpr_as_fun(one)(ROWS)[0])


def looped(x: Any) -> Any:
    return lax.fori_loop(0, 2, lambda i, s: s + lax.psum(x, "model"), jnp.zeros_like(lax.psum(x, "model")))


HALVES = ROWS[:4] + ROWS[4:]
RIGHT = {
    "psum": (lambda x: lax.psum(x, "data"), P("data"), P(), HALVES),
    "psum over both": (lambda x: lax.psum(x.sum(), BOTH), P(*BOTH), P(), ROWS.sum()),
    "pmean": (lambda x: lax.pmean(x, "data"), P("data"), P(), HALVES / 2),
    "pmax": (lambda x: lax.pmax(x, "data"), P("data"), P(), np.maximum(ROWS[:4], ROWS[4:])),
    "all_gather": (lambda x: lax.all_gather(x, BOTH, tiled=True), P(BOTH), P(), ROWS),
    "psum_scatter": (lambda x: lax.psum_scatter(x, "data", tiled=True), P("data"), P("data"), HALVES),
    "scattered over both": (lambda x: lax.psum_scatter(x, BOTH, tiled=True), P(), P(BOTH), 8 * ROWS),
    "ppermute": (
        lambda x: lax.ppermute(x, "data", [(0, 1), (1, 0)]),
        P("data"),
        P("data"),
        np.roll(ROWS, 4, 0),
    ),
    "shifted": (
        lambda x: lax.ppermute(x, "data", [(0, 1)]),
        P("data"),
        P("data"),
        np.concatenate([np.zeros((4, 8)), ROWS[:4]]),
    ),
    "axis_index": (
        lambda x: x * lax.axis_index("model"),
        P(None, "model"),
        P(None, "model"),
        ROWS * np.repeat(np.arange(4), 2),
    ),
    "all_to_all": (
        lambda x: lax.all_to_all(x, "model", 1, 0, tiled=True),
        P("model"),
        P(None, "model"),
        ROWS,
    ),
    "in a loop": (looped, P("model"), P(), 2 * ROWS.reshape(4, 2, 8).sum(0)),
    "axes in another order": (lambda x: x, P(("model", "data")), P(("model", "data")), ROWS),
    "split anew": (lambda x: x + 0, P(*BOTH), P(*BOTH), ROWS),
}


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("check", [False, True])
def test_a_collective_is_an_operation_along_an_axis(name: str, check: bool):
    body, into, out, expected = RIGHT[name]
    if check and name == "all_gather":
        pytest.xfail("jax does not know that what was gathered is the same on every shard")
    np.testing.assert_array_equal(sharded(body, into, out, check=check), expected)


def test_sizes_may_be_symbols():
    (b,) = jax.export.symbolic_shape("b")
    summed = jax.shard_map(lambda x: lax.psum(x, "data"), mesh=MESH, in_specs=P("data"), out_specs=P())
    program = on_one_device(jax.make_jaxpr(summed)(jax.ShapeDtypeStruct((2 * b, 3), np.float32)))
    assert program.out_avals[0].shape == (b, 3)


FAULTS = {  # of the sum of both halves of the rows
    "a missing psum": (lambda x: x, P()),
    "a missing psum, made up for by the number of shards": (lambda x: 2 * x, P()),
    "one psum too many": (lambda x: lax.psum(lax.psum(x, "data"), "data"), P()),
    "a mean for a sum": (lambda x: lax.pmean(x, "data"), P()),
    "the wrong axis": (lambda x: lax.psum(x, "model"), P()),
    "a scatter on the wrong dimension": (
        lambda x: lax.psum_scatter(x, "data", scatter_dimension=1, tiled=True),
        P("data"),
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_mistake_in_a_collective_shows(name: str):
    body, out = FAULTS[name]
    got = sharded(body, P("data"), out)
    assert got.shape != HALVES.shape or (got != HALVES).any()


LAYER = """
import sys

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, PartitionSpec as P

import verify

mesh = Mesh(np.array(jax.devices()), ("data",))


def objective(W, x, y):
    return jnp.sum((x @ W - y) ** 2) / 2


def gradient(reduced):
    def body(W, x, y):
        return reduced(x.T @ (x @ W - y))

    specs = (P(), P("data"), P("data"))
    return jax.shard_map(body, mesh=mesh, in_specs=specs, out_specs=P(), check_vma=False)


for name, reduced in (
    ("right", lambda g: lax.psum(g, "data")),
    ("missing", lambda g: g),
    ("mean", lambda g: lax.pmean(g, "data")),
    ("twice", lambda g: lax.psum(lax.psum(g, "data"), "data")),
):
    sharded = gradient(reduced)
    report = verify.check_gradient(
        lambda W, x, y: sharded(W, x, y), objective, "W", shapes=dict(W="d", x="4 d", y="4"),
        examples=5, dtypes=("float32",), directory=sys.argv[1],
    )
    print(name, report.derivations[0].equations[0].verdict)
"""


@pytest.mark.slow
def test_a_layer_sharded_by_data_is_proved_and_mistakes_are_refuted(tmp_path: Path):
    script = tmp_path / "layer.py"
    script.write_text(LAYER)
    command = [sys.executable, str(script), str(tmp_path)]
    root = str(Path(__file__).parents[3])
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, env=_environment(root))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["right proved", "missing refuted", "mean refuted", "twice refuted"]


def _environment(root: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": root, "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
