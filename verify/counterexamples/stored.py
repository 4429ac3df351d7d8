"""Counterexamples kept from earlier runs, as cases of a pair: do they fit it still?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from manual_bp import domains
from verify.counterexamples.search import FailingCase
from verify.generation.data import DTYPES, Spec, resolve
from verify.programs.pair import Pair
from verify.programs.reference import COTANGENT, shown


def fitting(pair: Pair, stored: Mapping[str, Any]) -> FailingCase | None:
    """The case that is stored; None where the derivation has changed so that it is none any more."""
    try:
        dims = {name: stored["dims"][name] for name in pair.dims}
        if len(dims) != len(stored["dims"]) or any(
            type(size) is not int or size < 1 for size in dims.values()
        ):
            return None
        known = shown(pair.derivation.leaves)
        leaves = {COTANGENT if name == known else name: leaf for name, leaf in stored["leaves"].items()}
        leaves.setdefault(COTANGENT, 1.0)
        specs = pair.specs(dims)
        if leaves.keys() != specs.keys():
            return None
        arrays = {name: _array(name, spec, dims, leaves[name]) for name, spec in specs.items()}
    except (AttributeError, KeyError, TypeError, ValueError):
        return None  # whatever is in the file, it is no case of this pair
    return FailingCase(dims, {name: array[None] for name, array in arrays.items()}, concrete=True)


def _array(name: str, spec: Spec, dims: Mapping[str, int], value: Any) -> np.ndarray:
    """Raises ValueError where it is no value of that leaf."""
    array = np.asarray(value)
    domain, shape, size = resolve(name, spec, dims)
    if array.size == 0:
        array = array.astype(DTYPES[spec.kind])
    if array.shape != shape or array.dtype.kind not in {"float": "fiu", "int": "iu", "bool": "b"}[spec.kind]:
        raise ValueError(
            f"{name}: shape {array.shape} of {array.dtype}, expected {shape} of kind {spec.kind}"
        )
    array = array.astype(DTYPES[spec.kind])
    if not np.isfinite(array).all() or not _within(domain, array, size):
        raise ValueError(f"{name}: expected {domain}")
    return array


def _within(domain: domains.Domain, values: np.ndarray, size: int) -> bool:
    match domain:
        case domains.Nonnegative():
            inside = values >= 0
        case domains.Positive():
            inside = values > 0
        case domains.Interval(low, high):
            inside = (low <= values) & (values <= high)
        case domains.Simplex():
            inside = (values >= 0) & (values.sum(-1, keepdims=True) == 1)
        case domains.OneHot():
            inside = np.isin(values, (0, 1)) & (values.sum(-1, keepdims=True) == 1)
        case domains.Binary():
            inside = np.isin(values, (0, 1))
        case domains.Counts():
            inside = (values >= 0) & (values == np.round(values))
        case domains.Index():
            inside = (values >= 0) & (values < size)
        case _:
            return True
    return bool(inside.all())
