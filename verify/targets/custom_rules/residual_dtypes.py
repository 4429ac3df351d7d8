"""The dtypes of a rule: what it returns in each, and what it keeps between forward and backward.

jax checks neither. A gradient in another dtype than its argument is handed on as it is. What is kept in fewer bits
than it was computed in is precision lost, or memory saved on purpose: so it is said, and how far it throws off the
derivatives is for them to be judged by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import core

from verify.programs.tracing import NotADerivative
from verify.settings import DTYPES
from verify.targets.arguments import Inputs, abstract, called, first_rows
from verify.targets.custom_rules.pullbacks import cotangents, floats, pull
from verify.targets.custom_rules.rule import Rule


@dataclass
class Dtypes:
    """What is wrong with the dtype of a result, by leaf or output, and in words what else there is to be said."""

    wrong: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def check(self, name: str) -> None:
        """Raises Wrong where the derivative by this leaf, or this output, is in another dtype than it should be."""
        if name in self.wrong:
            raise NotADerivative(self.wrong[name])


def dtypes_of(read: Rule) -> Dtypes:
    """Traces the rule in every dtype that the reference runs in, where all dimensions are 1."""
    result, kept = Dtypes(), dict[str, str]()
    for dtype in DTYPES:
        with jax.enable_x64(dtype == "float64"):
            try:
                theirs = _returned(read, read.reference, dtype)
            except Exception:  # nothing to compare with: linear algebra in 16 bits
                continue
            try:
                ours = _returned(read, read.rule, dtype)
                narrow = _narrow(read, read.rule, dtype) - _narrow(read, read.reference, dtype)
            except Exception as error:
                said = str(error).strip().partition("\n")[0]
                result.said.append(f"in {dtype} it raises {type(error).__name__}: {said}")
                continue
        kept |= dict.fromkeys(sorted(narrow), dtype)
        for name, expected in theirs.items():
            if ours[name] != expected:
                here = called(read.reference.function)
                said = f"returned {ours[name]} in a {dtype} computation, where autodiff of {here} returns {expected}"
                result.wrong.setdefault(name, said)
    result.said += [
        f"of {dtype} computations it keeps {each} for the backward pass" for each, dtype in kept.items()
    ]
    return result


def _returned(read: Rule, inputs: Inputs, dtype: str) -> dict[str, str]:
    """The dtypes of values and derivatives, by output and by leaf."""

    def run(leaves: list[Any]) -> tuple[list[Any], Mapping[str, Any]]:
        choices = first_rows(inputs)
        values = floats(inputs(*leaves, **choices))
        return values, pull(inputs, leaves, choices, cotangents(inputs, leaves, choices, 1.0, 1.0))

    values, derivatives = jax.eval_shape(run, abstract(inputs, read.annotations, jnp.dtype(dtype)))
    outputs = zip(map(read.fresh, read.outputs), values, strict=True)
    return {name: each.dtype.name for name, each in (*outputs, *((n, derivatives[n]) for n in read.wanted))}


def _narrow(read: Rule, inputs: Inputs, dtype: str) -> set[str]:
    """The float dtypes narrower than this one in which something that was computed from floats is kept."""
    leaves = abstract(inputs, read.annotations, jnp.dtype(dtype))
    choices = first_rows(inputs)
    jaxpr = jax.make_jaxpr(
        lambda *leaves: jax.tree.leaves(jax.vjp(lambda *leaves: inputs(*leaves, **choices), *leaves)[1])
    )(*leaves).jaxpr
    computed = {variable for variable in jaxpr.invars if _is_float(variable.aval.dtype)}
    for equation in jaxpr.eqns:
        if any(not isinstance(atom, core.Literal) and atom in computed for atom in equation.invars):
            computed |= {variable for variable in equation.outvars if _is_float(variable.aval.dtype)}
    kept = {v.aval.dtype for v in jaxpr.outvars if not isinstance(v, core.Literal) and v in computed}
    return {each.name for each in kept if jnp.finfo(each).bits < jnp.finfo(dtype).bits}


def _is_float(dtype: Any) -> bool:
    return jnp.issubdtype(dtype, jnp.floating)
