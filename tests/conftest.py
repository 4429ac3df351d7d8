"""What every test shares: the CPU, quiet Hypothesis, `--slow`, and derivations as a user would write them in a file."""

import gc
import os
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")  # before jax is imported; set it to test on another device

import hypothesis
import pytest

pytest_plugins = ["pytester"]

hypothesis.settings.register_profile("tests", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("tests")

gc.set_threshold(
    200_000, 20, 100
)  # jax holds many small objects: collecting them seldom saves a sixth of the time

LEFT_OUT = "slow: --slow runs it"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--slow", action="store_const", const="too", help="run the tests that are marked slow, too"
    )
    parser.addoption(
        "--only-slow", action="store_const", const="only", dest="slow", help="run them, and no others"
    )
    parser.addoption(
        "--programs",
        type=int,
        default=12,
        help="how many random compositions of primitives the slow tests judge",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what is marked slow, unless it is asked for; with `--only-slow` deselect all else."""
    wanted = config.getoption("slow")
    slow = [item for item in items if item.get_closest_marker("slow")]
    if wanted is None:
        for item in slow:
            item.add_marker(pytest.mark.skip(reason=LEFT_OUT))
    elif wanted == "only":
        config.hook.pytest_deselected(items=[item for item in items if item not in slow])
        items[:] = slow


def pytest_terminal_summary(terminalreporter) -> None:
    """Say how many tests were left out: a count of skipped tests would not say why."""
    skipped = terminalreporter.stats.get("skipped", [])
    left_out = [report for report in skipped if LEFT_OUT in str(report.longrepr)]
    if left_out:
        terminalreporter.write_line(f"{len(left_out)} slow tests left out: --slow runs them")


LAYER = '''"""Half the squared length of a scaled vector, and its gradient by hand."""

from jaxtyping import Array, Float

from manual_bp.derivation import Derivation


def scaled(a: Float[Array, ""], x: Float[Array, " n"]) -> Float[Array, " n"]:
    return a * x


def energy(v: Float[Array, " n"]) -> Float[Array, ""]:
    return (v * v).sum() / 2


def dE_dv(v):
    r"""$\\partial E/\\partial v = v$"""
    return v


def dE_dx(dE_dv, a):
    r"""$\\partial E/\\partial x = a\\, \\partial E/\\partial v$"""
    return a * dE_dv


ENERGY = Derivation(
    name="energy",
    source="a test",
    forward=dict(v=scaled, E=energy),
    backward=dict(dE_dv=dE_dv, dE_dx=dE_dx),
)
'''


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    """A file with one derivation, `energy`."""
    path = tmp_path / "my_layer.py"
    path.write_text(LAYER)
    return path


BENT = '''"""A derivation that is judged in eight units of work, and the same with a wrong equation."""

from collections.abc import Mapping
from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation
from manual_bp.construction.tables import Row


@dataclass(frozen=True)
class Bend(Row):
    slope: float
    kinks: tuple[float, ...] = (0.0,)

    @classmethod
    def table(cls) -> Mapping[str, "Bend"]:
        return {row.name: row for row in (cls(f"bend{i}", i / 4) for i in range(8))}


def bent(x: Float[Array, " n"], *, bend: Bend) -> Float[Array, " n"]:
    return jnp.where(x > 0, x, bend.slope * x)


def energy(y: Float[Array, " n"]) -> Float[Array, ""]:
    return (y * y).sum() / 2


def dE_dy(y):
    return y


def dE_dx(dE_dy, x, *, bend):
    return dE_dy * jnp.where(x > 0, 1.0, bend.slope)


def dE_dx_at_y(dE_dy, y, *, bend):
    return dE_dy * jnp.where(y > 0, 1.0, bend.slope + 1)


FORWARD = dict(y=bent, E=energy)
RIGHT = Derivation(name="bent", source="a test", forward=FORWARD, backward=dict(dE_dy=dE_dy, dE_dx=dE_dx))
WRONG = Derivation(name="bent wrong", source="a test", forward=FORWARD, backward=dict(dE_dy=dE_dy, dE_dx=dE_dx_at_y))
'''


@pytest.fixture
def bent(tmp_path: Path) -> Path:
    """A file with two derivations of eight units each: `bent`, which is right, and `bent wrong`."""
    path = tmp_path / "bent.py"
    path.write_text(BENT)
    return path
