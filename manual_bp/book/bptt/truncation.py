r"""Truncated and randomised truncated backpropagation through time, of the simplified model of `scalar`.

What the book calls an approximation of $\partial h_t/\partial w_h$ is the exact derivative of a state that holds
constant what is not followed back: the forward functions here say so with `stop_gradient`, and the state's
values and the notation are those of `scalar`. `h_0` and `w_h` are numbers, x and h hold T.
"""

import itertools
from typing import Literal

import jax
import jax.numpy as jnp
from jax import Array
from jax.lax import stop_gradient
from jaxtyping import Float

from manual_bp.book.bptt.scalar import SOURCE, Transition, before, states
from manual_bp.derivation import Derivation
from manual_bp.domains import interval


def truncated_states(
    x: Float[Array, " T"],
    h_0: Float[Array, ""],
    w_h: Float[Array, ""],
    *,
    transition: Transition,
    tau: Literal[1, 2, 3],
) -> Float[Array, " T"]:
    r"""$h_t = f(x_t, f(x_{t-1}, \ldots f(x_{t-\tau+1}, h_{t-\tau}, w_h) \ldots), w_h)$, $h_{t-\tau}$ held constant

    Where $t \le \tau$ nothing is cut off: all t steps from $h_0$ are followed.
    """
    T = x.shape[0]
    known = jnp.concatenate([jnp.full(tau, h_0), stop_gradient(states(x, h_0, w_h, transition=transition))])
    h, padded = known[:T], jnp.concatenate([jnp.zeros(tau - 1, x.dtype), x])  # h_{t-tau}, and h_0 before it
    for passed in range(tau):
        before_the_first = jnp.arange(T) + passed < tau - 1
        h = jnp.where(before_the_first, h, transition.value(padded[passed : passed + T], h, w_h))
    return h


def dh_dw_h_truncated(
    x: Float[Array, " T"],
    h: Float[Array, " T"],
    h_0: Float[Array, ""],
    w_h: Float[Array, ""],
    *,
    transition: Transition,
    tau: Literal[1, 2, 3],
) -> Float[Array, " T"]:
    r"""$\partial_w h_t = \sum_{i=\max(1, t-\tau+1)}^t \left(\prod_{j=i+1}^t \partial_h f_j\right) \partial_w f_i$

    The sum of `eq_bptt_partial_ht_wh_gen` ended before $\partial h_{t-\tau}/\partial w_h$, which is dropped: $\tau$
    terms remain. The product is 1 for $i = t$.
    """
    b, c = (by(x, before(h, h_0), w_h) for by in (transition.by_w, transition.by_h))
    t = jnp.arange(x.shape[0])
    found, product = jnp.zeros_like(b), jnp.ones_like(c)
    for back in range(tau):
        found = found + jnp.where(t >= back, product * shifted(b, back), 0)
        product = product * shifted(c, back)
    return found


def shifted(values: Float[Array, " T"], back: int) -> Float[Array, " T"]:
    """The values of that many steps before; zeros where there are none."""
    return jnp.concatenate([jnp.zeros(back, values.dtype), values])[: values.shape[0]]


def randomized_states(
    x: Float[Array, " T"],
    h_0: Float[Array, ""],
    w_h: Float[Array, ""],
    xi: Float[Array, " T"],
    *,
    transition: Transition,
) -> Float[Array, " T"]:
    r"""$h_t = f(x_t, h_{t-1}, w_h)$, where the derivative by $h_{t-1}$ passes with the factor $\xi_t$"""

    def step(previous: Array, given: tuple[Array, Array]) -> tuple[Array, Array]:
        x_t, xi_t = given
        still = stop_gradient(previous)
        h_t = transition.value(x_t, still + stop_gradient(xi_t) * (previous - still), w_h)
        return h_t, h_t

    return jax.lax.scan(step, h_0, (x, xi))[1]


def dh_dw_h_randomized(
    x: Float[Array, " T"],
    h: Float[Array, " T"],
    h_0: Float[Array, ""],
    w_h: Float[Array, ""],
    xi: Float[Array, " T"],
    *,
    transition: Transition,
) -> Float[Array, " T"]:
    r"""$z_t = \partial_w f_t + \xi_t \, \partial_h f_t \, \partial_w h_{t-1}$

    where the last factor is $z_{t-1}$: sequences are cut at every $\xi_t = 0$.
    """
    b, c = (by(x, before(h, h_0), w_h) for by in (transition.by_w, transition.by_h))
    return randomized(b, c, xi)


def randomized(b: Float[Array, " T"], c: Float[Array, " T"], xi: Float[Array, " T"]) -> Float[Array, " T"]:
    r"""$z_t = b_t + \xi_t c_t z_{t-1}$ with $z_0 = 0$"""

    def step(z_before: Array, given: tuple[Array, Array, Array]) -> tuple[Array, Array]:
        b_t, c_t, xi_t = given
        z_t = b_t + c_t * (xi_t * z_before)
        return z_t, z_t

    return jax.lax.scan(step, jnp.zeros_like(b[0]), (b, c, xi))[1]


def three_states(
    x: Float[Array, "3"],
    h_0: Float[Array, ""],
    w_h: Float[Array, ""],
    pi: Float[Array, "3"],
    *,
    transition: Transition,
) -> Float[Array, "3"]:
    r"""$h_t = f(x_t, h_{t-1}, w_h)$ for three steps; the probabilities $\pi_t$ play no part"""
    return states(x, h_0, w_h, transition=transition)


def dh_dw_h_expected(
    x: Float[Array, "3"],
    h: Float[Array, "3"],
    h_0: Float[Array, ""],
    w_h: Float[Array, ""],
    pi: Float[Array, "3"],
    *,
    transition: Transition,
) -> Float[Array, "3"]:
    r"""$E[z_t] = \partial_w h_t, \; P(\xi_t = 0) = 1 - \pi_t, \; P(\xi_t = \pi_t^{-1}) = \pi_t$

    The $\xi_t$ are independent. All eight outcomes of three steps are enumerated. z is linear in
    the first term, which is weighted, so that no $\pi_t^{-1}$ overflows that is weighed down later.
    """
    b, c = (by(x, before(h, h_0), w_h) for by in (transition.by_w, transition.by_h))
    outcomes = jnp.array([*itertools.product((False, True), repeat=3)])
    probabilities = jnp.prod(jnp.where(outcomes, pi, 1 - pi), axis=-1)
    weighted = jax.vmap(lambda kept, p: randomized(p * b, c, jnp.where(kept, 1 / pi, 0)))
    return jnp.sum(weighted(outcomes, probabilities), axis=0)


TRUNCATED = Derivation(
    name="bptt-truncated",
    source=f"{SOURCE}, truncating time steps",
    forward=dict(h=truncated_states),
    backward=dict(dh_dw_h=dh_dw_h_truncated),
    cotangent="dL_dh",
)
RANDOMIZED = Derivation(
    name="bptt-randomized",
    source=f"{SOURCE}, randomized truncation",
    forward=dict(h=randomized_states),
    backward=dict(dh_dw_h=dh_dw_h_randomized),
    cotangent="dL_dh",
)
EXPECTED = Derivation(
    name="bptt-randomized-expectation",
    source=f"{SOURCE}, randomized truncation",
    forward=dict(h=three_states),
    backward=dict(dh_dw_h=dh_dw_h_expected),
    # 1 / pi to the third, before it is weighted by pi to the third, would overflow beside the largest numbers
    domains=dict(pi=interval(0.25, 1), x=interval(-4, 4), h_0=interval(-4, 4), w_h=interval(-4, 4)),
    cotangent="dL_dh",
)
