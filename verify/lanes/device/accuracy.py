"""The second question of accuracy, asked of what ran: are the digits there that the problem allows?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp
import numpy as np

from verify.arithmetic.bounds.arithmetic import Bounds
from verify.arithmetic.bounds.value import Bounded
from verify.interpreter.walker import Sizes
from verify.lanes.bounds import as_bounded
from verify.lanes.device.calibration import Checked
from verify.lanes.device.digits import in_words, kept, within_range
from verify.lanes.device.opaque_bounds import opaque_bound
from verify.lanes.device.overflow import candidates, chosen, danger, watching
from verify.lanes.device.violations import Judged, Run
from verify.programs.pair import Pair
from verify.programs.tracing import Programs, Traced

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Allowance:
    """What the problem allows of each quantity, and the cases in which anything is asked."""

    bounds: Mapping[str, Bounded]
    within: Array
    leaves: Mapping[str, Array]
    eps: float

    def where(self, taken: Mapping[str, Array], truth: Mapping[str, Any]) -> Allowance:
        """Only the cases in which all that an equation is given is what autodiff has, but for one rounding."""
        fine = self.within
        for name, values in taken.items():
            if values.dtype.kind == "f":
                exact = as_bounded(truth[name]).value
                close = np.abs(values - exact) <= np.abs(exact) * self.eps
                fine = fine & close.reshape(len(close), -1).all(axis=1)
        return replace(self, within=fine)


class Accuracy:
    """Holds results in one dtype to what the problem allows of them, and draws data where they may fall short."""

    def __init__(self, pair: Pair, dtype: str, own: Callable[[], Checked], rounding: Callable[[], Any]):
        self.pair, self.dtype = pair, dtype
        self.own, self.rounding = own, rounding

    def aimed(self, programs: Programs, sizes: Sizes, rng: np.random.Generator) -> dict[str, Array]:
        """Cases in which the program by hand may err by more than what is allowed."""
        assert isinstance(programs.composed, Traced) and programs.autodiff is not None
        leaves = candidates(rng, sizes, self.pair.specs(sizes), self.dtype)
        exact = Bounds(traced=self.pair.dtype)
        truth = programs.autodiff(exact, sizes, given(exact, leaves))
        held = self.held_to(programs.autodiff, sizes, leaves, truth)
        own = self.own()
        walked = programs.composed(own, sizes, given(own, leaves))
        wanted = [f"d{self.pair.derivation.objective}_d{symbol}" for symbol in self.pair.symbols]
        ours = {name: own.settle([as_bounded(walked[name])])[0] for name in wanted if name in walked}
        return chosen(leaves, danger(ours, held.bounds, held.within))

    def held_to(
        self, program: Traced, sizes: Sizes, leaves: Mapping[str, Array], truth: Mapping[str, Any]
    ) -> Allowance:
        """What the problem allows of its derivatives, where it stays within the dtype's range."""
        arithmetic, graph = self.rounding(), self.pair.derivation.graph
        allowed = opaque_bound(program, sizes, leaves, truth, arithmetic)
        nodes = [n for n in allowed if n in graph.steps or n == graph.objective or n.startswith("primal ")]
        cases = len(next(iter(leaves.values())))
        within = within_range((allowed[n] for n in nodes), arithmetic.units.run, cases)
        return Allowance(allowed, within, leaves, float(jnp.finfo(self.dtype).eps))

    def enter(
        self,
        run: Run,
        judged: Sequence[Judged],
        held: Allowance,
        program: Traced,
        sizes: Sizes,
        values: Mapping[str, Array],
        taken: Mapping[str, Array] | None = None,
    ) -> None:
        """Enters in a run what was lost of its digits; `taken` is what an equation alone was given."""
        inputs = None if taken is None else lambda case: _of_case(taken, case)
        lost = kept(judged, held.bounds, held.within, self.own().units.run, held.leaves, inputs)
        run.lost, run.digits, run.autodiff_digits = lost.lost, lost.digits, lost.autodiff_digits
        seen = lost.violation
        if seen is None:
            return
        own = self.own()
        met = watching(own, own.units.run)
        one = _of_case(values, seen.case)
        program(own, sizes, given(own, {name: value[None] for name, value in one.items()}))
        shown = {
            n: v for n, v in one.items() if n in (seen.inputs or self.pair.leaves) and v.dtype.kind == "f"
        }
        run.loss = in_words(seen, self.dtype, shown, lost, met.said(finite=bool(np.isfinite(seen.computed))))
        run.violation = seen


def given(arithmetic: Bounds, values: Mapping[str, Array]) -> dict[str, Any]:
    """Numbers as operands of an arithmetic."""
    return {
        name: arithmetic.exact(value) if value.dtype.kind == "f" else value for name, value in values.items()
    }


def _of_case(values: Mapping[str, Array], case: int) -> dict[str, Array]:
    return {name: value[min(case, len(value) - 1)] for name, value in values.items()}
