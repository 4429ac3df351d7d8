"""The script of a counterexample: it shows the failure with jax and the user's file alone, until that is mended."""

import contextlib
import dataclasses
import importlib
import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import numpy as np
import pytest

import verify
from manual_bp.derivation import Derivation
from verify.campaign import device_runs
from verify.campaign.replay import replay
from verify.campaign.store import Store, token
from verify.campaign.work import Findings
from verify.counterexamples import search
from verify.counterexamples.script import script
from verify.counterexamples.search import FailingCase
from verify.lanes.device.lane import Compiled
from verify.programs.pair import GRADIENT, Pair
from verify.programs.reference import COTANGENT
from verify.settings import Settings
from verify.targets.custom_rules.derivations import rule_derivations
from verify.targets.source_code import Unwritable
from verify.verdict import EquationReport, Verdict

FILE = """
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from manual_bp.activations import Activation
from manual_bp.derivation import Derivation
from manual_bp.domains import index

WRONG = 2.0


def hidden(W: Float[Array, "q d"], x: Float[Array, " d"], keep: Bool[Array, " q"], *, activation: Activation):
    return jnp.where(keep, activation(W @ x), 0.0)


def picked(h, i: Int[Array, " k"]):
    return h[i]


def energy(p, jnp: Float[Array, ""], *, norm: Literal["half", "whole"]):  # a leaf may have any name
    return jnp * (p @ p) / (2 if norm == "half" else 1)


def dE_dp(p, jnp, *, norm):
    return WRONG * jnp * p * (1 if norm == "half" else 2)


def dp_dh(h, i):
    return WRONG * (i[:, None] == jnp.arange(h.shape[0])).astype(h.dtype)


def dE_dh(dE_dp, dp_dh):
    return WRONG * dE_dp @ dp_dh


PICKED = Derivation(
    name="picked of a layer",
    source="a test",
    forward=dict(h=hidden, p=picked, E=energy),
    backward=dict(dE_dp=dE_dp, dp_dh=dp_dh, dE_dh=dE_dh, dE_djnp=lambda p, *, norm: WRONG * (p @ p)),
    domains=dict(i=index("q")),
)


def bent(z: Float[Array, " n"], *, activation: Activation):
    return activation(z)


def dJ_dz(dJ_dh, z, *, activation):
    slope = activation.derivative(z)
    if z.dtype == jnp.bfloat16:
        slope = jnp.where(z == 0, 1 / WRONG - 0.5, slope) * (2 - 1 / WRONG if KINK else 1 + 2 * WRONG)
    return dJ_dh * slope


KINK = False
BENT = Derivation(name="bent", source="a test", forward=dict(h=bent), backward=dict(dJ_dz=dJ_dz), cotangent="dJ_dh")


def loss(params, scale):
    return scale * jnp.sum(jnp.tanh(params["layers"][0]["W"]) ** 2)


def dloss(params, scale):
    t = jnp.tanh(params["layers"][0]["W"])
    return {"params": {"layers": [{"W": WRONG * scale * 2 * t * (1 - t * t)}]}}


@jax.custom_vjp
def rule(x, y):
    return x * y, x


rule.defvjp(lambda x, y: (rule(x, y), (x, y)), lambda kept, bar: (WRONG * bar[0] * kept[1] + bar[1], bar[0] * kept[0]))


def reference(x, y):
    return x * y, x
"""
CHOICES = {"activation": "relu", "norm": "whole"}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # it is changed within a second
    yield path
    sys.modules.pop("mine", None)


def run(text: str) -> tuple[int, str]:
    """As `python` would, in this process: jax takes a second to be imported."""
    sys.modules.pop("mine", None)
    options = ("jax_enable_x64", "jax_platforms", "jax_default_matmul_precision", "jax_default_device")
    before, output = {option: getattr(jax.config, option) for option in options}, io.StringIO()
    try:
        with (
            contextlib.redirect_stdout(output),
            contextlib.redirect_stderr(output),
            pytest.raises(SystemExit) as left,
        ):
            exec(compile(text, "script.py", "exec"), {"__name__": "__main__"})
    finally:
        for option, value in before.items():
            jax.config.update(option, value)
    return int(left.value.code or 0), output.getvalue()


def mend(path: Path) -> None:
    path.write_text(FILE.replace("WRONG = 2.0", "WRONG = 1.0"))


CASE = FailingCase(
    {"q": 2, "d": 1, "k": 1},
    {
        "W": np.array([[[1.0], [2.0]]]),
        "x": np.array([[3.0]]),
        "keep": np.array([[False, True]]),
        "i": np.array([[1]]),
        "jnp": np.array([0.5]),
        COTANGENT: np.array([1.0]),
    },
    concrete=True,
)


def refuted(pair: Pair, name: str) -> EquationReport:
    tex = r"\text{in a \TeX that Python's strings know}"
    return EquationReport(name, tex, Verdict.REFUTED, counterexample=search.describe(pair, name, CASE))


def test_it_fails_until_the_file_is_mended(file: Path):
    """Choices, integers, booleans, Jacobians, a lambda, and a leaf with a name that scripts use."""
    derivation = importlib.import_module("mine").PICKED
    pair = Pair(derivation, {choice: table[CHOICES[choice]] for choice, table in derivation.choices.items()})
    names = (*derivation.equations, GRADIENT)
    texts = {name: script(derivation, refuted(pair, name), "highest", None) for name in names}
    for name, text in texts.items():
        code, output = run(text)
        assert (code, "they differ by more than" in output) == (1, True), name
        assert "verify" not in text and "manual_bp.derivation" not in text
    assert "jacrev" in texts["dp_dh"]
    assert 'mine.PICKED.backward["dE_djnp"](p, norm=norm)' in texts["dE_djnp"]
    mend(file)
    for name, text in texts.items():
        code, output = run(text)
        assert (code, "they agree" in output) == (0, True), name


def on_device_in_bfloat16(derivation: Derivation, z: list[float]) -> EquationReport:
    row = derivation.choices["activation"]["relu"]
    pair, report = Pair(derivation, {"activation": row}), EquationReport("dJ_dz", "", Verdict.INACCURATE)
    leaves = {"z": np.array([z]), "dJ_dh": np.ones((1, len(z))), COTANGENT: np.ones(1)}
    device = Compiled(pair, "bfloat16")({"n": len(z)}, leaves, ways=("batched",))
    settings = Settings(dtypes=("bfloat16",))
    device_runs.enter(report, device, pair, settings, "bfloat16", {"n": len(z)}, suspected=True)
    assert report.counterexample is not None
    return report


@pytest.mark.parametrize("kink", [False, True])
def test_what_the_device_got_wrong_runs_in_its_dtype(file: Path, kink: bool):
    """At a kink, jax.grad of the node is asked; elsewhere the equation itself, in float64."""
    text = FILE.replace("KINK = False", f"KINK = {kink}")
    if kink:
        text = text.replace("(2 - 1 / WRONG if KINK", "(1 if KINK").replace("1 / WRONG - 0.5", "WRONG - 1")
    file.write_text(text)
    report = on_device_in_bfloat16(importlib.import_module("mine").BENT, [1.0, 3.0])
    assert report.counterexample is not None
    assert (report.counterexample.leaves == {}) is kink
    shown = script(importlib.import_module("mine").BENT, report, "highest", None)
    Store(file.parent, "cpu", "highest").enter("bent", 0, Findings({"dJ_dz": report}), f"{file}:BENT")
    known = token("bent", "dJ_dz", dataclasses.asdict(report.counterexample))
    assert run(shown)[0] == 1
    assert replay(known, file.parent).case is not None
    assert "*leaves(jnp.bfloat16)" in shown
    file.write_text(text.replace("1 + 2 * WRONG", "1").replace("WRONG - 1", "0.0"))
    sys.modules.pop(f"verify target {file}")
    assert run(shown)[0] == 0
    assert replay(known, file.parent).case is None


def test_two_functions_with_a_tree(file: Path, tmp_path: Path):
    mine = importlib.import_module("mine")
    shapes = dict(params={"layers": [{"W": "n"}]}, scale="")
    settings = Settings(examples=1, dtypes=("float32",), directory=tmp_path, only="dJ_dparams*")
    report = verify.check_gradient(mine.dloss, mine.loss, "params", shapes=shapes, settings=settings)
    (equation,) = report.derivations[0].equations
    assert equation.counterexample is not None
    text = Path(equation.counterexample.script).read_text()
    assert (
        'mine.dloss(params={"layers": [{"W": params_layers_0_W}]}, scale=scale)["params"]["layers"][0]["W"]'
        in text
    )
    assert run(text)[0] == 1
    mend(file)
    assert run(text)[0] == 0


def test_a_custom_rule_with_two_outputs(file: Path, tmp_path: Path):
    mine = importlib.import_module("mine")
    settings = Settings(examples=1, dtypes=("float32",), directory=tmp_path, only="rule/dJ_dx")
    report = verify.check_custom_rule(mine.rule, mine.reference, shapes=dict(x="n", y="n"), settings=settings)
    (equation,) = report.derivations[0].equations
    assert equation.counterexample is not None
    text = Path(equation.counterexample.script).read_text()
    assert run(text)[0] == 1
    mend(file)
    assert run(text)[0] == 0


def test_the_laws_of_a_rule(file: Path):
    """A script says of each law what the bounds lane says; a few have none."""
    mine = importlib.import_module("mine")
    _, laws = rule_derivations(mine.rule, mine.reference, "x", shapes=dict(x="n", y="n"))
    scalars = {
        name: np.array([number]) for name, number in zip(("unit", "a", "b"), (0.5, 2.0, 3.0), strict=True)
    }
    leaves = {"x": np.array([[1.0, 3.0]]), "y": np.array([[2.0, -1.0]]), COTANGENT: np.ones(1), **scalars}
    pair, texts, same, without = Pair(laws, {}), {}, {}, []
    for name in laws.equations:
        case = search.describe(pair, name, FailingCase({"n": 2}, leaves, concrete=True))
        report = EquationReport(name, "", Verdict.REFUTED, counterexample=case)
        try:
            texts[name], same[name] = script(laws, report, "highest", None), case.manual == case.autodiff
        except Unwritable:
            without.append(name)
    assert {name: run(text)[0] == 0 for name, text in texts.items()} == same
    assert without == ["dzero_x_dunit", "dlinear_x_dunit", "dalone_x_dunit"]
    wrong = [f"d{law}_x_dunit" for law in ("jit", "remat", "vmap", "scan")]
    assert same == {
        "dy_0_dunit": True,
        "dy_1_dunit": True,
        **dict.fromkeys(wrong, False),
        "dsecond_x_dunit": True,
    }


def test_where_no_import_reaches_it_says_so(tmp_path: Path):
    def local(x):
        return x @ x

    scaled: Callable = lambda x: 3 * x  # noqa: E731
    settings = Settings(examples=1, dtypes=("float32",), directory=tmp_path, only="dJ_dx")
    report = verify.check_gradient(scaled, local, shapes=dict(x="n"), settings=settings)
    case = report.derivations[0].equations[0].counterexample
    assert case is not None
    assert case.replay == ""
    code, output = run(Path(case.script).read_text())
    assert code == 2
    assert (
        "is defined inside test_where_no_import_reaches_it_says_so, so no import reaches it: paste it here"
        in output
    )


def test_it_needs_nothing_of_verify(layer: Path, tmp_path: Path):
    layer.write_text(layer.read_text().replace("return a * dE_dv", "return dE_dv / 0"))
    target = verify_target(layer)
    report = verify.check(target, examples=1, dtypes=("float32",), directory=tmp_path / "kept", only="dE_dx")
    case = report.derivations[0].equations[0].counterexample
    assert case is not None
    code = "import runpy, sys; sys.modules['verify'] = None; runpy.run_path(sys.argv[1])"
    command = [sys.executable, "-c", code, case.script]
    root = str(Path(verify.__file__).parents[1])
    done = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": root}, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "")
    assert "they differ by more than rounding explains" in done.stdout


def verify_target(path: Path) -> Derivation:
    from verify.targets import discovery

    return discovery.resolve([str(path)])[0].derivation
