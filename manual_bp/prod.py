r"""The book's prod operator: the chain rule for tensors of any shape."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike


def prod(*jacobians: ArrayLike, ndim: int | tuple[int, ...]) -> Array:
    r"""$\partial Z/\partial X = \mathrm{prod}(\partial Z/\partial Y,\; \partial Y/\partial X)$

    `dZ_dY` has shape `Z.shape + Y.shape` and `dY_dX` has `Y.shape + X.shape`; the result has
    `Z.shape + X.shape`. It is the contraction over all `ndim` axes of Y, the joint between the two:
    $\partial Z_a/\partial X_c = \sum_b \partial Z_a/\partial Y_b\;\partial Y_b/\partial X_c$, with a, b, c
    multi-indices.

    Between scalars (`ndim=0`) it is a product; over an empty Y it is zero. A longer chain takes one `ndim` a
    joint, `prod(dZ_dY, dY_dU, dU_dX, ndim=(Y.ndim, U.ndim))`, and is worked off from the left, as reverse
    mode does.

    Raises TypeError where `ndim` does not have one number for each joint, ValueError where axes do not meet.
    Source: Dive into Deep Learning, "Forward Propagation, Backward Propagation, and Computational Graphs".
    """
    joints = (ndim,) if isinstance(ndim, int) else tuple(ndim)
    if not jacobians or len(joints) != len(jacobians) - 1:
        raise TypeError(
            f"prod: ndim={ndim} with {len(jacobians)} Jacobians; expected one number for each joint"
        )
    product = jnp.asarray(jacobians[0])
    for joint, jacobian in zip(joints, jacobians[1:], strict=True):
        product = _contract(product, jnp.asarray(jacobian), joint)
    return product


def _contract(dZ_dY: Array, dY_dX: Array, ndim: int) -> Array:
    shapes = f"prod: dZ_dY has shape {dZ_dY.shape}, dY_dX has shape {dY_dX.shape}"
    if not 0 <= ndim <= min(dZ_dY.ndim, dY_dX.ndim):
        raise ValueError(f"{shapes}: both must hold the {ndim} axes of Y; ndim is the number of axes of Y")
    last, first = dZ_dY.shape[dZ_dY.ndim - ndim :], dY_dX.shape[:ndim]
    if last != first:
        raise ValueError(f"{shapes}: with ndim={ndim}, Y is {last} in the one and {first} in the other")
    return jnp.tensordot(dZ_dY, dY_dX, axes=ndim)
