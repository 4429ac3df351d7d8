"""Functions of jax that have a rule of their own, told from others of the same name by where their code is."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Iterator
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from verify.interpreter.steps import Step


def name_in_jax(step: Step) -> str:
    """The name of a custom_jvp_call's function if it is one of jax's; else nothing.

    An arithmetic may know better than to enter it: `exp_neg_sq`, say, is exp(-x^2) computed by splitting the bits of
    x, which no algebra sees through. A name or a path proves nothing: a user has a function `exp`, or keeps a copy of
    jax. It is jax's if the function of that name in an imported module of jax has this very code.
    """
    info = getattr(getattr(step.params["call_jaxpr"], "debug_info", None), "func_src_info", None) or ""
    return _name_at(info)


@functools.lru_cache(maxsize=4096)
def _name_at(info: str) -> str:
    """`info` is what jax says of a traced function: `relu at /.../jax/_src/nn/functions.py:71`."""
    name, _, place = info.partition(" at ")
    path, _, line = place.rpartition(":")
    for module in _modules_of_jax():
        if getattr(module, "__file__", None) == path:
            code = _code_of(getattr(module, name, None))
            if code is not None and (code.co_filename, str(code.co_firstlineno)) == (path, line):
                return name
    return ""


def _modules_of_jax() -> Iterator[ModuleType]:
    return (module for name, module in sys.modules.copy().items() if name.partition(".")[0] == "jax")


def _code_of(function: Any) -> CodeType | None:
    return getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None
