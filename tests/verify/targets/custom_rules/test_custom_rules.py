"""Custom rules: judged against a reference, by drawn cotangents and by the laws that any rule obeys."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.custom_derivatives import SymbolicZero

import verify
from manual_bp.domains import index
from verify.lanes.proof import prove
from verify.programs.pair import Pair
from verify.targets.custom_rules import laws
from verify.targets.custom_rules.derivations import rule_derivations
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


@pytest.fixture
def plainly(monkeypatch: pytest.MonkeyPatch):
    """Laws without those inside jit, remat, vmap and scan, for tests that ask for none of them."""
    monkeypatch.setattr(laws, "TRANSFORMATIONS", {})


def failing(verdicts):
    assert {*verdicts.values()} <= {Verdict.PROVED, Verdict.VERIFIED, Verdict.REFUTED}
    return {name for name, verdict in verdicts.items() if verdict is Verdict.REFUTED}


def test_a_right_rule_is_proved_and_so_are_its_laws(judge):
    verdicts = judge(unit_vector(right), plain, **GIVEN)
    laws = ["y_0", "forward_y_0", "zero_x", "linear_x", "jit_x", "remat_x", "vmap_x", "scan_x", "second_x"]
    assert [*verdicts] == ["dJ_dx", "gradient", *(f"d{law}_dunit" for law in laws)]
    assert {*verdicts.values()} == {Verdict.PROVED}


@pytest.mark.usefixtures("plainly")
def test_a_cotangent_that_is_dropped_breaks_the_laws(judge):
    """M1 of the wrong gradients there are: invisible to a test whose cotangent is one."""

    def dropped(kept, bar):
        u, n = kept
        return (jnp.ones_like(u) - u * jnp.sum(u)) / n, None

    found = failing(judge(unit_vector(dropped), plain, **GIVEN, only="d[Jyz]*"))
    assert found == {"dJ_dx", "dzero_x_dunit"}  # its values are right


@pytest.mark.usefixtures("plainly")
@pytest.mark.parametrize("change", [lambda y: 1.5 * y, lambda y: -y, lambda y: y + 1, jnp.cos], ids=range(4))
def test_a_forward_rule_that_returns_another_value_is_refuted_by_it_alone(judge, change):
    """Invisible to a call of the rule, and to its derivative: it is what `jax.value_and_grad` returns."""

    @jax.custom_vjp
    def sine(x):
        return jnp.sin(x)

    sine.defvjp(lambda x: (change(jnp.sin(x)), x), lambda x, g: (g * jnp.cos(x),))
    found = failing(judge(sine, lambda x: jnp.sin(x), shapes=dict(x="n"), only="d[Jyf]*"))
    assert found == {"dforward_y_dunit"}


@pytest.mark.usefixtures("plainly")
def test_no_gradient_is_zero_and_so_refuted_where_there_is_one(judge):
    found = failing(judge(unit_vector(lambda kept, bar: (None, None)), plain, **GIVEN, only="d[Jz]*"))
    assert found == {"dJ_dx"}  # zero is linear


@pytest.mark.usefixtures("plainly")
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


def unequal(derivations):
    """The equations of all derivations that are another function than their reference, or are traced to be wrong."""
    found = set()
    for derivation in derivations:
        pair = Pair(derivation, {})
        outcomes = prove(pair, {"n": 3}, np.random.default_rng(0), 64, whole=False).outcomes
        assert all(outcome.points == 64 for outcome in outcomes.values() if outcome.equal)
        found |= {name for name, outcome in outcomes.items() if not outcome.equal}
        found |= {name for name, fault in pair.programs({"n": 3}).faults.items() if fault.wrong}
    return found


def products(x, y):
    return x * y, x * x * y


GIVEN_TWO: dict[str, Any] = {"shapes": dict(x="n", y="n")}


def told_what_is_zero(changed=lambda bars: bars):
    """`products` with a rule that looks at what is perturbed, and at which cotangents are zero for certain."""

    @jax.custom_vjp
    def rule(x, y):
        return products(x, y)

    def forward(x, y):
        return products(x.value, y.value), (x.value, y.value if x.perturbed else None)

    def backward(kept, bars):
        x, y = kept
        bars = [0 if isinstance(bar, SymbolicZero) else bar for bar in changed(bars)]
        given = bars[0] * x + bars[1] * x * x
        return None if y is None else bars[0] * y + 2 * bars[1] * x * y, given

    rule.defvjp(forward, backward, symbolic_zeros=True)
    return rule


@pytest.mark.usefixtures("plainly")
def test_what_is_zero_for_certain_changes_nothing():
    assert unequal(rule_derivations(told_what_is_zero(), products, **GIVEN_TWO)) == set()

    def dropped(bars):  # the first cotangent, where it comes alone
        return (bars[1], bars[1]) if isinstance(bars[1], SymbolicZero) else bars

    found = unequal(rule_derivations(told_what_is_zero(dropped), products, **GIVEN_TWO))
    assert found == {"dalone_x_dunit", "dalone_y_dunit"}


def test_linear_in_every_multiple_of_a_cotangent():
    """The derivative for the cube of the cotangent is zero where that is."""
    found = unequal(
        rule_derivations(unit_vector(lambda kept, bar: right(kept, (bar[0] ** 3, None))), plain, **GIVEN)
    )
    assert {"dlinear_x_dunit", "dJ_dx"} <= found
    assert not found & {"dzero_x_dunit", "dy_0_dunit"}


@pytest.mark.parametrize(
    "nothing",
    [
        lambda k: None,
        lambda k: np.zeros((), jax.dtypes.float0),
        jnp.zeros_like,
    ],
    ids=["None", "float0", "zeros"],
)
def test_integers_get_no_derivative_in_any_of_its_spellings(nothing):
    def backward(kept, bar):
        return right(kept, bar)[0], nothing(jnp.zeros((), int))

    assert unequal(rule_derivations(unit_vector(backward), plain, **GIVEN)) == set()


def keeping(*others):
    """`plain` with a rule that keeps the unit vector as the first of `others` does, and the rest for nothing."""
    first, *rest = others

    @jax.custom_vjp
    def normalize(x, k):
        return plain(x, k)

    def keep(x, k):
        y = plain(x, k)
        return y, (first(y[0]), jnp.sqrt(jnp.sum(x * x) + 1), *(other(x) for other in rest))

    normalize.defvjp(keep, lambda kept, bar: right((kept[0].astype(kept[1].dtype), kept[1]), bar))
    return normalize


@pytest.mark.parametrize(("kept", "computed"), [("bfloat16", "float32"), ("float32", "float64")])
def test_what_is_kept_in_fewer_bits_is_said_and_inaccurate(tmp_path, kept, computed):
    derivatives, held = rule_derivations(keeping(lambda u: u.astype(kept)), plain, **GIVEN)
    assert held.source.endswith(f"; of {computed} computations it keeps {kept} for the backward pass")
    report = verify.check(derivatives, examples=1, dtypes=("float64",), directory=tmp_path)
    equation, _ = report.derivations[0].equations
    assert equation.verdict is Verdict.INACCURATE
    assert equation.because is not None
    assert equation.because.endswith(f"it computes in {kept}")


def test_what_depends_on_nothing_may_be_kept_in_any_dtype():
    rule = keeping(lambda u: u, lambda x: jnp.ones(2, jnp.bfloat16), lambda x: x > 0, lambda x: jnp.int8(1))
    assert "keeps" not in rule_derivations(rule, plain, **GIVEN)[1].source


def test_a_derivative_in_another_dtype_than_its_argument_is_refuted():
    """In float32 and float64 it is right: jax hands on whatever it is given."""

    def backward(kept, bar):
        derivative, nothing = right(kept, bar)
        return derivative * jnp.ones((), jnp.promote_types(derivative.dtype, jnp.float32)), nothing

    derivatives, held = rule_derivations(unit_vector(backward), plain, **GIVEN)
    fault = Pair(derivatives, {}).programs({"n": 3}).faults["dJ_dx"]
    assert fault.wrong
    assert fault.message == (
        "dJ_dx: returned float32 in a bfloat16 computation, where autodiff of plain returns bfloat16"
    )
    assert unequal([held]) == set()


def test_what_a_rule_does_not_support_is_said():
    _, held = rule_derivations(unit_vector(right), plain, **GIVEN)
    assert held.name == "normalize: laws"
    assert held.source.startswith(
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
