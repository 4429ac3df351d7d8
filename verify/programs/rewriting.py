"""A jaxpr written anew, where some of its equations are to be others: calls entered, loops and branches rebuilt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax import lax
from jax.core import eval_jaxpr
from jax.extend import core

from verify.interpreter.steps import CALLS, scan_groups, while_groups


def _untouched(value: Any, dtype: Any) -> Any:
    return value


@dataclass(frozen=True)
class Rewriting:
    """What becomes of an equation that `concerns`, itself or for a program inside it: what `rule` says; others stay.

    `constant` makes an operand of a constant or of a literal, given with its dtype.
    """

    concerns: Callable[[Any], bool]
    rule: Callable[[Any, list[Any]], Sequence[Any]]
    constant: Callable[[Any, Any], Any] = _untouched

    def program(self, closed: core.ClosedJaxpr) -> core.ClosedJaxpr:
        """A whole program so rewritten, of the same arguments and results."""

        def run(*arrays: Any) -> list[Any]:
            return self.evaluate(closed.jaxpr, closed.consts, arrays)

        avals: list[Any] = closed.in_avals
        return jax.make_jaxpr(run)(*(jax.ShapeDtypeStruct(aval.shape, aval.dtype) for aval in avals))

    def evaluate(self, jaxpr: Any, consts: Iterable[Any], operands: Iterable[Any]) -> list[Any]:
        """The results of a jaxpr so rewritten, of tracers or arrays."""
        environment: dict[Any, Any] = {}

        def read(atom: Any) -> Any:
            if isinstance(atom, core.Literal):
                return self.constant(atom.val, np.asarray(atom.val).dtype)
            return environment[atom]

        constants = (self.constant(value, getattr(value, "dtype", None)) for value in consts)
        environment.update(zip(jaxpr.constvars, constants, strict=True))
        environment.update(zip(jaxpr.invars, operands, strict=True))
        for equation in jaxpr.eqns:
            results = self._apply(jaxpr, equation, [read(atom) for atom in equation.invars])
            environment.update(zip(equation.outvars, results, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def _apply(self, jaxpr: Any, equation: Any, operands: list[Any]) -> Sequence[Any]:
        name, params = equation.primitive.name, equation.params
        if not self.concerns(equation):
            return _as_it_is(jaxpr, equation, operands)
        if name in CONTROL:
            return CONTROL[name](self, params, operands)
        if name in CALLS:
            called = params[CALLS[name]]
            return self.evaluate(getattr(called, "jaxpr", called), getattr(called, "consts", ()), operands)
        return self.rule(equation, operands)

    def entered(self, closed: Any) -> Callable[[Sequence[Any]], list[Any]]:
        """A program inside a loop or a branch, as a function of its operands."""
        return lambda operands: self.evaluate(closed.jaxpr, closed.consts, operands)


def _as_it_is(jaxpr: Any, equation: Any, operands: Sequence[Any]) -> Sequence[Any]:
    """An equation of this program that nothing is to become of."""
    known = {
        atom: value
        for atom, value in zip(equation.invars, operands, strict=True)
        if not isinstance(atom, core.Literal)
    }
    alone = jaxpr.replace(constvars=[], invars=[*known], outvars=equation.outvars, eqns=[equation])
    return eval_jaxpr(alone, (), *known.values())


def _scan(rewriting: Rewriting, params: Mapping[str, Any], operands: list[Any]) -> list[Any]:
    consts, carry, rows = scan_groups(params, operands)
    body = rewriting.entered(params["jaxpr"])

    def step(carry: Any, row: Any) -> Any:
        results = body([*consts, *carry, *row])
        return results[: len(carry)], results[len(carry) :]

    carry, results = lax.scan(step, carry, rows, length=params["length"], reverse=params["reverse"])
    return [*carry, *results]


def _while(rewriting: Rewriting, params: Mapping[str, Any], operands: list[Any]) -> list[Any]:
    of_condition, of_body, initial = while_groups(params, operands)
    condition, body = rewriting.entered(params["cond_jaxpr"]), rewriting.entered(params["body_jaxpr"])
    return lax.while_loop(
        lambda carry: condition([*of_condition, *carry])[0],
        lambda carry: body([*of_body, *carry]),
        initial,
    )


def _cond(rewriting: Rewriting, params: Mapping[str, Any], operands: list[Any]) -> list[Any]:
    return lax.switch(operands[0], [*map(rewriting.entered, params["branches"])], operands[1:])


CONTROL: Mapping[str, Callable[..., list[Any]]] = {"scan": _scan, "while": _while, "cond": _cond}
