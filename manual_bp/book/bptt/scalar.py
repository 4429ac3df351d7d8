r"""The simplified model of "Analysis of Gradients in RNNs": $h_t = f(x_t, h_{t-1}, w_h)$, $o_t = g(h_t, w_o)$.

All are numbers: x, h, o and the targets y hold T of them, one a time step, and $h_0$ is a leaf. For short,
$\partial_w$ is $\partial/\partial w_h$, and $\partial_w f_t$ and $\partial_h f_t$ are the derivatives of
$f(x_t, h_{t-1}, w_h)$ by $w_h$ and $h_{t-1}$. The book leaves f, g and the loss open. Here
f is a row of a table, $g(h, w_o) = w_o h$ and $l(y, o) = \frac12 (o - y)^2$.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from manual_bp.construction.tables import Row, by_name
from manual_bp.derivation import Derivation

SOURCE = "Dive into Deep Learning, 'Backpropagation Through Time', analysis of gradients in RNNs"


@dataclasses.dataclass(frozen=True)
class Transition(Row):
    r"""A transition $h_t = f(x_t, h_{t-1}, w_h)$, and its derivatives by $h_{t-1}$ and $w_h$, elementwise."""

    value: Callable[[Array, Array, Array], Array] = dataclasses.field(repr=False)
    by_h: Callable[[Array, Array, Array], Array] = dataclasses.field(repr=False)
    by_w: Callable[[Array, Array, Array], Array] = dataclasses.field(repr=False)

    @classmethod
    def table(cls) -> Mapping[str, Transition]:
        return TRANSITIONS


def sine(x: Array, h: Array, w: Array) -> Array:
    r"""$f = \sin(x + w h)$"""
    return jnp.sin(x + w * h)


def dsine_dh(x: Array, h: Array, w: Array) -> Array:
    r"""$\partial f/\partial h = w \cos(x + w h)$"""
    return w * jnp.cos(x + w * h)


def dsine_dw(x: Array, h: Array, w: Array) -> Array:
    r"""$\partial f/\partial w = h \cos(x + w h)$"""
    return h * jnp.cos(x + w * h)


def logistic_map(x: Array, h: Array, w: Array) -> Array:
    r"""$f = x + w h (1 - h)$"""
    return x + w * h * (1 - h)


def dlogistic_map_dh(x: Array, h: Array, w: Array) -> Array:
    r"""$\partial f/\partial h = w\,(1 - 2h)$"""
    return w * (1 - 2 * h)


def dlogistic_map_dw(x: Array, h: Array, w: Array) -> Array:
    r"""$\partial f/\partial w = h (1 - h)$"""
    return h * (1 - h)


TRANSITIONS: Mapping[str, Transition] = by_name(
    Transition("sine", sine, dsine_dh, dsine_dw),
    Transition("logistic_map", logistic_map, dlogistic_map_dh, dlogistic_map_dw),
)


def states(
    x: Float[Array, " T"], h_0: Float[Array, ""], w_h: Float[Array, ""], *, transition: Transition
) -> Float[Array, " T"]:
    r"""$h_t = f(x_t, h_{t-1}, w_h)$"""

    def step(previous: Array, x_t: Array) -> tuple[Array, Array]:
        h_t = transition.value(x_t, previous, w_h)
        return h_t, h_t

    return jax.lax.scan(step, h_0, x)[1]


def before(h: Float[Array, " T"], h_0: Float[Array, ""]) -> Float[Array, " T"]:
    """$h_{t-1}$ for each t."""
    return jnp.concatenate([h_0[None], h[:-1]])


def dh_dw_h(
    x: Float[Array, " T"],
    h: Float[Array, " T"],
    h_0: Float[Array, ""],
    w_h: Float[Array, ""],
    *,
    transition: Transition,
) -> Float[Array, " T"]:
    r"""$\partial_w h_t = \partial_w f_t + \partial_h f_t \, \partial_w h_{t-1}$

    `eq_bptt_partial_ht_wh_recur`.
    """
    b, c = (by(x, before(h, h_0), w_h) for by in (transition.by_w, transition.by_h))

    def step(dh_dw_before: Array, partials: tuple[Array, Array]) -> tuple[Array, Array]:
        b_t, c_t = partials
        dh_dw = b_t + c_t * dh_dw_before
        return dh_dw, dh_dw

    return jax.lax.scan(step, jnp.zeros_like(h_0), (b, c))[1]


def unrolled(b: Float[Array, " T"], c: Float[Array, " T"]) -> Float[Array, " T"]:
    r"""$b_t + \sum_{i=1}^{t-1} \left(\prod_{j=i+1}^t c_j\right) b_i$, the product being 1 for $i = t$."""
    t = jnp.arange(b.shape[0])
    i, j, t = t[:, None], t, t[:, None, None]
    products = jnp.prod(jnp.where((i < j) & (j <= t), c, 1), axis=-1)
    return jnp.sum(jnp.where(i[:, 0] <= t[..., 0], products * b, 0), axis=-1)


def dh_dw_h_general(
    x: Float[Array, " T"],
    h: Float[Array, " T"],
    h_0: Float[Array, ""],
    w_h: Float[Array, ""],
    *,
    transition: Transition,
) -> Float[Array, " T"]:
    r"""$\partial_w h_t = \partial_w f_t + \sum_{i=1}^{t-1} \left(\prod_{j=i+1}^t \partial_h f_j\right) \partial_w f_i$

    `eq_bptt_partial_ht_wh_gen`.
    """
    b, c = (by(x, before(h, h_0), w_h) for by in (transition.by_w, transition.by_h))
    return unrolled(b, c)


def output(h: Float[Array, " T"], w_o: Float[Array, ""]) -> Float[Array, " T"]:
    r"""$o_t = g(h_t, w_o) = w_o h_t$, `eq_bptt_ht_ot`"""
    return w_o * h


def objective(o: Float[Array, " T"], y: Float[Array, " T"]) -> Float[Array, ""]:
    r"""$L = \frac1T \sum_{t=1}^T l(y_t, o_t)$"""
    return jnp.mean(jnp.square(o - y) / 2)


def dL_dw_h(
    o: Float[Array, " T"], y: Float[Array, " T"], w_o: Float[Array, ""], dh_dw_h: Float[Array, " T"]
) -> Float[Array, ""]:
    r"""$\partial_w L = \frac1T \sum_{t=1}^T \partial_o l(y_t, o_t) \, \partial_h g(h_t, w_o) \, \partial_w h_t$

    `eq_bptt_partial_L_wh`.
    """
    return jnp.sum((o - y) / o.shape[0] * w_o * dh_dw_h)


FORWARD = dict(h=states, o=output, L=objective)
DERIVATION = Derivation(
    name="bptt-scalar", source=SOURCE, forward=FORWARD, backward=dict(dh_dw_h=dh_dw_h, dL_dw_h=dL_dw_h)
)
GENERAL = Derivation(
    name="bptt-scalar-general",
    source=SOURCE,
    forward=FORWARD,
    backward=dict(dh_dw_h=dh_dw_h_general, dL_dw_h=dL_dw_h),
)
