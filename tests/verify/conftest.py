"""What tests share: a plain arithmetic, the primitives that a program has, and a campaign that is played."""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import jax
import numpy as np
import pytest

import verify.campaign
from verify.campaign.work import Findings
from verify.interpreter.contraction import contract
from verify.interpreter.indexing import scatter_add, scatter_with
from verify.interpreter.integers import INTEGER_RULES, iota
from verify.interpreter.movement import align, cumulative, reduced, select
from verify.interpreter.ordering import sort_order, take_order, top_k_order
from verify.interpreter.walker import Program, Step, evaluate
from verify.verdict import DerivationReport, EquationReport, Report, Verdict


class Number:
    """Floats of a program as an array of anything that counts: of floats, or of fractions."""

    def __init__(self, array: np.ndarray):
        self.array = array


def _plain(value: Any) -> np.ndarray:
    return value.array if isinstance(value, Number) else value


def _elementwise(
    function: Callable[..., np.ndarray], kind: Callable[[Any], Any] = Number
) -> Callable[..., Any]:
    return lambda plain, step, *operands: kind(function(*align(step, *map(_plain, operands))))


def _each(function: Callable[[Any], Any]) -> Callable[..., Any]:
    """Of one operand, which is no float and may be too large for one."""
    return lambda plain, step, a: Number(np.vectorize(function, otypes=[a.array.dtype])(a.array))


def _along(function: Callable[..., np.ndarray]) -> Callable[..., Any]:
    return lambda plain, step, a: Number(function(reduced(step, a.array), axis=-1))


def _running(accumulate: Callable[..., np.ndarray]) -> Callable[..., Any]:
    return lambda plain, step, a: Number(cumulative(step, a.array, accumulate))


def _convert(plain: Any, step: Step, a: Any) -> Any:
    to = step.outputs[0].dtype
    if np.issubdtype(to, np.floating):
        return Number(_plain(a).astype(plain.dtype) if plain.dtype is not object else _plain(a))
    return np.trunc(_plain(a).astype(np.float64)).astype(to)


def _sort(plain: Any, step: Step, *operands: Any) -> list[Any]:
    order = sort_order(step, *[_plain(o).astype(np.float64) for o in operands[: step.params["num_keys"]]])
    moved = [take_order(step, _plain(o), order) for o in operands]
    return [Number(m) if isinstance(o, Number) else m for m, o in zip(moved, operands, strict=True)]


def _top_k(plain: Any, step: Step, a: Number) -> list[Any]:
    order = top_k_order(step, a.array.astype(np.float64))
    return [Number(take_order(step, a.array, order)), order.astype(np.int32)]


def _comparison(name: str) -> Callable[..., Any]:
    return lambda plain, step, a, b: INTEGER_RULES[name](step, _plain(a), _plain(b)).astype(bool)


def _product(plain: Any, step: Step, a: Number, b: Number) -> Number:
    return Number(contract(step, a.array, b.array, np.matmul))


class Plain:
    """The arithmetic of ordinary numbers: `Plain(float)` is what JAX computes, `Plain(object)` takes fractions."""

    RULES: ClassVar[dict[str, Callable[..., Any]]] = {
        "add": _elementwise(np.add),
        "add_any": _elementwise(np.add),
        "sub": _elementwise(np.subtract),
        "mul": _elementwise(np.multiply),
        "div": _elementwise(np.divide),
        "neg": _elementwise(np.negative),
        "abs": _elementwise(np.abs),
        "square": _elementwise(np.square),
        "one_minus_square": _elementwise(lambda a: 1 - a * a),
        "max": _elementwise(np.maximum),
        "min": _elementwise(np.minimum),
        "clamp": _elementwise(lambda low, a, high: np.minimum(np.maximum(a, low), high)),
        "integer_pow": lambda plain, step, a: Number(a.array ** step.params["y"]),
        "sign": _each(lambda a: (a > 0) - (a < 0)),
        "floor": _each(lambda a: a // 1),
        "ceil": _each(lambda a: -(-a // 1)),
        "round": _each(round),
        "rem": _elementwise(lambda a, b: a - b * np.vectorize(int)(a / b)),
        "exp": _elementwise(np.exp),
        "log": _elementwise(np.log),
        "tanh": _elementwise(np.tanh),
        "sin": _elementwise(np.sin),
        "cos": _elementwise(np.cos),
        "sqrt": _elementwise(np.sqrt),
        "convert_element_type": _convert,
        "reduce_precision": lambda plain, step, a: a,
        "iota": lambda plain, step: Number(
            np.vectorize(plain.dtype if plain.dtype is float else Fraction)(iota(step))
        ),
        "is_finite": lambda plain, step, a: np.isfinite(a.array.astype(np.float64)),
        **{name: _comparison(name) for name in ("eq", "ne", "lt", "le", "gt", "ge")},
        "reduce_sum": _along(np.sum),
        "reduce_prod": _along(np.prod),
        "reduce_max": _along(np.max),
        "reduce_min": _along(np.min),
        "argmax": lambda plain, step, a: INTEGER_RULES["argmax"](step, a.array.astype(np.float64)),
        "argmin": lambda plain, step, a: INTEGER_RULES["argmin"](step, a.array.astype(np.float64)),
        "cumsum": _running(np.add.accumulate),
        "cumprod": _running(np.multiply.accumulate),
        "cummax": _running(np.maximum.accumulate),
        "cummin": _running(np.minimum.accumulate),
        "sort": _sort,
        "top_k": _top_k,
        "dot_general": _product,
        "conv_general_dilated": _product,
        "scatter-add": lambda plain, step, a, i, b: Number(scatter_add(step, a.array, i, b.array)),
        "scatter_add": lambda plain, step, a, i, b: Number(scatter_add(step, a.array, i, b.array)),
        "scatter-mul": lambda plain, step, a, i, b: Number(
            scatter_with(np.multiply.at, step, a.array, i, b.array)
        ),
        "select_n": lambda plain, step, which, *cases: Number(select(step, which, *map(_plain, cases))),
    }

    def __init__(self, dtype: Any = float):
        self.dtype, self.rules = dtype, self.RULES

    def constant(self, array: np.ndarray) -> Number:
        """A literal, which as a fraction is the simplest one that rounds to it."""
        if self.dtype is not object:
            return Number(array)
        from verify.arithmetic.field.modular import simplest

        return Number(np.vectorize(lambda x: simplest(float(x)), otypes=[object])(array))

    def move(self, function: Callable[..., Any], *values: Any) -> Any:
        moved = function(*map(_plain, values))
        return [Number(each) for each in moved] if isinstance(moved, (list, tuple)) else Number(moved)

    def steer(self, value: Any) -> np.ndarray:
        return _plain(value)

    def unknown(self, step: Step, *operands: Any) -> Sequence[Any]:
        raise NotImplementedError(step.primitive)

    def __call__(self, program: Program, sizes: dict[str, int], *arrays: np.ndarray) -> list[np.ndarray]:
        """The program's results, plain; floating-point inputs may be arrays of fractions."""
        operands = [Number(array) if array.dtype.kind in "fO" else array for array in arrays]
        with np.errstate(all="ignore"):
            return [_plain(value) for value in evaluate(program, self, sizes, operands)]


def _primitives(jaxpr: Any) -> Iterator[str]:
    for equation in jaxpr.eqns:
        yield equation.primitive.name
        inner = jax.tree.leaves(
            list(equation.params.values()), is_leaf=lambda p: hasattr(p, "eqns") or hasattr(p, "jaxpr")
        )
        for parameter in inner:
            if hasattr(parameter, "eqns") or hasattr(parameter, "jaxpr"):
                yield from _primitives(getattr(parameter, "jaxpr", parameter))


@pytest.fixture(scope="session")
def plain() -> type[Plain]:
    return Plain


@pytest.fixture(scope="session")
def primitives() -> Callable[[Program], set[str]]:
    """The names of all primitives of a program, those of inner programs too."""
    return lambda program: set(_primitives(program.jaxpr))


def report_of(targets, settings, *verdicts: Verdict, interrupted: bool = False) -> Report:
    equations = [EquationReport(f"dJ_d{i}", "x = 1", verdict) for i, verdict in enumerate(verdicts)]
    environment = {"platform": "cpu", "precision": settings.precision}
    judged = [
        DerivationReport(target.derivation.name, target.derivation.source, equations) for target in targets
    ]
    return Report(environment, settings.to_json(), {"cases": 7}, judged, interrupted)


@pytest.fixture
def campaign(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A campaign that finds `campaign.verdicts` of every target, and keeps what it was called with."""
    played = SimpleNamespace(verdicts=(Verdict.PROVED,), interrupted=False)

    def run(targets, settings, progress, watch=None):
        played.targets, played.settings = targets, settings
        progress("backprop", 1, 2)
        if watch is not None:
            judged = report_of(targets, settings, *played.verdicts).derivations[0]
            watch(
                "backprop relu",
                Findings({each.name: each for each in judged.equations}, seconds={"trace": 2.0}),
            )
        return report_of(targets, settings, *played.verdicts, interrupted=played.interrupted)

    played.run = run
    monkeypatch.setattr(verify.campaign, "campaign", played, raising=False)
    monkeypatch.chdir(tmp_path)
    return played
