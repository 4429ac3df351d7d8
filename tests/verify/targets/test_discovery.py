"""Targets: by name, module and file; what is wrong is said in a line, after the user's own traceback."""

from pathlib import Path

import pytest

from manual_bp.derivation import Derivation
from verify.targets import discovery
from verify.targets.discovery import TargetError


def names(found):
    return [target.derivation.name for target in found]


def test_nothing_named_is_the_whole_book():
    found = discovery.resolve()
    assert {"backprop", "backprop-biases", "backprop-minibatch", "backprop-output-activation"} <= set(
        names(found)
    )
    assert len(names(found)) == len(set(names(found)))


def test_a_specification_loads_the_same_derivation_again():
    for target in discovery.resolve():
        assert discovery.load(target.spec) is target.derivation


def test_by_derivation_name():
    assert names(discovery.resolve(["backprop-biases"])) == ["backprop-biases"]


def test_by_module():
    assert "backprop" in names(discovery.resolve(["manual_bp.book.backprop"]))


def test_by_file(layer: Path):
    (target,) = discovery.resolve([str(layer)])
    assert isinstance(target.derivation, Derivation)
    assert target.spec == f"{layer}:ENERGY"
    assert discovery.resolve([target.spec]) == [target]


def test_by_file_in_the_current_folder(layer: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(layer.parent)
    assert names(discovery.resolve(["my_layer.py"])) == ["energy"]


def test_a_file_imports_what_lies_beside_it(layer: Path):
    user = layer.parent / "user.py"
    user.write_text("from my_layer import ENERGY\n")
    assert names(discovery.resolve([str(user)])) == ["energy"]


def test_named_twice_is_judged_once(layer: Path):
    assert names(discovery.resolve([str(layer), "backprop", str(layer)])) == ["energy", "backprop"]


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(
        TargetError, match=r"^bakprop: no derivation, module or \.py file .* did you mean backprop\?$"
    ):
        discovery.resolve(["bakprop"])


def test_a_name_like_nothing_lists_what_there_is():
    with pytest.raises(TargetError, match=r"^zzz: .*; the derivations are .*backprop-biases"):
        discovery.resolve(["zzz"])


@pytest.mark.parametrize(
    "name", ["json.nothing", "manual_bp.book.nothing", "not a name", "a..b", ".", "..backprop"]
)
def test_a_module_that_is_none_is_an_unknown_name(name):
    with pytest.raises(TargetError, match="no derivation, module or"):
        discovery.resolve([name])


def test_a_missing_file():
    with pytest.raises(TargetError, match=r"^nowhere/layer\.py: no such file$"):
        discovery.resolve(["nowhere/layer.py"])


def test_a_module_without_derivations():
    with pytest.raises(TargetError, match=r"^json: no derivation in .*; expected a value at module level"):
        discovery.resolve(["json"])


def test_an_attribute_that_is_no_derivation(layer: Path):
    with pytest.raises(TargetError, match="'energy' is no Derivation"):
        discovery.resolve([f"{layer}:energy"])


def test_a_file_that_does_not_import_shows_the_users_frames_alone(tmp_path: Path):
    path = tmp_path / "broken.py"
    path.write_text("import json\ndef f():\n    return json.loads('{')\nf()\n")
    with pytest.raises(TargetError) as raised:
        discovery.resolve([str(path)])
    lines = str(raised.value).splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert [line.strip() for line in lines if line.startswith("  File")] == [
        f'File "{path}", line 4, in <module>',
        f'File "{path}", line 3, in f',
    ]
    assert "JSONDecodeError" in lines[-2]
    assert lines[-1] == f"{path}: does not import; mend the error above"


def test_a_file_with_a_syntax_error_shows_the_line(tmp_path: Path):
    path = tmp_path / "broken.py"
    path.write_text("x = = 1\n")
    with pytest.raises(TargetError) as raised:
        discovery.resolve([str(path)])
    lines = str(raised.value).splitlines()
    assert f'File "{path}", line 1' in lines[0] + lines[1]
    assert "SyntaxError: invalid syntax" in lines[-2]
    assert not any("importlib" in line or "targets.py" in line for line in lines)


def test_a_file_that_failed_can_be_mended_and_read_again(tmp_path: Path, layer: Path):
    path = tmp_path / "mended.py"
    path.write_text("1 / 0\n")
    with pytest.raises(TargetError, match="ZeroDivisionError"):
        discovery.resolve([str(path)])
    path.write_text(layer.read_text() + "# mended\n")
    assert names(discovery.resolve([str(path)])) == ["energy"]


def test_what_derivation_refuses_is_shown_where_the_user_wrote_it(layer: Path):
    layer.write_text(layer.read_text().replace("def dE_dx(dE_dv, a)", "def dE_dx(dE_dv, nothing)"))
    with pytest.raises(TargetError) as raised:
        discovery.resolve([str(layer)])
    frames = [line for line in str(raised.value).splitlines() if line.startswith("  File")]
    assert len(frames) == 1
    assert str(layer) in frames[0]
    assert "nothing" in str(raised.value)


def package(folder: Path, layer: Path, name: str) -> Path:
    """A package in whose module `name` a derivation is imported relatively."""
    (folder / "models").mkdir()
    (folder / "models" / "layers.py").write_text(layer.read_text())
    path = folder / "models" / f"{name}.py"
    path.write_text("from .layers import ENERGY\n")
    return path


def test_a_file_of_a_package_may_import_relatively(layer: Path):
    path = package(layer.parent, layer, "whole")
    with pytest.raises(TargetError, match=r"imports relatively, but .* is no package; add an __init__\.py"):
        discovery.resolve([str(path)])
    (path.parent / "__init__.py").touch()
    (target,) = discovery.resolve([str(path)])
    assert target.derivation.name == "energy"
    assert discovery.load(target.spec) is target.derivation


def test_two_derivations_of_one_name_are_told_apart_by_nothing(layer: Path):
    other = layer.parent / "other.py"
    other.write_text(layer.read_text())
    with pytest.raises(TargetError, match=r"my_layer\.py:ENERGY and .*other\.py:ENERGY: are two derivations"):
        discovery.resolve([str(layer), str(other)])
