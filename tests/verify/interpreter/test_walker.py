"""The walker against JAX: the same programs in plain floats, at sizes filled in, through calls, loops and branches."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.core import max_dim

from verify.arithmetic.bounds.arithmetic import Bounds
from verify.arithmetic.field.arithmetic import Field
from verify.arithmetic.field.modular import MODULI
from verify.arithmetic.field.value import Residues
from verify.interpreter.walker import Program, evaluate, forget_programs

CASES = 6
SHAPE = jax.ShapeDtypeStruct


def traced(function: Callable[..., Any], *structs: Any) -> Program:
    with jax.enable_x64(True):
        return Program(jax.make_jaxpr(function)(*structs))


def agree(
    plain: Any, program: Program, sizes: dict[str, int], function: Callable[..., Any], *arrays: np.ndarray
) -> None:
    """The walk gives what JAX gives under vmap, for operands that differ by case and for shared ones."""
    with jax.enable_x64(True):
        theirs = [np.asarray(each) for each in jax.tree.leaves(jax.jit(jax.vmap(function))(*arrays))]
    for shared in (False, True):
        ours = plain(float)(program, sizes, *(array[:1] if shared else array for array in arrays))
        for mine, reference in zip(ours, [each[:1] for each in theirs] if shared else theirs, strict=True):
            assert len(mine) in (1, len(reference)) and mine.shape[1:] == reference.shape[1:]
            np.testing.assert_allclose(
                np.broadcast_to(mine, reference.shape), reference, rtol=1e-11, atol=1e-11
            )


def floats(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(CASES, *shape))


# --- calls ------------------------------------------------------------------------------------------------------------


@jax.custom_jvp
def _doubled(x):
    return jnp.sin(x)


@_doubled.defjvp
def _doubled_jvp(primals, tangents):
    return _doubled(*primals), 2 * tangents[0] * primals[
        0
    ]  # a lie, so that a walk must take this rule and not sin's


@jax.custom_vjp
def _cubed(x):
    return x * jnp.tanh(x)


_cubed.defvjp(lambda x: (_cubed(x), x), lambda x, g: (3 * g * x * x,))


def _chained(x):
    return jax.checkpoint(lambda x: jnp.sin(jnp.tanh(x) * x))(x).sum()


CALLS: dict[str, Callable[..., Any]] = {
    "jit": lambda x: jax.jit(lambda y: y * y + jax.jit(jnp.sin)(y))(x),
    "custom_jvp": _doubled,
    "gradient of custom_jvp": jax.grad(lambda x: _doubled(x).sum()),
    "custom_vjp": _cubed,
    "gradient of custom_vjp": jax.grad(lambda x: _cubed(x).sum()),
    "remat": _chained,
    "gradient of remat": jax.grad(_chained),
    "second derivative": jax.grad(lambda x: jax.grad(_chained)(x)[1]),
    "named": lambda x: jax.named_call(jnp.sin, name="s")(x),
    "several results": lambda x: (x, {"a": x.sum(), "b": jax.jit(lambda x: (x[::-1], x + 1))(x)}),
    "the input itself, and a constant": lambda x: (x, jnp.arange(3.0), 2.5, jnp.arange(3)),
    "unused": lambda x: (x * 3, jnp.sin(x))[0],
    "captured": lambda x: x * np.linspace(0, 1, 3),
}


@pytest.mark.parametrize("name", CALLS)
def test_calls_are_entered(name, plain):
    agree(plain, traced(CALLS[name], SHAPE((3,), np.float64)), {}, CALLS[name], floats(1, 3))


# --- loops ------------------------------------------------------------------------------------------------------------


def _scanned(reverse: bool, length: int, unroll: int = 1) -> Callable[..., Any]:
    def run(W, h, x):
        def advance(h, row):
            h = jnp.tanh(W @ h + row)
            return h, {"h": h, "energy": (h * row).sum()}

        return lax.scan(advance, h, x[:length], reverse=reverse, unroll=unroll)

    return run


def _countdown(n, x):
    return lax.while_loop(lambda c: c[0] > 0, lambda c: (c[0] - 1, c[1] * 1.5 - c[0]), (n, x))


LOOPS: dict[str, Callable[..., Any]] = {
    "forwards": _scanned(False, 5),
    "reverse": _scanned(True, 5),
    "unrolled": _scanned(False, 5, 2),
    "of one row": _scanned(False, 1),
    "of no rows": _scanned(False, 0),
    "of no rows, reverse": _scanned(True, 0),
    "without rows to read": lambda W, h, x: lax.scan(lambda h, _: (W @ h, h), h, None, length=4),
    "without a carry": lambda W, h, x: lax.scan(lambda _, row: ((), W @ row), (), x)[1],
    "without rows to write": lambda W, h, x: lax.scan(lambda h, row: (h + row, None), h, x),
    "counting": lambda W, h, x: lax.scan(lambda c, row: ((c[0] + 1, c[1] + c[0] * row), c[0]), (0, h), x),
    "gradient": jax.grad(lambda W, h, x: (_scanned(False, 5)(W, h, x)[1]["energy"] ** 2).sum()),
    "gradient of reverse": jax.grad(lambda W, h, x: (_scanned(True, 5)(W, h, x)[0] ** 2).sum(), (0, 1, 2)),
    "nested": lambda W, h, x: lax.scan(lambda c, _: (_scanned(False, 5)(W, c, x)[0], c), h, None, length=2),
    "associative": lambda W, h, x: lax.associative_scan(jnp.multiply, x),
    "map": lambda W, h, x: lax.map(lambda row: W @ row, x),
    "fori": lambda W, h, x: lax.fori_loop(0, 3, lambda i, h: W @ h + x[i], h),
}


@pytest.mark.parametrize("name", LOOPS)
def test_scans_are_walked(name, plain):
    shapes = (3, 3), (3,), (5, 3)
    program = traced(LOOPS[name], *(SHAPE(shape, np.float64) for shape in shapes))
    agree(plain, program, {}, LOOPS[name], *(floats(i, *shape) / 2 for i, shape in enumerate(shapes)))


def test_a_while_loop_ends_case_by_case(plain):
    """Whoever has ended keeps what it has, though the others go on."""
    n, x = np.arange(CASES, dtype=np.int32), floats(2)
    program = traced(_countdown, SHAPE((), np.int32), SHAPE((), np.float64))
    agree(plain, program, {}, _countdown, n, x)

    def converging(x: Any) -> Any:
        return lax.while_loop(lambda x: x * x > 0.5, lambda x: x / 2, x)

    agree(plain, traced(converging, SHAPE((), np.float64)), {}, converging, 10 * x)
    with_constants = lambda n, x: lax.while_loop(lambda c: c * c < n, lambda c: c + x * x + 1, 0 * x)  # noqa: E731
    program = traced(with_constants, SHAPE((), np.int32), SHAPE((), np.float64))
    agree(plain, program, {}, with_constants, n, x)


# --- branches ---------------------------------------------------------------------------------------------------------


def _switched(i, x):
    return lax.switch(i, [jnp.sin, lambda x: x * x, lambda x: -x, jnp.zeros_like], x)


BRANCHES: dict[str, Callable[..., Any]] = {
    "switch": _switched,
    "switch of integers": lambda i, x: lax.switch(i, [lambda i: i + 1, lambda i: -i], i),
    "cond": lambda i, x: lax.cond(i > 1, lambda x: (jnp.tanh(x), i), lambda x: (x, i * i), x),
    "cond on floats": lambda i, x: lax.cond(x.sum() > 0, jnp.sin, jnp.cos, x),
    "gradient of switch": jax.grad(lambda i, x: (_switched(i, x) ** 2).sum(), 1),
    "select": lambda i, x: jnp.where(x > i, x, jnp.where(x < -1, -x, 0)),
    "nested": lambda i, x: lax.cond(i > 0, lambda x: lax.cond(x[0] > 0, jnp.sin, jnp.cos, x), lambda x: x, x),
}


@pytest.mark.parametrize("name", BRANCHES)
def test_branches_are_chosen_case_by_case(name, plain):
    """Indices out of range too, which JAX clamps."""
    program = traced(BRANCHES[name], SHAPE((), np.int32), SHAPE((3,), np.float64))
    for i in (np.arange(-1, CASES - 1), np.full(CASES, 2), np.full(CASES, -7)):
        agree(plain, program, {}, BRANCHES[name], i.astype(np.int32), floats(3, 3))


# --- sizes ------------------------------------------------------------------------------------------------------------


def _attention(x, y):
    scores = jnp.tanh(x @ y.T) / x.shape[1]
    return jnp.where(jnp.tril(jnp.ones(scores.shape, bool)), scores, 0) @ y


SIZED: dict[str, Callable[..., Any]] = {
    "products": lambda x, y: x @ y.T,
    "means": lambda x, y: (x.mean(0), x.mean(), y.sum() / y.size),
    "squares of sizes": lambda x, y: (
        jnp.tanh(x.sum()) / (x.shape[0] * x.shape[0]) + jnp.ones(x.shape[1] ** 3).sum()
    ),
    "sizes of outer products": lambda x, y: jnp.outer(x, y).reshape(-1)[::2],
    "halves": lambda x, y: (x.reshape(-1)[: x.size // 2], x.size % 3 * x),
    "the larger": lambda x, y: jnp.zeros(max_dim(x.shape[0], x.shape[1])) + x.sum(),
    "padding": lambda x, y: jnp.pad(x, ((1, x.shape[0]), (0, 2))),
    "counting": lambda x, y: jnp.arange(x.shape[0])[:, None] * x + jnp.eye(x.shape[0], x.shape[1]),
    "kronecker": lambda x, y: jnp.kron(x, y),
    "attention": _attention,
    "gradient": jax.grad(lambda x, y: (_attention(x, y) ** 2).mean()),
    "differences": lambda x, y: x[1:] - x[:-1],
    "rows": lambda x, y: lax.scan(
        lambda c, row: (c + row, (c * row).sum() / x.shape[0]), jnp.zeros(x.shape[1]), x
    ),
    "stacked": lambda x, y: jnp.concatenate([x, y, x]),
    "running": lambda x, y: jnp.cumsum(x, 0)[-1],
    "sorted": lambda x, y: jnp.sort(x, 0)[0] + x.max(0) + x[jnp.argmax(x, 0), 0],
}


@pytest.mark.parametrize("name", SIZED)
def test_one_trace_serves_all_sizes(name, plain):
    n, m, k = jax.export.symbolic_shape("n, m, k", constraints=["n >= 2"])
    program = traced(SIZED[name], SHAPE((n, m), np.float64), SHAPE((k, m), np.float64))
    for n, m, k in ((2, 1, 1), (3, 2, 5)):
        agree(plain, program, {"n": n, "m": m, "k": k}, SIZED[name], floats(4, n, m), floats(5, k, m))


def test_a_size_is_a_number_of_the_program(plain):
    """`dim_as_value`: sizes in arithmetic, not in shapes."""
    (n,) = jax.export.symbolic_shape("n")
    program = traced(lambda x: x / x.shape[0] + jnp.asarray(x.shape[0] ** 2 - 1), SHAPE((n,), np.float64))
    for size in (1, 2, 7):
        x = floats(6, size)
        (result,) = plain(float)(program, {"n": size}, x)
        np.testing.assert_allclose(result, x / size + size**2 - 1, rtol=1e-12)


def test_sizes_are_filled_in_anew_for_other_shapes():
    (n,) = jax.export.symbolic_shape("n")
    program = traced(lambda x: jnp.zeros(n * n) + x.sum(), SHAPE((n,), np.float64))
    for size in (*range(1, 9), 1):
        assert program.steps({"n": size})[-1].outputs[0].shape == (size**2,)


def test_forgetting_programs_loses_nothing(plain):
    program, x = traced(CALLS["jit"], SHAPE((3,), np.float64)), floats(1, 3)
    (before,) = plain(float)(program, {}, x)
    forget_programs()
    (after,) = plain(float)(program, {}, x)
    assert np.array_equal(before, after)


# --- dtypes, and what no arithmetic knows -----------------------------------------------------------------------------


def test_integers_and_booleans_stay_plain(plain):
    def run(x, i):
        return i + 1, i > 2, (i * x).astype(int), i // 2 % 3, jnp.where(i > 2, x, 0), i.astype(float) / 2

    program = traced(run, SHAPE((3,), np.float64), SHAPE((3,), np.int64))
    agree(plain, program, {}, run, floats(7, 3), np.random.default_rng(8).integers(0, 9, (CASES, 3)))


def test_a_primitive_without_a_rule_is_handed_over_and_named(plain):
    program = traced(lambda x: jnp.sin(lax.digamma(x)), SHAPE((), np.float64))
    with pytest.raises(NotImplementedError, match="digamma"):
        plain(float)(program, {}, floats(9))
    field = Field(CASES)
    evaluate(program, field, {}, [Residues(np.abs(floats(9)), tuple(np.arange(CASES) for _ in MODULI[:2]))])
    assert "digamma" in field.uninterpreted


def test_all_arithmetics_walk_the_same_programs(plain):
    """The floats of the field, the values of the bounds and plain floats agree on what they all know."""
    rng = np.random.default_rng(10)
    W, h, x = (rng.normal(size=(CASES, *shape)) / 2 for shape in ((3, 3), (3,), (5, 3)))
    structs = [SHAPE(array.shape[1:], np.float64) for array in (W, h, x)]
    for name in ("gradient", "gradient of reverse", "fori"):
        program = traced(LOOPS[name], *structs)
        bounds, field = Bounds(), Field(CASES)
        leaves = [Residues(a, tuple(rng.integers(0, m, a.shape) for m in field.moduli)) for a in (W, h, x)]
        with np.errstate(all="ignore"):
            bounded = evaluate(program, bounds, {}, [bounds.exact(a) for a in (W, h, x)])
            proved = evaluate(program, field, {}, leaves)
        for i, expected in enumerate(plain(float)(program, {}, W, h, x)):
            np.testing.assert_allclose(bounded[i].value, expected, rtol=1e-10, atol=1e-12)
            np.testing.assert_allclose(proved[i].x, expected, rtol=1e-10, atol=1e-12)
