"""Custom rules: judged against a reference, by drawn cotangents and by the laws that any rule obeys."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import verify
from manual_bp.domains import index
from verify.rules import rule_derivations
from verify.verdict import Verdict

GIVEN = {"shapes": dict(x="n", k=np.zeros((), int)), "domains": dict(k=index(3))}


def plain(x, k):
    """Two outputs, the second one of integers."""
    return x / jnp.sqrt(jnp.sum(x * x) + 1), k + 1


def unit_vector(backward, forward=plain):
    """`plain` with a rule of its own, which keeps what `backward` wants."""

    @jax.custom_vjp
    def normalize(x, k):
        return forward(x, k)

    def keep(x, k):
        y = forward(x, k)
        return y, (y[0], jnp.sqrt(jnp.sum(x * x) + 1))

    normalize.defvjp(keep, backward)
    return normalize


def right(kept, bar):
    u, n = kept
    g, _ = bar
    return (g - u * jnp.sum(u * g)) / n, None


@pytest.fixture
def judge(tmp_path: Path):
    """`check_custom_rule` on a small budget: verdict by equation."""

    def check(rule, reference, **given):
        report = verify.check_custom_rule(
            rule, reference, examples=1, dtypes=("float32",), directory=tmp_path, **given
        )
        return {e.name: e.verdict for derivation in report.derivations for e in derivation.equations}

    return check


def failing(verdicts):
    assert {*verdicts.values()} <= {Verdict.PROVED, Verdict.VERIFIED, Verdict.REFUTED}
    return {name for name, verdict in verdicts.items() if verdict is Verdict.REFUTED}


def test_a_right_rule_is_proved_and_so_are_its_laws(judge):
    verdicts = judge(unit_vector(right), plain, **GIVEN)
    laws = ["y_0", "zero_x", "linear_x", "jit_x", "remat_x", "vmap_x", "scan_x", "second_x"]
    assert [*verdicts] == ["dJ_dx", "gradient", *(f"d{law}_dunit" for law in laws)]
    assert {*verdicts.values()} == {Verdict.PROVED}


def test_a_cotangent_that_is_dropped_breaks_the_laws(judge):
    """M1 of the wrong gradients there are: invisible to a test whose cotangent is one."""

    def dropped(kept, bar):
        u, n = kept
        return (jnp.ones_like(u) - u * jnp.sum(u)) / n, None

    found = failing(judge(unit_vector(dropped), plain, **GIVEN, only="d[Jyz]*"))
    assert found == {"dJ_dx", "dzero_x_dunit"}  # its values are right


def test_no_gradient_is_zero_and_so_refuted_where_there_is_one(judge):
    found = failing(judge(unit_vector(lambda kept, bar: (None, None)), plain, **GIVEN, only="d[Jz]*"))
    assert found == {"dJ_dx"}  # zero is linear


def test_another_forward_pass_is_found_by_its_values_alone(judge):
    def shifted(x, k):
        y, m = plain(x, k)
        return y + 1, m

    def backward(kept, bar):
        return right((kept[0] - 1, kept[1]), bar)

    assert failing(judge(unit_vector(backward, shifted), plain, **GIVEN, only="d[Jy]*")) == {"dy_0_dunit"}


@jax.custom_jvp
def product(x, y):
    return jnp.sum(x * y)


@product.defjvp
def product_jvp(primals, tangents):
    (x, y), (dx, dy) = primals, tangents
    return jnp.sum(x * y), jnp.sum(dx * y) + jnp.sum(x * dy)


def test_a_forward_rule_is_pushed_forward_too(judge):
    verdicts = judge(product, lambda x, y: x @ y, wrt="x", shapes=dict(x="n", y="n"))
    assert verdicts["dpush_y_dunit"] is Verdict.PROVED
    assert {*verdicts.values()} == {Verdict.PROVED}


def test_what_a_rule_does_not_support_is_said():
    _, laws = rule_derivations(unit_vector(right), plain, **GIVEN)
    assert laws.name == "normalize: laws"
    assert laws.source.startswith(
        "what any rule obeys; push_y_0 is not supported (TypeError: can't apply forward"
    )


def test_trees_are_named_and_several_outputs_closed():
    def affine(params, x):
        return {"h": params["W"] @ x, "s": jnp.sum(x)}

    derivation, _ = rule_derivations(affine, affine, shapes=dict(params=dict(W="q d"), x="d"))
    assert [*derivation.equations] == ["dJ_dparams_W", "dJ_dx"]
    assert dict(derivation.cotangents) == {"dJ_dy_h": "y_h", "dJ_dy_s": "y_s"}


@pytest.mark.parametrize(
    ("rule", "reference", "message"),
    [
        (lambda x: x, lambda x: (x, x), r"returns float32\(1,\), but <lambda> \('float32\(1,\)', "),
        (lambda x: x, lambda x: x.astype(int), r"returns float32\(1,\), but <lambda> int32"),
        (lambda x: x.astype(int), lambda x: x.astype(int), "<lambda>: returns no floating-point array to"),
        (lambda z: z, lambda x: x, "parameter 'z' is no parameter of <lambda>"),
    ],
)
def test_what_does_not_fit_is_one_clear_message(rule, reference, message):
    with pytest.raises(TypeError, match=message) as raised:
        verify.check_custom_rule(rule, reference, shapes=dict(x="n"))
    assert "\n" not in str(raised.value)
