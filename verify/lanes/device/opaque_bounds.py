"""What the result of an equation that no arithmetic enters may be off by: the rounding of `jax.grad`'s own program.

A bound on the equation's rounding would need its program. So it is held to the reference's, as if that knew its
leaves to one rounding only and no operation were exact: an online softmax may round where a plain one does not.
No number in here is chosen.

A result beyond that is inaccurate. It is wrong only if it is also farther off than computing all of it in
COARSEST would explain, in every dtype in which the equation runs: however little of its precision a kernel keeps
inside, a right one comes as close as that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from verify.arithmetic.bounds.arithmetic import Bounds
from verify.arithmetic.bounds.value import Bounded
from verify.interpreter.walker import Sizes
from verify.lanes.bounds import as_bounded
from verify.lanes.device.calibration import Checked, bounds_on
from verify.programs.tracing import Traced

Array = np.ndarray[Any, Any]
COARSEST = "bfloat16"


def rounding(dtype: str, precision: str, platform: str | None, traced: str = "float64") -> Checked:
    """The arithmetic of a device where every operation rounds, for programs traced in a dtype."""
    arithmetic = bounds_on(dtype, precision, platform, traced)
    arithmetic.overrides = {name: _rounds(rule) for name, rule in arithmetic.rules.items()}
    return arithmetic


def opaque_bound(
    program: Traced, sizes: Sizes, leaves: Mapping[str, Array], truth: Mapping[str, Any], arithmetic: Checked
) -> dict[str, Bounded]:
    """The reference's float64 values, each with what its program may err by where every operation rounds."""
    given = {name: _known_to_one_rounding(arithmetic, leaf) for name, leaf in leaves.items()}
    walked = program(arithmetic, sizes, given)
    return {
        name: centred_at(truth[name], arithmetic.settle([as_bounded(v)])[0]) for name, v in walked.items()
    }


def centred_at(truth: Any, bound: Bounded) -> Bounded:
    """The value of the reference, with both bounds together."""
    truth = as_bounded(truth)
    # either may be the same for all cases: x / x is 1, and its bound is that of each x
    errors = bound.errors + truth.errors
    shape = np.broadcast_shapes(truth.value.shape, errors.shape)
    return Bounded(np.broadcast_to(truth.value, shape), np.broadcast_to(errors, shape))


def _known_to_one_rounding(arithmetic: Checked, leaf: Array) -> Any:
    if leaf.dtype.kind != "f":
        return leaf
    return _at_least_one_rounding(arithmetic, arithmetic.exact(leaf))


def _rounds(rule: Callable[..., Any]) -> Callable[..., Any]:
    def apply(arithmetic: Bounds, step: Any, *operands: Any) -> Any:
        results = rule(arithmetic, step, *operands)
        if isinstance(results, (list, tuple)):
            return [_at_least_one_rounding(arithmetic, result) for result in results]
        return _at_least_one_rounding(arithmetic, results)

    return apply


def _at_least_one_rounding(arithmetic: Bounds, value: Any) -> Any:
    if not isinstance(value, Bounded):
        return value
    with np.errstate(all="ignore"):
        once = np.where(np.isfinite(value.value), arithmetic.units.run.u * np.abs(value.value), 0.0)
    rounded = Bounded(value.value, np.maximum(value.errors, once), value.tag)
    rounded.quotient = value.quotient
    return rounded
