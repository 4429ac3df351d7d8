"""Complex programs as real ones: their values within the bounds of what XLA computes, and exact in the field."""

import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from manual_bp.domains import real
from verify.arithmetic.bounds.arithmetic import Bounds
from verify.arithmetic.field.arithmetic import Field
from verify.arithmetic.field.modular import MODULI
from verify.arithmetic.field.roots_of_unity import generator
from verify.arithmetic.turns import cosines_and_sines
from verify.generation.data import Spec
from verify.generation.residues import Points
from verify.interpreter.walker import Program, evaluate
from verify.programs.complex_numbers.parts import NoRealProgram
from verify.programs.complex_numbers.transformation import has_complex, real_program

CASES = 300
Function = Callable[..., Any]


def both(z: Any) -> list[Any]:
    return [jnp.real(z), jnp.imag(z)] if jnp.iscomplexobj(z) else [z]


ELEMENTARY: dict[str, Function] = {
    "sum": lambda z, w: z + w,
    "difference": lambda z, w: z - w,
    "product": lambda z, w: z * w,
    "quotient": lambda z, w: z / w,
    "by a real number": lambda z, w: z / jnp.real(w) + 2.0 * z,
    "conjugate": lambda z, w: -jnp.conj(z),
    "modulus": lambda z, w: jnp.abs(z),
    "sign": lambda z, w: jnp.sign(z),
    "angle": lambda z, w: jnp.angle(z),
    "exp": lambda z, w: jnp.exp(z),
    "exp2": lambda z, w: jnp.exp2(z),
    "expm1": lambda z, w: jnp.expm1(z),
    "log": lambda z, w: jnp.log(z),
    "log1p": lambda z, w: jnp.log1p(z),
    "sqrt": lambda z, w: jnp.sqrt(z),
    "rsqrt": lambda z, w: lax.rsqrt(z),
    "logistic": lambda z, w: lax.logistic(z),
    "sin": lambda z, w: jnp.sin(z),
    "cos": lambda z, w: jnp.cos(z),
    "tan": lambda z, w: jnp.tan(z),
    "sinh": lambda z, w: jnp.sinh(z),
    "cosh": lambda z, w: jnp.cosh(z),
    "tanh": lambda z, w: jnp.tanh(z),
    "square": lambda z, w: lax.square(z),
    "cube": lambda z, w: z**3,
    "inverse of a power": lambda z, w: z**-4,
    "power": lambda z, w: z**w,
    "comparison": lambda z, w: jnp.where(z == w, z, jnp.where(z != z, 1j, w)),
    "finite": lambda z, w: jnp.where(jnp.isfinite(z), z, w),
}
ARRAYS: dict[str, Function] = {
    "matrix product": lambda z, w: z @ w.T,
    "convolution": lambda z, w: jnp.convolve(z[0], w[0]),
    "of real and complex": lambda z, w: jnp.real(z) @ w.T,
    "sum of rows": lambda z, w: jnp.sum(z, 0),
    "running sum": lambda z, w: jnp.cumsum(z, 1),
    "moves": lambda z, w: jnp.concatenate([z.T[::-1], jnp.pad(w, 1)[1:, 1:3]])[:, None].reshape(2, -1),
    "gather and scatter": lambda z, w: z.at[jnp.array([0, 0, 1])].add(w[jnp.array([1, 0, 1])]),
    "dynamic slice": lambda z, w: lax.dynamic_update_slice(z, lax.dynamic_slice(w, (0, 1), (1, 2)), (1, 0)),
    "scan": lambda z, w: lax.scan(lambda c, x: (c * x + 1, c), w[0], z)[1],
    "while": lambda z, w: lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, s[1] * w), (0, z))[1],
    "cond": lambda z, w: lax.cond(jnp.sum(jnp.real(z)) > 0, lambda: z * w, lambda: z - w),
    "jit and checkpoint": lambda z, w: jax.jit(jax.checkpoint(lambda a: a * jnp.conj(w)))(z),
    "custom rule": lambda z, w: jax.nn.softplus(jnp.real(z)) * w,
    "fft": lambda z, w: jnp.fft.fft(z),
    "ifft": lambda z, w: jnp.fft.ifft(z, axis=0),
    "fft2": lambda z, w: jnp.fft.fft2(z),
    "rfft": lambda z, w: jnp.fft.rfft(jnp.real(z)),
    "rfft2": lambda z, w: jnp.fft.rfft2(jnp.real(z)),
    "irfft": lambda z, w: jnp.fft.irfft(z),
    "irfft of odd length": lambda z, w: jnp.fft.irfft(z, 5),
    "gradient through fft": jax.grad(lambda z, w: jnp.sum(jnp.abs(jnp.fft.fft(z)) ** 2)),
}


def in_parts(function: Function) -> Function:
    return lambda x, y, u, v: both(function(lax.complex(x, y), lax.complex(u, v)))


def traced(function: Function, shape: tuple[int, ...], dtype: Any = np.float64) -> Any:
    struct = jax.ShapeDtypeStruct(shape, dtype)
    with jax.enable_x64(True):
        closed = jax.make_jaxpr(in_parts(function))(struct, struct, struct, struct)
        assert has_complex(closed)
        real = real_program(closed)
    assert not has_complex(real)
    return Program(real)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [*ELEMENTARY, *ARRAYS])
def test_what_xla_computes_lies_within_the_bounds(name: str, dtype: str):
    function, shape = {**ELEMENTARY, **ARRAYS}[name], () if name in ELEMENTARY else (2, 3)
    rng = np.random.default_rng(len(name))
    size = 2.0 ** rng.uniform(-6, 4, (4, CASES, *(1 for _ in shape))) if name in ELEMENTARY else 1.0
    data = (rng.normal(size=(4, CASES, *shape)) * size).astype(dtype)
    with jax.enable_x64(dtype == "float64"):
        computed = jax.jit(jax.vmap(in_parts(function)))(*data)
    arithmetic = Bounds(dtype)
    given = [arithmetic.exact(part.astype(np.float64)) for part in data]
    with np.errstate(all="ignore"):
        walked = evaluate(traced(function, shape), arithmetic, {}, given)
    for ours, theirs in zip(walked, computed, strict=True):
        theirs = np.asarray(theirs, np.float64)
        finite = np.isfinite(ours.errors)
        assert finite.mean() > 0.9
        assert (
            np.abs(ours.value - theirs)[finite] <= np.broadcast_to(ours.errors, theirs.shape)[finite]
        ).all()
        scale = np.maximum(np.abs(ours.value), np.sqrt(np.mean(ours.value**2)) + 1e-30)
        told = np.broadcast_to(ours.errors, theirs.shape)[finite] / scale[finite]
        assert np.median(told) < 2000 * float(jnp.finfo(dtype).eps)


def field_of(
    function: Function, shape: tuple[int, ...], points: int = 8, *, extended: bool = True
) -> tuple[Field, list[Any]]:
    rng, arithmetic = np.random.default_rng(0), Field(points, 3, extended=extended)
    specs = {name: Spec(shape, "float", real) for name in "xyuv"}
    floats = {name: rng.normal(size=(points, *shape)) for name in "xyuv"}
    leaves = Points.random(rng, specs, floats).leaves(3)
    return arithmetic, evaluate(traced(function, shape), arithmetic, {}, [leaves[name] for name in "xyuv"])


IDENTITIES: dict[str, Function] = {
    "distributive": lambda z, w: z * (w + 1) - (z * w + z),
    "a quotient undone": lambda z, w: z / w * w - z,
    "the modulus is multiplicative": lambda z, w: jnp.abs(z * w) ** 2 - jnp.abs(z) ** 2 * jnp.abs(w) ** 2,
    "exp of a real sum": lambda z, w: jnp.exp(z + jnp.real(w)) - jnp.exp(z) * jnp.exp(jnp.real(w)),
    "Euler": lambda z, w: jnp.exp(1j * z) - (jnp.cos(z) + 1j * jnp.sin(z)),
    "Pythagoras": lambda z, w: jnp.sin(z) ** 2 + jnp.cos(z) ** 2 - 1,
    "hyperbolic": lambda z, w: jnp.cosh(z) ** 2 - jnp.sinh(z) ** 2 - 1,
    "tanh": lambda z, w: jnp.tanh(z) * jnp.cosh(z) - jnp.sinh(z),
    "the square of a root": lambda z, w: jnp.sqrt(z) ** 2 - z,
    "a power": lambda z, w: z**5 - z * z * z * z * z,
    "a negative power": lambda z, w: z**-2 * z**2 - 1,
    "inverse transform": lambda z, w: jnp.fft.ifft(jnp.fft.fft(z)) - z,
    "twice is a reversal": lambda z, w: jnp.fft.fft(jnp.fft.fft(z)) / z.shape[0] - jnp.roll(z[::-1], 1),
    "Parseval": lambda z, w: jnp.sum(jnp.abs(jnp.fft.fft(z)) ** 2) / len(z) - jnp.sum(jnp.abs(z) ** 2),
    "real inverse": lambda z, w: jnp.fft.irfft(jnp.fft.rfft(jnp.real(z)), len(z)) - jnp.real(z) + 0j,
    "real is half": lambda z, w: jnp.fft.rfft(jnp.real(z)) - jnp.fft.fft(jnp.real(z))[: len(z) // 2 + 1],
}


def zero(arithmetic: Field, value: Any) -> bool:
    compared = arithmetic.compare(value, arithmetic.constant(np.zeros(1)))
    return compared.mismatch is None and compared.points > 0


LENGTHS = {
    name: (1, 2, 3, 5, 8, 14) if "fft" in inspect.getsource(f) else (3,) for name, f in IDENTITIES.items()
}


@pytest.mark.parametrize("name, length", [(name, n) for name, lengths in LENGTHS.items() for n in lengths])
def test_identities_hold_in_the_field(name: str, length: int):
    rooted = "root" in name  # a root of a root exists among the squares, where it does
    arithmetic, results = field_of(IDENTITIES[name], (length,), 400 if rooted else 8, extended=not rooted)
    if rooted:  # whose sign, and the imaginary part with it, is the floats'
        results = results[:1]
    assert all(zero(arithmetic, result) for result in results)
    assert not any("unity" in each for each in arithmetic.uninterpreted)


@pytest.mark.parametrize("name", IDENTITIES)
def test_what_is_no_identity_does_not_hold(name: str):
    arithmetic, results = field_of(lambda z, w: IDENTITIES[name](z, w) + 1e-3 * z[0], (6,))
    assert not all(zero(arithmetic, result) for result in results)


def test_convolution_theorem():
    def both_ways(z: Any, w: Any) -> Any:
        direct = jnp.stack([jnp.sum(z * jnp.roll(w[::-1], k + 1)) for k in range(len(z))])
        return jnp.fft.ifft(jnp.fft.fft(z) * jnp.fft.fft(w)) - direct

    arithmetic, results = field_of(both_ways, (10,))
    assert all(zero(arithmetic, result) for result in results)


def test_a_length_without_roots_is_uninterpreted_and_symmetric():
    arithmetic, results = field_of(
        lambda z, w: jnp.sum(w * jnp.fft.fft(z)) - jnp.sum(z * jnp.fft.fft(w)), (19,)
    )
    assert all(zero(arithmetic, result) for result in results)
    assert arithmetic.uninterpreted == {"roots of unity of order 19"}


@pytest.mark.parametrize("modulus", MODULI)
def test_roots_of_unity_exist_up_to_sixteen(modulus: int):
    assert all((modulus + 1) % length == 0 for length in range(1, 17))
    re, im = generator(modulus)
    assert (re * re + im * im) % modulus == 1


@pytest.mark.parametrize("length", range(1, 40))
def test_cosines_and_sines(length: int):
    turns = 2 * np.pi * np.outer(np.arange(length), np.arange(length)) / length
    for ours, theirs in zip(cosines_and_sines(length), (np.cos(turns), np.sin(turns)), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)
        near = np.isclose(np.abs(theirs), [0.0, 1.0][0], atol=1e-13) | np.isclose(
            np.abs(theirs), 1.0, atol=1e-15
        )
        assert np.isin(ours[near], [-1.0, 0.0, 1.0]).all()


def test_the_roundings_that_are_added_are_needed():
    """XLA's modulus has more roundings than a square root of two squares, and its bound allows for them."""
    rng = np.random.default_rng(0)
    data = rng.normal(size=(4, 100_000)).astype(np.float32)
    computed = np.asarray(jax.jit(in_parts(ELEMENTARY["modulus"]))(*data)[0], np.float64)
    exact = np.hypot(*data[:2].astype(np.float64))
    assert 2.0 * 2.0**-24 < np.max(np.abs(computed - exact) / exact) < 4.0 * 2.0**-24


def test_what_has_no_rule_is_named():
    with jax.enable_x64(True):
        closed = jax.make_jaxpr(lambda x: jnp.real(lax.sort(x + 0j)))(np.ones(3))
        with pytest.raises(NoRealProgram, match="sort"):
            real_program(closed)
