"""How much each operation may round: unit roundoffs, matrix units and elementary functions, by dtype and
platform.

The dtype that a program was traced in, float64 as a rule, *stands for* the dtype of the run, and so does what is
wider; an explicit narrower aval keeps its own unit.

Sources: IEEE 754 for the formats; for elementary functions the table of jax's page on numerical accuracy
(docs.jax.dev/en/latest/accuracy.html, exhaustive below float64), the largest of all generations of a platform; for the
CPU also what older releases were measured to do.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

PLATFORMS = ("cpu", "gpu", "tpu")
PRECISIONS = ("default", "high", "highest")
HOST = 2.0**-53  # the unit roundoff of our own arithmetic, NumPy in float64
HOST_ULPS = 4.0  # of NumPy, whose vectorised functions promise no better, and of the C library


class Unit(NamedTuple):
    """A floating-point format."""

    name: str
    bits: int  # of the significand, the hidden one included
    u: float  # the largest relative error of one operation, our own rounding added
    tiny: float  # the smallest normal number
    flush: float  # the largest absolute error of an underflow: all of it, where denormals are flushed to zero
    largest: float

    @property
    def ulp(self) -> float:
        """The largest distance of neighbours, relative to the number."""
        return 2.0 ** (1 - self.bits)


class Products(NamedTuple):
    """How a matrix unit multiplies and adds: relative errors, and within how many bits it makes none."""

    input: float  # of each product, from rounding its factors, or itself
    accumulator: float  # of each addition
    output: float  # from storing the sum
    input_bits: int
    accumulator_bits: int
    stored: Unit | None = None  # what each product is rounded to, if not only the sum of them


@functools.cache
def unit_of(dtype: Any) -> Unit:
    """The unit of a dtype, float64 not standing for anything else."""
    info = jnp.finfo(dtype)
    bits = info.nmant + 1
    # A 16-bit operation is carried out in float32 and then rounded; NumPy's own rounding comes on top.
    twice = 2.0**-24 if bits < 24 else 0.0
    tiny = float(info.smallest_normal)
    flush = (
        float(info.smallest_subnormal) if np.dtype(dtype) == np.float16 else tiny
    )  # float16 keeps its denormals
    return Unit(np.dtype(dtype).name, bits, 2.0**-bits + twice + HOST, tiny, flush, float(info.max))


class Units:
    """The units of one run."""

    def __init__(self, dtype: Any, precision: str, platform: str, traced: Any = np.float64):
        if platform not in PLATFORMS:
            raise ValueError(f"platform: {platform!r}, expected one of {', '.join(PLATFORMS)}")
        if precision not in PRECISIONS:
            raise ValueError(f"precision: {precision!r}, expected one of {', '.join(PRECISIONS)}")
        self.run, self.precision, self.platform = unit_of(np.dtype(dtype)), precision, platform
        self.traced = unit_of(np.dtype(traced))

    def of(self, dtype: Any) -> Unit:
        """The unit of an aval's dtype, where the dtype of the trace stands for the dtype of the run."""
        if dtype == np.float64:
            return self.run
        unit = unit_of(dtype)
        return self.run if unit.bits >= self.traced.bits else unit

    def products(self, factor: Unit, result: Unit, requested: Any, vector: bool = False) -> Products:
        """The matrix unit for factors and results of these units, at the precision of the program or else of
        the run; and whether one of the factors is a vector.
        """
        if factor.bits > 24:
            return Products(0.0, HOST, HOST, 53, 53)
        if factor.bits < 24:
            return self._half_products(factor, result, vector)
        return FLOAT32_PRODUCTS[self.platform][self._requested(requested)]

    def _half_products(self, factor: Unit, result: Unit, vector: bool) -> Products:
        """16-bit factors, whose products are exact in a float32 accumulator.

        A GPU without its matrix unit rounds each product, to a result in 16 bits. XLA makes an elementwise product and
        a float32 sum of every product with a vector (met to the last bit on an H200, jax 0.11.2), and puts small
        products of matrices into loops, which accumulate bfloat16 in float32, but float16 in float16.
        """
        output = result.u if result.bits < 24 else 0.0
        if self.platform == "cpu":
            return Products(0.0, 2.0**-24, output, factor.bits, 24)
        if self.platform == "tpu" or result.bits == 24:
            return Products(0.0, 2.0**-23, output, factor.bits, 23)
        if result.name == "float16" and not vector:
            return Products(result.u, result.u, 0.0, factor.bits, result.bits, result)
        return Products(result.u, 2.0**-23, output, factor.bits, 23, result)

    def _requested(self, requested: Any) -> str:
        """The lower precision of the two factors, as a name; what the program leaves open is the run's."""
        given = requested if isinstance(requested, (tuple, list)) else (requested,)
        names = [self.precision if p is None else str(getattr(p, "name", p)).lower() for p in given]
        known = [PRECISIONS.index(name) if name in PRECISIONS else 0 for name in names]
        return PRECISIONS[min(known)]

    def ulps(self, function: str, unit: Unit) -> float:
        """Units in the last place by which a function may be off."""
        row = ULPS[function]
        column = row.float64 if unit.bits > 24 else row.float32 if unit.bits == 24 else row.half
        return column[min(PLATFORMS.index(self.platform), len(column) - 1)]

    def relative(self, function: str, unit: Unit, x: np.ndarray) -> np.ndarray | float:
        """The largest relative error of a function at these arguments, our own evaluation included."""
        row, ulps = ULPS[function], self.ulps(function, unit)
        relative: Any = ulps * unit.ulp + HOST_ULPS * 2 * HOST
        if row.slope:
            relative = relative + row.slope * unit.ulp * np.abs(x)
        if row.worse is not None and unit.bits > 24:
            low, high, more = row.worse
            relative = np.where((x > low) & (x < high), more * unit.ulp, relative)
        return relative


_FLOAT32 = Products(0.0, 2.0**-24, 0.0, 24, 24)
_TF32 = Products(2 * 2.0**-10, 2.0**-23, 0.0, 11, 23)  # tensor cores truncate
FLOAT32_PRODUCTS = {
    "cpu": {"default": _FLOAT32, "high": _FLOAT32, "highest": _FLOAT32},
    "gpu": {"default": _TF32, "high": _TF32, "highest": _FLOAT32},
    "tpu": {  # 1, 3 and 6 passes in bfloat16
        "default": Products(2 * 2.0**-8, 2.0**-23, 0.0, 8, 23),
        "high": Products(3 * 2.0**-16, 2.0**-23, 0.0, 8, 23),
        "highest": Products(4 * 2.0**-24, 2.0**-23, 0.0, 8, 23),
    },
}


class Row(NamedTuple):
    """The largest error of a function in units in the last place, one entry a platform (cpu, gpu, tpu)."""

    float32: tuple[float, ...]
    float64: tuple[float, ...]
    half: tuple[float, ...]  # bfloat16 and float16
    slope: float = (
        0.0  # more for each unit of |argument|, where a function is another one of a scaled argument
    )
    worse: tuple[float, float, float] | None = None  # in float64 so many units between these arguments


# XLA's log1p, and so its atanh, loses 7 bits there in float64: measured with jax 0.10.2, mended in 0.12.
LOG1P = (-0.45, -0.25, 130.0)
ATANH = (-0.45, 0.45, 80.0)

# fmt: off
ULPS: dict[str, Row] = {
    #                 float32: cpu gpu tpu     float64: cpu gpu   16 bits: cpu gpu tpu
    "div":        Row((2.5, 3.0, 200.0),      (2.5, 2.5),        (2.0, 2.0, 2.5)),  # also x (1/c), x rsqrt
    "sqrt":       Row((0.5, 1.0, 3.0),        (0.5, 0.5),        (0.5, 0.5, 1.0)),
    "rsqrt":      Row((2.0, 2.0, 2.5),        (2.0, 2.0),        (1.5, 1.5, 1.5)),
    "cbrt":       Row((2.0, 2.0, 4.5),        (2.0, 2.0),        (1.5, 1.5, 1.5)),
    "exp":        Row((3.0, 2.0, 116.0),      (2.5, 2.0),        (1.0, 1.0, 1.0)),
    "exp2":       Row((3.0, 2.5, 116.0),      (2.5, 2.5),        (1.5, 1.5, 1.5),   1.0),  # exp(x ln 2)
    "expm1":      Row((6.5, 1.5, 1772.0),     (5.0, 2.0),        (2.5, 1.0, 1.0)),
    "log":        Row((1.5, 1.0, 4031.0),     (1.0, 1.5),        (1.0, 1.0, 1.0)),
    "log2":       Row((3.0, 3.0, 5159.0),     (2.0, 2.0),        (2.0, 2.0, 1.5)),
    "log1p":      Row((3.0, 1.5, 4034.0),     (2.5, 2.0),        (1.0, 1.0, 1.0), worse=LOG1P),
    "logistic":   Row((2.5, 4.0, 243.0),      (4.0, 5.0),        (2.5, 2.5, 63.0)),
    "tanh":       Row((5.0, 5.5, 1366.0),     (8.0, 4.0),        (1.0, 1.0, 1.0)),
    "erf":        Row((7.0, 6.5, 8.5),        (4.0, 3.0),        (1.5, 1.0, 1.0)),
    "erfc":       Row((66.0, 66.5, 157.0),    (600.0, 600.0),    (1.5, 1.0, 1.0)),
    "sin":        Row((1.5, 2.0, 3.5),        (2.0, 2.5),        (1.0, 1.0, 1.0)),
    "cos":        Row((1.5, 2.0, 3.5),        (2.0, 2.5),        (1.0, 1.0, 1.0)),
    "tan":        Row((2.0, 3.5, 7.0),        (2.0, 2.5),        (1.0, 1.0, 1.0)),
    "asin":       Row((2.0, 1.5, 5.0),        (2.0, 2.5),        (2.0, 1.0, 1.0)),
    "acos":       Row((2.0, 1.5, 5.0),        (2.0, 2.0),        (2.0, 1.0, 1.0)),
    "atan":       Row((5.5, 1.5, 2.5),        (4.0, 2.5),        (1.5, 1.0, 1.0)),
    "atan2":      Row((5.5, 3.0, 3.5),        (4.0, 2.0),        (1.5, 1.0, 1.0)),
    "sinh":       Row((25.0, 3.0, 1794.0),    (5.0, 3.0),        (1.5, 1.0, 1.0),   1.0),
    "cosh":       Row((25.0, 3.0, 99.0),      (5.0, 3.0),        (1.5, 1.0, 1.0),   1.0),
    "asinh":      Row((3.5, 2.0, 4035.0),     (3.0, 2.5),        (2.0, 1.0, 1.0)),
    "acosh":      Row((4.5, 2.5, 4031.0),     (4.0, 2.5),        (2.0, 1.0, 1.0)),
    "atanh":      Row((3.5, 3.5, 2184.0),     (3.0, 3.5),        (2.0, 1.0, 1.0), worse=ATANH),
    "pow":        Row((4.0, 8.0, 4031.0),     (4.0, 4.0),        (2.0, 2.0, 2.0)),
    "erf_inv":    Row((66.0, 66.0, 427.0),    (500e3, 500e3),    (1.5, 1.5, 1.5)),
    "lgamma":     Row((16.0, 16.0, 4031.0),   (16.0, 16.0),      (4.0, 4.0, 4.0)),
    "digamma":    Row((16.0, 16.0, 4031.0),   (16.0, 16.0),      (4.0, 4.0, 4.0)),
}
# fmt: on
