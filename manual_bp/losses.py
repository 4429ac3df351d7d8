r"""Losses, one row each: l, dl/do by hand, what its targets are, and its kinks.

o has shape (q,): one example. y is shaped like o, or a scalar where the target is an index; a minibatch is a
`vmap`. dl/do does not cancel where the model is confident and right: $\hat p - y$ and $\sigma(o) - y$ are not
taken as differences of numbers that both round to 1.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from manual_bp.construction.tables import Row, by_name
from manual_bp.domains import Domain, Index, binary, counts, index, real, simplex


class Target:
    """The annotation of a leaf that takes its shape, dtype and domain from the loss that is chosen.

    The function that annotates a parameter so takes the output that the target belongs to as its first
    parameter, and a keyword-only `loss: Loss`.
    """


@dataclasses.dataclass(frozen=True)
class Loss(Row):
    r"""A loss $l(o, y)$ of an output o of shape (q,), and its derivative by o.

    `value` is the scalar $l(o, y)$, a sum over the q outputs; `derivative` is $\partial l/\partial o$, shaped
    like o. `kinks` are the o - y where two pieces of $l$ meet; there the derivative takes
    the value that `jax.grad` of `value` takes.
    """

    value: Callable[[Array, Any], Array] = dataclasses.field(repr=False)
    derivative: Callable[[Array, Any], Array] = dataclasses.field(repr=False)
    target: Domain
    kinks: tuple[float, ...] = ()

    @classmethod
    def table(cls) -> Mapping[str, Loss]:
        return LOSSES

    def target_shape(self, output_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """The shape of y for outputs of this shape (numbers, names, symbolic sizes)."""
        return output_shape[:-1] if isinstance(self.target, Index) else output_shape


def squared_error(o: Array, y: Array) -> Array:
    r"""$l = \frac12\sum_i(o_i - y_i)^2$"""
    return jnp.sum(jnp.square(o - y)) / 2


def dsquared_error(o: Array, y: Array) -> Array:
    r"""$\partial l/\partial o = o - y$"""
    return o - y


def softmax_cross_entropy(o: Array, y: Array) -> Array:
    r"""$l = -\sum_i y_i\log\hat p_i$ with $\hat p = \mathrm{softmax}(o)$"""
    return -jnp.sum(y * jax.nn.log_softmax(o))


def dsoftmax_cross_entropy(o: Array, y: Array) -> Array:
    r"""$\partial l/\partial o = \hat p - y$, where $\sum_i y_i = 1$

    Its components sum to 0, so the one with $\hat p_i > \frac12$, if any, is minus the sum of the others. It
    is computed so because $\hat p_i$ may round to 1 before $y_i = 1$ is subtracted; the others are small
    themselves.
    """
    p_hat = jax.nn.softmax(o)
    confident = p_hat > 0.5
    return jnp.where(confident, jnp.sum(jnp.where(confident, 0, y - p_hat)), p_hat - y)


def label_cross_entropy(o: Array, y: Array) -> Array:
    r"""$l = -\log\hat p_y$ with $\hat p = \mathrm{softmax}(o)$"""
    return -jax.nn.log_softmax(o)[y]


def dlabel_cross_entropy(o: Array, y: Array) -> Array:
    r"""$\partial l/\partial o = \hat p - e_y$ with $e_y$ one-hot"""
    return dsoftmax_cross_entropy(o, jax.nn.one_hot(y, o.shape[-1], dtype=o.dtype))


def sigmoid_cross_entropy(o: Array, y: Array) -> Array:
    r"""$l = -\sum_i y_i\log\sigma(o_i) + (1 - y_i)\log\sigma(-o_i)$"""
    return -jnp.sum(y * jax.nn.log_sigmoid(o) + (1 - y) * jax.nn.log_sigmoid(-o))


def dsigmoid_cross_entropy(o: Array, y: Array) -> Array:
    r"""$\partial l/\partial o = \sigma(o) - y = (1 - y)\,\sigma(o) - y\,\sigma(-o)$, which cannot cancel"""
    return (1 - y) * jax.nn.sigmoid(o) - y * jax.nn.sigmoid(-o)


def absolute_error(o: Array, y: Array) -> Array:
    r"""$l = \sum_i|o_i - y_i|$"""
    return jnp.sum(jnp.abs(o - y))


def dabsolute_error(o: Array, y: Array) -> Array:
    r"""$\partial l/\partial o = 1$ where $o \ge y$, else $-1$"""
    return jnp.where(o - y >= 0, jnp.ones_like(o), -1)


def huber(o: Array, y: Array) -> Array:
    r"""$l = \sum_i\frac12 r_i^2$ where $|r_i| \le 1$, else $|r_i| - \frac12$, with $r = o - y$"""
    r = o - y
    return jnp.sum(jnp.where(jnp.abs(r) <= 1, jnp.square(r) / 2, jnp.abs(r) - 0.5))


def dhuber(o: Array, y: Array) -> Array:
    r"""$\partial l/\partial o = \min(\max(o - y, -1), 1)$"""
    return jnp.clip(o - y, -1, 1)


def log_cosh(o: Array, y: Array) -> Array:
    r"""$l = \sum_i\log\cosh(o_i - y_i)$, with $2\cosh r = e^r + e^{-r}$"""
    r = o - y
    return jnp.sum(jnp.logaddexp(r, -r) - math.log(2))


def dlog_cosh(o: Array, y: Array) -> Array:
    r"""$\partial l/\partial o = \tanh(o - y)$"""
    return jnp.tanh(o - y)


def poisson(o: Array, y: Array) -> Array:
    r"""$l = \sum_i e^{o_i} - y_i o_i$, o the logarithm of the rate; the constant $\log y_i!$ is left out"""
    return jnp.sum(jnp.exp(o) - y * o)


def dpoisson(o: Array, y: Array) -> Array:
    r"""$\partial l/\partial o = e^o - y$"""
    return jnp.exp(o) - y


LOSSES: Mapping[str, Loss] = by_name(
    Loss("squared_error", squared_error, dsquared_error, target=real),
    Loss("softmax_cross_entropy", softmax_cross_entropy, dsoftmax_cross_entropy, target=simplex),
    Loss("softmax_cross_entropy_with_labels", label_cross_entropy, dlabel_cross_entropy, target=index()),
    Loss("sigmoid_cross_entropy", sigmoid_cross_entropy, dsigmoid_cross_entropy, target=binary),
    Loss("absolute_error", absolute_error, dabsolute_error, target=real, kinks=(0.0,)),
    Loss("huber", huber, dhuber, target=real, kinks=(-1.0, 1.0)),
    Loss("log_cosh", log_cosh, dlog_cosh, target=real),
    Loss("poisson", poisson, dpoisson, target=counts),
)
