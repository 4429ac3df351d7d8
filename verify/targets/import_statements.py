"""How a file of its own gets at what a run was given: which modules it imports, and what things are called there."""

from __future__ import annotations

import contextlib
import inspect
import json
import re
import sys
from collections.abc import Collection, Iterator
from keyword import iskeyword
from pathlib import Path
from types import ModuleType
from typing import Any

from verify.runtime import files


class Imports:
    """Collects what a file needs; `taken` are names that no module may have in it."""

    def __init__(self, taken: Collection[str]):
        self._taken = {*taken}
        self._modules: dict[str, ModuleType] = {}  # by the name that the file gives them
        self._missing: dict[str, str] = {}  # functions that no import reaches, and why

    def find(self, thing: Any) -> str | None:
        """The code for a function, class or value at the top level of a module; None where it stands in none."""
        for module in _homes(thing):
            for name, value in _named(module, thing):
                if value is thing and _file_of(module) is not None:
                    return f"{self._alias(module)}.{name}"
        return None

    def name(self, function: Any, otherwise: str) -> str:
        """The code for a function; of one that no import reaches, a name under which the reader is asked for it."""
        found = self.find(function)
        if found is not None:
            return found
        called = getattr(function, "__name__", otherwise)
        called = called if called.isidentifier() else otherwise
        inside, _, _ = getattr(function, "__qualname__", "").rpartition(".<locals>.")
        where = (
            f"is defined inside {inside}" if inside else "stands at the top of no file that can be imported"
        )
        called += "_" * (called in self._taken)
        self._missing[called] = f"{called} {where}, so no import reaches it: paste it here, in place of this"
        return called

    def lines(self) -> Iterator[str]:
        """The statements, folders first."""
        places = {alias: _place(module) for alias, module in self._modules.items()}
        for folder in dict.fromkeys(folder for folder, _ in places.values() if folder is not None):
            yield f"sys.path.insert(0, {json.dumps(str(folder))})"
        for alias, (_, name) in sorted(places.items(), key=lambda item: item[1][1]):
            package, _, last = name.rpartition(".")
            if not all(part.isidentifier() and not iskeyword(part) for part in name.split(".")):
                yield f'{alias} = __import__({json.dumps(name)}, fromlist=["*"])'
            else:
                renamed = f" as {alias}" if alias != last else ""
                yield f"from {package} import {last}{renamed}" if package else f"import {last}{renamed}"
        for called, why in self._missing.items():
            yield from ("", "", f"def {called}(*given, **named):")
            yield f"    print({why!r}, file=sys.stderr)"
            yield "    sys.exit(2)"

    def file(self, alias: str) -> Path:
        """Where the module of that name stands."""
        return Path(str(_file_of(self._modules[alias])))

    def _alias(self, module: ModuleType) -> str:
        for alias, known in self._modules.items():
            if known is module:
                return alias
        alias = re.sub(r"\W|^(?=\d)", "_", _place(module)[1].rpartition(".")[2])
        while alias in self._taken or alias in self._modules or iskeyword(alias):
            alias += "_"
        self._modules[alias] = module
        return alias


def _named(module: ModuleType, thing: Any) -> Iterator[tuple[str, Any]]:
    """By the name that it was defined under, and then by any."""
    qualified = getattr(thing, "__qualname__", "")
    value: Any = module
    for part in qualified.split("."):
        value = inspect.getattr_static(value, part, None)
    if qualified and value is thing:
        yield qualified, value
    yield from [*vars(module).items()]


def _homes(thing: Any) -> Iterator[ModuleType]:
    """The module that it says it is from; a value, or a partial function, says nothing or stands elsewhere."""
    home = sys.modules.get(getattr(thing, "__module__", None) or "")
    yield from filter(None, [home])
    for module in [*sys.modules.values()]:
        file = getattr(module, "__file__", None)
        if (
            isinstance(module, ModuleType)
            and isinstance(file, str)
            and not file.startswith(files.libraries())
        ):
            yield module


def _file_of(module: ModuleType) -> Path | None:
    """The file that the module can be imported from; a script that does not ask for its `__name__` would run again."""
    file = getattr(module, "__file__", None)
    path = Path(file).resolve() if file else None
    if path is not None and module.__name__ == "__main__":
        with contextlib.suppress(OSError):
            return path if "__name__" in path.read_text(encoding="utf-8", errors="replace") else None
    return path


def _place(module: ModuleType) -> tuple[Path | None, str]:
    """The folder to import from, None where every Python does, and the name to import."""
    file = _file_of(module)
    assert file is not None  # only modules with one are collected
    names = module.__name__.split(".")
    parts = (file.parent if file.stem == "__init__" else file.with_suffix("")).parts
    folder, name = file.parent, file.stem
    if parts[-len(names) :] == (*names,):
        folder, name = Path(*parts[: -len(names)]), module.__name__
    return (None if str(folder) in files.libraries() else folder), name
