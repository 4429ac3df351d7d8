"""Tables of static choices: what a row is, which names an annotation offers, and how a name becomes a row."""

from __future__ import annotations

import dataclasses
import difflib
import enum
import types
import typing
from collections.abc import Mapping
from typing import Any, Self, TypeVar

import jax


@dataclasses.dataclass(frozen=True)
class Row:
    """A line of a table: frozen, hashable and static, so that `jit`, `vmap` and `grad` take it as it is.

    A subclass adds fields and says with `table` where its rows stand; nothing else makes it a choice.
    """

    name: str

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        jax.tree_util.register_static(cls)

    def __str__(self) -> str:
        return self.name

    @classmethod
    def table(cls) -> Mapping[str, Self]:
        """The rows by name, in reading order."""
        raise NotImplementedError(f"{cls.__name__}: define the classmethod table(), its rows by name")


R = TypeVar("R", bound=Row)


def by_name(*rows: R) -> Mapping[str, R]:
    """The table of these rows, in their order. Raises ValueError where two rows have one name."""
    table = {row.name: row for row in rows}
    if len(table) < len(rows):
        names = [row.name for row in rows]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"table: the names {', '.join(twice)} stand for several rows; give each row its own")
    return types.MappingProxyType(table)


def choices_of(annotation: Any) -> Mapping[str, Any]:
    """Everything a static choice annotated so can be, by name: a `Row` class, `Literal`, `bool` or an `Enum`.

    Raises TypeError for any other annotation.
    """
    if isinstance(annotation, type) and issubclass(annotation, Row):
        return annotation.table()
    if annotation is bool:
        return {"False": False, "True": True}
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return dict(annotation.__members__)
    if typing.get_origin(annotation) is typing.Literal:
        return {str(value): value for value in typing.get_args(annotation)}
    raise TypeError(
        f"{annotation!r} does not say what can be chosen; annotate with a Row class (Activation, Loss), "
        "Literal[...], bool or an Enum"
    )


def choose(parameter: str, annotation: Any, given: Any) -> Any:
    """The row or value that `given` stands for: itself, or the one of that name.

    Raises ValueError for an unknown name and TypeError for what is neither a name nor a row, naming the
    parameter.
    """
    choices = choices_of(annotation)
    if isinstance(annotation, type) and isinstance(given, annotation):
        return given  # a row need not stand in the table: users bring their own
    for value in choices.values():
        if type(value) is type(given) and value == given:  # the type too: 1 == True
            return value
    kind = getattr(annotation, "__name__", str(annotation))
    if not isinstance(given, str):
        raise TypeError(f"{parameter}: got {given!r}, expected {kind} or a name: {', '.join(choices)}")
    if given not in choices:
        near = difflib.get_close_matches(given, choices, n=1)
        hint = f", did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{parameter}: no {kind} is called {given!r}{hint} (there are {', '.join(choices)})")
    return choices[given]
