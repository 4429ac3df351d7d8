r"""The book's chapter on convolutions for images: the edge detector is a difference, whose limit is a derivative."""

from collections.abc import Callable

from jax import Array


def difference(f: Callable[[Array, Array], Array], i: Array, j: Array, epsilon: Array) -> Array:
    r"""$\frac{f(i, j) - f(i + \epsilon, j)}{\epsilon}$, which is $-\partial_i f(i, j) + O(\epsilon)$"""
    return (f(i, j) - f(i + epsilon, j)) / epsilon
