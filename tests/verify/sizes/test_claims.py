"""What is proved at every size: never what is wrong at some size, and what the book's equations need."""

import itertools

import jax
import jax.numpy as jnp
import pytest
from jaxtyping import Array, Float, Int

from manual_bp.book import backprop
from manual_bp.derivation import Derivation
from manual_bp.domains import index, simplex
from verify.generation.strategies import rotation
from verify.programs.pair import Pair
from verify.sizes.claims import claim

Vector = Float[Array, " n"]


def square(x: Vector) -> Float[Array, ""]:
    return jnp.sum(x * x) / 2


def claimed(forward, domains=None, choices=None, **equations):
    derivation = Derivation(
        name="planted", source="a test", forward=forward, backward=equations, domains=domains or {}
    )
    pair = Pair(derivation, choices or {})
    return {name: claim(pair, equation, 0) for name, equation in derivation.equations.items()}


def of_square(dE_dx):
    return claimed(dict(E=square), dE_dx=dE_dx)["dE_dx"]


def size(x):
    return jnp.asarray(x.shape[0], x.dtype)


def vanishing(x, count):
    """A polynomial of the size that is 0 up to `count`."""
    product = 1.0
    for k in range(1, count + 1):
        product *= (size(x) - k) / k
    return product


def symmetric(x, order):
    """The sum over all products of so many different entries, by Newton's identities: 0 where there are fewer."""
    powers = [jnp.sum(x**k) for k in range(1, order + 1)]
    found = [jnp.ones((), x.dtype)]
    for k in range(1, order + 1):
        terms = [(-1) ** (i - 1) * found[k - i] * powers[i - 1] for i in range(1, k + 1)]
        found.append(jnp.stack(terms).sum() / k)
    return found[order]


@pytest.mark.parametrize("count", range(1, 9))
def test_a_factor_that_is_right_up_to_a_size_is_claimed_for_none(count):
    assert of_square(lambda x: x * (1 + vanishing(x, count))).every == {}
    assert of_square(lambda x: x / (1 + vanishing(x, count))).every == {}


@pytest.mark.parametrize("order", range(2, 7))
def test_a_sum_over_groups_of_elements_is_claimed_for_none(order):
    assert of_square(lambda x: x + symmetric(x, order)).every == {}
    assert of_square(lambda x: x * (1 + symmetric(x * x, order) / (1 + jnp.sum(x**4)))).every == {}


WRONG = {
    "one size": lambda x: 2 * x if x.shape[0] == 7 else x,
    "large sizes": lambda x: 2 * x if x.shape[0] > 8 else x,
    "a table of sizes": lambda x: x * {3: 2.0}.get(x.shape[0], 1.0),
    "whether sizes are numbers": lambda x: 2 * x if isinstance(x.shape[0], int) and x.shape[0] > 4 else x,
    "a position as a number": lambda x: x * jnp.where(jnp.arange(x.shape[0]) > 5, 2.0, 1.0),
    "an element by its position": lambda x: x * (1 + jnp.maximum(jnp.arange(x.shape[0]) - 9.0, 0)),
    "a count": lambda x: jnp.where(jnp.sum(x > 0) > 4, 2 * x, x),
    "all of them": lambda x: jnp.where(jnp.all(x > -2) & (jnp.sum(jnp.ones_like(x)) > 4), 2 * x, x),
    "a rare pair": lambda x: x * (1 + jnp.sum(x > 2.0) ** 2 - jnp.sum(x > 2.0)),
    "a product": lambda x: x + jnp.prod(x * x / (1 + x * x)) * vanishing(x, 3),
    "a rest of a division": lambda x: x * (1 + jnp.maximum(size(x) // 9, 0)),
    "a sorted rank": lambda x: x + jnp.where(x == jnp.sort(x)[0], 0.0, 0.0) * jnp.sort(x)[-1],
    "a slice": lambda x: x.at[4:].multiply(2.0),
    "neighbours": lambda x: x + 0 * jnp.roll(x, 1),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_looks_at_sizes_positions_or_counts_is_claimed_for_none(name):
    assert of_square(WRONG[name]).every == {}


ROOTS = {
    "of a sum": lambda x, e: x / jnp.sqrt(1 + jnp.sum(x * x)) * (1 + e),
    "of a sum, upside down": lambda x, e: x * jax.lax.rsqrt(1 + jnp.mean(x * x)) * (1 + e),
    "of the size": lambda x, e: x * x.shape[0] ** -0.5 * (1 + e),
    "of the size minus one": lambda x, e: x * (1 + e + size(x) ** 0.5 - 1),
    "beside a sum": lambda x, e: x + e * jnp.sqrt(1 + jnp.sum(x**4)) * jnp.sum(x),
}


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("name", ROOTS)
def test_an_error_beside_a_root_is_claimed_for_none(name, count):
    assert of_square(lambda x: ROOTS[name](x, vanishing(x, count))).every == {}


def norm(x: Vector) -> Float[Array, ""]:
    return jnp.sqrt(1 + jnp.mean(x * x))


def test_a_root_of_a_sum_is_claimed_where_its_sign_does_not_matter():
    def right(x):
        return x / jnp.sqrt(1 + jnp.mean(x * x)) / size(x)

    assert claimed(dict(E=norm), dE_dx=right)["dE_dx"].every.keys() == {"n"}


def product(A: Float[Array, "n d"]) -> Float[Array, ""]:
    return jnp.sum(A * A) / 2


def test_sizes_that_are_compared_with_each_other_are_claimed_for_none():
    def dE_dA(A):
        return A.T if A.shape[0] == A.shape[1] else A

    assert claimed(dict(E=product), dE_dA=dE_dA)["dE_dA"].every == {}


def rows(A: Float[Array, "n d"]) -> Float[Array, ""]:
    return jnp.sum(jnp.sum(A, axis=0) ** 2) / 2


def test_two_elements_that_branch_each_need_both_to_be_met():
    """An error that needs two rows to be rare, and one behind a branch that is not followed."""

    def rare(A):
        often = jnp.where(jnp.max(A, axis=1) > 2.9, 1.0, 0.0)
        return jnp.broadcast_to(jnp.sum(A, axis=0), A.shape) * (1 + jnp.sum(often) ** 2 - jnp.sum(often))

    def unfollowed(A):
        largest = jnp.sort(A, axis=1)[:, -1]
        return jnp.broadcast_to(jnp.sum(A, axis=0), A.shape) + 0 * largest[:, None]

    assert "n" not in claimed(dict(E=rows), dE_dA=rare)["dE_dA"].every
    assert "n" not in claimed(dict(E=rows), dE_dA=unfollowed)["dE_dA"].every


def pairs(x: Vector) -> Float[Array, ""]:
    """The mean over all ordered pairs of different elements."""
    n = size(x)
    return (jnp.sum(x) ** 2 - jnp.sum(x * x)) / (2 * (n * n + n))


def test_a_mean_over_pairs_is_claimed_where_it_is_one():
    def right(x):
        n = size(x)
        return (jnp.sum(x) - x) / (n * n + n)

    def wrong(x):
        n = size(x)
        return (jnp.sum(x) - x) / (n * n + n + (n - 1) * (n - 2))

    assert claimed(dict(E=pairs), dE_dx=right)["dE_dx"].every.keys() == {"n"}
    assert claimed(dict(E=pairs), dE_dx=wrong)["dE_dx"].every == {}


def causal(S: Float[Array, "t t"], V: Float[Array, "t d"]) -> Float[Array, "t d"]:
    return jnp.tril(S) @ V


def total(output: Float[Array, "t d"]) -> Float[Array, ""]:
    return jnp.sum(output * output) / 2


@pytest.mark.parametrize(("k", "dims"), [(0, {"t", "d"}), (-1, set()), (1, set())])
def test_a_triangular_mask_off_by_one_is_claimed_for_none(k, dims):
    def dE_dV(S, dE_doutput):
        return jnp.tril(S, k).T @ dE_doutput

    found = claimed(dict(output=causal, E=total), dE_doutput=lambda output: output, dE_dV=dE_dV)
    assert found["dE_dV"].every.keys() == dims
    assert found["dE_doutput"].every.keys() == {"t", "d"}


def labelled(o: Vector, y: Int[Array, ""]) -> Float[Array, ""]:
    return -jax.nn.log_softmax(o)[y]


def smoothed(o: Vector, y: Vector) -> Float[Array, ""]:
    return -jnp.sum(y * jax.nn.log_softmax(o))


@pytest.mark.parametrize("count", [0, 2, 5, 8])
def test_softmax_needs_few_classes_and_an_error_beyond_them_is_seen(count):
    def by_label(o, y):
        right = jax.nn.softmax(o) - jax.nn.one_hot(y, o.shape[0])
        return right * (1 + vanishing(o, count)) if count else right

    def by_parts(o, y):
        right = jax.nn.softmax(o) - y
        return right * (1 + vanishing(o, count)) if count else right

    first = claimed(dict(E=labelled), dict(y=index("n")), dE_do=by_label)["dE_do"]
    second = claimed(dict(E=smoothed), dict(y=simplex), dE_do=by_parts)["dE_do"]
    expected = set() if count else {"n"}
    assert (first.every.keys(), second.every.keys()) == (expected, expected)


@pytest.mark.parametrize("derivation", [backprop.DERIVATION, backprop.MINIBATCH], ids=lambda d: d.name)
def test_every_equation_of_the_chapter_at_every_size(derivation):
    for choices in itertools.islice(rotation(derivation, 0), 0, None, 3):
        pair = Pair(derivation, choices)
        for equation in derivation.equations.values():
            found = claim(pair, equation, 0)
            assert (found.every.keys(), found.sampled) == ({*pair.dims}, {}), (choices, equation.name)
            assert found.log2_error < -500


def test_the_sizes_that_decide():
    pair = Pair(backprop.DERIVATION, next(iter(rotation(backprop.DERIVATION, 0))))
    reach = {name: claim(pair, equation, 0).every for name, equation in backprop.DERIVATION.equations.items()}
    assert reach["dJ_dh"] == {"d": 1, "h": 1, "q": 2}  # a sum over q, and one index
    assert reach["dJ_dW1"] == {"d": 1, "h": 1, "q": 1}  # nothing is summed


def map_of(A: Float[Array, "m n"], x: Vector) -> Float[Array, " m"]:
    return A @ x


def test_a_tensor_by_a_tensor_root_axes_first():
    def da_dA(A, x):
        return jnp.einsum("ij,k->ijk", jnp.eye(A.shape[0]), x)

    forward = dict(a=map_of, E=lambda a: jnp.sum(a * a) / 2)
    right = claimed(forward, da_dx=lambda A, x: A, da_dA=da_dA)
    wrong = claimed(forward, da_dA=lambda A, x: da_dA(A, x) * (1 + vanishing(x, 3)))
    assert right["da_dx"].every.keys() == right["da_dA"].every.keys() == {"m", "n"}
    assert wrong["da_dA"].every == {}
