"""What `from manual_bp import ...` gives: every public name, and jax no sooner than the first of them."""

import importlib
import subprocess
import sys

import pytest

import manual_bp


@pytest.mark.parametrize("name", manual_bp.__all__)
def test_a_public_name_is_that_of_its_module(name: str):
    module = importlib.import_module(f"manual_bp.{manual_bp._MODULES.get(name, 'domains')}")
    assert getattr(manual_bp, name) is getattr(module, name)
    assert name in dir(manual_bp)


def test_what_is_no_name_is_said():
    with pytest.raises(AttributeError, match="module 'manual_bp' has no attribute 'Derivative'"):
        manual_bp.Derivative  # type: ignore


def test_jax_is_imported_with_the_first_name():
    program = "import sys, manual_bp; a = 'jax' in sys.modules; manual_bp.Derivation; print(a, 'jax' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False True\n"
