"""Loops that do not end: nothing waits for more turns than MOST_TURNS, in a walk or on a device.

Whether a while loop ends may depend on the dtype: a tolerance that float32 meets lies below what bfloat16 can tell
apart. A compiled program cannot be interrupted, so one with such loops is first run with its turns counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import core

from verify.interpreter.opaque import primitives_of
from verify.interpreter.steps import while_groups

MOST_TURNS = 100_000  # of a while loop
CALLS = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
}


class EndlessLoop(Exception):
    """A while loop that has taken more turns than any is waited for."""

    def __init__(self) -> None:
        super().__init__(f"while: a loop has not ended within {MOST_TURNS:,} turns")


def loops_in(jaxpr: core.Jaxpr) -> bool:
    return "while" in primitives_of(jaxpr)


def check_ends(function: Callable[..., Any], *arguments: Any) -> None:
    """Runs a function with the turns of its loops counted, those in the bodies of scans and branches left out.

    Raises EndlessLoop where one takes too many.
    """
    flat, tree = jax.tree.flatten(arguments)
    closed = jax.make_jaxpr(lambda *flat: function(*jax.tree.unflatten(tree, flat)))(*flat)
    if not jax.jit(lambda *flat: _counted(closed.jaxpr, closed.consts, flat)[1])(*flat):
        raise EndlessLoop


def _counted(jaxpr: Any, consts: Sequence[Any], arguments: Sequence[Any]) -> tuple[list[Any], Any]:
    """The results of a jaxpr, and whether every loop in it has ended."""
    known: dict[Any, Any] = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*consts, *arguments), strict=True))
    ended = jnp.array(True)

    def read(atom: Any) -> Any:
        return atom.val if isinstance(atom, core.Literal) else known[atom]

    for equation in jaxpr.eqns:
        name, given = equation.primitive.name, [read(atom) for atom in equation.invars]
        if name == "while":
            results, fine = _turned(equation.params, given)
            ended &= fine
        elif name in CALLS:
            inner = equation.params[CALLS[name]]
            results, fine = _counted(getattr(inner, "jaxpr", inner), getattr(inner, "consts", ()), given)
            ended &= fine
        else:
            results = equation.primitive.bind(*given, **equation.params)
            results = results if equation.primitive.multiple_results else [results]
        known.update(zip(equation.outvars, results, strict=True))
    return [read(atom) for atom in jaxpr.outvars], ended


def _turned(params: dict[str, Any], given: Sequence[Any]) -> tuple[list[Any], Any]:
    """What a while loop carries at its end, and whether it has come to that within the turns."""
    of_condition, of_body, initial = while_groups(params, given)
    condition, body = (core.jaxpr_as_fun(params[name]) for name in ("cond_jaxpr", "body_jaxpr"))

    def going(state: Any) -> Any:
        return (state[0] < MOST_TURNS) & jnp.any(condition(*of_condition, *state[1])[0])

    def turn(state: Any) -> Any:
        on = condition(*of_condition, *state[1])[0]  # of each case its own, which stays as it ended
        after = body(*of_body, *state[1])
        ahead = [jnp.reshape(on, (*on.shape, *(1,) * (jnp.ndim(one) - on.ndim))) for one in after]
        kept = [jnp.where(w, one, was) for w, one, was in zip(ahead, after, state[1], strict=True)]
        return state[0] + 1, kept

    turns, carry = jax.lax.while_loop(going, turn, (0, initial))
    return carry, turns < MOST_TURNS
