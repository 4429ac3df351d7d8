r"""The references: what `jax.grad` says of every symbol, to judge each equation alone and the gradient whole.

*Alone.* A zero is added to every node that is differentiated by, and for each root one `jax.vjp` by these zeros
and by such leaves gives its derivative by every symbol at once: one pullback for a scalar root, a basis of them for
a tensor. So each equation can be given autodiff's own values of everything upstream of it, and a wrong equation is
not blamed on the ones after it. What no equation gives or takes a derivative by is a constant.

*Whole.* The composed gradient is compared with plain `jax.grad` of the plain objective, in a program of its
own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from manual_bp.construction.composition import needs
from manual_bp.construction.trees import join, names_of
from manual_bp.derivation import Derivation
from verify.programs.tails import complete, downstream, origin, shapes_of, tail

# The name under which the drawn cotangent of a scalar objective travels with the leaves: no identifier, so that no leaf
# has it.
COTANGENT = "(cotangent)"

VJP = "VJP by "  # before the symbol: a derivative that is pulled back from the drawn cotangent

Rows = Mapping[str, Any]


def shown(leaves: Collection[str]) -> str:
    """The name of that cotangent for a reader, as counterexamples keep it: its plain one, if no leaf has that."""
    return COTANGENT if "cotangent" in leaves else "cotangent"


def reference(derivation: Derivation, choices: Rows) -> Callable[..., dict[str, Any]]:
    """A function of the leaves: the value of every symbol, and every derivative that any equation gives or takes."""
    asked: dict[str, dict[str, str]] = {}  # by root, the name of each derivative and its symbol
    for name, (root, symbol) in derivation.derivatives.items():
        if name not in derivation.cotangents:
            asked.setdefault(root, {})[name] = symbol
    roots = sorted(asked, key=lambda root: (root != derivation.objective, root))

    def run(**leaves: Any) -> dict[str, Any]:
        leaves.pop(COTANGENT, None)
        shapes = shapes_of(derivation, choices, leaves)
        values, derivatives = dict(leaves), {}
        for root in roots:  # one by one: 0 times the NaN of one root is no derivative of another
            symbols = [*dict.fromkeys(asked[root].values())]
            values = complete(derivation, choices, values, downstream(derivation.graph, symbols))
            function = tail(derivation, choices, values, [root], symbols)
            found, pullback, computed = jax.vjp(
                function, origin(derivation, values, shapes, symbols), has_aux=True
            )
            by_symbol = _pull_back(pullback, root, found[root])
            derivatives |= {name: by_symbol[symbol] for name, symbol in asked[root].items()}
            values = {**computed, **values}
        return {**complete(derivation, choices, values), **derivatives}

    return run


def _pull_back(pullback: Callable[..., Any], root: str, value: Any) -> dict[str, Any]:
    """The derivative of a root by every symbol, root axes first."""
    if not value.shape:
        return pullback({root: jnp.ones_like(value)})[0]
    basis = jnp.eye(value.size, dtype=value.dtype).reshape(value.size, *value.shape)
    (rows,) = jax.vmap(lambda one: pullback({root: one}))(basis)
    return {name: each.reshape(*value.shape, *each.shape[1:]) for name, each in rows.items()}


def composed_symbols(derivation: Derivation) -> tuple[str, ...]:
    """The leaves whose gradient the equations can compose."""
    return tuple(leaf for leaf, missing in _given(derivation).items() if not missing)


def incomplete(derivation: Derivation) -> str | None:
    """Which equations are missing, so that one by a leaf is given and cannot be composed; None where none is.

    A leaf by which there is no equation at all is left out on purpose: nobody asks for that gradient.
    """
    given = _given(derivation)
    leaves = [leaf for leaf, missing in given.items() if missing]
    if not leaves:
        return None
    takers: dict[str, list[str]] = {}
    for missing in given.values():
        for name, each in missing.items():
            takers[name] = list(dict.fromkeys([*takers.get(name, ()), *each]))
    said = [
        f"{name} is missing, which {', '.join(each)} take{'s' * (len(each) == 1)}"
        for name, each in takers.items()
    ]
    by = "" if leaves == [*given] else f" by {', '.join(leaves)}"
    return f"not composed{by}: {'; '.join(said)}; add {', '.join(takers)} to backward"


def uncomposed(derivation: Derivation) -> str | None:
    """Why there is no gradient to judge whole; None where an equation gives a derivative by a leaf."""
    if _given(derivation):
        return None
    root, leaves = derivation.objective, ", ".join(derivation.leaves)
    return f"no gradient is composed: no equation gives a derivative of {root} by a leaf ({leaves})"


def _given(derivation: Derivation) -> dict[str, dict[str, list[str]]]:
    """The leaves that have an equation, each with what is missing to compose it, and the equations that take that."""
    key = f"d{derivation.objective}_d".__add__
    with_equation = [leaf for leaf in derivation.leaves if key(leaf) in derivation.equations]
    return {leaf: needs(derivation.graph, [leaf])[1] for leaf in with_equation}


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
        **{f"{VJP}{symbol}": derivative for symbol, derivative in pulled.items()},
        **{f"primal {i}": output for i, output in enumerate(outputs)},
    }
