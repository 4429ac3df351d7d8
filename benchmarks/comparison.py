"""The same gradients given to the usual checks and to `verify.check_gradient`: `python -m benchmarks.comparison FILE`.

It prints the table, or replaces what stands between its marks in FILE, such as docs/comparison.md. PyTorch's gradcheck
takes part where torch is installed.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import inspect
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.test_util import check_grads

import verify
from benchmarks.gradients import CASES, SHAPES, Case
from verify.report import generated
from verify.verdict import Verdict

BEGIN, END = generated.marks("comparison")
SIZE = 8  # of every dimension, for those that are given arrays
DRAWS = 10  # sets of arrays, of the normal distribution; one objection is enough
RTOL = {"float32": 1e-5, "float64": 1e-7}  # what tests commonly allow, and NumPy's default


class Contender(NamedTuple):
    """A check: what it says against a gradient, or None."""

    name: str
    objection: Callable[[Case], str | None]


def arrays(case: Case, dtype: str) -> Iterator[list[np.ndarray]]:
    """The arguments of a case, several times."""
    names = inspect.signature(case.functions(jnp)[0]).parameters
    for seed in range(DRAWS):
        draw = np.random.default_rng(seed)
        yield [draw.standard_normal([SIZE] * len(SHAPES[name].split())).astype(dtype) for name in names]


def by_check_grads(dtype: str) -> Callable[[Case], str | None]:
    """`jax.test_util.check_grads` of a custom rule with this gradient, in reverse mode, as it comes."""

    def objection(case: Case) -> str | None:
        objective, gradient = case.functions(jnp)
        ruled = jax.custom_vjp(objective)
        ruled.defvjp(
            lambda *leaves: (objective(*leaves), leaves),
            lambda leaves, bar: tuple(bar * each for each in gradient(*leaves)),
        )
        return _first(
            case, dtype, lambda leaves: check_grads(ruled, [*map(jnp.asarray, leaves)], 1, modes=["rev"])
        )

    return objection


def by_allclose(dtype: str) -> Callable[[Case], str | None]:
    """`numpy.testing.assert_allclose` between it and `jax.grad`."""

    def objection(case: Case) -> str | None:
        objective, gradient = case.functions(jnp)

        def check(leaves: list[np.ndarray]) -> None:
            expected = jax.grad(objective, tuple(range(len(leaves))))(*leaves)
            for found, wanted in zip(gradient(*map(jnp.asarray, leaves)), expected, strict=True):
                np.testing.assert_allclose(found, wanted, rtol=RTOL[dtype])

        return _first(case, dtype, check)

    return objection


def by_gradcheck(case: Case) -> str | None:
    """`torch.autograd.gradcheck` of a function with this gradient, in float64 and with its defaults, as it advises."""
    import torch  # pyright: ignore[reportMissingImports]  # may not be installed

    objective, gradient = case.functions(torch)

    class Ruled(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *leaves: Any) -> Any:
            ctx.save_for_backward(*leaves)
            return objective(*leaves)

        @staticmethod
        def backward(ctx: Any, *bars: Any) -> Any:
            return tuple(bars[0] * each for each in gradient(*ctx.saved_tensors))

    def check(leaves: list[np.ndarray]) -> None:
        torch.autograd.gradcheck(Ruled.apply, [torch.tensor(leaf, requires_grad=True) for leaf in leaves])

    return _first(case, "float64", check)


def _first(case: Case, dtype: str, check: Callable[[list[np.ndarray]], None]) -> str | None:
    """The first objection of a check that raises."""
    with jax.enable_x64(dtype == "float64"):
        for leaves in arrays(case, dtype):
            try:
                check(leaves)
            except (AssertionError, RuntimeError) as error:  # RuntimeError is gradcheck's
                return str(error) or type(error).__name__
    return None


def by_verify(directory: Path) -> Callable[[Case], str | None]:
    """`verify.check_gradient` with its defaults; a verdict that is not good is its objection."""

    def objection(case: Case) -> str | None:
        objective, gradient = case.functions(jnp)
        shapes = {name: SHAPES[name] for name in inspect.signature(objective).parameters}
        name = case.functions.__name__
        report = verify.check_gradient(gradient, objective, shapes=shapes, name=name, directory=directory)
        return None if report.verdict.good else str(report.verdict)

    return objection


def contenders(directory: Path) -> list[Contender]:
    """Those that can be run here; what they leave behind lies in a folder."""
    torch = [Contender("gradcheck", by_gradcheck)] if importlib.util.find_spec("torch") else []
    return [
        *(Contender(f"check_grads, {dtype}", by_check_grads(dtype)) for dtype in RTOL),
        *(Contender(f"allclose, {dtype}", by_allclose(dtype)) for dtype in RTOL),
        *torch,
        Contender("verify", by_verify(directory)),
    ]


def said(case: Case, objection: str | None) -> str:
    """One cell of the table; a verdict of `verify` is said as it is."""
    if case.right:
        return "passed" if objection is None else "**false alarm**"
    if objection is None:
        return "missed"
    return f"caught: {objection}" if objection in set(map(str, Verdict)) else "caught"


def table(directory: Path, cases: Sequence[Case] = CASES) -> str:
    """The table in Markdown, a case a row, a check a column; the last rows count, and time them."""
    checks = contenders(directory)
    rows = [["gradient", *(check.name for check in checks)], ["---"] * (len(checks) + 1)]
    times: list[list[float]] = [[] for _ in checks]
    answers: list[list[str]] = [[] for _ in checks]
    for case in cases:
        for check, spent, answer in zip(checks, times, answers, strict=True):
            start = time.perf_counter()
            objection = check.objection(case)
            spent.append(time.perf_counter() - start)
            answer.append(said(case, objection))
        right = "right: " if case.right else ""
        rows.append([f"{right}{case.what}", *(answer[-1] for answer in answers)])
    for row, wanted, of in (
        ("of the wrong, caught", "caught", False),
        ("of the right, passed", "passed", True),
    ):
        number = sum(case.right is of for case in cases)
        counts = [sum(said.startswith(wanted) for said in answer) for answer in answers]
        rows.append([f"**{row}**", *(f"{count} of {number}" for count in counts)])
    rows.append(["seconds, median", *(f"{statistics.median(spent):.2g}" for spent in times)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def versions() -> str:
    """Of what was run."""
    here = [name for name in ("jax", "numpy", "torch") if importlib.util.find_spec(name)]
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in here)


def replaced(text: str, made: str) -> str:
    """The text with this between the marks. Raises ValueError where they are missing."""
    return generated.replaced(text, "comparison", made)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        rows = table(Path(folder))
    made = f"{rows}\n\nWith {versions()}, on the {jax.default_backend()}."
    print(made)
    for target in map(Path, sys.argv[1:]):
        target.write_text(replaced(target.read_text(encoding="utf-8"), made), encoding="utf-8")
