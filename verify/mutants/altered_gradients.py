"""Gradients that are wrong though every equation is right: what runs under `jax.grad`, changed on purpose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import jax
import jax.numpy as jnp

from manual_bp.derivation import Derivation
from verify.verdict import Verdict

Change = Callable[[Any], Any]  # of an array
Manual = Callable[..., Any]  # the objective whose reverse mode runs the equations


class Whole(NamedTuple):
    """A way in which the equations can be right and the function made of them wrong."""

    name: str
    kind: str
    expected: Verdict
    change: Callable[[Manual, tuple[str, ...]], Manual]


class Altered:
    """A derivation whose manual VJP was changed."""

    def __init__(self, derivation: Derivation, change: Callable[..., Manual], symbols: tuple[str, ...]):
        self._derivation, self._change, self._symbols = derivation, change, symbols

    def __getattr__(self, name: str) -> Any:
        return getattr(self._derivation, name)

    def with_manual_vjp(self) -> Manual:
        return self._change(self._derivation.with_manual_vjp(), self._symbols)


def _same(given: Any) -> Any:
    return given


def _another_primal(manual: Manual, symbols: tuple[str, ...]) -> Manual:
    """The forward pass gives twice the value, and the reverse pass the right derivative."""
    return _with_pullback(manual, symbols, value=lambda output: 2 * output)


def _cotangent_ignored(manual: Manual, symbols: tuple[str, ...]) -> Manual:
    """The reverse pass takes any cotangent for ones."""
    return _with_pullback(manual, symbols, cotangent=jnp.ones_like)


def _overwritten(manual: Manual, symbols: tuple[str, ...]) -> Manual:
    """The reverse pass reads residuals that something else has been added to since the forward pass kept them."""
    return _with_pullback(manual, symbols, residual=lambda leaf: leaf + 1)


def _with_pullback(
    manual: Manual,
    symbols: tuple[str, ...],
    *,
    value: Change = _same,
    cotangent: Change = _same,
    residual: Change = _same,
) -> Manual:
    def changed(**given: Any) -> Any:
        fixed = {name: leaf for name, leaf in given.items() if name not in symbols}

        @jax.custom_vjp
        def run(chosen: dict[str, Any]) -> Any:
            return jax.tree.map(value, manual(**fixed, **chosen))

        def back(kept: dict[str, Any], given: Any) -> Any:
            _, pullback = jax.vjp(lambda chosen: manual(**fixed, **chosen), jax.tree.map(residual, kept))
            return pullback(jax.tree.map(cotangent, given))

        run.defvjp(lambda chosen: (run(chosen), chosen), back)
        return run({name: given[name] for name in symbols})

    return changed


WHOLE: Final = (
    Whole("another primal value", "M16", Verdict.REFUTED, _another_primal),
    Whole("cotangent dropped", "M1", Verdict.REFUTED, _cotangent_ignored),
    Whole("a residual overwritten", "M7", Verdict.REFUTED, _overwritten),
)
