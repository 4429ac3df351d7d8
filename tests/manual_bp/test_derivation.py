"""Derivations: values, perturbations, composed gradients, and layers that a cotangent closes."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array
from jaxtyping import Float

from manual_bp.derivation import Derivation
from tests.manual_bp.dense import DENSE


def scaled(a: Float[Array, ""], x: Float[Array, " n"]) -> Float[Array, " n"]:
    return a * x


def energy(v: Float[Array, " n"]) -> Float[Array, ""]:
    return (v * v).sum() / 2


def dE_dv(v):
    return v


def dE_dx(dE_dv, a):
    return a * dE_dv


def dE_da(dE_dv, x):
    return dE_dv @ x


FORWARD = dict(v=scaled, E=energy)
BACKWARD = dict(dE_dx=dE_dx, dE_da=dE_da, dE_dv=dE_dv)
ENERGY = Derivation("energy", "a test", FORWARD, BACKWARD)
X = np.array([1.0, -2.0, 0.5])


DENSE_LEAVES = dict(W=np.array([[1.0, -1.0, 2.0], [0.5, 1.0, 0.0]]), x=X, b=np.array([0.25, 2.0]))


def product(v: Float[Array, " n"]):
    return v * v


def double(v: Float[Array, " n"]):
    return 2 * v


def dJ_dv(dJ_dp, dJ_dr, v):
    return 2 * v * dJ_dp + 2 * dJ_dr


def dJ_dx_of_v(dJ_dv, a):
    return a * dJ_dv


SPLIT = Derivation(
    "split",
    "a test",
    forward=dict(v=scaled, p=product, r=double),
    backward=dict(dJ_dv=dJ_dv, dJ_dx=dJ_dx_of_v),
    cotangent=("dJ_dp", "dJ_dr"),
)


def close(one: Any, other: Any) -> bool:
    one, other = jax.tree.leaves(one), jax.tree.leaves(other)
    return len(one) == len(other) and all(map(np.allclose, one, other))


def message_of(kind: type[Exception], function: Any, *arguments: Any, **keywords: Any) -> str:
    with pytest.raises(kind) as caught:
        function(*arguments, **keywords)
    return str(caught.value)


# Values


def test_evaluate_gives_every_leaf_and_node():
    values = ENERGY.evaluate(dict(a=2.0, x=X), {})
    assert [*values] == ["a", "x", "v", "E"]
    assert values["E"] == 10.5
    assert ENERGY.value(a=2.0, x=X) == 10.5


def test_perturbations_are_added_to_nodes_right_after_they_are_computed():
    moved = ENERGY.evaluate(dict(a=2.0, x=X), {}, dict(v=jnp.ones(3), E=jnp.ones(())))
    assert np.array_equal(moved["v"], 2 * X + 1)
    assert moved["E"] == ((2 * X + 1) ** 2).sum() / 2 + 1
    nothing = dict(v=jnp.zeros(3), E=jnp.zeros(()))
    adjoints = jax.grad(lambda p: ENERGY.evaluate(dict(a=2.0, x=X), {}, p)["E"])(nothing)
    assert close(adjoints, dict(v=2 * X, E=1.0))


def test_a_virtual_objective_sums_over_the_outputs():
    leaves = dict(a=2.0, x=X, dJ_dp=jnp.ones(3), dJ_dr=-jnp.ones(3))
    values = SPLIT.evaluate(leaves, {})
    assert values["J"] == (values["p"] - values["r"]).sum()
    assert SPLIT.evaluate(leaves, {}, dict(J=1.0))["J"] == values["J"] + 1
    assert SPLIT.value(**leaves) == values["J"]


def test_a_node_is_one_array():
    def pair(x: Float[Array, " n"]):
        return x, x

    net = Derivation("pair", "a test", dict(v=pair, E=energy), {})
    assert (
        message_of(TypeError, net.value, x=X)
        == "v=pair: returned tuple; a node is one array, or a tree that its annotation describes"
    )


def test_an_objective_that_turns_out_to_be_no_scalar():
    net = Derivation("open", "a test", dict(v=scaled, E=lambda v: v), {})
    assert message_of(ValueError, net.value, a=1.0, x=X) == (
        "E: stands last, so it is the objective, and has shape (3,); "
        "make it a scalar, or close the derivation with cotangent='dJ_dE'"
    )


# Gradients


def test_gradient_of_every_leaf_that_has_an_equation():
    assert ENERGY.gradient()(a=2.0, x=X).keys() == {"a", "x"}
    assert ENERGY.gradient("x")(a=2.0, x=X).keys() == {"x"}


def test_gradient_by_nodes_with_the_value():
    value, gradient = ENERGY.value_and_gradient("v", "x", "a")(a=2.0, x=X)
    assert value == 10.5
    assert close(gradient, dict(v=2 * X, x=4 * X, a=2 * X @ X))


def test_gradient_by_what_is_no_symbol():
    expected = "'X' is no symbol (a, x, v, E); did you mean 'x'?"
    assert message_of(ValueError, ENERGY.gradient, "X") == expected


def test_gradient_that_needs_a_missing_equation():
    net = Derivation("energy", "a test", FORWARD, dict(dE_dx=dE_dx))
    needs, remedy = "needs the equation", "add it to backward, which has dE_dx"
    assert message_of(NotImplementedError, net.gradient, "a") == f"the gradient by a {needs} dE_da; {remedy}"
    assert message_of(NotImplementedError, net.gradient, "x") == f"dE_dx {needs} dE_dv; {remedy}"


@pytest.mark.parametrize(
    "wrong, kind, expected",
    [
        (lambda: (1, 2), TypeError, "dE_dx: returned tuple; an equation returns one array"),
        (lambda: None, TypeError, "dE_dx: returned NoneType; an equation returns one array"),
        (lambda: 1.0, ValueError, "dE_dx: returned shape (), expected (3,), the shape of x"),
        (lambda: jnp.ones((3, 1)), ValueError, "dE_dx: returned shape (3, 1), expected (3,), the shape of x"),
    ],
    ids=["tuple", "nothing", "number", "column"],
)
def test_an_equation_of_another_shape(wrong: Any, kind: type[Exception], expected: str):
    net = Derivation("energy", "a test", FORWARD, dict(dE_dx=wrong))
    assert message_of(kind, net.gradient("x"), a=2.0, x=X) == expected


def test_jacobians_are_equations_too():
    def by_jacobian(dE_dv, dv_dx):
        return dE_dv @ dv_dx

    def net(dv_dx: Any) -> Derivation:
        return Derivation("energy", "a test", FORWARD, dict(dE_dv=dE_dv, dv_dx=dv_dx, dE_dx=by_jacobian))

    assert close(net(lambda a, x: a * jnp.eye(x.size)).gradient()(a=2.0, x=X), dict(x=4 * X))
    assert message_of(ValueError, net(lambda a: a).gradient(), a=2.0, x=X) == (
        "dv_dx: returned shape (), expected (3, 3), the shape of v and of x"
    )


@pytest.mark.parametrize("x64", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_a_derivative_has_the_dtype_of_its_symbol(dtype: str, x64: bool):
    with jax.enable_x64(x64):
        x = jnp.asarray(X, dtype)
        alone = ENERGY.gradient("x", "v", "a")(a=2.0, x=x)
        assert alone["x"].dtype == alone["v"].dtype == x.dtype
        mixed = ENERGY.gradient("x", "v", "a")(a=jnp.float32(2), x=x)
        assert [mixed[name].dtype for name in ("x", "v", "a")] == [x.dtype, jnp.float32, jnp.float32]


# Layers


def test_a_layer_takes_its_cotangent_with_the_leaves():
    cotangent = np.array([2.0, -3.0])
    call = dict(**DENSE_LEAVES, dJ_dy=cotangent, activation="leaky_relu")
    _, pullback = jax.vjp(lambda W, x, b: jax.nn.leaky_relu(W @ x + b), *DENSE_LEAVES.values())
    gradient = DENSE.gradient()(**call)
    assert close([gradient[name] for name in "Wxb"], pullback(jnp.asarray(cotangent)))
    assert np.array_equal(DENSE.gradient("y")(**call)["y"], cotangent)
    assert message_of(ValueError, DENSE.gradient(), **call | dict(dJ_dy=np.ones(3))) == (
        "dJ_dy: shape (3,), expected (2,), the shape of y"
    )
    assert message_of(TypeError, DENSE.gradient(), **call | dict(dJ_dy=np.ones(2, int))) == (
        "dJ_dy: int64 array, expected floats (the derivative by y); convert it with .astype(float)"
    )


def test_several_outputs_take_a_cotangent_each():
    p, r = np.array([1.0, 2.0, 3.0]), np.array([-1.0, 0.5, 0.0])
    gradient = SPLIT.gradient()(a=2.0, x=X, dJ_dp=p, dJ_dr=r)
    assert close(gradient, dict(x=2 * (2 * 2 * X * p + 2 * r)))
