"""dot_general and conv_general_dilated as one batched matrix product, whatever a number is.

A layout brings the operands to (N|1, B, M, K) and (N|1, B, K, P), and their product (N|1, B, M, P) to the
shape of the result; an arithmetic then needs a matrix product and nothing else. B are batch dimensions or
convolution groups, K is the number of terms in each sum.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from verify.interpreter.movement import Array
from verify.interpreter.windows import Geometry, seen, with_slot

if TYPE_CHECKING:
    from verify.interpreter.steps import Step

Matmul = Callable[[Array, Array], Array]
Shape = tuple[int, ...]


class Arrange(NamedTuple):
    """Axes split, permuted and joined again; the data axis stays in front and is left out here."""

    permutation: Shape | None
    joined: Shape
    split: Shape | None = None

    def __call__(self, array: Array) -> Array:
        if self.split is not None:
            array = array.reshape(len(array), *self.split)
        if self.permutation is not None:
            array = array.transpose(self.permutation)
        return array.reshape(len(array), *self.joined)


class Patches(NamedTuple):
    """For every window of a convolution the entries that it sees, zero in the padding."""

    positions: Array  # (B, M, K), into the flat operand
    padded: bool  # whether some are the slot behind its end, which holds a zero

    def __call__(self, array: Array) -> Array:
        flat = array.reshape(len(array), -1)
        return np.take(with_slot(flat, 0) if self.padded else flat, self.positions, axis=1)


class Layout(NamedTuple):
    """What is done to the two operands and to their product; and the terms in each of its sums."""

    lhs: Arrange | Patches
    rhs: Arrange
    out: Arrange
    terms: int


def contract(step: Step, a: Array, b: Array, matmul: Matmul = np.matmul) -> Array:
    """A dot_general or a conv_general_dilated through `matmul`, given (N|1, B, M, K) and (N|1, B, K, P)."""
    lhs, rhs, out, _ = layout(step)
    return out(matmul(lhs(a), rhs(b)))


def layout(step: Step) -> Layout:
    """The layout of a dot_general or a conv_general_dilated."""
    params, a, b = step.params, step.inputs[0].shape, step.inputs[1].shape
    if step.primitive == "dot_general":
        return _dot(params["dimension_numbers"], a, b, step.outputs[0].shape)
    lhs, rhs, out = map(tuple, params["dimension_numbers"])
    geometry = Geometry(
        tuple([a[axis] for axis in lhs[2:]]),
        tuple([b[axis] for axis in rhs[2:]]),
        tuple(params["window_strides"]),
        tuple(map(tuple, params["padding"])),
        tuple(params["lhs_dilation"]),
        tuple(params["rhs_dilation"]),
    )
    groups = params["feature_group_count"], params["batch_group_count"]
    return _convolution((lhs, rhs, out), geometry, groups, a, b, step.outputs[0].shape)


@functools.lru_cache(maxsize=4096)
def _dot(dimensions: Any, a: Shape, b: Shape, out: Shape) -> Layout:
    (a_summed, b_summed), (a_batch, b_batch) = dimensions
    a_free = [axis for axis in range(len(a)) if axis not in (*a_summed, *a_batch)]
    b_free = [axis for axis in range(len(b)) if axis not in (*b_summed, *b_batch)]
    batch, terms = math.prod([a[axis] for axis in a_batch]), math.prod([a[axis] for axis in a_summed])
    rows, columns = math.prod([a[axis] for axis in a_free]), math.prod([b[axis] for axis in b_free])
    return Layout(
        Arrange(_permutation(*a_batch, *a_free, *a_summed), (batch, rows, terms)),
        Arrange(_permutation(*b_batch, *b_summed, *b_free), (batch, terms, columns)),
        Arrange(None, out),
        terms,
    )


@functools.lru_cache(maxsize=1024)
def _convolution(specs: Any, geometry: Geometry, groups: Any, a: Shape, b: Shape, out: Shape) -> Layout:
    (lhs, rhs, result), (feature_groups, batch_groups) = specs, groups
    many = feature_groups * batch_groups  # one of the two is 1
    cases, features, kernels = a[lhs[0]] // batch_groups, b[rhs[1]], b[rhs[0]] // many
    # Flat positions in the left operand, as (case, feature, place), with one more place for the padding.
    flat = np.arange(math.prod(a)).reshape(a).transpose(lhs).reshape(a[lhs[0]], a[lhs[1]], -1)
    flat = np.concatenate([flat, np.full((*flat.shape[:2], 1), math.prod(a))], axis=2)
    places = seen(geometry)
    taken = flat[:, :, places].reshape(batch_groups, cases, feature_groups, features, *places.shape)
    terms = features * places.shape[1]
    positions = taken.transpose(0, 2, 1, 4, 3, 5).reshape(many, cases * len(places), terms)
    # The kernel's output features are split in groups where they stand, then the groups go in front.
    where = [axis + (axis > rhs[0]) for axis in rhs]
    kernel = Arrange(
        _permutation(where[0], *where[1:], where[0] + 1),
        (many, terms, kernels),
        (*b[: rhs[0]], many, kernels, *b[rhs[0] + 1 :]),
    )
    # The product's axes are (group, case, *place, kernel).
    spatial = [out[axis] for axis in result[2:]]
    last = len(spatial) + 2
    source: dict[int, tuple[int, ...]] = {result[0]: (1,), result[1]: (0, last)}
    source.update({axis: (i + 2,) for i, axis in enumerate(result[2:])})
    order = [axis for place in range(len(out)) for axis in source[place]]
    product = Arrange(_permutation(*order), out, (many, cases, *spatial, kernels))
    padded = bool((places == math.prod(geometry.sizes)).any())
    return Layout(Patches(positions, padded), kernel, product, terms)


def _permutation(*axes: int) -> Shape | None:
    """The permutation with the data axis in front, or None if it does nothing."""
    return None if list(axes) == list(range(len(axes))) else (0, *[axis + 1 for axis in axes])
