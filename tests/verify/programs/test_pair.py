"""What is walked: one trace for all sizes or one for each, and what becomes of functions that misbehave."""

import re

import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float, Int

from manual_bp.book import backprop
from manual_bp.derivation import Derivation
from verify.programs.pair import Pair
from verify.programs.reference import COTANGENT
from verify.programs.tracing import GRADIENT, Fault, Traced


def mean(x: Float[Array, " n"]) -> Float[Array, ""]:
    return (x * x).mean()


def mean_of_all_but_one(x: Float[Array, " n"]) -> Float[Array, ""]:
    """Divides by n - 1, but for one example by 1."""
    return (x * x).sum() / (1 if x.shape[0] == 1 else x.shape[0] - 1)


def unrolled(x: Float[Array, " n"]) -> Float[Array, ""]:
    total = jnp.zeros(())
    for i in range(x.shape[0]):
        total = total + x[i] ** 2
    return total


def dJ_dx(x: Float[Array, " n"]) -> Float[Array, " n"]:
    return 2 * x / x.shape[0]


def derivation(objective=mean, **backward) -> Derivation:
    return Derivation(
        name="test", source="a test", forward={"J": objective}, backward=backward or {"dJ_dx": dJ_dx}
    )


def values_at(
    plain, pair: Pair, size: int, x: np.ndarray, *, concrete: bool = False
) -> dict[str, np.ndarray]:
    programs = pair.programs({"n": size}, concrete=concrete)
    leaves = {"x": x, COTANGENT: np.ones(len(x))}
    return dict(
        zip(
            sorted(programs.reference.results),
            _run(plain, programs.reference, {"n": size}, leaves),
            strict=True,
        )
    )


def _run(plain, traced: Traced, sizes, leaves) -> list[np.ndarray]:
    return plain(float)(traced.program, sizes, *(leaves[name] for name in traced.names))


@pytest.mark.parametrize("objective", [mean, mean_of_all_but_one, unrolled])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_symbolic_and_concrete_programs_agree(objective, size, plain):
    """But for what a function says of a single example, which concrete sizes are there to find."""
    pair, x = Pair(derivation(objective), {}), np.random.default_rng(0).normal(size=(4, size))
    everywhere = values_at(plain, pair, size, x)
    here = values_at(plain, pair, size, x, concrete=True)
    divisor = {"mean": size, "unrolled": 1, "mean_of_all_but_one": max(size - 1, 1)}[objective.__name__]
    np.testing.assert_allclose(here["dJ_dx"], 2 * x / divisor, rtol=1e-12)
    if (objective, size) != (mean_of_all_but_one, 1):
        np.testing.assert_allclose(everywhere["dJ_dx"], here["dJ_dx"], rtol=1e-12)


def test_one_trace_serves_all_sizes_where_a_function_allows_it():
    pair = Pair(derivation(), {})
    assert pair.symbolic is not None
    assert pair.programs({"n": 2}) is pair.programs({"n": 7}) is pair.symbolic
    assert pair.programs({"n": 2}, concrete=True) is not pair.symbolic
    assert pair.programs({"n": 2}, concrete=True) is pair.programs({"n": 2}, concrete=True)


def test_where_it_does_not_each_shape_is_traced():
    """A Python loop over a size; and an equation that refuses though the forward pass does not."""

    def refuses(x: Float[Array, " n"]) -> Float[Array, " n"]:
        return jnp.stack([2 * x[i] / x.shape[0] for i in range(x.shape[0])])

    for pair in (Pair(derivation(unrolled), {}), Pair(derivation(mean, dJ_dx=refuses), {})):
        assert pair.symbolic is None
        assert pair.programs({"n": 2}) is not pair.programs({"n": 3})
        assert not pair.programs({"n": 3}).faults


def test_the_chapter_is_traced_once():
    choices = {choice: next(iter(table.values())) for choice, table in backprop.DERIVATION.choices.items()}
    pair = Pair(backprop.DERIVATION, choices)
    assert pair.symbolic is not None and not pair.symbolic.faults
    assert set(pair.symbolic.equations) == set(backprop.DERIVATION.equations)


def test_the_inputs_of_an_equation_are_those_it_names():
    pair = Pair(derivation(), {})
    traced = pair.programs({"n": 3}, concrete=True).equations["dJ_dx"]
    assert isinstance(traced, Traced) and set(traced.names) == {"x", "J"}


# --- what misbehaves --------------------------------------------------------------------------------------------------


def wrong_shape(x):
    return jnp.append(x, 0.0)


def wrong_rank(x):
    return x.sum()


def wrong_dtype(x):
    return x.astype(jnp.float32)


def integers(x):
    return jnp.ones(x.shape, int)


def nothing(x):
    return None


def tree(x):
    return (x, x)


def raises(x):
    raise RuntimeError("this one is broken\nand says more")


def python_number(x: Float[Array, ""]) -> Float[Array, ""]:
    return 2.0  # type: ignore[return-value]


def weak(x):
    return jnp.full(x.shape, 2.0)


@pytest.mark.parametrize(
    "equation, message, wrong",
    [
        (wrong_shape, r"dJ_dx: returned shape \(4,\), expected \(3,\)", True),
        (wrong_rank, r"dJ_dx: returned shape \(\), expected \(3,\)", True),
        (wrong_dtype, "dJ_dx: returned float32 where x is float64", True),
        (integers, "dJ_dx: returned int64 where x is float64", True),
        (nothing, "dJ_dx: returned NoneType, expected one array", True),
        (tree, "dJ_dx: returned tuple, expected one array", True),
        (raises, r"dJ_dx: raised RuntimeError: this one is broken \(test_pair.py, line \d+\)$", False),
    ],
)
def test_what_is_no_derivative_is_a_fault_with_its_reason(equation, message, wrong):
    programs = Pair(derivation(mean, dJ_dx=equation), {}).programs({"n": 3}, concrete=True)
    fault = programs.faults["dJ_dx"]
    assert isinstance(fault, Fault) and fault.wrong == wrong
    assert re.search(message, fault.message)
    assert GRADIENT in programs.faults or programs.composed is not None


def test_a_fault_is_one_equations_own():
    def square(x: Float[Array, " n"], a: Float[Array, " n"]) -> Float[Array, ""]:
        return (x * a * a).sum()

    def dJ_da(x, a):
        return 2 * a * x

    programs = Pair(derivation(square, dJ_dx=raises, dJ_da=dJ_da), {}).programs({"n": 3})
    assert set(programs.faults) == {"dJ_dx", GRADIENT}
    assert isinstance(programs.equations["dJ_da"], Traced)


def test_numbers_of_python_are_welcome():
    def line(x: Float[Array, ""]) -> Float[Array, ""]:
        return 2 * x

    programs = Pair(derivation(line, dJ_dx=python_number), {}).programs({})
    assert not programs.faults
    assert not Pair(derivation(mean, dJ_dx=weak), {}).programs({"n": 3}).faults


def test_what_the_forward_pass_raises_is_raised():
    def broken(x: Float[Array, " n"]) -> Float[Array, ""]:
        raise ZeroDivisionError("no objective")

    with pytest.raises(ZeroDivisionError, match="no objective"):
        Pair(derivation(broken), {}).programs({"n": 3})


# --- what is drawn ----------------------------------------------------------------------------------------------------


def test_cotangents_are_drawn_like_their_nodes():
    def outer(x: Float[Array, " n"], i: Int[Array, " m"]) -> Float[Array, "n m"]:
        return x[:, None] * i

    def dJ_dx(dJ_dy, i):
        return (dJ_dy * i).sum(1)

    from manual_bp.domains import index

    layer = Derivation(
        name="layer",
        source="a test",
        forward={"y": outer},
        backward={"dJ_dx": dJ_dx},
        domains={"i": index("n")},
        cotangent="dJ_dy",
    )
    specs = Pair(layer, {}).specs({"n": 2, "m": 3})
    assert specs["dJ_dy"].dims == (2, 3) and specs["dJ_dy"].cotangent
    assert specs["i"].kind == "int" and specs["x"].kind == "float"
    assert specs[COTANGENT].dims == () and specs[COTANGENT].cotangent
