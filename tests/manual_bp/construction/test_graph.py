"""Construction: what a graph finds out from names and annotations."""

import enum
from typing import Any, Literal

import jax.numpy as jnp
import pytest
from jax import Array
from jaxtyping import Bool, Float, Int

from manual_bp.activations import ACTIVATIONS
from manual_bp.derivation import Derivation
from manual_bp.domains import Index, counts, index, mask, real
from manual_bp.losses import LOSSES
from tests.manual_bp.construction.network import affine, bend, dJ_dz, score, total

FORWARD = dict(z=affine, h=bend, J=total)


def build(
    forward: dict[str, Any] = FORWARD, backward: dict[str, Any] | None = None, **keywords: Any
) -> Derivation:
    return Derivation("net", "a test", forward, backward or {}, **keywords)


def test_leaves_nodes_and_choices():
    net = build(dict(FORWARD, J=score))
    assert [(leaf.name, leaf.dims, leaf.kind, leaf.domain) for leaf in net.leaves.values()][:2] == [
        ("W", ("q", "d"), "float", real),
        ("x", ("d",), "float", real),
    ]
    assert net.nodes == ("z", "h", "J")
    assert net.objective == "J"
    assert dict(net.choices) == {"activation": ACTIVATIONS, "loss": LOSSES}


def test_nodes_run_in_an_order_that_their_parameters_allow():
    net = build(dict(h=bend, z=affine, J=total))
    assert net.nodes == ("z", "h", "J")


def test_an_equation_reads_like_its_name_and_docstring():
    equation = build(backward=dict(dJ_dz=dJ_dz)).equations["dJ_dz"]
    assert (equation.root, equation.symbol) == ("J", "z")
    assert equation.parameters == ("dJ_dh", "z")
    assert equation.choices == ("activation",)
    assert equation.tex == r"\partial J/\partial z = \partial J/\partial h \odot \phi'(z)"


def test_a_derivation_may_be_incomplete():
    net = build(backward=dict(dJ_dz=dJ_dz))
    assert dict(net.derivatives) == {"dJ_dz": ("J", "z"), "dJ_dh": ("J", "h")}
    with pytest.raises(
        NotImplementedError, match=r"^dJ_dz needs the equation dJ_dh; add it to backward, which has dJ_dz$"
    ):
        net.gradient("z")


def test_a_target_takes_its_shape_and_domain_from_the_loss():
    net = build(dict(FORWARD, J=score))
    y = net.leaves["y"]
    assert (y.output, y.target_of, y.choice) == ("h", ("q",), "loss")
    for row in LOSSES.values():
        dims, kind, domain = net.leaf_spec("y", {"loss": row})
        expected = Index("q") if row.target == index(None) else row.target
        assert (dims, kind, domain) == (row.target_shape(("q",)), row.target.kind, expected)


def test_annotations_may_be_strings_fixed_sizes_and_python_scalars():
    def scale(v: "Float[Array, 'rows=3 n']", a: float):
        return (a * v).sum()

    net = build(dict(J=scale))
    assert net.leaves["v"].dims == (3, "n")
    assert net.leaves["a"].dims == ()


def test_kinds_and_domains():
    def pick(table: Float[Array, "n"], i: Int[Array, "k"], keep: Bool[Array, "k"], c: float):
        return (table[i] * keep).sum() * c

    leaves = build(dict(J=pick), domains=dict(i=index("n"), c=counts)).leaves
    assert [(leaf.kind, leaf.domain) for leaf in leaves.values()] == [
        ("float", real),
        ("int", index("n")),
        ("bool", mask),
        ("float", counts),
    ]


def test_choices_may_be_literals_flags_and_enumerations_and_defaults_stay():
    class Side(enum.Enum):
        LEFT = 1

    def J(
        v: Float[Array, " n"],
        *,
        mode: Literal["sum", "mean"],
        flag: bool = True,
        side: Side,
        eps: float = 0.5,
    ):
        return getattr(v, mode)() + eps

    net = build(dict(J=J))
    assert {name: [*rows] for name, rows in net.choices.items()} == {
        "mode": ["sum", "mean"],
        "flag": ["False", "True"],
        "side": ["LEFT"],
    }
    assert net.value(v=jnp.ones(3), mode="mean", flag=True, side=Side.LEFT) == 1.5


def test_everything_is_read_only():
    net = build(backward=dict(dJ_dz=dJ_dz))
    for mapping in (
        net.leaves,
        net.equations,
        net.choices,
        net.cotangents,
        net.forward,
        net.backward,
        net.domains,
    ):
        assert not hasattr(mapping, "__setitem__")
    with pytest.raises(AttributeError):
        net.name = "other"  # pyright: ignore[reportAttributeAccessIssue]


def test_cotangents_close_a_layer():
    net = build(dict(z=affine, h=bend), cotangent="dJ_dh", backward=dict(dJ_dz=dJ_dz))
    assert net.objective == "J"
    assert dict(net.cotangents) == {"dJ_dh": "h"}
    assert dict(net.derivatives) == {"dJ_dh": ("J", "h"), "dJ_dz": ("J", "z")}
