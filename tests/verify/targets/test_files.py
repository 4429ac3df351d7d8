"""What a user's file can get wrong before anything is judged: one clear message each, and exit code 2."""

from pathlib import Path
from typing import NamedTuple

import pytest

import verify
from verify import cli
from verify.targets import discovery

HEAD = """import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from manual_bp.derivation import Derivation
from manual_bp.domains import interval
"""
LAYER = """
def output(W: Float[Array, "q d"], x: Float[Array, " d"]):
    return W @ x

def energy(y):
    return y @ y / 2

def dJ_dy(y):
    return y

def dJ_dW(dJ_dy, x):
    return jnp.outer(dJ_dy, x)

LAYER = Derivation("layer", "a test", dict(y=output, J=energy), dict(dJ_dy=dJ_dy, dJ_dW=dJ_dW))
"""
CALLBACK = "jax.pure_callback(np.sin, jax.ShapeDtypeStruct(y.shape, y.dtype), y)"


class Slip(NamedTuple):
    """A change to the layer above, and what is said of it."""

    what: str
    old: str
    new: str
    line: str


SLIPS = [
    Slip(
        "no derivation in the file", "LAYER = Derivation(", "collect = lambda *given: given\ncollect(",
        "expected a value at module level that is a manual_bp.derivation.Derivation",
    ),
    Slip(
        "annotation missing", 'x: Float[Array, " d"]', "x",
        "layer: y=output: parameter 'x' is no node, so it is a leaf, and has no shape; annotate it once, as in",
    ),
    Slip(
        "annotation not jaxtyping", 'x: Float[Array, " d"]', "x: jax.Array",
        "layer: y=output: parameter 'x' is no node, so it is a leaf, and Array says no shape; annotate it once, as in",
    ),
    Slip(
        "annotation of NumPy's", 'x: Float[Array, " d"]', "x: np.ndarray",
        "layer: y=output: parameter 'x' is no node, so it is a leaf, and ndarray says no shape; annotate it",
    ),
    Slip(
        "annotation a plain string", 'x: Float[Array, " d"]', 'x: "q d"',
        "layer: y=output: its signature cannot be read: SyntaxError: invalid syntax (<string>, line 1)",
    ),
    Slip(
        "annotation with dimensions that nothing is drawn for", 'x: Float[Array, " d"]', 'x: Float[Array, "d?"]',
        "layer: y=output: x: dimension 'd?' of 'd?' is not supported; use names, fixed sizes and what is computed of",
    ),
    Slip(
        "annotation of another shape than the node has", "def energy(y)", "def energy(y: Float[Array, 'd'])",
        "layer: y=output: returned shape (2,) for q = 2, d = 1, but y is (d,) in J=energy; mend the function or the",
    ),
    Slip(
        "two annotations that differ", "def dJ_dW(dJ_dy, x)", "def dJ_dW(dJ_dy, x: Float[Array, 'q'])",
        "layer: dJ_dW: x is float (q,), but float (d,) in y=output; a symbol has one shape",
    ),
    Slip(
        "a derivative of no symbol", "dJ_dW=dJ_dW))", "dJ_dw=dJ_dW))",
        "layer: dJ_dw=dJ_dW: 'w' is no symbol (W, x, y, J); did you mean 'W'?",
    ),
    Slip(
        "a size below zero", 'x: Float[Array, " d"]', 'x: Float[Array, "d-3"]',
        "layer: dimension 'd-3' is -2 for d = 1; name the smaller, as in 'n' and 'n+1'",
    ),
    Slip(
        "neither symbol nor equation", "def dJ_dW(dJ_dy, x)", "def dJ_dW(dJ_dY, x)",
        "parameter 'dJ_dY' is neither a symbol (W, x, y, J) nor an equation (dJ_dy, dJ_dW); did you mean 'dJ_dy'?",
    ),
    Slip(
        "a dimension that cannot be satisfied", 'x: Float[Array, " d"]', 'x: Float[Array, " q"]',
        "layer: y=output: raised TypeError for W (1, 2), x (1,): dot_general requires contracting dimensions to",
    ),
    Slip(
        "a domain that excludes everything", "dict(dJ_dy=dJ_dy, dJ_dW=dJ_dW))",
        "dict(dJ_dy=dJ_dy, dJ_dW=dJ_dW), domains=dict(x=interval(1.0001, 1.0002)))",
        "layer: x: no bfloat16 is a number from 1.0001 to 1.0002; widen the interval or leave out that dtype",
    ),
    Slip(
        "objective not scalar", "return y @ y / 2", "return y * y / 2",
        "layer: J, the last node, has shape (1,); make it a scalar, or close the derivation with cotangent='dJ_dJ'",
    ),
    Slip(
        "a reference that calls back", "return y @ y / 2", f"y = {CALLBACK}; return y @ y / 2",
        "layer: J=energy: calls back into Python (pure_callback), which nothing here can differentiate or enter;",
    ),
    Slip(
        "a forward pass that raises", "return W @ x", "return W @ x + nothing",
        "layer: y=output: raised NameError for W (1, 1), x (1,): name 'nothing' is not defined; mend the function",
    ),
    Slip(
        "a node that is no array", "return y @ y / 2", "return y @ y, y",
        "layer: J=energy: raised TypeError for y (1,): J=energy: returned tuple; a node is one array, "
        "or a tree that its annotation describes; mend",
    ),
    Slip(
        "import fails", "import jax.numpy as jnp", "import jax.nunpy as jnp",
        "my_layer.py: does not import; mend the error above",
    ),
]  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS, ids=lambda slip: slip.what)
def test_a_slip_is_one_clear_message_and_exit_2(slip: Slip, tmp_path: Path, monkeypatch, capsys):
    text = HEAD + LAYER
    assert text.count(slip.old) >= 1
    monkeypatch.chdir(tmp_path)
    Path("my_layer.py").write_text(text.replace(slip.old, slip.new))
    assert cli.main(["my_layer.py", "--jobs", "1"]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    said = output.err.splitlines()
    *traceback, last = said
    assert slip.line in "\n".join(said[-2:])
    assert last.startswith("verify: ")
    assert all(str(tmp_path) in line for line in traceback if line.startswith("  File"))


def test_the_layer_without_a_slip_is_judged(tmp_path: Path):
    path = tmp_path / "my_layer.py"
    path.write_text(HEAD + LAYER)
    (target,) = discovery.resolve([str(path)])
    report = verify.check(target.derivation, examples=1, dtypes=("float32",), directory=tmp_path)
    assert report.verdict is verify.Verdict.PROVED


@pytest.mark.parametrize("other", ["verify.py", "manual_bp.py", "verify/__init__.py"])
def test_a_file_that_hides_the_package_is_named(other: str, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine" / other
    path.parent.mkdir(parents=True)
    path.touch()
    (tmp_path / "mine/my_layer.py").write_text(HEAD + LAYER)
    assert cli.main(["mine/my_layer.py", "--jobs", "1"]) == 2
    package = other.partition(".")[0].partition("/")[0]
    line = f"verify: {path}: hides the package {package} from files beside it; rename it\n"
    assert capsys.readouterr() == ("", line)
