"""Scripts of all that can be judged: two functions, trees, custom rules and their laws, what no import reaches."""

import importlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

import verify
from manual_bp.derivation import Derivation
from tests.verify.counterexamples.scripts import mend, run
from verify.counterexamples import search
from verify.counterexamples.script import script
from verify.counterexamples.search import FailingCase
from verify.programs.pair import Pair
from verify.programs.reference import COTANGENT
from verify.settings import Settings
from verify.targets.custom_rules.derivations import rule_derivations
from verify.targets.import_statements import Imports
from verify.targets.source_code import Unwritable
from verify.verdict import EquationReport, Verdict


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
        "dforward_y_0_dunit": True,
        "dforward_y_1_dunit": True,
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


def test_modules_whose_names_are_no_identifiers(tmp_path: Path, monkeypatch):
    """A script imports `class.py` and `2d-layer.py` all the same."""
    monkeypatch.syspath_prepend(tmp_path)
    imports, found = Imports(()), {}
    for name in ("class", "2d-layer"):
        path = tmp_path / f"{name}.py"
        path.write_text("def f(x):\n    return 3 * x\n")
        found[name] = imports.find(importlib.import_module(name).f)
    text = "\n".join(["import sys", *imports.lines(), *(f"assert {code}(2) == 6" for code in found.values())])
    assert found == {"class": "class_.f", "2d-layer": "_2d_layer.f"}
    exec(compile(text, "script.py", "exec"), {})


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
