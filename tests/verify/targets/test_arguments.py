"""What people write for arguments: positions, tuples, fixed values, random keys, rules that take `*args`."""

import functools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

import verify
from verify.targets.arguments import Inputs, abstract, as_shape, is_random_key, parameters_of
from verify.targets.custom_rules.derivations import rule_derivations
from verify.targets.functions import gradient_derivation, read_objective
from verify.targets.import_statements import Imports
from verify.targets.source_code import Scope, call

SHAPES = dict(W="q d", b="q", x="d")


def loss(W, b, x):
    return jnp.sum(jnp.tanh(W @ x + b))


def dloss(W, b, x):
    dz = 1 - jnp.tanh(W @ x + b) ** 2
    return jnp.outer(dz, x), dz


@pytest.mark.parametrize("wrt", [(0, 1), (-3, "b"), [0, 1]])
def test_positions_are_those_of_the_objective(wrt):
    assert [*gradient_derivation(dloss, loss, wrt, shapes=SHAPES).equations] == ["dJ_dW", "dJ_db"]


@pytest.mark.parametrize(
    "shapes",
    [
        dict(W=("q", "d"), b=("q",), x=["d"]),
        dict(W=("q", 3), b="q", x=(3,)),
        dict(W=(2, 3), b=(2,), x=(3,)),
        dict(W=(2, 3), b=np.ones(2), x="3"),
    ],
)
def test_a_tuple_is_a_shape_as_in_jax(shapes):
    leaves = gradient_derivation(dloss, loss, ("W", "b"), shapes=shapes).leaves
    assert [len(leaves[name].dims) for name in SHAPES] == [2, 1, 1]
    assert {name: " ".join(map(str, leaf.dims)) for name, leaf in leaves.items()} == {
        name: " ".join(map(str, np.shape(given) if isinstance(given, np.ndarray) else given))
        for name, given in shapes.items()
    }


def test_a_tuple_of_names_is_a_tree_of_vectors_where_the_objective_takes_one():
    def of_pair(pair):
        return jnp.sum(pair[0]) * jnp.sum(pair[1])

    derivation = gradient_derivation(lambda pair: pair, of_pair, "pair", shapes=dict(pair=("q", "d")))
    assert [*derivation.leaves] == ["pair_0", "pair_1"]


def test_what_is_no_shape_stays_what_it_is():
    assert as_shape("x", "n d") == "n d"
    assert as_shape("x", True) is True
    assert as_shape("x", (3, "2*n")) == "3 2*n"
    with pytest.raises(TypeError, match="shapes: 'x' is 3; write '3' for one axis of that size"):
        as_shape("x", 3)


def test_the_gradient_and_the_objective_swapped():
    with pytest.raises(TypeError, match="dloss returns no scalar: is it the gradient"):
        verify.check_gradient(loss, dloss, ("W", "b"), shapes=SHAPES)


def test_argnums_is_called_wrt():
    with pytest.raises(TypeError, match=r"argnums: is called wrt here, .*: wrt=\(0, 1\)$"):
        verify.check_gradient(dloss, loss, argnums=(0, 1), shapes=SHAPES)


@pytest.mark.parametrize("key", [jax.random.key(7), jax.random.PRNGKey(7)])
def test_a_random_key_is_the_one_that_is_used(key):
    def noisy(x, key):
        return jnp.sum(x * jax.random.normal(key, x.shape))

    assert is_random_key(key)
    derivation = gradient_derivation(
        lambda x, key: jax.random.normal(key, x.shape), noisy, shapes=dict(x="n", key=key)
    )
    assert [*derivation.leaves] == ["x"]
    found = derivation.gradient()(x=jnp.ones(3))
    np.testing.assert_array_equal(found["x"], jax.random.normal(key, (3,)))


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def power(x, n):
    return x**n


power.defvjp(lambda x, n: (x**n, x), lambda n, x, bar: (n * x ** (n - 1) * bar,))


def plain_power(x, n):
    return x**n


def test_what_is_not_differentiated_is_given_as_a_value():
    derivatives, _ = rule_derivations(power, plain_power, shapes=dict(x="m", n=3))
    assert [*derivatives.equations] == ["dJ_dx"]
    with pytest.raises(TypeError, match=r"power: parameter 'n' is in nondiff_argnums .* shapes=\{'n': 3\}"):
        rule_derivations(power, plain_power, shapes=dict(x="m"))


def test_a_call_is_written_with_the_fixed_values():
    def noisy(x, n, key):
        return x**n * jax.random.normal(key)

    given = dict(x="m", n=np.ones(()), key=jax.random.key(5))
    taken, _ = read_objective(noisy, noisy, given, {})
    written = call(taken, Scope(Imports(()), {"x": "x", "n": "n"}, {}, {}))
    assert written.endswith("(x=x, n=n, key=jax.random.wrap_key_data(jnp.array([0, 5], jnp.uint32)))")
    taken, _ = read_objective(plain_power, power, dict(x="m", n=3), {})
    assert call(taken, Scope(Imports(()), {"x": "x"}, {}, {})).endswith("(x=x, n=3)")


@jax.custom_vjp
def unnamed(*args):
    return args[0] * jnp.sin(args[1])


unnamed.defvjp(
    lambda *args: (args[0] * jnp.sin(args[1]), args),
    lambda args, bar: (bar * jnp.sin(args[1]), bar * args[0] * jnp.cos(args[1])),
)


def test_a_rule_of_unnamed_arguments_takes_those_of_the_reference():
    derivatives, _ = rule_derivations(unnamed, lambda x, y: x * jnp.sin(y), shapes=dict(x="n", y="n"))
    (given,) = {each.parameters for each in derivatives.equations.values()}
    assert given == ("x", "y", "dJ_dy_")


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda *args: 0, ["x", "y", "z"]),
        (lambda first, *args: 0, ["x", "y", "z"]),
        (lambda x, *args: 0, ["x", "y", "z"]),
        (lambda **given: 0, ["x", "y", "z"]),
        (lambda y, **given: 0, ["y", "x", "z"]),
        (lambda *args, z: 0, ["x", "y", "z"]),
    ],
)
def test_names_for_what_a_function_takes_unnamed(function, expected):
    assert [*parameters_of(function, ("x", "y", "z"))] == expected


def test_equinox_rules():
    equinox = pytest.importorskip("equinox")

    @equinox.filter_custom_vjp
    def sine(x):
        return jnp.sin(x)

    sine.def_fwd(lambda perturbed, x: (jnp.sin(x), x))
    sine.def_bwd(lambda kept, bar, perturbed, x: bar * jnp.cos(kept))
    derivatives, _ = rule_derivations(sine, lambda x: jnp.sin(x), shapes=dict(x="n"))
    pulled = derivatives.gradient()(x=jnp.ones(2), dJ_dy=jnp.ones(2))
    np.testing.assert_allclose(pulled["x"], np.cos(np.ones(2)), rtol=1e-6)


@pytest.mark.parametrize(
    "dims, sizes",
    [
        (("2*n", "n"), [(2,), (1,)]),
        (("n-1", "n"), [(1,), (2,)]),
        (("n m-3", "3 m"), [(4, 1), (3, 4)]),
        (("*batch n", "n+1"), [(1, 1), (2,)]),
    ],
)
def test_the_smallest_shapes_with_computed_sizes(dims: tuple[str, str], sizes: list[tuple[int, ...]]):
    inputs = Inputs(lambda x, y: x, {"x": "x", "y": "y"}, {}, ())
    annotations = dict(zip("xy", (Float[Array, each] for each in dims), strict=True))
    assert [struct.shape for struct in abstract(inputs, annotations)] == sizes


def test_a_custom_rule_of_a_computed_size(tmp_path: Path):
    def pairs(x):
        return x.reshape(-1, 2).prod(-1)

    rule = jax.custom_vjp(pairs)

    def pull(x, g):
        return ((g[:, None] * x.reshape(-1, 2)[:, ::-1]).reshape(-1),)

    rule.defvjp(lambda x: (pairs(x), x), pull)
    report = verify.check_custom_rule(
        rule, pairs, shapes={"x": "2*n"}, examples=2, dtypes=("float32",), only="dJ_*", directory=tmp_path
    )
    assert report.good
