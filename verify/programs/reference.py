r"""The references: what `jax.grad` says of every symbol, to judge each equation alone and the gradient whole.

*Alone.* A zero is added to every node, and one `jax.vjp` by these zeros and by the leaves gives the derivative
of a root by every symbol at once: one pullback for a scalar root, a basis of them for a tensor. So each
equation can be given autodiff's own values of everything upstream of it, and a wrong equation is not blamed on
the ones after it.

*Whole.* The composed gradient is compared with plain `jax.grad` of the plain objective, in a program of its
own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from manual_bp.construction.composition import plan
from manual_bp.construction.trees import join, names_of
from manual_bp.derivation import Derivation

COTANGENT = (
    "cotangent"  # the name under which the drawn cotangent of a scalar objective travels with the leaves
)

Rows = Mapping[str, Any]


def reference(derivation: Derivation, choices: Rows) -> Callable[..., dict[str, Any]]:
    """A function of the leaves: the value of every symbol, and every derivative that any equation gives or takes."""
    wanted = derivation.derivatives

    def run(**leaves: Any) -> dict[str, Any]:
        leaves.pop(COTANGENT, None)
        roots = sorted({root for root, _ in wanted.values()})
        shapes = jax.eval_shape(lambda: derivation.evaluate(leaves, choices))
        zeros = {
            name: jnp.zeros(aval.shape, aval.dtype) for name, aval in shapes.items() if name not in leaves
        }
        zeros |= {root: jnp.zeros((), shapes[root].dtype) for root in roots if root not in zeros}
        floats, others = split_floats(leaves)

        def perturbed(zeros: dict[str, Any], floats: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
            values = derivation.evaluate({**others, **floats}, choices, zeros)
            return {root: values[root] for root in roots}, values

        outputs, pullback, values = jax.vjp(perturbed, zeros, floats, has_aux=True)
        nothing = {root: jnp.zeros_like(output) for root, output in outputs.items()}
        derivatives = dict(values)
        for root in roots:
            by_symbol = _pull_back(pullback, root, nothing)
            derivatives.update(
                {name: by_symbol[s] for name, (r, s) in wanted.items() if r == root and name not in leaves}
            )
        return derivatives

    return run


def _pull_back(pullback: Callable[..., Any], root: str, nothing: Mapping[str, Any]) -> dict[str, Any]:
    """The derivative of one root by every symbol, root axes first."""
    shape = nothing[root].shape
    if not shape:
        by_node, by_leaf = pullback({**nothing, root: jnp.ones_like(nothing[root])})
        return {**by_node, **by_leaf}
    size = nothing[root].size
    basis = jnp.eye(size, dtype=nothing[root].dtype).reshape(size, *shape)
    by_node, by_leaf = jax.vmap(lambda one: pullback({**nothing, root: one}))(basis)
    return {name: rows.reshape(*shape, *rows.shape[1:]) for name, rows in {**by_node, **by_leaf}.items()}


def split_floats(leaves: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The leaves that can be differentiated by, and the others."""
    floats = {name: leaf for name, leaf in leaves.items() if jnp.issubdtype(leaf.dtype, jnp.floating)}
    return floats, {name: leaf for name, leaf in leaves.items() if name not in floats}


def composed_symbols(derivation: Derivation) -> tuple[str, ...]:
    """The leaves whose gradient the equations can compose."""
    complete = []
    for leaf in derivation.leaves:
        if f"d{derivation.objective}_d{leaf}" in derivation.equations:
            try:
                plan(derivation.graph, [leaf])
            except NotImplementedError:  # an incomplete derivation: what it has is judged, alone
                continue
            complete.append(leaf)
    return tuple(complete)


def composed(
    derivation: Derivation, choices: Rows, symbols: tuple[str, ...]
) -> Callable[..., dict[str, Any]]:
    """The gradient as a user imports it, and the one that `jax.vjp` finds through `with_manual_vjp`, of a drawn
    cotangent."""
    gradient, manual = derivation.value_and_gradient(*symbols), derivation.with_manual_vjp()

    def run(**leaves: Any) -> dict[str, Any]:
        cotangent = leaves.pop(COTANGENT)
        value, derivatives = gradient(**leaves, **choices)
        inputs = {name: leaf for name, leaf in leaves.items() if name not in derivation.cotangents}
        chosen = {name: inputs.pop(name) for name in symbols}
        output, pullback = jax.vjp(lambda chosen: manual(**inputs, **chosen, **choices), chosen)
        closing = derivation.graph.closing
        (pulled,) = pullback(cotangent.astype(output.dtype) if closing is None else join(closing, leaves))
        return _quantities(derivation, value, derivatives, pulled, jax.tree.leaves(output))

    return run


def autodiff(
    derivation: Derivation, choices: Rows, symbols: tuple[str, ...]
) -> Callable[..., dict[str, Any]]:
    """The same quantities from `jax.grad` of the plain objective; of a cotangent c, its VJP is c times the gradient."""

    def run(**leaves: Any) -> dict[str, Any]:
        cotangent = leaves.pop(COTANGENT)

        def objective(chosen: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
            values = derivation.evaluate({**leaves, **chosen}, choices)
            return values[derivation.objective], values

        (value, values), derivatives = jax.value_and_grad(objective, has_aux=True)(
            {name: leaves[name] for name in symbols}
        )
        if derivation.cotangents:  # the drawn cotangents of the outputs are part of the objective
            outputs = [values[derivation.cotangents[name]] for name in names_of(derivation.graph.closing)]
            return _quantities(derivation, value, derivatives, derivatives, outputs)
        pulled = {symbol: cotangent * derivative for symbol, derivative in derivatives.items()}
        return _quantities(derivation, value, derivatives, pulled, [value])

    return run


def _quantities(
    derivation: Derivation, value: Any, derivatives: Any, pulled: Any, outputs: list[Any]
) -> dict[str, Any]:
    """Everything that is compared of a gradient whole, by name."""
    root = derivation.objective
    return {
        root: value,
        **{f"d{root}_d{symbol}": derivative for symbol, derivative in derivatives.items()},
        **{f"VJP by {symbol}": derivative for symbol, derivative in pulled.items()},
        **{f"primal {i}": output for i, output in enumerate(outputs)},
    }
