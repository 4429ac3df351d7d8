r"""Losses, one row each: l, dl/do by hand, what its targets are, and its kinks.

o has shape (q,): one example. y is shaped like o, or a scalar where the target is an index; a minibatch is a `vmap`.
dl/do does not cancel where the model is confident and right: $\hat p - y$ and $\sigma(o) - y$ are not taken as differences
of numbers that both round to 1.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from manual_bp.domains import Domain, Index, binary, counts, index, real, simplex
from manual_bp.tables import Row, by_name


class Target:
    """The annotation of a leaf that takes its shape, dtype and domain from the loss that is chosen.

    The function that annotates a parameter so takes the output that the target belongs to as its first parameter, and a
    keyword-only `loss: Loss`.
    """


@dataclasses.dataclass(frozen=True)
class Loss(Row):
    r"""A loss $l(o, y)$ of an output o of shape (q,), and its derivative by o.

    `value` is the scalar $l(o, y)$, a sum over the q outputs; `derivative` is $\partial l/\partial o$, shaped like o and in
    its dtype. `kinks` are the o - y where two pieces of $l$ meet; there the derivative takes the value that `jax.grad` of
    `value` takes.
    """

    value: Callable[[Array, Array], Array] = dataclasses.field(repr=False)
    derivative: Callable[[Array, Array], Array] = dataclasses.field(repr=False)
    target: Domain
    kinks: tuple[float, ...] = ()

    @classmethod
    def table(cls) -> Mapping[str, Loss]:
        return LOSSES

    def target_shape(self, output_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """The shape of y for outputs of this shape (numbers, names or symbolic sizes): an index has no last axis."""
        return output_shape[:-1] if isinstance(self.target, Index) else output_shape


def squared_error(o: Array, y: Array) -> Array:
    r"""$l = \frac12 \sum_i (o_i - y_i)^2$"""
    return jnp.sum(jnp.square(o - y)) / 2


def dsquared_error_do(o: Array, y: Array) -> Array:
    r"""$\partial l/\partial o = o - y$"""
    return o - y


def softmax_cross_entropy(o: Array, y: Array) -> Array:
    r"""$l = -\sum_i y_i \log \hat p_i$ with $\hat p = \mathrm{softmax}(o)$"""
    return -jnp.sum(y * jax.nn.log_softmax(o))


def dsoftmax_cross_entropy_do(o: Array, y: Array) -> Array:
    r"""$\partial l/\partial o = \hat p - y$, where $\sum_i y_i = 1$

    The components sum to 0, so where $\hat p_i > \frac12$, and $\hat p_i - y_i$ might cancel, it is minus the sum of the others.
    """
    p = jax.nn.softmax(o)
    sure = p > 0.5  # one component at most
    return jnp.where(sure, jnp.sum(jnp.where(sure, 0, y - p)), p - y)


LOSSES: Mapping[str, Loss] = by_name(
    Loss("squared_error", squared_error, dsquared_error_do, target=real),
    Loss("softmax_cross_entropy", softmax_cross_entropy, dsoftmax_cross_entropy_do, target=simplex),
)
