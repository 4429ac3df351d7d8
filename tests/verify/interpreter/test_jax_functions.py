"""Which functions with a rule of their own are jax's: told by their code, and by no name and no path."""

import importlib.util
import textwrap
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special as special
import pytest

from verify.interpreter.jax_functions import name_in_jax
from verify.interpreter.steps import ShapeDtype, Step

COPY = """
    import jax
    import jax.numpy as jnp

    @jax.custom_jvp
    def NAME(x):
        return 2 * jnp.exp(x)

    NAME.defjvps(lambda t, ans, x: t * ans)
"""


def call_in(jaxpr: Any) -> Step:
    """The first call of a function with a rule of its own, however deep."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == "custom_jvp_call":
            inputs = tuple(ShapeDtype(atom.aval.shape, atom.aval.dtype) for atom in equation.invars)
            outputs = tuple(ShapeDtype(var.aval.shape, var.aval.dtype) for var in equation.outvars)
            return Step("custom_jvp_call", dict(equation.params), inputs, outputs, equation)
        if equation.primitive.name in ("jit", "pjit"):
            return call_in(equation.params["jaxpr"].jaxpr)
    raise AssertionError(jaxpr)


@pytest.mark.parametrize(
    ("function", "name"), [(jax.nn.relu, "relu"), (jax.nn.relu6, "relu6"), (special.xlogy, "xlogy")]
)
def test_functions_of_jax_are_known(function, name):
    arguments = (1.0,) * (2 if name == "xlogy" else 1)
    assert name_in_jax(call_in(jax.make_jaxpr(function)(*arguments).jaxpr)) == name


@pytest.mark.parametrize("name", ["exp", "exp_neg_sq", "relu"])
def test_a_copy_with_that_name_under_that_path_is_not(name, tmp_path):
    file = tmp_path / "jax" / "_src" / "nn" / "functions.py"
    file.parent.mkdir(parents=True)
    file.write_text(textwrap.dedent(COPY.replace("NAME", name)))
    spec = importlib.util.spec_from_file_location("copied_functions", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert name_in_jax(call_in(jax.make_jaxpr(getattr(module, name))(1.0).jaxpr)) == ""


def test_a_function_that_is_named_like_one_in_the_main_module_is_not():
    @jax.custom_jvp
    def relu(x):
        return jnp.exp(x)

    relu.defjvps(lambda tangent, answer, x: tangent * answer)
    assert name_in_jax(call_in(jax.make_jaxpr(relu)(1.0).jaxpr)) == ""
