"""Why a result is farther off than rounding explains: where it turns right, and which operation rounds most.

The case is run again by itself: without the compiler, at higher precision, in wider dtypes, on the CPU. A run
that lands within the bound of the first says what the fault is not: "wrong at default, right at highest" is no
algebra.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from verify.arithmetic.bounds.value import Bounded
from verify.interpreter.steps import filled_in
from verify.interpreter.walker import Sizes
from verify.lanes.bounds import as_bounded, bound
from verify.lanes.device.calibration import Checked, bounds_on
from verify.lanes.device.execution import environment
from verify.lanes.device.opaque_bounds import COARSEST
from verify.lanes.device.violations import Violation
from verify.programs.pair import Pair
from verify.programs.tracing import GRADIENT, Traced
from verify.settings import DTYPES, PRECISIONS

Array = np.ndarray[Any, Any]


class Setting(NamedTuple):
    """One way of running a case, in words that go after "right"."""

    words: str
    dtype: str
    precision: str
    platform: str | None
    eager: bool = False


def explain(
    pair: Pair, name: str, sizes: Sizes, leaves: Mapping[str, Array], seen: Violation, dtype: str, precision: str,
    platform: str | None = None,
) -> str:  # fmt: skip
    """One line on a violation of the equation `name`; `leaves` are those of its case, with a data axis of 1."""
    given = _given(leaves, seen)
    right = []
    for setting in settings(dtype, precision, platform):
        with contextlib.suppress(Exception):  # a setting that cannot run says nothing
            got = run(pair, name, seen, given, setting)
            if seen.near(got, seen.bound):
                right.append(setting.words)
    nowhere = "right nowhere else"
    if name in pair.programs(sizes).opaque and seen.coarse is None:
        nowhere += f", though no farther off than if it computed in {COARSEST}"
    words = f"wrong in {dtype} at {precision}, " + (f"right {', '.join(right)}" if right else nowhere)
    largest = dominant(
        pair, name, sizes, given, seen, lambda: bounds_on(dtype, precision, platform, pair.dtype)
    )
    if largest is not None:
        words += f"; {largest[1]:.0%} of what rounding explains is that of {largest[0]}"
    return words


def everywhere(
    pair: Pair, name: str, leaves: Mapping[str, Array], seen: Violation, dtype: str, precision: str,
    platform: str | None = None,
) -> bool:  # fmt: skip
    """Whether a violation is farther off than the coarsest dtype explains in every wider dtype too, where it runs."""
    for wider in _wider(dtype):
        with contextlib.suppress(Exception):  # a dtype in which it does not run says nothing
            got = run(pair, name, seen, _given(leaves, seen), Setting("", wider, precision, platform))
            if seen.near(got, seen.coarse or 0.0):
                return False
    return True


def _given(leaves: Mapping[str, Array], seen: Violation) -> dict[str, Array]:
    return dict(seen.inputs) if seen.inputs is not None else {n: leaf[0] for n, leaf in leaves.items()}


def _wider(dtype: str) -> tuple[str, ...]:
    return DTYPES[: DTYPES.index(dtype)] if dtype in DTYPES[:2] else DTYPES[:2]


def settings(dtype: str, precision: str, platform: str | None) -> Iterator[Setting]:
    """Each differs in one thing from how the case was run, and comes no closer to it than the one before."""
    yield Setting("without the compiler", dtype, precision, platform, eager=True)
    for higher in PRECISIONS[PRECISIONS.index(precision) + 1 :]:
        yield Setting(f"at precision {higher}", dtype, higher, platform)
    for other in reversed(_wider(dtype)):
        yield Setting(f"in {other}", other, precision, platform)
    if jax.devices(platform)[0].platform != "cpu":
        yield Setting("on the CPU", dtype, precision, "cpu")


def run(pair: Pair, name: str, seen: Violation, given: Mapping[str, Array], setting: Setting) -> float:
    """The element in question, computed in another way from the same numbers."""
    kinds = {"f": jnp.dtype(setting.dtype), "i": np.dtype(np.int32)}
    arrays = {key: value.astype(kinds.get(value.dtype.kind, value.dtype)) for key, value in given.items()}
    compiled = jax.disable_jit() if setting.eager else contextlib.nullcontext()
    where = setting.dtype, setting.precision, setting.platform
    with environment(*where, calls_back=pair.calls_back), compiled:
        function = callable_of(pair, name, seen.quantity)
        got = np.asarray(jax.jit(function)(arrays)).astype(np.float64)
    return float(got[seen.index])


def callable_of(pair: Pair, name: str, quantity: str) -> Callable[[Mapping[str, Any]], Any]:
    """The equation alone as a function of its inputs, or one derivative of the gradient as one of the leaves."""
    derivation, choices = pair.derivation, pair.choices
    if name != GRADIENT:
        return lambda values: derivation.equations[name](values, choices)
    symbol = quantity.removeprefix(f"d{derivation.objective}_d")
    return lambda leaves: derivation.gradient(symbol)(
        **{n: leaf for n, leaf in leaves.items() if n in derivation.leaves or n in derivation.cotangents},
        **choices,
    )[symbol]


def narrowed(pair: Pair, name: str, sizes: Sizes, leaves: Mapping[str, Array]) -> str | None:
    """One line on an equation that is off in float64: the cast without which it is right, if it is a cast."""
    for primitive in ("reduce_precision", "convert_element_type"):
        arithmetic, to = Checked("float64", "highest", "cpu"), dict[str, None]()
        arithmetic.overrides[primitive] = _unrounded(arithmetic.rules[primitive], to)
        if not bound(pair, sizes, leaves, only=name, arithmetic=arithmetic).comparisons[name].differ:
            narrower = ", ".join(to) or "a narrower dtype"
            return f"right where {primitive} rounds nothing: it computes in {narrower}"
    return None


def _unrounded(rule: Callable[..., Any], to: dict[str, None]) -> Callable[..., Any]:
    """The rule, with floats left as they are; the dtypes that they would have been rounded to are noted."""

    def apply(arithmetic: Any, step: Any, *operands: Any) -> Any:
        (operand, *_) = operands
        if isinstance(operand, Bounded) and step.outputs[0].dtype != np.float64:
            to.setdefault(np.dtype(step.outputs[0].dtype).name)
        return operand if isinstance(operand, Bounded) else rule(arithmetic, step, *operands)

    return apply


# --- which operation rounds most --------------------------------------------------------------------------------


def dominant(
    pair: Pair,
    name: str,
    sizes: Sizes,
    given: Mapping[str, Array],
    seen: Violation,
    new: Callable[[], Checked],
) -> tuple[str, float] | None:
    """The primitive without whose own rounding the bound would be smallest, and its share of the bound."""
    programs = pair.programs(sizes)
    program = programs.composed if name == GRADIENT else programs.equations[name]
    if not isinstance(program, Traced):
        return None

    def allowed(arithmetic: Checked) -> float:
        values = {n: np.asarray(value)[None] for n, value in given.items()}
        lifted: dict[str, Any] = {
            n: arithmetic.exact(v) if v.dtype.kind == "f" else v for n, v in values.items()
        }
        for missing in set(program.names) - set(lifted):  # what only says how the result is shaped
            lifted[missing] = arithmetic.exact(np.zeros((1, *_shape(programs, missing, sizes))))
        result = program(arithmetic, sizes, lifted)
        result = as_bounded(result[seen.quantity] if name == GRADIENT else result)
        return float(np.broadcast_to(result.errors, result.value.shape)[(0, *seen.index)])

    whole, met = new(), set[str]()
    for primitive, rule in new().rules.items():
        whole.overrides[primitive] = _noted(met, rule)
    total = allowed(whole)
    if not (0 < total < np.inf):
        return None
    left = {}
    for primitive in sorted(met):
        arithmetic = new()
        arithmetic.overrides[primitive] = _without_rounding(arithmetic.rules[primitive])
        left[primitive] = allowed(arithmetic)
    least = min(left, key=left.__getitem__, default=None)
    return None if least is None else (least, 1 - left[least] / total)


def _shape(programs: Any, name: str, sizes: Sizes) -> tuple[int, ...]:
    return filled_in(tuple(programs.reference.results[name].shape), sizes)


def _noted(met: set[str], rule: Callable[..., Any]) -> Callable[..., Any]:
    def apply(arithmetic: Any, step: Any, *operands: Any) -> Any:
        met.add(step.primitive)
        return rule(arithmetic, step, *operands)

    return apply


def _without_rounding(rule: Callable[..., Any]) -> Callable[..., Any]:
    """The rule, less what it makes of operands that are exact."""

    def apply(arithmetic: Any, step: Any, *operands: Any) -> Any:
        result = rule(arithmetic, step, *operands)
        own = rule(arithmetic, step, *(Bounded(o.value) if isinstance(o, Bounded) else o for o in operands))
        if isinstance(result, Bounded) and result.error is not None and own.error is not None:
            with np.errstate(invalid="ignore"):
                return Bounded(result.value, np.maximum(result.error - own.error, 0.0), result.tag)
        return result

    return apply
