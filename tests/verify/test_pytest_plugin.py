"""`pytest --verify FILE`: an item an equation, judged once, with the story where one fails."""

import subprocess
import sys

import pytest

from tests.conftest import LAYER
from verify.campaign import campaign
from verify.targets import discovery

LOADED = (campaign, discovery)  # pytester forgets what is first imported in a run of its own

WRONG = LAYER.replace("    return a * dE_dv\n", "    return dE_dv\n")
PLUGIN = ("-p", "verify.pytest_plugin", "-p", "no:cacheprovider", "--verify-examples=1")


@pytest.fixture
def layer(pytester: pytest.Pytester):
    """A right derivation and a wrong one, each in a file that is no test by its name."""
    pytester.makepyfile(right=LAYER, wrong=WRONG)
    return pytester


def test_an_item_an_equation_and_the_story_of_one_that_fails(layer):
    result = layer.runpytest_inprocess(*PLUGIN, "--verify", "wrong.py", "--verify", "right.py", "-v")
    outcomes = result.parseoutcomes()
    assert outcomes["failed"] == 2, "the equation, and the gradient that is composed of it"
    assert outcomes["passed"] == 4
    result.stdout.fnmatch_lines(["*wrong.py::*::dE_dx FAILED*"])
    result.stdout.fnmatch_lines(["*is refuted: it is not the derivative*"])
    assert not any("Traceback" in line for line in result.outlines)


def test_they_are_chosen_like_any_other_test(layer):
    layer.makeini("[pytest]\nverify_files = right.py")
    layer.makepyfile(test_other="def test_one():\n    pass\n")
    listed = layer.runpytest_inprocess(*PLUGIN, "--collect-only", "-q", "-k", "dE_dx or one")
    names = sorted(line.rpartition("::")[2] for line in listed.outlines if "::" in line)
    assert names == ["dE_dx", "test_one"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--verify", "nowhere.py"), "*--verify *nowhere.py: is no file; expected a Python file*"),
        (("--verify", "empty.py"), "*empty.py*no derivation*"),
    ],
)
def test_what_cannot_be_judged_is_said(pytester, arguments, said):
    pytester.makepyfile(empty="")
    result = pytester.runpytest_inprocess(*PLUGIN, *arguments)
    assert result.ret != 0
    (result.stderr if "nowhere" in said else result.stdout).fnmatch_lines([said])


def test_it_imports_nothing_for_those_who_do_not_ask():
    code = "import sys, verify.pytest_plugin; print(sorted({'jax', 'numpy', 'rich', 'hypothesis'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
