"""What runs on the device: the jitted functions of one pair, called as a user calls them, with default options.

All equations alone are one program, each on the values it is given; the composed gradient and `jax.grad` are
programs of their own. NumPy's arrays go in and come out, so that nothing else is ever compiled.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from manual_bp.construction.graph import Equation
from verify.interpreter.loops import check_ends
from verify.lanes.device.stages import run_jitted
from verify.programs import reference
from verify.programs.pair import Pair
from verify.programs.tracing import GRADIENT, Fault, Programs, WalkError
from verify.runtime import tracebacks
from verify.runtime.activity import doing
from verify.runtime.timings import timed

Array = np.ndarray[Any, Any]
SINGLE = 2  # cases that are run one at a time
WAYS = ("batched", "single", "scan")
WIDER = {"bfloat16": "float32", "float16": "float32"}  # what may run where 16 bits do not
Fed = tuple[str, int, Array]  # a quantity, its first case, its numbers
Run = Callable[[Mapping[str, Equation]], dict[str, Array]]


@contextlib.contextmanager
def environment(
    dtype: str, precision: str, platform: str | None, *, calls_back: bool = False
) -> Iterator[None]:
    """x64 for float64 only, one matmul precision, one platform."""
    device = jax.devices(platform)[0]
    with (
        _x64_in_every_thread() if calls_back and dtype == "float64" else contextlib.nullcontext(),
        jax.enable_x64(dtype == "float64"),
        jax.default_matmul_precision(precision),
        jax.default_device(device),
    ):
        yield


@contextlib.contextmanager
def _x64_in_every_thread() -> Iterator[None]:
    """XLA calls back from threads of its own, where `jax.enable_x64` does not reach and float64 would decay."""
    with concurrent.futures.ThreadPoolExecutor(1) as elsewhere:
        held = elsewhere.submit(lambda: jax.config.values["jax_enable_x64"])  # what holds in no context
    jax.config.update("jax_enable_x64", True)
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", held.result())


class Runner:
    """The jitted functions of one pair, in one dtype at one precision on one platform."""

    def __init__(
        self,
        pair: Pair,
        dtype: str,
        precision: str = "highest",
        platform: str | None = None,
        *,
        apart: bool = False,
    ):
        self.apart = apart  # each equation in a program of its own
        self.refused: dict[str, str] = {}  # what this dtype does not run, and why
        self.called: tuple[str, ...] = ()  # the ways in which the composed gradient was last called
        self.pair, self.dtype, self.precision, self.platform = pair, dtype, precision, platform
        derivation, choices = pair.derivation, pair.choices
        self.gradient = derivation.gradient(*pair.symbols) if pair.symbols else None

        def autodiff(leaves: Mapping[str, Any]) -> dict[str, Any]:
            def objective(chosen: Mapping[str, Any]) -> Any:
                return derivation.evaluate({**leaves, **chosen}, choices)[derivation.objective]

            return jax.grad(objective)({name: leaves[name] for name in pair.symbols})

        self._sides: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "manual": lambda leaves: self.gradient(**leaves, **choices),  # pyright: ignore[reportOptionalCall]
            "jax.grad": jax.jit(autodiff),
        }

    def environment(self) -> contextlib.AbstractContextManager[None]:
        return environment(self.dtype, self.precision, self.platform, calls_back=self.pair.calls_back)

    def alone(self, programs: Programs, values: Sequence[Mapping[str, Array]]) -> list[dict[str, Array]]:
        """Every equation on several sets of cases, in one program; a faulty one stays out."""
        left_out = programs.faults.keys() | self.refused.keys()
        equations = {n: e for n, e in self.pair.derivation.equations.items() if n not in left_out}
        if not equations:
            return []
        counts = [max(len(value) for value in each.values()) for each in values]
        taken = sorted({p for equation in equations.values() for p in equation.parameters})
        arrays = {
            name: np.concatenate(
                [self._array(each[name], count) for each, count in zip(values, counts, strict=True)]
            )
            for name in taken
        }
        parts = {
            name: np.split(got, np.cumsum(counts)[:-1])
            for name, got in self._computed(equations, programs, arrays, sum(counts)).items()
        }
        return [{name: of[i] for name, of in parts.items()} for i in range(len(values))]

    def _computed(
        self,
        equations: Mapping[str, Equation],
        programs: Programs,
        arrays: Mapping[str, Array],
        size: int,
    ) -> dict[str, Array]:
        """All equations in one program; or one by one, to find out which of them raises, or takes the process down.

        What no arithmetic enters is mapped over the cases where it has no rule for batches.
        """
        choices = self.pair.choices
        vmapped = functools.partial(jax.vmap, axis_size=size)

        def run(some: Mapping[str, Equation], over: Callable[..., Any] = vmapped) -> dict[str, Array]:
            one = over(lambda values: {n: e(values, choices) for n, e in some.items()})
            if programs.looping & some.keys():
                check_ends(one, arrays)
            return {
                name: numbers(got) for name, got in run_jitted(lambda arrays: one(arrays), arrays).items()
            }

        walked = {name: e for name, e in equations.items() if name not in programs.opaque}
        closed = {name: e for name, e in equations.items() if name in programs.opaque}
        return self._run_walked(walked, run, arrays) | self._run_closed(
            closed, (run, functools.partial(run, over=_mapped))
        )

    def _run_walked(
        self, equations: Mapping[str, Equation], run: Run, shapes: Mapping[str, Array]
    ) -> dict[str, Array]:
        """All at once, or else one by one: what this dtype does not run, and a wider one does, is left out by name."""
        if not equations:
            return {}
        if not self.apart:
            with contextlib.suppress(Exception):
                return run(equations)
        found: dict[str, Array] = {}
        for name, equation in equations.items():
            try:
                found |= self._blaming(name, run, {name: equation})
            except WalkError as broken:
                if not self._lowers_elsewhere(
                    lambda arrays, e=equation: e(arrays, self.pair.choices), shapes
                ):
                    raise
                self.refused[name] = tracebacks.first_words(broken.error)
        return found

    def _lowers_elsewhere(self, function: Callable[[Any], Any], arrays: Mapping[str, Array]) -> bool:
        """Whether it is for the dtype alone that a function of one case does not run."""
        other = WIDER.get(self.dtype)
        if other is None:
            return False
        shapes = {
            name: jax.ShapeDtypeStruct(
                each.shape[1:], other if each.dtype == jnp.dtype(self.dtype) else each.dtype
            )
            for name, each in arrays.items()
        }
        try:
            with environment(other, self.precision, self.platform, calls_back=self.pair.calls_back):
                jax.jit(function).lower(shapes)
        except Exception:
            return False
        return True

    def _run_closed(self, equations: Mapping[str, Equation], runs: Sequence[Run]) -> dict[str, Array]:
        """The first run that works is taken; what none works for does not run in this dtype, and may in others."""
        if not equations:
            return {}
        for run in () if self.apart else runs:
            with contextlib.suppress(Exception):
                return run(equations)
        found: dict[str, Array] = {}
        for name, equation in equations.items():
            for run in runs:
                try:
                    found |= self._blaming(name, run, {name: equation})
                    break
                except WalkError as broken:
                    self.refused[name] = tracebacks.first_words(broken.error)
            if name in found:
                self.refused.pop(name, None)
        return found

    def _blaming(self, name: str, run: Callable[..., Any], *arguments: Any) -> Any:
        with doing(name):
            try:
                return run(*arguments)
            except Exception as error:
                raise WalkError(name, error) from error

    def whole(
        self, programs: Programs, leaves: Mapping[str, Array], ways: Sequence[str], autodiff: Sequence[str]
    ) -> dict[str, list[Fed]]:
        """The composed gradient and `jax.grad` as a user calls them."""
        if isinstance(programs.composed, Fault | None) or self.gradient is None or GRADIENT in self.refused:
            return {}
        cases = len(next(iter(leaves.values())))
        inputs = {n: self._array(leaf, cases) for n, leaf in leaves.items() if n != reference.COTANGENT}

        def call(side: str, ways: Sequence[str]) -> list[Fed]:
            if ways and side in programs.looping:
                check_ends(jax.vmap(self._sides[side]), inputs)
            return [got for way in ways for got in self._call(side, way, inputs)]

        self.called = tuple(ways)
        manual = self._called_by_hand(programs, call, ways, inputs)
        if manual is None:
            return {}
        try:
            autodiffs = self._blaming(GRADIENT, call, "jax.grad", autodiff)
        except WalkError:
            if not self._lowers_elsewhere(self._sides["jax.grad"], inputs):
                raise
            autodiffs = []  # it does not run in this dtype, and its float64 value judges all the same
        return {"manual": manual, "jax.grad": autodiffs}

    def _called_by_hand(
        self, programs: Programs, call: Callable[..., Any], ways: Sequence[str], inputs: Mapping[str, Array]
    ) -> list[Fed] | None:
        """The gradient by hand; None where it does not run in this dtype, which is noted."""
        try:
            return self._blaming(GRADIENT, call, "manual", ways)
        except WalkError as broken:
            why = broken
            if GRADIENT in programs.opaque:  # it may have no rule for batches
                self.called = ("scan",)
                try:
                    return call("manual", self.called)
                except Exception as error:
                    why = WalkError(GRADIENT, error)
            elif not self._lowers_elsewhere(self._sides["manual"], inputs):
                raise
        self.refused[GRADIENT] = tracebacks.first_words(why.error)
        return None

    def _call(self, side: str, way: str, inputs: Mapping[str, Array]) -> Iterator[Fed]:
        """Quantity, first case, numbers."""
        function, root = self._sides[side], self.pair.derivation.objective
        if way == "single":
            for case in range(min(SINGLE, len(next(iter(inputs.values()))))):
                with timed("calls on the device"):
                    got = function({name: leaf[case] for name, leaf in inputs.items()})
                yield from ((f"d{root}_d{symbol}", case, numbers(of)[None]) for symbol, of in got.items())
        else:
            got = run_jitted(_TRANSFORMED[way](function), inputs)
            yield from ((f"d{root}_d{symbol}", 0, numbers(of)) for symbol, of in got.items())

    def stored(self, value: Any) -> Array:
        """A value of the reference as the dtype stores it, in float64; what overflows there counts as 0."""
        if isinstance(value, np.ndarray):
            return value
        stored = self.store(value.value)
        return np.where(np.isfinite(stored), stored, 0.0)

    def store(self, numbers: Array) -> Array:
        with np.errstate(over="ignore"):
            return numbers.astype(jnp.dtype(self.dtype)).astype(np.float64)

    def _array(self, value: Array, cases: int) -> Array:
        """In the dtype and still NumPy's: jax would compile a program to convert it, and one to slice it."""
        value = np.broadcast_to(value, (cases, *value.shape[1:]))
        dtype = {"f": jnp.dtype(self.dtype), "i": np.dtype(np.int32)}.get(value.dtype.kind, value.dtype)
        return np.ascontiguousarray(value.astype(dtype))


def _mapped(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return functools.partial(jax.lax.map, function)


def _scanned(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda inputs: jax.lax.scan(lambda nothing, case: (nothing, function(case)), None, inputs)[1]


_TRANSFORMED: Mapping[str, Callable[[Callable[[Any], Any]], Callable[[Any], Any]]] = {
    "batched": jax.vmap,
    "scan": _scanned,
}


def numbers(computed: Any) -> Array:
    return np.asarray(computed).astype(np.float64)
