"""What a rule is for: pulling cotangents back and pushing tangents forward, also inside other transformations."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from verify.targets.arguments import Function, Inputs

Quantity = Callable[..., Any]  # (leaves, choices, a, b) -> an array


def pull(
    inputs: Inputs, leaves: Sequence[Any], choices: Mapping[str, Any], given: Sequence[Any]
) -> dict[str, Any]:
    """The derivative by every leaf, integers among them as jax hands them over, for the cotangents of float outputs."""
    result, pullback = jax.vjp(lambda *leaves: inputs(*leaves, **choices), *leaves)
    flat, tree = jax.tree.flatten(result)
    rest = iter(given)
    bar = [
        next(rest).astype(y.dtype) if has_floats(y) else np.zeros(y.shape, jax.dtypes.float0) for y in flat
    ]
    return dict(zip(inputs.leaves, pullback(jax.tree.unflatten(tree, bar)), strict=True))


def forward_rule(inputs: Inputs, leaves: Sequence[Any], choices: Mapping[str, Any]) -> list[Any]:
    """The float outputs as `jax.vjp` and `jax.value_and_grad` give them: what a rule's own forward pass returns."""
    return floats(jax.vjp(lambda *leaves: inputs(*leaves, **choices), *leaves)[0])


def push(
    inputs: Inputs, wanted: Sequence[str], leaves: Sequence[Any], choices: Mapping[str, Any], a: Any
) -> list[Any]:
    """The directional derivative of every float output."""

    def moved(*floating: Any) -> list[Any]:
        named = dict(zip(inputs.leaves, leaves, strict=True)) | dict(zip(wanted, floating, strict=True))
        return floats(inputs(*named.values(), **choices))

    at = [leaves[inputs.leaves.index(leaf)] for leaf in wanted]
    return jax.jvp(moved, at, [(a * weights(x.shape, 3)).astype(x.dtype) for x in at])[1]


def apart(inputs: Inputs, leaf: str) -> Quantity:
    """The sum over the float outputs of the derivative by one leaf, where nothing else is asked for.

    So a rule that is told what is zero (`symbolic_zeros=True`) is told it of every other output and argument.
    """

    def run(leaves: Sequence[Any], choices: Mapping[str, Any], a: Any, b: Any) -> Any:
        at = inputs.leaves.index(leaf)

        def output(position: int, x: Any) -> Any:
            return floats(inputs(*leaves[:at], x, *leaves[at + 1 :], **choices))[position]

        given = enumerate(cotangents(inputs, leaves, choices, a, b))
        pulled = [jax.vjp(functools.partial(output, i), leaves[at])[1](bar)[0] for i, bar in given]
        return sum(pulled[1:], start=pulled[0])

    return run


def second_order(first: Quantity, at: int) -> Quantity:
    """The derivative, by a leaf, of a weighted sum over the derivative by that leaf."""

    def run(leaves: Sequence[Any], choices: Mapping[str, Any], a: Any, b: Any) -> Any:
        def summed(x: Any) -> Any:
            derivative = first([*leaves[:at], x, *leaves[at + 1 :]], choices, a, b)
            return jnp.sum(b * weights(derivative.shape, 3).astype(derivative.dtype) * derivative)

        return jax.grad(summed)(leaves[at])

    return run


def in_scan(function: Function) -> Function:
    def scanned(*leaves: Any) -> Any:
        _, rows = jax.lax.scan(lambda carry, _: (carry, function(*leaves)), None, length=2)
        return jax.tree.map(lambda row: row[1], rows)

    return scanned


def in_vmap(function: Function) -> Function:
    def mapped(*leaves: Any) -> Any:
        rows = jax.vmap(function)(*(jnp.stack([jnp.asarray(leaf)] * 2) for leaf in leaves))
        return jax.tree.map(lambda row: row[1], rows)

    return mapped


TRANSFORMATIONS: Mapping[str, Callable[[Function], Function]] = {
    "jit": jax.jit,
    "remat": jax.checkpoint,
    "vmap": in_vmap,
    "scan": in_scan,
}


def inside(transformation: Callable[[Function], Function], inputs: Inputs) -> Inputs:
    """The same function, called inside a transformation."""

    class Inside(Inputs):
        def __call__(self, *leaves: Any, **choices: Any) -> Any:
            return transformation(lambda *leaves: inputs(*leaves, **choices))(*leaves)

    return Inside(inputs.function, inputs.trees, inputs.choices, inputs.positional, inputs.fixed)


def cotangents(
    inputs: Inputs, leaves: Sequence[Any], choices: Mapping[str, Any], a: Any, b: Any
) -> list[jax.Array]:
    """$a g + b g'$ for every float output: two arrays of different small integers, never all ones."""
    shapes = floats(jax.eval_shape(lambda *leaves: inputs(*leaves, **choices), *leaves))
    return [(a * weights(y.shape, 3) + b * weights(y.shape, 2)).astype(y.dtype) for y in shapes]


def weights(shape: tuple[Any, ...], period: int) -> jax.Array:
    """1, 2, ... up to the period and again, in this shape."""
    return (1 + jnp.arange(math.prod(shape)) % period).reshape(shape)


def floats(result: Any) -> list[Any]:
    return [y for y in jax.tree.leaves(result) if has_floats(y)]


def has_floats(y: Any) -> bool:
    return jnp.issubdtype(jnp.result_type(y), jnp.floating)
