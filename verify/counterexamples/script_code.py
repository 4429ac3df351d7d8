"""The arrays, choices and functions of a derivation at one case, as Python."""

from __future__ import annotations

import enum
import itertools
import json
from collections.abc import Iterable, Iterator
from typing import Any

import jax
import numpy as np

from manual_bp.construction.composition import forward_pass
from manual_bp.construction.graph import Step
from manual_bp.construction.lowering import Part, Whole
from manual_bp.construction.signatures import Function, size_of
from manual_bp.derivation import Derivation
from verify.generation import ranks
from verify.programs.reference import COTANGENT
from verify.programs.tracing import DTYPES
from verify.report.story import assignment
from verify.targets.import_statements import Imports
from verify.targets.source_code import Scope, Unwritable, call_of_trees, path_to
from verify.verdict import Counterexample

OURS = (
    "jax", "jnp", "math", "sys",
    "autodiff", "bound", "by_hand", "failing", "leaves", "manual", "objective", "ours", "theirs", "weighted",
)  # fmt: skip


class Code:
    """What is called what in a script that knows the names OURS too."""

    def __init__(self, given: Derivation, case: Counterexample):
        self.given, self.case = given, case
        self.derivation, self.rows = ranks.chosen(given, ranks.named(case.choices, case.ranks))
        self.graph = self.derivation.graph
        known = (*case.leaves, *case.inputs, *self.graph.steps, *self.graph.derivatives, *self.rows)
        self.names = {name: name + "_" * (name in OURS) for name in known}
        if COTANGENT in self.names:  # beside a leaf that is called cotangent
            self.names[COTANGENT] = next(
                free for n in itertools.count(1) if (free := "cotangent" + "_" * n) not in known
            )
        self.imports = Imports({*OURS, *self.names.values()})
        self.shapes = self._shapes()
        self.scope = Scope(self.imports, self.names, self.shapes, self.rows)

    def array(self, name: str, value: Any, dtype: str = "") -> list[str]:
        dtype = {"i": ", jnp.int32", "b": ""}.get(np.asarray(value).dtype.kind, dtype)
        shape = self.shapes[name].shape if name in self.shapes else np.shape(value)
        if 0 in shape:  # nested lists forget what follows an axis without entries
            return [f"{self.names[name]} = jnp.zeros({shape}{dtype})"]
        return assignment(self.names[name], value, "jnp.array", dtype)

    def row(self, choice: str, row: Any) -> str:
        if isinstance(row, enum.Enum) or not isinstance(row, bool | int | float | str):
            table = self.imports.find(type(row))
            if table is None:
                raise Unwritable(f"no import reaches the table of {choice}")
            return f"{table}{'' if isinstance(row, enum.Enum) else '.table()'}[{json.dumps(row.name)}]"
        return json.dumps(row) if isinstance(row, str) else repr(row)

    def called(self, step: Step) -> str:
        """A node or an equation, as the call of the user's function."""
        if hasattr(step.function, "written"):
            return step.function.written(self.scope)
        if isinstance(step.function, Part):
            return self._tree(step, step.function) + path_to(step.function.name, step.function.whole.gives)
        rows = (f"{choice}={self.names[choice]}" for choice in step.choices)
        arguments = ", ".join([*(self.names[p] for p in step.parameters), *rows])
        return f"{self._user(step.function, step.name)}({arguments})"

    def _tree(self, step: Step, part: Part) -> str:
        """The call that a part is one of the results of."""
        given = part.whole.signature
        return call_of_trees(part, self._user(given.function, given.key), step.choices, self.scope)

    def assigned(self, steps: Iterable[Step]) -> Iterator[str]:
        """The assignments of nodes or equations in order; what gives a tree is called once for all of its parts."""
        made: dict[Whole, str] = {}
        steps = [*steps]
        wholes = [step.function.whole for step in steps if isinstance(step.function, Part)]
        for step in steps:
            part = step.function
            if not isinstance(part, Part) or wholes.count(part.whole) == 1:
                yield f"{self.names[step.name]} = {self.called(step)}"
                continue
            if part.whole not in made:
                key = part.whole.signature.key
                made[part.whole] = key + "_" * (key in (*OURS, *self.names))
                yield f"{made[part.whole]} = {self._tree(step, part)}"
            yield f"{self.names[step.name]} = {made[part.whole]}{path_to(part.name, part.whole.gives)}"

    def _user(self, function: Function, key: str) -> str:
        """A function by its own name, or as it stands in the derivation."""
        found = self.imports.find(function)
        if found is None and (home := self.imports.find(self.given)):
            found = f'{home}.{"backward" if key in self.derivation.backward else "forward"}["{key}"]'
        return found or self.imports.name(function, key)

    def steps(self, nodes: set[str]) -> list[str]:
        """The assignments of these nodes, in order."""
        return [*self.assigned(step for node, step in self.graph.steps.items() if node in nodes)]

    def root(self, root: str) -> str:
        """A node, or the sum that cotangents close a derivation with."""
        if root in self.names:
            return self.names[root]
        closed = self.graph.cotangents.items()
        return " + ".join(f"jnp.sum({self.names[name]} * {self.names[node]})" for name, node in closed)

    def kind(self, root: str) -> str:
        return "grad" if root not in self.shapes or not self.shapes[root].shape else "jacrev"

    def listed(self, names: Iterable[str]) -> str:
        return ", ".join(self.names[name] for name in names)

    def _shapes(self) -> dict[str, jax.ShapeDtypeStruct]:
        """Of every leaf and node at the case."""
        leaves = {}
        for leaf in self.derivation.leaves:
            dims, kind, _ = self.derivation.leaf_spec(leaf, self.rows)
            shape = tuple(size_of(dim, self.case.dims) for dim in dims)
            leaves[leaf] = jax.ShapeDtypeStruct(shape, DTYPES[kind])
        with jax.enable_x64(True):
            return jax.eval_shape(lambda leaves: forward_pass(self.graph, leaves, self.rows, {}), leaves)
