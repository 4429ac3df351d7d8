"""The arithmetic of rounding errors: float64 values, each with a bound that covers what a device of any dtype
computes.

One trace with float64 avals serves every dtype: float64 *stands for* the dtype of the run, whose unit each
operation rounds by. Data without rounding (integers, dyadic numbers) keeps a bound of zero, so that
comparisons at kinks are decided and the device can be asked for equality to the bit. The bound is first order
in nothing: every rule is an inequality that holds for all numbers within the operands' bounds (Higham,
Accuracy and Stability of Numerical Algorithms, chapters 2 to 4), but for primitives named in `estimated`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from verify.arithmetic.bounds.base import BaseBounds
from verify.arithmetic.bounds.estimates import estimate
from verify.arithmetic.bounds.table import RULES
from verify.arithmetic.bounds.value import Bounded

if TYPE_CHECKING:
    from verify.interpreter.steps import Step


class Bounds(BaseBounds):
    """Rounding-error bounds for one dtype, matmul precision and platform."""

    rules = RULES

    def unknown(self, step: Step, *operands: Any) -> Sequence[Any]:
        """A primitive without a rule: jax's own float64 value, and an estimated error."""
        if any(isinstance(operand, Bounded) for operand in operands):
            self.estimated.add(step.primitive)
        return estimate(self, step, *operands)
