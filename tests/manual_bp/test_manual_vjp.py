"""Equations through `jax.grad`: any cotangent, any transformation, and never zeros for a missing equation."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array
from jaxtyping import Float, Int

from manual_bp.derivation import Derivation
from manual_bp.domains import index
from tests.manual_bp.dense import DENSE

X = jnp.array([1.0, -2.0, 0.5], jnp.float32)
A = jnp.float32(2)


def scaled(a: Float[Array, ""], x: Float[Array, " n"]) -> Float[Array, " n"]:
    return a * x


def energy(v: Float[Array, " n"]) -> Float[Array, ""]:
    return (v * v).sum() / 2


def dE_dv(v):
    return v


def dE_dv_doubled(v):
    return 2 * v


def dE_dx(dE_dv, a):
    return a * dE_dv


def dE_da(dE_dv, x):
    return dE_dv @ x


FORWARD = dict(v=scaled, E=energy)
ENERGY = Derivation("energy", "a test", FORWARD, dict(dE_dv=dE_dv, dE_dx=dE_dx, dE_da=dE_da))
PARTIAL = Derivation("energy", "a test", FORWARD, dict(dE_dv=dE_dv, dE_dx=dE_dx))
# Wrong by a factor, so that it shows whether the equations ran or autodiff did.
DOUBLED = Derivation("energy", "a test", FORWARD, dict(dE_dv=dE_dv_doubled, dE_dx=dE_dx, dE_da=dE_da))

LEAVES = dict(a=A, x=X)
BY_DOUBLED = dict(a=4 * X @ X, x=8 * X)


def through(derivation: Derivation, **fixed: Any) -> Any:
    """The objective as a function of a dict of leaves."""
    manual = derivation.with_manual_vjp()
    return lambda leaves: manual(**leaves, **fixed)


def close(one: Any, other: Any) -> bool:
    one, other = jax.tree.leaves(one), jax.tree.leaves(other)
    return len(one) == len(other) and all(map(np.allclose, one, other))


def by_vmap(f: Any) -> Any:
    return lambda leaves: jax.vmap(f)(jax.tree.map(lambda leaf: leaf[None], leaves))[0]


def by_vmap_of_one(f: Any) -> Any:
    return lambda leaves: jax.vmap(f, (dict(a=None, x=0),))(dict(leaves, x=leaves["x"][None]))[0]


def by_scan(f: Any) -> Any:
    def step(total: Any, x: Any, a: Any) -> Any:
        return total + f(dict(a=a, x=x)), None

    return lambda leaves: jax.lax.scan(lambda c, x: step(c, x, leaves["a"]), 0.0, leaves["x"][None])[0]


def by_while(f: Any) -> Any:
    return lambda leaves: jax.lax.fori_loop(0, 1, lambda _, total: total + f(leaves), 0.0)


def by_cond(f: Any) -> Any:
    return lambda leaves: jax.lax.cond(leaves["a"] > 0, f, lambda leaves: leaves["a"], leaves)


TRANSFORMS = {
    "plain": lambda f: f,
    "jit": jax.jit,
    "remat": jax.checkpoint,
    "jit of remat": lambda f: jax.jit(jax.checkpoint(f)),
    "remat of jit": lambda f: jax.checkpoint(jax.jit(f)),
    "vmap": by_vmap,
    "vmap of one leaf": by_vmap_of_one,
    "scan": by_scan,
    "scan of remat": lambda f: by_scan(jax.checkpoint(f)),
    "loop": by_while,
    "cond": by_cond,
}
every_transform = pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)


@every_transform
def test_jax_grad_runs_the_equations(transform: Any):
    f = transform(through(DOUBLED))
    assert close(f(LEAVES), ENERGY.value(**LEAVES))
    assert close(jax.grad(f)(LEAVES), BY_DOUBLED)
    assert close(jax.jit(jax.grad(f))(LEAVES), BY_DOUBLED)
    assert close(
        jax.grad(lambda leaves: jnp.sin(f(leaves)))(LEAVES)["x"], np.cos(f(LEAVES)) * BY_DOUBLED["x"]
    )


@every_transform
def test_a_leaf_without_an_equation_is_never_zero(transform: Any):
    with pytest.raises(NotImplementedError) as caught:
        jax.grad(transform(through(PARTIAL)))(LEAVES)
    expected = "the gradient by a needs the equation dE_da; add it to backward, which has dE_dv, dE_dx"
    assert str(caught.value) == expected


@every_transform
def test_a_leaf_without_an_equation_may_be_held(transform: Any):
    f = transform(through(PARTIAL))
    assert close(jax.grad(lambda x: f(dict(a=A, x=x)))(X), 4 * X)
    assert close(jax.jit(jax.grad(lambda x, a: f(dict(a=jax.lax.stop_gradient(a), x=x))))(X, A), 4 * X)


def test_primal_values_are_those_of_the_plain_forward_pass():
    assert through(DOUBLED)(LEAVES) == ENERGY.value(**LEAVES)
    value, pullback = jax.vjp(through(DOUBLED), LEAVES)
    assert value == ENERGY.value(**LEAVES)
    assert close(pullback(jnp.float32(-0.5))[0]["x"], -0.5 * BY_DOUBLED["x"])


def test_per_example_gradients():
    xs = jnp.stack([X, 2 * X, -X])
    assert close(jax.vmap(jax.grad(through(DOUBLED, a=2.0)))(dict(x=xs))["x"], 8 * xs)


def test_second_derivatives_differentiate_the_equations():
    def squared_norm(leaves: Any) -> Any:
        return (jax.grad(through(DOUBLED, a=2.0))(leaves)["x"] ** 2).sum()

    assert close(jax.grad(squared_norm)(dict(x=X))["x"], 128 * X)


def test_forward_mode_is_refused_by_jax():
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(through(DOUBLED), (LEAVES,), (LEAVES,))


@pytest.mark.parametrize("x64", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_derivatives_keep_the_dtypes_of_leaves(dtype: str, x64: bool):
    with jax.enable_x64(x64):
        x = jnp.asarray(X, dtype)
        assert jax.grad(through(ENERGY, a=2.0))(dict(x=x))["x"].dtype == x.dtype
        mixed = jax.grad(through(ENERGY))(dict(a=A, x=x))
        assert (mixed["a"].dtype, mixed["x"].dtype) == (jnp.float32, x.dtype)


# Integer leaves


def picked(table: Float[Array, " n"], i: Int[Array, " k"]) -> Float[Array, ""]:
    return table[i].sum()


def dJ_dtable(table, i):
    return jnp.zeros_like(table).at[i].add(1)


def test_integer_leaves_have_no_cotangent():
    f = Derivation("lookup", "a test", dict(J=picked), dict(dJ_dtable=dJ_dtable), dict(i=index("n")))
    table, i = jnp.arange(3.0), jnp.array([2, 2])
    gradient = jax.grad(through(f), allow_int=True)(dict(table=table, i=i))
    assert np.array_equal(gradient["table"], [0, 0, 2])
    assert gradient["i"].dtype == jax.dtypes.float0
    per_index = jax.vmap(lambda i: jax.grad(through(f, i=i))(dict(table=table))["table"])
    assert np.array_equal(per_index(jnp.array([[2], [0]])), [[0, 0, 1], [1, 0, 0]])


# Layers


WEIGHTS = dict(W=jnp.array([[1.0, -1.0, 2.0], [0.5, 1.0, 0.0]]), b=jnp.array([0.25, 2.0]))


def test_a_layer_gives_its_output_and_takes_any_cotangent():
    output, pullback = jax.vjp(through(DENSE, activation="tanh"), dict(WEIGHTS, x=X))
    assert close(output, np.tanh(WEIGHTS["W"] @ X + WEIGHTS["b"]))
    cotangent = jnp.array([2.0, -3.0])
    expected = DENSE.gradient()(**WEIGHTS, x=X, dJ_dy=cotangent, activation="tanh")
    assert close(pullback(cotangent)[0], expected)


@pytest.mark.parametrize("batched", [False, True], ids=["one example", "batch"])
def test_two_layers_make_a_network(batched: bool):
    layer = DENSE.with_manual_vjp()
    second = dict(W=jnp.array([[1.0, 2.0]]), b=jnp.array([0.5]))

    def by_hand(first: Any, second: Any, x: Any) -> Any:
        return layer(**second, x=layer(**first, x=x, activation="sigmoid"), activation="softplus")

    def by_jax(first: Any, second: Any, x: Any) -> Any:
        h = jax.nn.sigmoid(first["W"] @ x + first["b"])
        return jax.nn.softplus(second["W"] @ h + second["b"])

    def gradient(network: Any) -> Any:
        if batched:
            network = jax.vmap(network, (None, None, 0))
        x = jnp.stack([X, -X]) if batched else X
        return jax.jit(jax.grad(lambda *leaves: (network(*leaves) ** 2).sum(), (0, 1, 2)))(WEIGHTS, second, x)

    assert close(gradient(by_hand), gradient(by_jax))


def product(v: Float[Array, " n"]):
    return v * v


def double(v: Float[Array, " n"]):
    return 2 * v


def dJ_dv(dJ_dp, dJ_dr, v):
    return 2 * v * dJ_dp + 2 * dJ_dr


def dJ_dx_of_v(dJ_dv, a):
    return a * dJ_dv


def test_an_output_that_is_not_used_has_a_cotangent_of_zero():
    net = Derivation(
        "split",
        "a test",
        forward=dict(v=scaled, p=product, r=double),
        backward=dict(dJ_dv=dJ_dv, dJ_dx=dJ_dx_of_v),
        cotangent=("dJ_dp", "dJ_dr"),
    )
    manual = net.with_manual_vjp()
    assert close(manual(a=A, x=X), dict(p=4 * X * X, r=4 * X))
    assert close(jax.grad(lambda x: manual(a=A, x=x)["p"].sum())(X), 8 * X)
    assert close(jax.grad(lambda x: manual(a=A, x=x)["r"].sum())(X), 4 + 0 * X)
    assert close(jax.grad(lambda x: sum(v.sum() for v in manual(a=A, x=x).values()))(X), 8 * X + 4)
