"""Derivations over trees: each part is judged by itself, integers and masks inside a tree are drawn as such."""

from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import pytest
from jaxtyping import Array, Bool, Float, Int

import verify
from manual_bp.construction.signatures import Function
from manual_bp.derivation import Derivation
from manual_bp.domains import index
from verify.mutants.run import planted
from verify.verdict import Verdict


class Params(NamedTuple):
    table: Float[Array, "v d"]
    scale: Float[Array, " d"]


class Words(NamedTuple):
    ids: Int[Array, " t"]
    keep: Bool[Array, " t"]


def rows(params: Params, words: Words) -> Float[Array, "t d"]:
    return jnp.where(words.keep[:, None], params.table[words.ids] * params.scale, 0)


def dJ_dparams(dJ_dy, params, words):
    kept = dJ_dy * words.keep[:, None]
    return Params(
        table=jnp.zeros_like(params.table).at[words.ids].add(kept * params.scale),
        scale=(kept * params.table[words.ids]).sum(axis=0),
    )


def unmasked(dJ_dy, params, words):
    return dJ_dparams(dJ_dy, params, words)._replace(scale=(dJ_dy * params.table[words.ids]).sum(axis=0))


def derivation(equation: Function) -> Derivation:
    return Derivation(
        "rows",
        "a test",
        forward=dict(y=rows),
        backward=dict(dJ_dparams=equation),
        domains=dict(words={"ids": index("v")}),
        cotangent="dJ_dy",
    )


@pytest.mark.parametrize(
    "equation, refuted",
    [(dJ_dparams, set()), (unmasked, {"dJ_dparams_scale", "gradient"})],
    ids=["right", "one part wrong"],
)
def test_a_wrong_part_is_named(equation: Function, refuted: set[str], tmp_path: Path):
    report = verify.check(derivation(equation), examples=1, dtypes=("float32",), directory=tmp_path)
    verdicts = {each.name: each.verdict for each in report.derivations[0].equations}
    assert [*verdicts] == ["dJ_dparams_table", "dJ_dparams_scale", "gradient"]
    assert {name for name, verdict in verdicts.items() if verdict is Verdict.REFUTED} == refuted
    assert {verdicts[name] for name in verdicts.keys() - refuted} == {Verdict.PROVED}


def test_a_mutant_replaces_one_part():
    right = derivation(dJ_dparams)
    other = planted(right, "dJ_dparams_scale", lambda params_scale: params_scale)
    params = Params(jnp.ones((3, 2)), jnp.array([2.0, 3.0]))
    call = dict(params=params, words=Words(jnp.array([0]), jnp.array([True])), dJ_dy=jnp.ones((1, 2)))
    before, after = (each.gradient()(**call)["params"] for each in (right, other))
    assert (before.table == after.table).all()
    assert (after.scale == params.scale).all() and not (before.scale == params.scale).any()
