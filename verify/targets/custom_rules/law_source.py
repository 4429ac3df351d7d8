"""How the laws of a custom rule are written down as Python: of each law what is expected, and what is found."""

from __future__ import annotations

from collections.abc import Callable

import jax
import numpy as np

from verify.targets.arguments import Inputs
from verify.targets.custom_rules.pullbacks import floats
from verify.targets.custom_rules.rule import Rule
from verify.targets.source_code import Scope, Unwritable, call, pulled_back, returned

Text = Callable[[Scope], str]
PERIODS = (3, 2)  # of the small integers that the cotangents g and g' hold
INSIDE = {
    "jit": "jax.jit(lambda {taken}: {call})({taken})",
    "remat": "jax.checkpoint(lambda {taken}: {call})({taken})",
    "vmap": "jax.tree.map(lambda y: y[1], jax.vmap(lambda {taken}: {call})({stacked}))",
    "scan": "jax.tree.map(lambda y: y[1], jax.lax.scan(lambda n, _: (n, {call}), None, length=2)[1])",
}


def texts(read: Rule, law: str, scalars: tuple[str, str]) -> tuple[Text, Text]:
    """What a law of this name expects, and what it finds."""
    kind, _, subject = law.partition("_")
    if law in read.outputs:
        return _value(read, read.reference, law), _value(read, read.rule, law)
    if kind == "forward":
        return _value(read, read.reference, subject), _forward(read, subject)
    if kind == "push":
        return _pushed(read, read.reference, subject, scalars), _pushed(read, read.rule, subject, scalars)
    if kind == "second":
        return _second(read, read.reference, subject, scalars), _second(read, read.rule, subject, scalars)
    if kind in INSIDE:
        return _pulled(read, read.reference, subject, scalars), _pulled(
            read, read.rule, subject, scalars, kind
        )
    return _unwritten, _unwritten


def _unwritten(scope: Scope) -> str:
    raise Unwritable("a law of sums of cotangents is no shorter in Python than what judges it")


def _value(read: Rule, inputs: Inputs, output: str) -> Text:
    return lambda scope: f"{call(inputs, scope)}{read.outputs[output]}"


def _forward(read: Rule, output: str) -> Text:
    def text(scope: Scope) -> str:
        taken = ", ".join(scope.names[leaf] for leaf in read.rule.leaves)
        return f"jax.vjp(lambda {taken}: {call(read.rule, scope)}, {taken})[0]{read.outputs[output]}"

    return text


def _pushed(read: Rule, inputs: Inputs, output: str, scalars: tuple[str, str]) -> Text:
    def text(scope: Scope) -> str:
        taken = ", ".join(scope.names[leaf] for leaf in read.wanted)
        along = (f"{scope.names[scalars[0]]} * {_weights(scope.shapes[leaf], 3)}" for leaf in read.wanted)
        value = _value(read, inputs, output)(scope)
        return f"jax.jvp(lambda {taken}: {value}, ({taken},), ({', '.join(along)},))[1]"

    return text


def _pulled(
    read: Rule, inputs: Inputs, leaf: str, scalars: tuple[str, ...], transformation: str | None = None
) -> Text:
    """The derivative by a leaf for the cotangent $a g + b g'$, or for $a g$ where there is but one scalar."""

    def text(scope: Scope) -> str:
        pairs = [(scope.names[scalar], period) for scalar, period in zip(scalars, PERIODS, strict=False)]
        weights = [
            "(" + " + ".join(f"{scalar} * {_weights(y, period)}" for scalar, period in pairs) + ")"
            for y in floats(returned(inputs, scope))
        ]
        output = None
        if transformation is not None:
            names = [scope.names[each] for each in inputs.leaves]
            output = INSIDE[transformation].format(
                taken=", ".join(names),
                stacked=", ".join(f"jnp.stack([{name}, {name}])" for name in names),
                call=call(inputs, scope),
            )
        return pulled_back(inputs, read.outputs.values(), weights, leaf, scope, output)

    return text


def _second(read: Rule, inputs: Inputs, leaf: str, scalars: tuple[str, str]) -> Text:
    def text(scope: Scope) -> str:
        x, b = scope.names[leaf], scope.names[scalars[1]]
        first = _pulled(read, inputs, leaf, scalars[:1])(scope)
        return f"jax.grad(lambda {x}: jnp.sum({b} * {_weights(scope.shapes[leaf], 3)} * {first}))({x})"

    return text


def _weights(like: jax.ShapeDtypeStruct, period: int) -> str:
    """As `pulling.weights`, written out."""
    numbers = (1.0 + np.arange(int(np.prod(like.shape))) % period).reshape(like.shape)
    return f"jnp.array({numbers.tolist()})" if like.shape else str(float(numbers))
