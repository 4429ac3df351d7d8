"""Trees of arrays: what an annotation may describe, and what goes in and comes out."""

# pyright: reportArgumentType=false
# NumPy arrays are welcome where a NamedTuple is annotated with those of jax.

import dataclasses
from typing import Any, NamedTuple, TypedDict

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array
from jaxtyping import Bool, Float, Int

from manual_bp.derivation import Derivation
from manual_bp.domains import index, mask, nonnegative
from tests.manual_bp.construction.layers import (
    AFFINE,
    CELL,
    GRADIENT,
    PARAMS,
    G,
    Layer,
    State,
    X,
    message_of,
    same,
)


class Mapped(TypedDict):
    W: Float[Array, "q d"]
    b: Float[Array, " q"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Registered:
    W: Float[Array, "q d"]
    b: Float[Array, " q"]
    slope: float = dataclasses.field(default=1.0, metadata=dict(static=True))

    def __post_init__(self):
        assert not isinstance(self.W, type)  # as those of users do that expect arrays


class Words(NamedTuple):
    table: Float[Array, "v d"]
    ids: Int[Array, " t"]
    keep: Bool[Array, " t"]


# What an annotation describes


@pytest.mark.parametrize(
    "annotation, value",
    [
        (Layer, PARAMS),
        (Mapped, PARAMS._asdict()),
        (Registered, Registered(*PARAMS)),
        (tuple[Layer.__annotations__["W"], Layer.__annotations__["b"]], tuple(PARAMS)),
        (Layer.__annotations__, PARAMS._asdict()),
        ([Layer.__annotations__["W"], {"b": Layer.__annotations__["b"]}], [PARAMS.W, {"b": PARAMS.b}]),
        ({"layer": Layer, "nothing": None}, {"layer": PARAMS, "nothing": None}),
    ],
    ids=["NamedTuple", "TypedDict", "dataclass", "tuple", "dict", "list", "nested"],
)
def test_every_kind_of_tree_goes_in_and_comes_out(annotation: Any, value: Any):
    def affine(params: annotation, x: Float[Array, " d"]) -> Float[Array, " q"]:  # type: ignore
        assert jax.tree.structure(params) == jax.tree.structure(value)
        W, b = jax.tree.leaves(params)
        return W @ x + b

    def dJ_dparams(dJ_dy, params, x):
        return jax.tree.unflatten(jax.tree.structure(params), [jnp.outer(dJ_dy, x), dJ_dy])

    net = Derivation("net", "a test", dict(y=affine), dict(dJ_dparams=dJ_dparams), cotangent="dJ_dy")
    expected = jax.tree.unflatten(jax.tree.structure(value), GRADIENT)
    assert same(net.gradient()(params=value, x=X, dJ_dy=G), dict(params=expected))
    assert [leaf.dims for leaf in net.leaves.values()] == [("q", "d"), ("q",), ("d",)]


def test_parts_are_named_by_the_way_to_them():
    def total(params: {"layers": [Layer, Layer], "scale": float}):  # type: ignore
        return params["scale"] * sum(layer.W.sum() + layer.b.sum() for layer in params["layers"])

    net = Derivation("net", "a test", dict(J=total), {}, domains=dict(params={"scale": nonnegative}))
    assert [*net.leaves] == [
        "params_layers_0_W", "params_layers_0_b", "params_layers_1_W", "params_layers_1_b", "params_scale",
    ]  # fmt: skip
    assert net.leaves["params_scale"].domain is nonnegative
    zeros = Layer(np.zeros((2, 3)), np.zeros(2))
    assert net.value(params=dict(layers=[PARAMS, zeros], scale=2)) == 2 * (3.5 + 2.25)


def test_a_list_of_no_layers():
    def through(layers: [], x: Float[Array, " n"]):  # type: ignore
        assert layers == []
        return x

    net = Derivation("net", "a test", dict(y=through), dict(dJ_dlayers=lambda: []), cotangent="dJ_dy")
    assert net.gradient("layers")(layers=[], x=X, dJ_dy=X) == dict(layers=[])


# Parts are symbols


def test_parts_and_branches_are_given_and_asked_for_alone():
    def J(params: {"inner": Layer, "scale": float}):  # type: ignore
        return params["scale"] * (params["inner"].W.sum() + params["inner"].b.sum())

    def dJ_dparams_inner(params_scale, params_inner):
        return Layer(*(params_scale * jnp.ones_like(part) for part in params_inner))

    net = Derivation("net", "a test", dict(J=J), dict(dJ_dparams_inner=dJ_dparams_inner))
    ones = Layer(np.ones((2, 3)), np.ones(2))
    given = dict(params_inner=ones, params_scale=3.0)
    assert same(net.gradient("params_inner")(**given), dict(params_inner=Layer(*(3 * part for part in ones))))
    assert same(net.gradient("params_inner_b")(**given), dict(params_inner_b=3 * ones.b))
    whole = dict(inner=ones, scale=3.0)
    assert net.gradient()(params=whole).keys() == {"params_inner_W", "params_inner_b"}
    assert message_of(NotImplementedError, net.gradient, "params") == (
        "the gradient by params_scale needs the equation dJ_dparams_scale; add it to backward, "
        "which has dJ_dparams_inner_W, dJ_dparams_inner_b"
    )


def test_an_equation_takes_the_derivative_by_a_tree():
    def shrunk(dJ_dparams, params):
        return jax.tree.map(lambda g, p: g + 2 * p, dJ_dparams, params).W.T @ params.b

    net = dataclasses.replace(AFFINE, backward={**AFFINE.backward, "dJ_dx": shrunk})
    assert same(
        net.gradient("x")(params=PARAMS, x=X, dJ_dy=G), dict(x=(GRADIENT.W + 2 * PARAMS.W).T @ PARAMS.b)
    )


def test_a_jacobian_by_a_tree_is_a_tree_of_jacobians():
    def output(x: {"left": Float[Array, " n"], "right": Float[Array, " n"]}):  # type: ignore
        return 2 * x["left"] - x["right"]

    def dy_dx(x):
        identity = jnp.eye(x["left"].size)
        return dict(left=2 * identity, right=-identity)

    def dJ_dx(dJ_dy, dy_dx):
        return jax.tree.map(lambda jacobian: dJ_dy @ jacobian, dy_dx)

    net = Derivation("net", "a test", dict(y=output), dict(dy_dx=dy_dx, dJ_dx=dJ_dx), cotangent="dJ_dy")
    gradient = net.gradient()(x=dict(left=X, right=X), dJ_dy=X)
    assert same(gradient, dict(x=dict(left=2 * X, right=-X)))


def test_what_gives_a_tree_runs_once():
    def program(params: Layer) -> str:
        return str(jax.make_jaxpr(lambda p: net.gradient("params")(params=p, x=X, dJ_dy=G))(params))

    def slow(dJ_dy, x):
        dJ_dz = jnp.sinh(dJ_dy)
        return Layer(W=jnp.outer(dJ_dz, x), b=dJ_dz)

    net = dataclasses.replace(AFFINE, backward=dict(dJ_dparams=slow))
    assert program(PARAMS).count("sinh") == 1


# Integers and masks


def rows(words: Words) -> Float[Array, "t d"]:
    return words.table[words.ids] * words.keep[:, None]


def dJ_dwords(dJ_dy, words):
    kept = dJ_dy * words.keep[:, None]
    return Words(jnp.zeros_like(words.table).at[words.ids].add(kept), ids=None, keep=None)


ROWS = Derivation(
    "rows", "a test", dict(y=rows), dict(dJ_dwords=dJ_dwords), dict(words={"ids": index("v")}), "dJ_dy"
)
WORDS = Words(np.ones((3, 2)), ids=np.array([2, 2, 0]), keep=np.array([True, True, False]))


def test_no_derivative_by_integers_and_masks():
    cotangent = np.ones((3, 2))
    expected = Words(np.array([[0.0, 0.0], [0.0, 0.0], [2.0, 2.0]]), ids=None, keep=None)
    assert [str(leaf.domain) for leaf in ROWS.leaves.values()] == [
        "a real number", "an integer, 0 <= i < v", str(mask),
    ]  # fmt: skip
    assert same(ROWS.gradient()(words=WORDS, dJ_dy=cotangent), dict(words=expected))

    def as_jax_has_it(dJ_dy, words):
        nothing = [np.zeros(3, jax.dtypes.float0)] * 2
        return Words(dJ_dwords(dJ_dy, words).table, *nothing)

    net = dataclasses.replace(ROWS, backward=dict(dJ_dwords=as_jax_has_it))
    assert same(net.gradient()(words=WORDS, dJ_dy=cotangent), dict(words=expected))


def test_jax_grad_through_a_tree_with_integers():
    manual = ROWS.with_manual_vjp()
    gradient = jax.grad(lambda words: manual(words=words).sum(), allow_int=True)(WORDS)
    assert np.array_equal(gradient.table, [[0, 0], [0, 0], [2, 2]])
    assert gradient.ids.dtype == gradient.keep.dtype == jax.dtypes.float0


# Through jax


def test_jax_grad_by_a_tree_under_every_transformation():
    manual = AFFINE.with_manual_vjp()

    def loss(params: Layer, x: Any) -> Any:
        return manual(params=params, x=x) @ G

    assert same(jax.grad(loss)(PARAMS, X), GRADIENT)
    assert same(jax.jit(jax.grad(loss))(PARAMS, X), GRADIENT)
    batch = np.stack([X, 2 * X])
    expected = jax.tree.map(lambda *each: np.stack(each), GRADIENT, Layer(2 * GRADIENT.W, GRADIENT.b))
    assert same(jax.vmap(jax.grad(loss), (None, 0))(PARAMS, batch), expected)
    _, scanned = jax.lax.scan(
        lambda p, x: (p, jax.grad(loss)(p, x)), jax.tree.map(jnp.asarray, PARAMS), batch
    )
    assert same(scanned, expected)


def test_a_node_may_be_a_tree():
    before, bar = State(X, 2 * X), State(3 * X, np.ones(3))
    expected = State(3 * X * 3 * X, 1 + 3 * X * X)
    assert CELL.nodes == ("after_h", "after_c")
    assert same(CELL.gradient()(x=X, before=before, dJ_dafter=bar), dict(before=expected))
    after, pull = jax.vjp(lambda before: CELL.with_manual_vjp()(x=X, before=before), before)
    assert same(after, State(3 * X * X, 3 * X))
    assert same(pull(jax.tree.map(jnp.asarray, bar)), (expected,))
