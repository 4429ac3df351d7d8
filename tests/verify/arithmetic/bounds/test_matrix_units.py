"""Matrix units that are not here, emulated: their bounds hold, and four times smaller ones do not."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from verify.arithmetic.bounds.arithmetic import Bounds
from verify.arithmetic.bounds.units import Units
from verify.interpreter.walker import Program, evaluate

Array = np.ndarray[Any, Any]
ROWS = 3


def truncated(x: Array, bits: int) -> Array:
    """A number's first bits: what a unit does that rounds towards zero."""
    significand, exponent = np.frexp(x)
    return np.ldexp(np.trunc(np.ldexp(significand, bits)), exponent - bits)


def stored(x: Array, dtype: Any) -> Array:
    return np.asarray(x).astype(jnp.dtype(dtype)).astype(np.float64)


def accumulated(terms: Array, kept: Callable[[Array], Array] = lambda total: truncated(total, 24)) -> Array:
    """A sum along the last axis, and what an accumulator keeps of it after each term."""
    total = np.zeros(terms.shape[:-1])
    for k in range(terms.shape[-1]):
        total = kept(total + terms[..., k])
    return total


def parts(x: Array, number: int) -> list[Array]:
    """A float32 as a sum of so many bfloat16s, each the nearest to what is left."""
    found = []
    for _ in range(number):
        found.append(stored(x, "bfloat16"))
        x = x - found[-1]
    return found


def tf32(a: Array, b: Array) -> Array:
    return accumulated(truncated(a, 11) * truncated(b, 11))


def passes(number: int, kept: int) -> Callable[[Array, Array], Array]:
    """Products of bfloat16 parts, those of the lowest orders left out."""

    def multiplied(a: Array, b: Array) -> Array:
        pairs = [(i, j) for i in range(number) for j in range(number) if i + j < kept]
        left, right = parts(a, number), parts(b, number)
        return sum((accumulated(left[i] * right[j]) for i, j in reversed(pairs)), np.zeros(a.shape[:-1]))

    return multiplied


def exact(a: Array, b: Array, dtype: Any) -> Array:
    return stored(accumulated(a * b), dtype)


def rounded(a: Array, b: Array, dtype: Any) -> Array:
    return stored(accumulated(stored(a * b, dtype)), dtype)


def narrow(a: Array, b: Array, dtype: Any) -> Array:
    return accumulated(stored(a * b, dtype), lambda total: stored(total, dtype))


UNITS: dict[str, tuple[str, str, str, int, Callable[[Array, Array], Array]]] = {
    # dtype, precision, platform, columns, the unit
    "TF32": ("float32", "default", "gpu", 2, tf32),
    "one pass in bfloat16": ("float32", "default", "tpu", 2, passes(1, 1)),
    "three passes": ("float32", "high", "tpu", 2, passes(2, 2)),
    "six passes": ("float32", "highest", "tpu", 2, passes(3, 3)),
    "bfloat16 on a matrix unit": ("bfloat16", "highest", "tpu", 2, lambda a, b: exact(a, b, "bfloat16")),
    "bfloat16 in a loop": ("bfloat16", "highest", "gpu", 2, lambda a, b: rounded(a, b, "bfloat16")),
    "bfloat16 with a vector": ("bfloat16", "highest", "gpu", 1, lambda a, b: rounded(a, b, "bfloat16")),
    "float16 on a matrix unit": ("float16", "highest", "tpu", 2, lambda a, b: exact(a, b, "float16")),
    "float16 in a loop": ("float16", "highest", "gpu", 2, lambda a, b: narrow(a, b, "float16")),
    "float16 with a vector": ("float16", "highest", "gpu", 1, lambda a, b: rounded(a, b, "float16")),
}


def factors(rng: np.random.Generator, dtype: str, columns: int, terms: int = 12) -> list[tuple[Array, Array]]:
    """Random factors, short integers among them, and those that lose the most when they are cut."""
    shapes = (100, ROWS, terms), (100, terms, columns)
    normal = [rng.normal(size=shape) * 2.0 ** rng.integers(-6, 6, shape) for shape in shapes]
    whole = [rng.integers(-4, 5, shape) * 1.0 for shape in shapes]
    cut = [1 + 2.0 ** -rng.integers(6, 14, shape) - 2.0**-22 for shape in shapes]
    return [(stored(a, dtype), stored(b, dtype)) for a, b in (normal, whole, cut, lost(columns, terms, 23))]


def lost(columns: int, terms: int, bits: int) -> tuple[Array, Array]:
    """A large term before small ones, which an accumulator loses that keeps so many bits of it."""
    small = 64 * (1 - 2.0**-7)  # float16 has no smaller products
    a, b = (
        np.full((1, ROWS, terms), small * 2.0 ** -(bits // 2)),
        np.full((1, terms, columns), small * 2.0 ** (bits // 2 - bits)),
    )
    a[..., 0], b[:, 0, :] = 64, 64
    return a, b


def excess(name: str, given: list[tuple[Array, Array]], units: Units | None = None) -> float:
    """The largest error of an emulated unit over its bound; infinite where a bound is zero and the error is not."""
    dtype, precision, platform, _, multiply = UNITS[name]
    where: Any = precision, platform
    bounds = Bounds(dtype, *where)
    bounds.units = units or bounds.units
    worst = 0.0
    for a, b in given:
        with jax.enable_x64(True):
            shapes = [jax.ShapeDtypeStruct(x.shape[1:], "float64") for x in (a, b)]
            program = Program(jax.make_jaxpr(jnp.matmul)(*shapes))
        (bound,) = evaluate(program, bounds, {}, [bounds.exact(a), bounds.exact(b)])
        left, right = np.broadcast_arrays(a[:, :, None, :], np.swapaxes(b, 1, 2)[:, None, :, :])
        error = np.abs(multiply(left, right) - bound.value)
        ratio = np.divide(error, bound.errors, out=np.where(error > 0, np.inf, 0), where=bound.errors > 0)
        worst = max(worst, float(ratio.max()))
    return worst


@pytest.mark.parametrize("name", UNITS)
def test_the_bounds_of_a_matrix_unit_hold(name: str):
    rng = np.random.default_rng(0)
    for _ in range(340):  # 100,000 products of matrices
        assert excess(name, factors(rng, UNITS[name][0], UNITS[name][3])) <= 1


HIDDEN = {("six passes", "input"), ("float16 in a loop", "input")}  # by the error of one addition


class Smaller(Units):
    """Units, one error of whose products is four times too small."""

    def __init__(self, field: str, dtype: str, precision: str, platform: str):
        super().__init__(dtype, precision, platform)
        self.field = field

    def products(self, factor: Any, result: Any, requested: Any, vector: bool = False) -> Any:
        products = super().products(factor, result, requested, vector)
        return products._replace(**{self.field: getattr(products, self.field) / 4})


def rows() -> list[tuple[str, str]]:
    """Each error of each unit that is not zero."""
    return [
        (name, field)
        for name, (dtype, precision, platform, columns, _) in UNITS.items()
        for field in ("input", "accumulator", "output")
        if getattr(products(Units(dtype, precision, platform), columns), field)
        and (name, field) not in HIDDEN
    ]


def products(units: Units, columns: int) -> Any:
    return units.products(units.run, units.run, None, columns == 1)


@pytest.mark.parametrize(("name", "field"), rows())
def test_a_unit_four_times_too_small_is_noticed(name: str, field: str):
    dtype, precision, platform, columns, _ = UNITS[name]
    smaller = Smaller(field, dtype, precision, platform)
    if field == "accumulator":  # so many terms that it weighs more than the rest
        unit = products(Units(dtype, precision, platform), columns)
        terms = 4 * int((unit.input + unit.output) / unit.accumulator) + 4
        given = [lost(columns, terms, 11 if unit.accumulator_bits == 11 else 23)]
    else:
        given = factors(np.random.default_rng(0), dtype, columns, terms=1 + (platform == "gpu"))
    assert excess(name, given) <= 1 < excess(name, given, smaller)
