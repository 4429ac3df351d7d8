"""What leaves are filled with: numbers of every structure, exactly in each leaf's domain, many cases at once.

All arrays carry a leading axis that counts cases. Floating-point leaves are float64, integers int64, masks
bool. The same generator state gives the same numbers, under any hash seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import jax.numpy as jnp
import numpy as np

from manual_bp import domains
from manual_bp.construction.signatures import names_in, size_of
from verify.generation.structures import KINKS, STRUCTURE, Shape, Structure, each_case, fan_in_scale

Leaves = dict[str, np.ndarray]


class Spec(NamedTuple):
    """What a leaf is for the drawn choices; the first three as `Derivation.leaf_spec` gives them."""

    dims: tuple[str | int, ...]
    kind: str  # "float", "int" or "bool"
    domain: domains.Domain
    cotangent: bool = False  # never zeros, ones or ties by design: wrong equations hide behind such

    def shape(self, dims: Mapping[str, int]) -> Shape:
        return tuple(size_of(size, dims) for size in self.dims)


class Request(NamedTuple):
    """What a domain is asked for."""

    domain: Any
    structure: Structure
    kinks: Sequence[float]
    size: int  # one more than the largest index


# Each domain's numbers. Scales are one a case, so that a tiny entry is not always lost beside a huge one.


def _real(rng: np.random.Generator, shape: Shape, want: Request) -> np.ndarray:
    return want.structure.draw(rng, shape, want.kinks)


def _nonnegative(rng: np.random.Generator, shape: Shape, want: Request) -> np.ndarray:
    if want.structure.lattice:
        scale = rng.choice((1.0, 1.0, 1.0, 2.0**-10, 2.0**6), each_case(shape))
        return rng.choice((0.0, 0.5, 1.0, 2.0), shape) * scale
    scale = rng.choice((0.0, 1e-12, 1e-6, 1.0, 1.0, 1.0, 1e3, 1e8, np.nan), each_case(shape))
    return rng.random(shape) * _or_any(rng, scale, 1e-12, 1e8)


def _positive(rng: np.random.Generator, shape: Shape, want: Request) -> np.ndarray:
    if want.structure.lattice:
        scale = rng.choice((1.0, 1.0, 1.0, 2.0**-10, 2.0**6), each_case(shape))
        return rng.choice((0.5, 1.0, 2.0, 4.0), shape) * scale
    scale = rng.choice((1e-12, 1e-6, 1.0, 1.0, 1.0, 1e3, 1e8, np.nan), each_case(shape))
    return rng.uniform(0.125, 2.0, shape) * _or_any(rng, scale, 1e-12, 1e8)


def _or_any(rng: np.random.Generator, scale: np.ndarray, low: float, high: float) -> np.ndarray:
    """The scales, those that are NaN being any number between, log-uniformly: no magnitude is left out."""
    anywhere = np.exp(rng.uniform(math.log(low), math.log(high), scale.shape))
    return np.where(np.isnan(scale), anywhere, scale)


def _interval(rng: np.random.Generator, shape: Shape, want: Request) -> np.ndarray:
    if want.structure.lattice:
        return rng.choice(dyadics(want.domain.low, want.domain.high), shape)
    values = rng.uniform(want.domain.low, want.domain.high, shape)
    end = rng.choice((want.domain.low, want.domain.high), shape)
    return np.where(rng.random(shape) < 0.1, end, values)


def _simplex(rng: np.random.Generator, shape: Shape, want: Request) -> np.ndarray:
    """Counts over 2^k, cut from it at sorted places: with k <= 7 they sum to 1 in every arithmetic."""
    total = 1 << rng.integers(0, 3 if want.structure.lattice else 8, (*shape[:-1], 1))
    cuts = np.sort(rng.integers(0, total + 1, (*shape[:-1], shape[-1] - 1)), axis=-1)
    return np.diff(cuts, axis=-1, prepend=0, append=total) / total


def _one_hot(rng: np.random.Generator, shape: Shape, want: Request) -> np.ndarray:
    return np.arange(shape[-1]) == rng.integers(0, shape[-1], (*shape[:-1], 1))


def _index(rng: np.random.Generator, shape: Shape, want: Request) -> np.ndarray:
    """Within a window of each case's own width, so that duplicates are likely and every index is met."""
    width = rng.integers(1, want.size + 1, each_case(shape))
    start = rng.integers(0, want.size, each_case(shape))
    return (start + rng.integers(0, width, shape)) % want.size


def _flags(rng: np.random.Generator, shape: Shape, want: Request) -> np.ndarray:
    """Mixed, none and all, row by row and whole."""
    row = rng.choice((0.0, 0.5, 0.5, 0.5, 1.0), (*shape[:-1], 1) if len(shape) > 1 else shape)
    whole = rng.choice((0.0, 0.5, 0.5, 0.5, 1.0), each_case(shape))
    return rng.random(shape) < np.where(whole == 0.5, row, whole)


def _counts(rng: np.random.Generator, shape: Shape, want: Request) -> np.ndarray:
    if want.structure.lattice:
        return rng.integers(0, 4, shape)
    rate = rng.choice((0.5, 3.0, 50.0, np.nan), each_case(shape))
    return rng.poisson(_or_any(rng, rate, 1.0, 128.0), shape)


Draw = Callable[[np.random.Generator, Shape, Request], np.ndarray]
DRAWS: Final[Mapping[type[domains.Domain], Draw]] = {
    domains.Real: _real,
    domains.Nonnegative: _nonnegative,
    domains.Positive: _positive,
    domains.Interval: _interval,
    domains.Simplex: _simplex,
    domains.OneHot: _one_hot,
    domains.Index: _index,
    domains.Binary: _flags,
    domains.Counts: _counts,
    domains.Mask: _flags,
}
DTYPES: Final = {"float": np.float64, "int": np.int64, "bool": np.bool_}
CONTINUOUS: Final = (domains.Real, domains.Nonnegative, domains.Positive, domains.Interval)


SMALL: Final = STRUCTURE["integers to 3"]


def fill(
    rng: np.random.Generator,
    dims: Mapping[str, int],
    specs: Mapping[str, Spec],
    structure: Structure,
    cases: int,
    *,
    kinks: Sequence[float] = KINKS,
) -> Leaves:
    """Every leaf for `cases` cases: real ones of this structure, the others by their domains.

    On a lattice structure all numbers are dyadics of few bits. Cotangents are small integers then, whichever
    lattice it is. Raises ValueError for a leaf that cannot be filled.
    """
    leaves = {}
    for name, spec in specs.items():
        domain, shape, size = resolve(name, spec, dims)
        layout = SMALL if spec.cotangent and structure.lattice else structure
        values = DRAWS[type(domain)](rng, (cases, *shape), Request(domain, layout, kinks, size))
        leaves[name] = values.astype(DTYPES[spec.kind], copy=False)
    return leaves


def generic(
    rng: np.random.Generator,
    dims: Mapping[str, int],
    specs: Mapping[str, Spec],
    cases: int,
    *,
    kinks: Sequence[float] = (),
) -> Leaves:
    """Floats that steer a proof: no ties, on every piece between the kinks, too small for exp to overflow.

    Real leaves have entries of size 1, but for one leaf a case, which is scaled by 0.3 to 8 (more if a kink
    lies beyond 6): one factor widens a preactivation enough, and several would make exp overflow two layers
    on.
    """
    reach = 4 / 3 * max([2.25, *map(abs, kinks)])
    scales = rng.choice((0.3, 1.0, 3 / 8 * reach, reach), cases)
    scaled = [
        name for name, spec in specs.items() if isinstance(spec.domain, domains.Real) and not spec.cotangent
    ]
    chosen = rng.integers(0, max(len(scaled), 1), cases)
    leaves = {}
    for name, spec in specs.items():
        domain, shape, size = resolve(name, spec, dims)
        shape = (cases, *shape)
        match domain:
            case domains.Real():
                values = rng.uniform(-math.sqrt(3), math.sqrt(3), shape) * fan_in_scale(shape)
                if name in scaled:
                    values *= np.where(chosen == scaled.index(name), scales, 1.0).reshape(each_case(shape))
            case domains.Nonnegative() | domains.Positive():
                values = np.exp(rng.uniform(-3.0, 1.0, shape))
            case domains.Interval(low, high):
                values = rng.uniform(low, high, shape)
            case domains.Simplex():
                values = np.exp(rng.uniform(-3.0, 1.0, shape))
                values /= values.sum(-1, keepdims=True)
            case _:
                values = DRAWS[type(domain)](rng, shape, Request(domain, SMALL, kinks, size))
        leaves[name] = values.astype(DTYPES[spec.kind], copy=False)
    return leaves


def rounded(leaves: Mapping[str, np.ndarray], specs: Mapping[str, Spec], dtype: Any) -> Leaves:
    """The same leaves, floats being zero or normal numbers of `dtype`: still float64, still in their domains.

    Raises ValueError for an interval that holds no number of `dtype`.
    """
    dtype = jnp.dtype(dtype)
    tiny, largest = float(jnp.finfo(dtype).tiny), float(jnp.finfo(dtype).max)
    result = dict(leaves)
    for name in [name for name, spec in specs.items() if spec.kind == "float"]:
        domain = specs[name].domain
        values = np.clip(leaves[name], -largest, largest).astype(dtype).astype(np.float64)
        values[np.abs(values) < tiny] = tiny if isinstance(domain, domains.Positive) else 0.0
        if isinstance(domain, domains.Interval):
            low, high = -_at_most(-domain.low, dtype), _at_most(domain.high, dtype)
            if low > high:
                raise ValueError(
                    f"{name}: no {dtype} is {domain}; widen the interval or leave out that dtype"
                )
            values = np.clip(values, low, high)
        result[name] = values
    return result


def _at_most(bound: float, dtype: np.dtype) -> float:
    """The largest number of `dtype` that is at most `bound`."""
    near = np.asarray(bound).astype(dtype)
    return float(near if float(near) <= bound else np.nextafter(near, np.asarray(-np.inf).astype(dtype)))


def resolve(name: str, spec: Spec, dims: Mapping[str, int]) -> tuple[domains.Domain, Shape, int]:
    """The domain, the shape of one case, the number of indices; ValueError where the leaf cannot be drawn."""
    domain = spec.domain
    size = getattr(domain, "size", 1)
    given = ", ".join(dims) or "none"
    if type(domain) not in DRAWS:
        known = ", ".join(kind.__name__ for kind in DRAWS)
        raise ValueError(f"{name}: no way to draw from {domain!r}; a domain is one of {known}")
    if spec.kind != domain.kind:
        raise ValueError(f"{name}: {spec.kind}s cannot be {domain}; give it a domain of its own kind")
    if isinstance(domain, domains.Interval) and not math.isfinite(domain.high - domain.low):
        raise ValueError(f"{name}: {domain} has no finite length; take real, nonnegative or positive")
    if missing := [each for axis in (*spec.dims, size) for each in names_in(axis) if each not in dims]:
        raise ValueError(f"{name}: dimension {missing[0]!r} has no size; sizes are given for {given}")
    shape = spec.shape(dims)
    size = dims[size] if isinstance(size, str) else size
    if isinstance(domain, (domains.Simplex, domains.OneHot)) and (not shape or shape[-1] == 0):
        raise ValueError(f"{name}: shape {shape} has no last axis with an entry; expected {domain}")
    if size is None or (size < 1 and math.prod(shape)):
        raise ValueError(
            f"{name}: nothing is {domain} for a size of {size}; index() takes a size of at least 1"
        )
    return domain, shape, size


def dyadics(low: float, high: float) -> np.ndarray:
    """Numbers of the coarsest binary grid with three of them in the closed interval, the smallest first."""
    near = min(max(0.0, low), high)
    low, high = max(low, near - 4), min(high, near + 4)
    for bits in range(64):
        grid = np.arange(math.ceil(low * 2**bits), math.floor(high * 2**bits) + 1) / 2.0**bits
        if len(grid) >= 3:
            return grid[np.argsort(np.abs(grid), kind="stable")]
    return np.array([low, high])


def kinks_of(choices: Mapping[str, Any]) -> tuple[float, ...]:
    """All kinks of the drawn rows, in order."""
    return tuple(sorted({float(kink) for row in choices.values() for kink in getattr(row, "kinks", ())}))


def kink_hits(values: Any, kinks: Sequence[float]) -> int:
    """How many of the values are exactly a kink."""
    return int(np.isin(np.asarray(values, np.float64), kinks).sum())
