"""Each rule of the field: against exact fractions on the same program, or by the laws that its function obeys."""

import functools
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from verify.arithmetic.field.arithmetic import Field
from verify.arithmetic.field.modular import MODULI, residue
from verify.arithmetic.field.table import RULES
from verify.arithmetic.field.value import Residues
from verify.interpreter.walker import Program, ShapeDtype, Step, evaluate

POINTS = 96


def traced(function: Callable[..., Any], *shapes: tuple[int, ...]) -> Program:
    with jax.enable_x64(True):
        return Program(
            jax.make_jaxpr(function)(*[jax.ShapeDtypeStruct(shape, jnp.float64) for shape in shapes])
        )


def walk(program: Program, field: Field, leaves: list[Residues]) -> list[Any]:
    with np.errstate(all="ignore"):
        return evaluate(program, field, {}, leaves)


# --- rational functions and choices: exactly what fractions give ------------------------------------------------------


class Row(NamedTuple):
    """A program in which the primitive stands, and the shapes of its operands."""

    function: Callable[..., Any]
    shapes: tuple[tuple[int, ...], ...]


def _scatter(x, y):
    return x.at[jnp.array([2, 0, 2])].add(y)


M, V = (3, 4), (5,)
NUMBERS = ("NCW", "WIO", "NWC")
EXACT: dict[str, Row] = {
    "add": Row(lambda x, y: x + y, (M, M)),
    "add_any": Row(jax.grad(lambda x, y: (x * x * y + x).sum()), (M, M)),
    "sub": Row(lambda x, y: x - y, (M, M)),
    "mul": Row(lambda x, y: x * y * 0.1, (M, M)),
    "div": Row(lambda x, y: x / (1 + y * y) / 3, (M, M)),
    "neg": Row(lambda x: -x, (M,)),
    "integer_pow": Row(lambda x: x**3 + (1 + x * x) ** -2, (M,)),
    "square": Row(jnp.square, (M,)),
    "convert_element_type": Row(lambda x: (x > 0).astype(x.dtype) * x + x.astype(int) + jnp.arange(4), (M,)),
    "iota": Row(lambda x: lax.iota(x.dtype, 4) * x + lax.broadcasted_iota(x.dtype, (3, 4), 0), (M,)),
    "reduce_precision": Row(lambda x: lax.reduce_precision(x, 8, 7), (M,)),
    "reduce_sum": Row(lambda x: x.sum(1) + x.sum(), (M,)),
    "reduce_prod": Row(lambda x: x.prod(0), (M,)),
    "dot_general": Row(lambda x, y: x @ y.T, (M, M)),
    "conv_general_dilated": Row(
        lambda x, k: lax.conv_general_dilated(x[None], k, (2,), "SAME", dimension_numbers=NUMBERS),
        ((3, 7), (3, 3, 2)),
    ),
    "cumsum": Row(lambda x: lax.cumsum(x, 1) + lax.cumsum(x, 0, reverse=True), (M,)),
    "cumprod": Row(lambda x: lax.cumprod(x, 1) + lax.cumprod(x, 0, reverse=True), (M,)),
    "scatter-add": Row(_scatter, (V, (3,))),
    "scatter-mul": Row(lambda x, y: x.at[jnp.array([2, 0, 2, 9])].mul(y), (V, (4,))),
    "max": Row(jnp.maximum, (M, M)),
    "min": Row(jnp.minimum, (M, M)),
    "clamp": Row(lambda x, y: lax.clamp(-0.5, x, 0.75) + lax.clamp(-1 + 0 * y, x, 1 + y * y), (M, M)),
    "abs": Row(jnp.abs, (M,)),
    "sign": Row(jnp.sign, (M,)),
    "floor": Row(jnp.floor, (M,)),
    "ceil": Row(jnp.ceil, (M,)),
    "round": Row(jnp.round, (M,)),
    "rem": Row(lambda x, y: lax.rem(x, 1 + y * y), (M, M)),
    **{
        compare.__name__: Row(lambda x, y, compare=compare: jnp.where(compare(x, y), x, 2 * y), (M, M))
        for compare in (lax.eq, lax.ne, lax.lt, lax.le, lax.gt, lax.ge)
    },
    "is_finite": Row(lambda x: jnp.where(jnp.isfinite(x), x, 0), (M,)),
    "select_n": Row(lambda x, y: lax.select_n((x > y).astype(int) + (x > 0), x, y, x * y), (M, M)),
    "reduce_max": Row(lambda x: x.max(1), (M,)),
    "reduce_min": Row(lambda x: x.min(), (M,)),
    "argmax": Row(lambda x: x[jnp.argmax(x, 0), jnp.arange(4)] * x, (M,)),
    "argmin": Row(lambda x: x[jnp.argmin(x, 0), jnp.arange(4)], (M,)),
    "cummax": Row(lambda x: lax.cummax(x, 1) + lax.cummax(x, 0, reverse=True), (M,)),
    "cummin": Row(lambda x: lax.cummin(x, 1) + lax.cummin(x, 0, reverse=True), (M,)),
    "sort": Row(lambda x, y: lax.sort_key_val(x, y, 1)[1] + jnp.sort(x, 0), (M, M)),
    "top_k": Row(lambda x: lax.top_k(x, 2)[0], (M,)),
}


def _fractions(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Eighths, which floats hold, with ties now and then."""
    eighths = rng.integers(-16, 17, (POINTS, *shape))
    return np.vectorize(lambda n: Fraction(int(n), 8), otypes=[object])(eighths)


def _exact(fractions: np.ndarray, levels: int = 2) -> Residues:
    """Fractions in the field."""
    tower = tuple(
        np.vectorize(functools.partial(residue, modulus=m), otypes=[np.int64])(fractions)
        for m in MODULI[:levels]
    )
    return Residues(fractions.astype(np.float64), tower, (0, 0))


@pytest.mark.parametrize("name", EXACT)
def test_residues_are_those_of_exact_fractions(name, plain, primitives):
    row = EXACT[name]
    program = traced(row.function, *row.shapes)
    assert {name, name.replace("-", "_")} & primitives(program)
    leaves = [_fractions(np.random.default_rng(i), shape) for i, shape in enumerate(row.shapes)]
    field = Field(POINTS)
    ours, theirs = (
        walk(program, field, [_exact(leaf) for leaf in leaves]),
        plain(object)(program, {}, *leaves),
    )
    for mine, true in zip(ours, theirs, strict=True):
        mine, true = field.lifted(mine), np.vectorize(Fraction, otypes=[object])(true)
        assert field.compare(mine, _exact(true)).points == POINTS
        assert field.compare(mine, _exact(true)).mismatch is None
        np.testing.assert_allclose(
            np.broadcast_to(mine.x, true.shape), true.astype(np.float64), rtol=1e-12, atol=1e-12
        )
        wrong = true.copy()
        wrong[-1] += Fraction(1, 2**52)
        assert field.compare(mine, _exact(wrong)).mismatch is not None
    assert field.theorem == "rational" and not field.uninterpreted


# --- transcendental functions: the laws they obey ---------------------------------------------------------------------

Law = tuple[Callable[..., Any], Callable[..., Any]]
e, ln = jnp.exp, jnp.log
LAWS: dict[str, list[Law]] = {
    "exp": [
        (lambda x, y: e(x + y), lambda x, y: e(x) * e(y)),
        (lambda x, y: e(3 * x - y / 2), lambda x, y: e(x) ** 3 / e(y / 2)),
        (lambda x, y: e(x - x) + e(0 * y), lambda x, y: 2 + 0 * x),
        (lambda x, y: e(e(x) + e(y) + 1), lambda x, y: e(e(y)) * e(e(x)) * e(1 + 0 * x)),
        (jax.grad(lambda x, y: e(x * y)), lambda x, y: y * e(y * x)),
    ],
    "exp2": [
        (lambda x, y: jnp.exp2(x + y + 3), lambda x, y: 8 * jnp.exp2(x) * jnp.exp2(y)),
        (lambda x, y: jnp.exp2(2 * x), lambda x, y: jnp.exp2(x) ** 2),
        (lambda x, y: jnp.exp2(x * 0 - 1) + y, lambda x, y: y + 0.5),
    ],
    "log": [
        (lambda x, y: e(ln(x) + ln(y)), lambda x, y: x * y),
        (lambda x, y: e(ln(x) - 2 * ln(y)), lambda x, y: x / y**2),
        (lambda x, y: e(ln(e(x) + e(y)) - y), lambda x, y: e(x - y) + 1),
        (lambda x, y: e(ln(jnp.stack([x, y, x])).sum()), lambda x, y: x * y * x),
        (lambda x, y: ln(x / x) + y, lambda x, y: y),
        (jax.grad(lambda x, y: ln(e(x) + e(y))), lambda x, y: jax.nn.softmax(jnp.stack([x, y]))[0]),
        (lambda x, y: e(0.5 * ln(x)) ** 2, lambda x, y: x),
    ],
    "log1p": [
        (lambda x, y: e(jnp.log1p(x) + jnp.log1p(y)), lambda x, y: (1 + x) * (1 + y)),
        (jax.grad(lambda x, y: jnp.log1p(e(x))), lambda x, y: 1 / (1 + e(-x))),
        (jax.grad(lambda x, y: jax.nn.softplus(x) * y), lambda x, y: y * jax.nn.sigmoid(x)),
    ],
    "expm1": [(lambda x, y: jnp.expm1(x + y) + 1, lambda x, y: e(x) * (jnp.expm1(y) + 1))],
    "logistic": [
        (lambda x, y: jax.nn.sigmoid(x) * (1 + e(-x)), lambda x, y: 1 + 0 * x),
        (lambda x, y: jax.nn.sigmoid(x) + jax.nn.sigmoid(-x), lambda x, y: 1 + 0 * x),
        (jax.grad(lambda x, y: jax.nn.sigmoid(x)), lambda x, y: jax.nn.sigmoid(x) * jax.nn.sigmoid(-x)),
    ],
    "tanh": [
        (lambda x, y: jnp.tanh(x), lambda x, y: 2 * jax.nn.sigmoid(2 * x) - 1),
        (
            lambda x, y: jnp.tanh(x + y),
            lambda x, y: (jnp.tanh(x) + jnp.tanh(y)) / (1 + jnp.tanh(x) * jnp.tanh(y)),
        ),
        (lambda x, y: jnp.tanh(-x), lambda x, y: -jnp.tanh(x)),
        (jax.grad(lambda x, y: jnp.tanh(x)), lambda x, y: 1 / jnp.cosh(x) ** 2),
    ],
    "sinh": [
        (lambda x, y: jnp.sinh(x), lambda x, y: (e(x) - e(-x)) / 2),
        (lambda x, y: jnp.sinh(x - y), lambda x, y: jnp.sinh(x) * jnp.cosh(y) - jnp.cosh(x) * jnp.sinh(y)),
    ],
    "cosh": [
        (lambda x, y: jnp.cosh(x), lambda x, y: (e(x) + e(-x)) / 2),
        (lambda x, y: jnp.cosh(x) ** 2 - jnp.sinh(x) ** 2, lambda x, y: 1 + 0 * x),
    ],
    "sqrt": [
        (lambda x, y: jnp.sqrt(x) ** 2, lambda x, y: x),
        (lambda x, y: jnp.sqrt(x * y), lambda x, y: jnp.sqrt(x) * jnp.sqrt(y)),
        (lambda x, y: jnp.sqrt(9 * x), lambda x, y: 3 * jnp.sqrt(x)),
        (jax.grad(lambda x, y: jnp.sqrt(x + y)), lambda x, y: 0.5 / jnp.sqrt(y + x)),
        (lambda x, y: e(jnp.sqrt(x) + y), lambda x, y: e(y) * e(jnp.sqrt(x))),
    ],
    "rsqrt": [
        (lambda x, y: lax.rsqrt(x) * jnp.sqrt(x), lambda x, y: 1 + 0 * x),
        (lambda x, y: lax.rsqrt(x) ** 2 * x * y, lambda x, y: y),
        (jax.grad(lambda x, y: lax.rsqrt(x)), lambda x, y: -0.5 * lax.rsqrt(x) / x),
    ],
    "cbrt": [
        (lambda x, y: jnp.cbrt(x) ** 3, lambda x, y: x),
        (lambda x, y: jnp.cbrt(-x * y), lambda x, y: -jnp.cbrt(x) * jnp.cbrt(y)),
    ],
    "pow": [
        (lambda x, y: x**2.5, lambda x, y: x**2 * jnp.sqrt(x)),
        (lambda x, y: x**-1.5 * jnp.sqrt(x), lambda x, y: 1 / x),
        (lambda x, y: lax.pow(x, y) * lax.pow(x, 2 - y), lambda x, y: x**2),
        (lambda x, y: lax.pow(x, 2 * y), lambda x, y: lax.pow(x, y) ** 2),
        (lambda x, y: lax.pow(x, 3.0 + 0 * y), lambda x, y: x * x * x),
        (jax.grad(lambda x, y: lax.pow(x, y)), lambda x, y: y * lax.pow(x, y) / x),
        (jax.grad(lambda x, y: lax.pow(x, y), 1), lambda x, y: ln(x) * lax.pow(x, y)),
    ],
    "erf": [
        (lambda x, y: lax.erf(-x), lambda x, y: -lax.erf(x)),
        (
            jax.grad(lambda x, y: jax.nn.gelu(x, approximate=False)),
            jax.grad(lambda x, y: x * (1 + lax.erf(x * np.sqrt(0.5))) / 2),
        ),
    ],
    "erfc": [
        (lambda x, y: lax.erfc(x), lambda x, y: 1 - lax.erf(x)),
        (lambda x, y: lax.erfc(x) + lax.erfc(-x), lambda x, y: 2 + 0 * x),
    ],
    "sin": [
        (lambda x, y: jnp.sin(x) ** 2 + jnp.cos(x) ** 2, lambda x, y: 1 + 0 * x),
        (lambda x, y: jnp.sin(-x * y), lambda x, y: -jnp.sin(y * x)),
    ],
    "cos": [(lambda x, y: jnp.cos(x - y), lambda x, y: jnp.cos(y - x))],
    "tan": [
        (lambda x, y: lax.tan(x), lambda x, y: jnp.sin(x) / jnp.cos(x)),
        (jax.grad(lambda x, y: lax.tan(x)), lambda x, y: 1 / jnp.cos(x) ** 2),
    ],
    "cumlogsumexp": [
        (
            lambda x, y: e(lax.cumlogsumexp(jnp.stack([x, y, x]))),
            lambda x, y: jnp.cumsum(e(jnp.stack([x, y, x]))),
        ),
        (lambda x, y: lax.cumlogsumexp(jnp.stack([x, y]), reverse=True)[1], lambda x, y: ln(e(y))),
    ],
    **{
        odd.__name__: [(lambda x, y, f=odd: f(-x * y / 9), lambda x, y, f=odd: -f(y * x / 9))]
        for odd in (lax.asin, lax.atan, lax.asinh, lax.atanh)
    },
    "acos": [(lambda x, y: lax.acos((x * x - y * y) / 9), lambda x, y: lax.acos((x + y) * (x - y) / 9))],
    "acosh": [(lambda x, y: lax.acosh(1 + x + y), lambda x, y: lax.acosh(y + x + 1))],
    "lgamma": [(lambda x, y: lax.lgamma(x * (1 + y)), lambda x, y: lax.lgamma(x + x * y))],
    "atan2": [(lambda x, y: lax.atan2(x * (1 + y), y), lambda x, y: lax.atan2(x + x * y, y))],
}
CASES = [
    pytest.param(name, law, id=f"{name}-{i}") for name, laws in LAWS.items() for i, law in enumerate(laws)
]


def random_leaves(seed: int, levels: int, count: int = 2) -> list[Residues]:
    """Positive floats, and residues independent of them."""
    rng = np.random.default_rng(seed)
    return [
        Residues(rng.uniform(0.5, 2, POINTS), tuple(rng.integers(1, m, POINTS) for m in MODULI[:levels]))
        for _ in range(count)
    ]


def compared(left: Callable[..., Any], right: Callable[..., Any], levels: int, *, extended: bool) -> Any:
    """How two functions of two numbers compare in the field, and the floats by which they steer."""
    fields = [Field(POINTS, levels, extended=extended) for _ in range(2)]
    values = [
        field.lifted(walk(traced(function, (), ()), field, random_leaves(5, levels))[0])
        for field, function in zip(fields, (left, right), strict=True)
    ]
    return fields[0].compare(*values), values[0].x, fields


@pytest.mark.parametrize("name, law", CASES)
def test_laws_hold_and_their_neighbours_do_not(name, law, primitives, levels=3):
    """A law closes in the extended field or, as the lane asks next, among squares; times 1 + 2^-50 it never does."""
    left, right = law
    assert name in primitives(traced(left, (), ())) | primitives(traced(right, (), ()))
    agreement, steered, fields = compared(left, right, levels, extended=True)
    if agreement.mismatch is not None:
        agreement, steered, fields = compared(left, right, levels, extended=False)
    assert agreement.mismatch is None
    assert agreement.points >= 1
    assert agreement.log2_error < -20 * agreement.points
    assert fields[0].theorem == "exponential" or fields[1].theorem == "exponential"
    with jax.enable_x64(True):
        floats = [leaf.x for leaf in random_leaves(5, levels)]
        theirs = jax.vmap(left)(*floats)
        np.testing.assert_allclose(theirs, jax.vmap(right)(*floats), rtol=1e-9, atol=1e-9)  # the law is a law
    np.testing.assert_allclose(np.broadcast_to(steered, np.shape(theirs)), theirs, rtol=1e-9, atol=1e-9)
    for extended in (True, False):
        wrong, _, _ = compared(
            left, lambda x, y: (1 + 2.0**-50) * right(x, y) + 2.0**-60, levels, extended=extended
        )
        assert wrong.mismatch is not None


@pytest.mark.parametrize("function", [lax.atan2, lax.pow])
def test_functions_of_two_numbers_are_told_apart(function):
    agreement, _, _ = compared(function, lambda x, y: function(y, x), 3, extended=True)
    assert agreement.mismatch is not None


def test_a_pair_of_arguments_is_not_their_weighted_sum():
    """A hash of 3a + b would take atan2(a + 1, b - 3) for atan2(a, b)."""
    for k in range(1, 6):
        shifted = compared(lax.atan2, lambda x, y, k=k: lax.atan2(x + 1, y - k), 2, extended=True)
        assert shifted[0].mismatch is not None


def test_a_higher_tower_reaches_one_more_exponential():
    left, right = lambda x, y: e(e(e(x + y))), lambda x, y: e(e(e(y) * e(x)))
    for levels in (3, 4):
        agreement, _, fields = compared(left, right, levels, extended=True)
        assert agreement.mismatch is None  # equal arguments of a function that is not understood
        assert all(field.exhausted == (levels == 3) for field in fields)
    left, right = lambda x, y: e(e(e(x)) + e(y)), lambda x, y: e(e(e(x))) * e(e(y))
    assert compared(left, right, 3, extended=True)[0].mismatch is not None  # open
    assert compared(left, right, 4, extended=True)[0].mismatch is None


def test_exponentials_of_one_are_no_number_that_programs_name():
    for number in (2.0, 3.0, 4.0, 9.0, 25.0, 2.718281828459045):
        assert compared(lambda x, y: e(1 + 0 * x), lambda x, y, n=number: n + 0 * x, 2, extended=True)[
            0
        ].mismatch


def test_different_functions_of_one_argument_are_told_apart():
    functions = [
        jnp.sin,
        jnp.cos,
        lax.tan,
        lax.erf,
        lax.asin,
        lax.acos,
        lax.atan,
        lax.asinh,
        lax.acosh,
        lax.atanh,
    ]
    functions += [
        lax.lgamma,
        lax.digamma,
        lax.bessel_i0e,
        lax.bessel_i1e,
        e,
        jnp.exp2,
        ln,
        jnp.tanh,
        jnp.sqrt,
        jnp.cbrt,
    ]
    for i, one in enumerate(functions):
        for other in functions[:i]:
            agreement, _, _ = compared(lambda x, y, f=one: f(x), lambda x, y, f=other: f(x), 3, extended=True)
            assert agreement.mismatch is not None, (one, other)


NEWER: dict[
    str, Callable[..., Any]
] = {  # what newer releases of JAX have a primitive for, in terms of older ones
    "one_minus_square": lambda x: 1 - x * x,
    "exp_neg_sq": lambda x: e(-x * x),
    "polynomial": lambda x, a, b, c: a + b * x + c * x**2,
}


@pytest.mark.parametrize("name, law", NEWER.items())
def test_rules_for_primitives_of_newer_releases(name, law):
    """The rule applied by itself, so that it is tested under any release."""
    leaves = random_leaves(7, 3, law.__code__.co_argcount)
    scalar = ShapeDtype((), np.dtype(np.float64))
    field = Field(POINTS, 3)
    result = RULES[name](field, Step(name, {}, (scalar,) * len(leaves), (scalar,)), *leaves)
    (expected,) = walk(traced(law, *[()] * len(leaves)), Field(POINTS, 3), leaves)
    assert field.compare(result, expected).mismatch is None
    np.testing.assert_allclose(result.x, expected.x, rtol=1e-12)
    (wrong,) = walk(
        traced(lambda *x: (1 + 2.0**-50) * law(*x), *[()] * len(leaves)), Field(POINTS, 3), leaves
    )
    assert field.compare(result, wrong).mismatch is not None


# --- the table --------------------------------------------------------------------------------------------------------

ELSEWHERE = {  # test_field_linalg.py, and forward against reverse mode in test_proof.py
    *("triangular_solve", "lu", "cholesky"),
    *("reduce_window_sum", "reduce_window_max", "reduce_window_min"),
    *("select_and_scatter_add", "select_and_gather_add"),
}
SAME = {
    "scatter_add": "scatter-add",
    "scatter_mul": "scatter-mul",
}  # one primitive, whose name differs between releases of JAX


def test_every_rule_has_a_test():
    assert set(RULES) == set(EXACT) | set(LAWS) | set(NEWER) | set(SAME) | ELSEWHERE
    assert all(RULES[name] is RULES[other] for name, other in SAME.items())
