"""Writes a counterexample as a short script: with jax and the user's file alone it shows the failure.

It exits with 1 while the two sides differ, and with 0 once they agree; where a function cannot be imported, it says so
and exits with 2.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from manual_bp.construction.axes import gathered
from manual_bp.construction.composition import plan
from manual_bp.construction.graph import Equation
from manual_bp.derivation import Derivation
from manual_bp.description.formula import to_unicode
from verify.counterexamples.script_code import Code
from verify.lanes.device.kink_injection import places
from verify.programs.pair import Pair
from verify.programs.reachability import before, between, ends
from verify.programs.reference import VJP, shown
from verify.programs.tracing import GRADIENT
from verify.targets.source_code import Unwritable
from verify.verdict import EquationReport

ENDING = """
ours, theirs = float(manual{at}), float(autodiff{at})
bound = {bound!r}  # what rounding could explain
failing = abs(ours - theirs) > bound or math.isfinite(ours) != math.isfinite(theirs)

for name, value in {values}:
    print(name, "=", value)
print(f\"\"\"
{what}{at}:
  {sides[0]:<11} {{ours}}
  {sides[1]:<11} {{theirs}}
  bound       {{bound}}
{{"they differ by more than rounding explains" if failing else "they agree"}}\"\"\")
sys.exit(failing)
"""


def script(derivation: Derivation, report: EquationReport, precision: str, platform: str | None) -> str:
    """The text of the script for the counterexample of `report`. Raises Unwritable where there is none."""
    return Script(derivation, report, precision, platform).text()


class Script:
    """One script, put together from the parts that its kind of case has."""

    def __init__(self, derivation: Derivation, report: EquationReport, precision: str, platform: str | None):
        assert report.counterexample is not None
        self.report, self.case = report, report.counterexample
        self.code = Code(derivation, self.case)
        self.derivation, self.graph, self.names = self.code.derivation, self.code.graph, self.code.names
        self.precision, self.platform = precision, platform
        self.cotangent = shown(self.derivation.leaves)
        self.on_device = self.case.lane == "device"

    def text(self) -> str:
        if not self.on_device and self.case.dtype != "float64":
            raise Unwritable(
                f"rounding in {self.case.dtype} hides the difference, which is one of exact arithmetic"
            )
        body = [*self._body()]  # it finds out what is imported
        formula = to_unicode(self.report.tex)
        dims = ", ".join(f"{d} = {size}" for d, size in gathered(self.case.dims, self.case.ranks).items())
        about = ", at ".join(filter(None, (formula, dims)))
        opening = [
            f"{self.derivation.name}/{self.report.name} is {self.report.verdict}.",
            *(["", about] if about else []),
            "",
            "This shows it, and exits with 1; once the two sides agree, with 0.",
            "It needs jax and what is imported below, nothing else.",
        ]
        return "\n".join(
            [
                '"""' + "\n".join(opening).replace("\\", "\\\\"),
                '"""',
                *("", "import math", "import sys", "", "import jax", "import jax.numpy as jnp", ""),
                *([] if self.on_device else ['jax.config.update("jax_platforms", "cpu")']),
                *self.code.imports.lines(),
                "",
                *self._configuration(),
                "",
                *body,
            ]
        )

    def _configuration(self) -> Iterator[str]:
        if not self.on_device:
            yield 'jax.config.update("jax_enable_x64", True)'
            return
        yield f'jax.config.update("jax_default_matmul_precision", "{self.precision}")'
        if self.platform is not None:
            yield f'jax.config.update("jax_default_device", jax.devices("{self.platform}")[0])'

    def _body(self) -> Iterator[str]:
        name, graph = self.report.name, self.graph
        if name == GRADIENT:
            yield from self._composed()
        elif not self.on_device:
            yield from self._alone()
        elif not self.case.leaves:
            yield from self._at_kinks()
        elif name in Pair(self.derivation, self.code.rows).programs(self.case.dims, concrete=True).opaque:
            yield from self._whole([graph.equations[name]], graph.equations[name].root, self.case.leaves)
        else:
            yield from self._alone_on_device()

    # --- the kinds of cases ---

    def _alone(self) -> Iterator[str]:
        """What the equation takes is computed by jax, and so is what it should give."""
        equation, derivatives = self.graph.equations[self.report.name], self.graph.derivatives
        given = [
            name for name in equation.parameters if name in derivatives and name not in self.graph.cotangents
        ]
        readings = dict.fromkeys([*(derivatives[name] for name in given), (equation.root, equation.symbol)])
        inside = {reading: between(self.graph, *reading) for reading in readings}
        needed = [*equation.parameters, *(symbol for _, symbol in readings)]
        for (root, _), nodes in inside.items():
            taken = [
                *ends(self.graph, root),
                *(p for node in nodes for p in self.graph.steps[node].parameters),
            ]
            needed += [name for name in taken if name not in nodes]
        yield from self._case(self.case.leaves)
        if steps := self.code.steps(before(self.graph, needed)):
            yield from ("", "# the graph, as far as it is needed", *steps)
        for (root, symbol), nodes in inside.items():
            lines = [*self.code.steps(nodes), f"return {self.code.root(root)}"]
            yield from self._function(f"{root}_of_{symbol}", [symbol], lines)
        yield from ("", "")
        for name in given:
            yield f"{self.names[name]} = {self._derivative(*derivatives[name])}"
        yield f"manual = {self.code.called(equation)}"
        yield f"autodiff = {self._derivative(equation.root, equation.symbol)}"
        yield self._ending(self.case.leaves)

    def _composed(self) -> Iterator[str]:
        """The equations one after the other, and jax.grad of the objective."""
        root, quantity = self.derivation.objective, self.case.quantity
        symbol = quantity.removeprefix(f"d{root}_d").removeprefix(VJP)
        if symbol not in self.derivation.leaves:
            raise Unwritable(f"{quantity} is no derivative")
        scaled = quantity.startswith(VJP) and not self.graph.cotangents
        values = {name: value for name, value in self.case.leaves.items() if scaled or name != self.cotangent}
        yield from self._whole(plan(self.graph, [symbol]), root, values)

    def _whole(self, equations: Sequence[Equation], root: str, values: Mapping[str, Any]) -> Iterator[str]:
        """What equations give of the leaves, and jax.grad of a root."""
        leaves = [name for name in values if name != self.cotangent]
        *others, last = equations
        if missing := {*last.parameters} - {*leaves, *self.graph.steps, *(each.name for each in others)}:
            raise Unwritable(f"{last.name}: takes {', '.join(sorted(missing))}, which is no leaf")
        taken = before(self.graph, (p for equation in equations for p in equation.parameters))
        by_hand = self.code.assigned(others)
        yield from self._case(values)
        lines = [*self.code.steps(taken), *by_hand, f"return {self.code.called(last)}"]
        yield from self._function("by_hand", leaves, lines)
        lines = [
            *self.code.steps(before(self.graph, ends(self.graph, root))),
            f"return {self.code.root(root)}",
        ]
        yield from self._function("objective", leaves, lines)
        grad, arguments = self._transform(root, leaves.index(last.symbol)), self.code.listed(leaves)
        yield from ("", "")
        if self.on_device:
            yield from self._both_ways(f"{grad}(*leaves(jnp.float64))")
        else:
            scale = f"{self.names[self.cotangent]} * " if self.cotangent in values else ""
            yield from (f"manual = {scale}by_hand({arguments})", f"autodiff = {scale}{grad}({arguments})")
        yield self._ending(values)

    def _alone_on_device(self) -> Iterator[str]:
        """The equation in the dtype, and in float64."""
        equation, inputs = self.graph.equations[self.report.name], self.case.inputs
        yield from self._case(inputs)
        yield from self._function("by_hand", inputs, [f"return {self.code.called(equation)}"])
        yield from ("", "", *self._both_ways("by_hand(*leaves(jnp.float64))"))
        yield self._ending(inputs, ("manual", "in float64"))

    def _at_kinks(self) -> Iterator[str]:
        """The equation in the dtype, and jax.grad of the node that it goes through in float64."""
        name, inputs = self.report.name, self.case.inputs
        place = next(
            each for each in places(Pair(self.derivation, self.code.rows)) if each.equation.name == name
        )
        weight = f"{self.names[place.cotangent]} * " if place.cotangent else ""
        lines = [f"return jnp.sum({weight}{self.code.called(place.step)})"]
        yield from self._case(inputs)
        yield from self._function("by_hand", inputs, [f"return {self.code.called(place.equation)}"])
        yield from self._function("weighted", inputs, lines)
        at = [*inputs].index(place.argument)
        yield from ("", "", *self._both_ways(f"jax.grad(weighted, argnums={at})(*leaves(jnp.float64))"))
        yield self._ending(inputs)

    # --- parts ---

    def _case(self, values: Mapping[str, Any]) -> Iterator[str]:
        """The choices and the numbers: in float64, or on the device in any dtype."""
        for name, row in self.code.rows.items():
            yield f"{self.names[name]} = {self.code.row(name, row)}"
        if not self.on_device:
            for name, value in values.items():
                yield from self.code.array(name, value)
            return
        arrays = [line for name, value in values.items() for line in self.code.array(name, value, ", dtype")]
        last = f"return {self.code.listed(values)}{',' * (len(values) == 1)}"
        head, *rest = [line for line in self._function("leaves", [], [*arrays, last])][2:]
        yield from [*(["", ""] if self.code.rows else []), head.replace("()", "(dtype)"), *rest]

    def _function(self, name: str, parameters: Iterable[str], lines: list[str]) -> Iterator[str]:
        *others, last = lines
        result = last.removeprefix("return ")
        if others and others[-1].startswith(f"{result} = "):  # what was computed last is returned at once
            *others, last = [*others[:-1], "return " + others[-1].removeprefix(f"{result} = ")]
        yield from ("", "", f"def {name}({self.code.listed(parameters)}):")
        yield from (f"    {line}" for line in (*others, last))

    def _both_ways(self, autodiff: str) -> Iterator[str]:
        yield f"manual = jax.jit(by_hand)(*leaves(jnp.{self.case.dtype}))"
        yield "with jax.enable_x64(True):"
        yield f"    autodiff = {autodiff}"

    def _ending(self, values: Iterable[str], sides: tuple[str, str] = ("manual", "jax.grad")) -> str:
        """Prints both sides and judges them."""
        names = [self.names[name] for name in values]
        listed = f"dict({', '.join(f'{name}={name}' for name in names)}).items()"
        if self.on_device:
            listed = f"zip({json.dumps(names)}, leaves(jnp.{self.case.dtype}), strict=True)"
        at = f"[{', '.join(map(str, self.case.index))}]" if self.case.index else ""
        what = self.case.quantity or self.report.name
        return ENDING.format(at=at, bound=self.case.bound, values=listed, what=what, sides=sides)

    def _derivative(self, root: str, symbol: str) -> str:
        return f"jax.{self.code.kind(root)}({root}_of_{symbol})({self.names[symbol]})"

    def _transform(self, root: str, place: int) -> str:
        return f"jax.{self.code.kind(root)}(objective, argnums={place})"
