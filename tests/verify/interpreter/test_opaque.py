"""Equations that call what no interpreter can enter: kernels, foreign calls, callbacks, primitives of one's own."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.core import ShapedArray
from jax.experimental import pallas as pl
from jax.extend.core import Primitive
from jax.interpreters import mlir
from jaxtyping import Array, Float

import verify
from manual_bp.derivation import Derivation
from manual_bp.domains import positive
from verify.campaign.unit import judge as judge_unit
from verify.campaign.work import Unit
from verify.report.story import story
from verify.settings import Settings
from verify.targets.custom_rules import laws
from verify.verdict import Status, Verdict


def like(x):
    return jax.ShapeDtypeStruct(x.shape, x.dtype)


def kernel(function):
    """The function as a Pallas kernel, which runs on a CPU as well."""

    def body(*references):
        *inputs, output = references
        output[...] = function(*(each[...] for each in inputs))

    return lambda *arrays: pl.pallas_call(body, out_shape=like(arrays[0]), interpret=True)(*arrays)


def callback(function):
    """The function called back in NumPy; without a rule for batches."""

    def called(*arrays):
        host = lambda *given: np.asarray(function(*map(np.asarray, given)), arrays[0].dtype)  # noqa: E731
        return jax.pure_callback(host, like(arrays[0]), *arrays)

    return called


def foreign_root(x):
    """The root, by LAPACK's Cholesky factor of a diagonal matrix: in float32 and float64 alone."""
    jax.jit(jnp.linalg.cholesky).lower(jnp.eye(1))  # so that its targets are there
    prefix = {"float32": "s", "float64": "d"}[x.dtype.name]
    factor, _ = jax.ffi.ffi_call(
        f"lapack_{prefix}potrf_ffi",
        (jax.ShapeDtypeStruct((*x.shape, *x.shape), x.dtype), jax.ShapeDtypeStruct((), jnp.int32)),
        input_output_aliases={0: 0},
        input_layouts=[(0, 1)],
        output_layouts=[(0, 1), ()],
    )(jnp.diag(x), uplo=np.uint8(ord("L")))
    return jnp.diag(factor)


SQUARE = Primitive("square_of_mine")
SQUARE.def_abstract_eval(lambda x: ShapedArray(x.shape, x.dtype))
mlir.register_lowering(SQUARE, mlir.lower_fun(lambda x: x * x, multiple_results=False))


@pytest.fixture
def judge(tmp_path: Path):
    """`check_gradient` by x on a small budget: the report of the equation, and of the gradient."""

    def check(manual, objective, dtypes=("float32",), **more):
        given: dict[str, Any] = dict(shapes=dict(x="n"), examples=1) | more
        report = verify.check_gradient(
            lambda x: {"x": manual(x)}, objective, wrt="x", dtypes=dtypes, directory=tmp_path, **given
        )
        return report.derivations[0].equations

    return check


def cubes(x):
    return jnp.sum(x**3)


@pytest.mark.parametrize(
    ("manual", "primitive"),
    [
        (kernel(lambda x: 3 * x * x), "pallas_call"),
        (callback(lambda x: 3 * x * x), "pure_callback"),
        (lambda x: 3 * SQUARE.bind(x), "square_of_mine"),
    ],
)
def test_what_is_right_is_verified_on_the_device_alone(judge, manual, primitive):
    for equation in judge(manual, cubes):
        assert equation.verdict is Verdict.VERIFIED
        assert equation.because == f"judged on the device alone: no arithmetic enters {primitive}"
        assert equation.proof.status is Status.OPEN
        assert equation.proof.open_because == equation.because
        assert (equation.proof.points, equation.bounds.cases) == (0, 0)
        assert equation.device[0].power < 1e-6


def test_a_dtype_in_which_it_does_not_run_is_said(judge):
    objective = lambda x: 2 / 3 * jnp.sum(x * jnp.sqrt(x))  # noqa: E731
    equation, _ = judge(foreign_root, objective, ("bfloat16", "float32"), domains=dict(x=positive))
    assert equation.verdict is Verdict.VERIFIED
    assert equation.because.endswith("enters ffi_call; it does not run in bfloat16 (KeyError: 'bfloat16')")


def test_what_runs_nowhere_is_inconclusive(judge):
    def nowhere(x):
        raise OSError("no such device")

    equation, gradient = judge(callback(nowhere), cubes)
    assert equation.verdict is gradient.verdict is Verdict.INCONCLUSIVE
    assert "it does not run in float32 (" in equation.because
    assert "OSError: no such device); no case there had the power to refute" in equation.because


WRONG = {
    "negated": lambda x: -3 * x * x,
    "zeroed": lambda x: 0 * x,
    "factor": lambda x: 2 * x * x,
    "element": lambda x: 3 * x * x * (np.arange(x.shape[-1]) > 0),
    "nan": lambda x: x * np.nan,
}


def test_what_is_wrong_is_refuted_and_shown(tmp_path):
    def gradients(negated, zeroed, factor, element, nan, right):
        given = dict(negated=negated, zeroed=zeroed, factor=factor, element=element, nan=nan)
        wrong = {name: callback(WRONG[name])(leaf) for name, leaf in given.items()}
        return wrong | {"right": callback(lambda x: 3 * x * x)(right)}

    def objective(negated, zeroed, factor, element, nan, right):
        return sum(map(cubes, (negated, zeroed, factor, element, nan, right)))

    report = verify.check_gradient(
        gradients, objective, shapes=dict.fromkeys((*WRONG, "right"), "n"), examples=1, dtypes=("float32",),
        directory=tmp_path,
    )  # fmt: skip
    equations = {equation.name: equation for equation in report.derivations[0].equations}
    assert equations.pop("dJ_dright").verdict is Verdict.VERIFIED
    assert equations.pop("gradient").verdict is Verdict.REFUTED
    for name, equation in equations.items():
        leaf = name.removeprefix("dJ_d")
        assert equation.verdict is Verdict.REFUTED
        case = equation.counterexample
        assert case is not None
        x = np.asarray(case.leaves[leaf])
        assert case.autodiff == (3 * x * x)[case.index]
        np.testing.assert_array_equal(case.manual, WRONG[leaf](x)[case.index])
        assert f"jax.grad    {case.autodiff!r}" in story(equation)


def test_a_block_that_is_not_written_is_refuted(judge):
    def blocks(x, count):
        block = pl.BlockSpec((2,), lambda i: (i,))
        body = lambda x, y: y.__setitem__(..., 3 * x[...] ** 2)  # noqa: E731
        return pl.pallas_call(
            body, grid=count, in_specs=[block], out_specs=block, out_shape=like(x), interpret=True
        )(x)

    equation, _ = judge(lambda x: blocks(x, 2), cubes, shapes=dict(x="6"))
    assert equation.verdict is Verdict.REFUTED
    assert equation.counterexample.index[0] >= 4


def narrowly(x):
    narrow = x.astype(jnp.bfloat16)
    return (3 * narrow * narrow).astype(x.dtype)


def test_a_kernel_that_keeps_too_few_bits_is_inaccurate_and_not_refuted(judge):
    equation, _ = judge(kernel(narrowly), cubes, ("float32", "bfloat16"))
    assert equation.verdict is Verdict.INACCURATE
    assert [evidence.worst > 1 for evidence in equation.device] == [True, False]
    assert "right nowhere else, though no farther off than if it computed in bfloat16" in equation.because


def softmax(x):
    """By the logarithm of the sum, so with other roundings than softmax: on data that rounds nowhere, too."""
    top = x.max(axis=-1, keepdims=True)
    log = top + np.log(np.exp(x - top).sum(axis=-1, keepdims=True, dtype=x.dtype))
    return np.exp(x - log)


def test_another_formula_rounds_otherwise_and_is_no_less_right(judge):
    dtypes = ("float64", "bfloat16")
    for equation in judge(callback(softmax), lambda x: jax.nn.logsumexp(x), dtypes):
        assert equation.verdict is Verdict.VERIFIED
        assert [evidence.dtype for evidence in equation.device] == [*dtypes]
        assert all(evidence.power and evidence.worst < 1 for evidence in equation.device)


def hidden(W: Float[Array, "h d"], x: Float[Array, " d"]) -> Float[Array, " h"]:
    return W @ x


def objective(h: Float[Array, " h"], v: Float[Array, " h"]) -> Float[Array, ""]:
    return v @ (h * h)


def test_the_others_are_proved_and_not_blamed(tmp_path):
    """Nor does a kernel whose blocks need sizes that are numbers keep the others from being traced without them."""

    def dJ_dh(h, v):
        assert isinstance(h.shape[0], int)
        return kernel(lambda h, v: h * v)(h, v)  # a factor of 2 is missing

    def dJ_dx(dJ_dh, W):
        return W.T @ dJ_dh

    net = Derivation(
        name="net",
        source="",
        forward=dict(h=hidden, J=objective),
        backward=dict(dJ_dh=dJ_dh, dJ_dx=dJ_dx),
    )
    settings = Settings(examples=1, dtypes=("float32",), directory=tmp_path)
    found = judge_unit(
        net, Unit("net:", 1, {}, (), False, settings)
    )  # not sent to the device, and yet run there
    equations = found.equations
    assert equations["dJ_dh"].verdict is equations["gradient"].verdict is Verdict.REFUTED
    assert equations["dJ_dx"].proof.status is Status.CLOSED
    assert equations["dJ_dx"].counterexample is None
    assert not found.faults


def test_a_rule_that_calls_back_keeps_the_laws(tmp_path, monkeypatch):
    monkeypatch.setattr(laws, "TRANSFORMATIONS", {})

    @jax.custom_vjp
    def cube(x):
        return x**3

    def backward(x, bar):
        return (callback(lambda x, bar: 3 * x * x * bar)(x, bar),)

    cube.defvjp(lambda x: (x**3, x), backward)
    report = verify.check_custom_rule(
        cube, lambda x: x**3, shapes=dict(x="n"), examples=1, dtypes=("float32",), only="d[Jzly]*",
        directory=tmp_path,
    )  # fmt: skip
    verdicts = {e.name: e.verdict for derivation in report.derivations for e in derivation.equations}
    assert verdicts == {
        "dJ_dx": Verdict.VERIFIED,
        "dy_dunit": Verdict.PROVED,  # the values call nothing
        "dzero_x_dunit": Verdict.VERIFIED,
        "dlinear_x_dunit": Verdict.VERIFIED,
    }


def test_what_is_printed_on_the_way_is_no_result(judge, capfd):
    def printing(x):
        jax.debug.print("a line")
        return 3 * x * x

    assert judge(printing, cubes)[0].verdict is Verdict.PROVED
    assert "a line" in capfd.readouterr().out  # on the device
