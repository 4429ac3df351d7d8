"""Two functions: how they meet, what is judged, and what is said where they do not fit together."""

from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

import verify
from manual_bp.domains import index, nonnegative
from verify.targets.functions import gradient_derivation
from verify.verdict import Verdict

SHAPES = dict(W="q d", b="q", x="d", y="q")


def loss(W, b, x, y):
    return jnp.sum((W @ x + b - y) ** 2) / 2


def dloss(W, b, x, y):
    r = W @ x + b - y
    return dict(W=jnp.outer(r, x), b=r, x=W.T @ r)


@pytest.fixture
def judge(tmp_path: Path):
    """`check_gradient` on a small budget: verdict by equation."""

    def check(*functions, **given):
        report = verify.check_gradient(
            *functions, examples=1, dtypes=("float32",), directory=tmp_path, **given
        )
        (derivation,) = report.derivations
        return {equation.name: equation.verdict for equation in derivation.equations}

    return check


def proved(*names):
    return dict.fromkeys([*names, "gradient"], Verdict.PROVED)


def test_a_right_gradient_is_proved(judge):
    assert judge(dloss, loss, ("W", "b"), shapes=SHAPES) == proved("dJ_dW", "dJ_db")


def test_the_wrong_part_of_a_gradient_is_named(judge):
    def wrong(W, b, x, y):
        return {**dloss(W, b, x, y), "b": y - W @ x - b}

    verdicts = judge(wrong, loss, shapes=SHAPES, wrt=["W", "b", "x"])
    assert verdicts == {
        "dJ_dW": Verdict.PROVED,
        "dJ_db": Verdict.REFUTED,
        "dJ_dx": Verdict.PROVED,
        "gradient": Verdict.REFUTED,
    }


def test_sizes_that_coincide_in_no_shape_are_told_apart(judge):
    """A transposed weight is right only where q = d; named dimensions are drawn differently."""

    def transposed(W, b, x, y):
        return jnp.outer(x, W @ x + b - y)

    assert judge(transposed, loss, "W", shapes=SHAPES)["dJ_dW"] is Verdict.REFUTED
    examples = {name: np.ones((3,) * len(dims.split())) for name, dims in SHAPES.items()}
    assert judge(transposed, loss, "W", shapes=examples)["dJ_dW"] is Verdict.REFUTED


def penalty(lam: Float[Array, ""], w: Float[Array, " n"], *, norm: Literal["l1", "l2"]):
    return lam * (jnp.sum(jnp.abs(w)) if norm == "l1" else jnp.sum(w * w) / 2)


def dpenalty(w, lam, norm):
    return lam * (jnp.where(w < 0, -1, 1) if norm == "l1" else w)  # at 0 as jax.grad


def test_annotations_choices_and_an_order_of_its_own(judge):
    assert judge(dpenalty, penalty, "w", domains=dict(lam=nonnegative)) == proved("dJ_dw")


def test_an_option_that_is_accepted_and_unused_is_found(judge):
    def unused(w, lam, norm):
        return lam * w

    assert judge(unused, penalty, "w")["dJ_dw"] is Verdict.REFUTED


def network(params, x):
    for layer in params["layers"]:
        x = jnp.tanh(layer["W"] @ x)
    return params["scale"] * x.sum()


def dnetwork(params, x):
    first, second = (layer["W"] for layer in params["layers"])
    h = jnp.tanh(first @ x)
    y = jnp.tanh(second @ h)
    dz = params["scale"] * (1 - y * y)
    dh = second.T @ dz * (1 - h * h)
    return dict(layers=[dict(W=jnp.outer(dh, x)), dict(W=jnp.outer(dz, h))], scale=y.sum())


def test_trees_and_lists_of_layers(judge):
    shapes = dict(params=dict(layers=[dict(W="h d"), dict(W="q h")], scale=""), x="d")
    assert judge(dnetwork, network, wrt="params", shapes=shapes) == proved(
        "dJ_dparams_layers_0_W", "dJ_dparams_layers_1_W", "dJ_dparams_scale"
    )


class Layer(NamedTuple):
    W: Float[Array, "q d"]
    b: Float[Array, " q"]


def test_trees_are_read_from_annotations():
    def affine(params: Layer, x: Float[Array, " d"]):
        return jnp.sum(params.W @ x + params.b)

    def daffine(params, x):
        return Layer(W=jnp.outer(jnp.ones_like(params.b), x), b=jnp.ones_like(params.b))

    derivation = gradient_derivation(daffine, affine, "params")
    assert [*derivation.equations] == ["dJ_dparams_W", "dJ_dparams_b"]
    assert derivation.leaves["params_W"].dims == ("q", "d")


def test_integers_and_structs_with_named_sizes(judge):
    def chosen(table, i):
        return jnp.sum(table[i] ** 2)

    def dchosen(table, i):
        return jnp.zeros_like(table).at[i].add(2 * table[i])

    v, n, d = jax.export.symbolic_shape("v, n, d")
    shapes = dict(table=jax.ShapeDtypeStruct((v, d), jnp.float32), i=jax.ShapeDtypeStruct((n,), jnp.int32))
    assert judge(dchosen, chosen, shapes=shapes, domains=dict(i=index("v"))) == proved("dJ_dtable")


def test_what_the_derivation_looks_like():
    derivation = gradient_derivation(dloss, loss, shapes={**SHAPES, "y": np.zeros(3)})
    assert (derivation.name, derivation.source) == ("dloss", "dloss, the gradient of loss")
    assert derivation.leaves["W"].dims == ("q", "d")
    assert derivation.leaves["y"].dims == (3,)
    assert [*derivation.equations] == ["dJ_dW", "dJ_db", "dJ_dx", "dJ_dy"]
    assert derivation.equations["dJ_dW"].tex == r"\partial J/\partial W"


def scaled(J: float, x: Float[Array, " n"], power=2):
    return J * jnp.sum(x**power)


def test_a_parameter_called_as_the_objective_would_be_and_one_with_a_default():
    derivation = gradient_derivation(lambda J, x: (jnp.sum(x * x), 2 * J * x), scaled)
    assert [*derivation.equations] == ["dobjective_dJ", "dobjective_dx"]
    assert [*derivation.leaves] == ["J", "x"]


def test_require_takes_a_report(tmp_path: Path):
    settings: dict[str, Any] = dict(examples=1, dtypes=("float32",), directory=tmp_path)
    good = verify.check_gradient(dloss, loss, "b", shapes=SHAPES, **settings)
    assert verify.require(good) is good
    bad = verify.check_gradient(lambda W, b, x, y: -b, loss, "b", shapes=SHAPES, name="mine", **settings)
    with pytest.raises(verify.Refuted, match="mine/dJ_db is refuted"):
        verify.require(bad)


def shaped(**other):
    return {"wrt": "W", "shapes": SHAPES | other}


W, ROWS = {"wrt": "W", "shapes": SHAPES}, {"wrt": "rows", "shapes": {"rows": ["n", "n"]}}


@pytest.mark.parametrize(
    ("manual", "objective", "given", "message"),
    [
        (3, loss, W, "3: is of type int; give a function"),
        (dloss, loss, {}, "loss: parameter 'W' has no shape; annotate it, as in W: Float"),
        (dloss, loss, shaped(w="n"), r"shapes: 'w' is no parameter of loss \(W, b, x, y\); did you mean 'W'"),
        (dloss, loss, shaped(W=object), "shapes: 'W' is <class 'object'>; give names"),
        (dloss, loss, shaped(W="q {d}"), r"dimension '\{d\}' of 'q \{d\}' is not supported"),
        (dloss, loss, {**W, "wrt": "V"}, r"wrt: 'V' is no parameter of loss \(W, b, x, y\)"),
        (dloss, loss, {**W, "wrt": ()}, "wrt: nothing to differentiate loss by; name at least one of W"),
        (dloss, loss, {**shaped(y=np.zeros(2, int)), "wrt": "y"}, "wrt: 'y' holds no floating"),
        (lambda V, x: V, loss, W, "parameter 'V' is no parameter of loss .* meet by name"),
        (dloss, lambda *x: 0.0, {}, r"parameter '\*x' has no name; name each array"),
        (lambda W: (W, W), loss, {**W, "wrt": ("W", "b", "x")}, "returned tuple of 2; expected a dict"),
        (lambda W: {"w": W}, loss, {**W, "wrt": ("W", "b")}, "returned a dict of w; expected a dict"),
        (lambda rows: rows[0], lambda rows: rows[0].sum(), ROWS, "by rows is built otherwise than rows"),
        (dloss, lambda W, b, x, y: W @ x, W, r"returned shape \(1,\), expected a scalar: reduce it"),
        (dloss, lambda W, b, x, y: (0.0, 1), W, "returned tuple, expected one scalar array"),
        (dloss, loss, shaped(x="n"), r"J=loss: raised TypeError for W \(1, 2\), .*one name for"),
    ],
)
def test_what_does_not_fit_is_one_clear_message(manual, objective, given, message):
    with pytest.raises((TypeError, ValueError), match=message) as raised:
        verify.check_gradient(manual, objective, **given)
    assert "\n" not in str(raised.value)
