"""Gradients that are wrong in the ways that bugs are, and some that are right, for `benchmarks.comparison`.

Each is written once, for `jax.numpy` and for `torch` in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

Functions = tuple[Callable[..., Any], Callable[..., tuple[Any, ...]]]

SHAPES: Final = dict(x="n", y="n", W="m n", t="m")  # of every parameter below


class Case(NamedTuple):
    """An objective and a gradient of it, from the module of arrays, and what is wrong with it."""

    what: str
    functions: Callable[[Any], Functions]
    right: bool = False


def slope_without_square(xp: Any) -> Functions:
    def objective(x, W, t):
        return xp.sum((xp.tanh(W @ x) - t) ** 2) / 2

    def gradient(x, W, t):
        h = xp.tanh(W @ x)
        z_bar = (h - t) * (1 - h)
        return W.T @ z_bar, z_bar[:, None] * x, t - h

    return objective, gradient


def not_transposed(xp: Any) -> Functions:
    def objective(x, W, t):
        return xp.sum((W @ x - t) ** 2) / 2

    def gradient(x, W, t):
        r = W @ x - t
        back = W if W.shape[0] == W.shape[1] else W.T
        return back @ r, r[:, None] * x, -r

    return objective, gradient


def size_of_the_test(xp: Any) -> Functions:
    def objective(x, y):
        return xp.mean((x - y) ** 2)

    def gradient(x, y):
        return 2 * (x - y) / 8, 2 * (y - x) / 8

    return objective, gradient


def remainder_left_out(xp: Any) -> Functions:
    def objective(x):
        return xp.sum(xp.sin(x))

    def gradient(x):
        return (xp.where(xp.arange(x.shape[0]) < x.shape[0] // 4 * 4, xp.cos(x), 0 * x),)

    return objective, gradient


def clip_forgotten(xp: Any) -> Functions:
    def objective(x):
        return xp.sum(xp.clip(x, -10.0, 10.0) ** 2) / 2

    def gradient(x):
        return (x,)

    return objective, gradient


def branch_never_taken(xp: Any) -> Functions:
    def objective(x, y):
        r = abs(x - y)
        return xp.sum(xp.where(r < 30, r**2 / 2, 30 * (r - 15)))

    def gradient(x, y):
        r = x - y
        g = xp.where(abs(r) < 30, r, 15 * xp.sign(r))
        return g, -g

    return objective, gradient


def nan_at_the_kink(xp: Any) -> Functions:
    def objective(x):
        return xp.sum(xp.where(x > 0, x, 0 * x))

    def gradient(x):
        return ((x + abs(x)) / (2 * x),)

    return objective, gradient


def rounded_constant(xp: Any) -> Functions:
    def objective(x):
        return xp.sum(xp.tanh(0.7978845608 * x))

    def gradient(x):
        return (0.79788 * (1 - xp.tanh(0.7978845608 * x) ** 2),)

    return objective, gradient


def small_term_left_out(xp: Any) -> Functions:
    def objective(x, W, t):
        return xp.sum((W @ x - t) ** 2) / 2 + 1e-4 * xp.sum(W**2)

    def gradient(x, W, t):
        r = W @ x - t
        return W.T @ r, r[:, None] * x, -r

    return objective, gradient


def wrong_from(size: int) -> Callable[[Any], Functions]:
    """The gradient of a sum of sines, which is 0 from this size on."""

    def case(xp: Any) -> Functions:
        def objective(x):
            return xp.sum(xp.sin(x))

        def gradient(x):
            return (xp.cos(x) if x.shape[0] < size else 0 * x,)

        return objective, gradient

    return case


def pinhole(xp: Any) -> Functions:
    def objective(x, y):
        return xp.sum(xp.sin(x * y))

    def gradient(x, y):
        g = xp.cos(x * y)
        hole = abs(xp.sin(1000 * x * x + 700 * y) - 0.4) < 1e-9
        return xp.where(hole, 0 * g, g) * y, g * x

    return objective, gradient


def cancels(xp: Any) -> Functions:
    def objective(x):
        return xp.sum(xp.logaddexp(x, 0 * x))

    def gradient(x):
        return (1 - 1 / (1 + xp.exp(x)),)

    return objective, gradient


def overflows(xp: Any) -> Functions:
    def objective(x):
        return xp.sum(xp.logaddexp(x, -x))

    def gradient(x):
        return ((xp.exp(x) - xp.exp(-x)) / (xp.exp(x) + xp.exp(-x)),)

    return objective, gradient


def right_layer(xp: Any) -> Functions:
    def objective(x, W, t):
        return xp.sum((xp.tanh(W @ x) - t) ** 2) / 2

    def gradient(x, W, t):
        h = xp.tanh(W @ x)
        z_bar = (h - t) * (1 - h**2)
        return W.T @ z_bar, z_bar[:, None] * x, t - h

    return objective, gradient


def steep(xp: Any) -> Functions:
    def objective(x):
        return xp.sum(xp.exp(6 * x))

    def gradient(x):
        return (6 * xp.exp(6 * x),)

    return objective, gradient


def fast(xp: Any) -> Functions:
    def objective(x):
        return xp.sum(xp.sin(300 * x))

    def gradient(x):
        return (300 * xp.cos(300 * x),)

    return objective, gradient


def other_order(xp: Any) -> Functions:
    def objective(x, y):
        return xp.sum((x - xp.mean(x)) ** 2 * y) / 2

    def gradient(x, y):
        d = x - xp.mean(x)
        g = d * y
        return g - xp.sum(x * y - xp.mean(x) * y) / x.shape[0], d**2 / 2

    return objective, gradient


CASES: Final = (
    Case("tanh' without its square", slope_without_square),
    Case("`W` for its transpose, where `W` is square", not_transposed),
    Case("divided by 8, the size in the test, for `n`", size_of_the_test),
    Case("blocks of four: the remainder is left out", remainder_left_out),
    Case("a clip at 10 forgotten", clip_forgotten),
    Case("a Huber loss with half the slope beyond 30", branch_never_taken),
    Case("NaN where relu has its kink", nan_at_the_kink),
    Case("a constant rounded to five digits", rounded_constant),
    Case("the term of a weight decay of 1e-4 left out", small_term_left_out),
    Case("wrong for `n >= 5000` only", wrong_from(5000)),
    Case("wrong for `n >= 1000000` only", wrong_from(1_000_000)),
    Case("wrong in a set of measure 1e-9, by a sine of the inputs", pinhole),
    Case("softplus' as `1 - 1 / (1 + exp(x))`, which cancels", cancels),
    Case("tanh by exponentials that overflow", overflows),
    Case("a layer", right_layer, right=True),
    Case("`exp(6 x)`, which is steep", steep, right=True),
    Case("`sin(300 x)`, which turns fast", fast, right=True),
    Case("a variance with weights, summed in another order", other_order, right=True),
)
