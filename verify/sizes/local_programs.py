"""The local rule of an equation as programs: both sides of what is free, traced with symbolic sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from manual_bp import domains
from manual_bp.construction.graph import Equation
from verify.generation.data import Spec
from verify.interpreter.steps import Sizes, filled_in
from verify.programs.pair import Pair
from verify.programs.size_decisions import noted
from verify.programs.tracing import Traced, alone
from verify.sizes.flat import Flat, flatten, sizes_in
from verify.sizes.local_rules import LocalRule, NoLocalRule, local_rule


@dataclass
class LocalPrograms:
    """Both sides of one equation as one program of what is free, and the same as a list of operations."""

    rule: LocalRule
    traced: Traced  # gives the manual side and the reference
    flat: Flat
    specs: dict[str, Spec]
    function: Callable[..., tuple[Any, Any]]  # that was traced
    inputs: dict[str, Any]  # its inputs' shapes and dtypes, sizes symbolic
    x64: bool

    def at(self, sizes: Sizes) -> Traced:
        """The same traced with these numbers for sizes."""
        shapes = {
            name: jax.ShapeDtypeStruct(filled_in(each.shape, sizes), each.dtype)
            for name, each in self.inputs.items()
        }
        return Traced(self.function, shapes, self.rule.equation.name, x64=self.x64)


def local_programs(pair: Pair, equation: Equation) -> LocalPrograms:
    """Traces the local rule with symbolic sizes. Raises NoLocalRule."""
    whole = pair.symbolic if pair.dims else pair.programs({})
    if whole is None:
        asked = {name for each in pair.decisions.asked.values() for name in sizes_in([each.left, each.right])}
        raise NoLocalRule(
            f"a function decides something by {', '.join(sorted(asked))}"
            if asked
            else "sizes cannot be symbolic"
        )
    if not isinstance(whole.equations[equation.name], Traced):
        raise NoLocalRule("it cannot be walked")
    rule = local_rule(pair.derivation, equation)
    known = whole.reference.results
    inputs = {name: known[name] for name in (*rule.free, *rule.given)}
    names = dict.fromkeys((*equation.parameters, equation.root, equation.symbol))

    def both(**free: Any) -> tuple[Any, Any]:
        values = rule.values(pair.choices, free)
        manual = alone(equation, pair.choices)(**{name: values[name] for name in names})
        return manual, values[equation.name]

    with noted() as decisions:
        try:
            traced = Traced(both, inputs, equation.name, x64=pair.x64)
        except Exception as error:
            raise NoLocalRule(f"it cannot be traced: {type(error).__name__}") from error
    if decisions:
        raise NoLocalRule("a function decides something by a size")
    specs = {name: _spec(pair, name, inputs[name]) for name in inputs}
    return LocalPrograms(rule, traced, flatten(traced.closed), specs, both, inputs, pair.x64)


def _spec(pair: Pair, name: str, aval: Any) -> Spec:
    if name in pair.leaves:
        return pair.leaves[name]
    if not jnp.issubdtype(aval.dtype, jnp.floating):
        raise NoLocalRule(f"{name} is no floating-point number")
    dims = tuple(size if isinstance(size, int) else str(size).replace("^", "**") for size in aval.shape)
    return Spec(dims, "float", domains.real, cotangent=name not in pair.derivation.graph.steps)
