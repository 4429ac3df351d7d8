"""Leaves with names that the verifier uses for something of its own."""

import jax.numpy as jnp
import pytest

import verify
from verify.programs.reference import COTANGENT, shown

NAMES = (
    "cotangent",
    "leaves",
    "values",
    "name",
    "manual",
    "reference",
    "derivation",
    "self",
    "function",
    "choices",
)


def checked(name, factor):
    scope = {"jnp": jnp}
    objective = eval(f"lambda {name}, x: jnp.sum({name} * x ** 2)", scope)
    manual = eval(f"lambda {name}, x: {factor} * {name} * x", scope)
    return verify.check_gradient(
        manual, objective, "x", shapes={name: "n", "x": "n"}, examples=2, dtypes=("float32",), seed=0
    )


@pytest.mark.parametrize("name", NAMES)
def test_any_name_will_do_for_a_leaf(name):
    assert str(checked(name, 2).verdict) == "proved"


def test_what_is_wrong_of_it_is_refuted_and_shown():
    (derivation,) = checked("cotangent", 3).derivations
    assert {str(each.verdict) for each in derivation.equations} == {"refuted"}
    case = derivation.equations[0].counterexample
    assert case is not None and {*case.leaves} == {"cotangent", "x"}


def test_it_is_called_cotangent_where_no_leaf_is():
    assert not COTANGENT.isidentifier()
    assert shown(("x",)) == "cotangent" and shown(("cotangent", "x")) == COTANGENT
