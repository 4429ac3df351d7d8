"""Construction: what a graph finds out from names and annotations, and what it refuses, word by word."""

import enum
from typing import Any, Literal

import jax.numpy as jnp
import pytest
from jax import Array
from jaxtyping import Bool, Complex, Float, Int

from manual_bp.activations import ACTIVATIONS, Activation
from manual_bp.derivation import Derivation
from manual_bp.domains import Index, counts, index, mask, nonnegative, real
from manual_bp.losses import LOSSES, Loss, Target


def affine(W: Float[Array, "q d"], x: Float[Array, " d"]) -> Float[Array, " q"]:
    return W @ x


def bend(z: Float[Array, " q"], *, activation: Activation) -> Float[Array, " q"]:
    return activation(z)


def total(h: Float[Array, " q"]) -> Float[Array, ""]:
    return h.sum()


def score(h: Float[Array, " q"], y: Target, *, loss: Loss) -> Float[Array, ""]:
    return loss.value(h, y)


def dJ_dz(dJ_dh: Float[Array, " q"], z, *, activation):
    r"""$\partial J/\partial z = \partial J/\partial h \odot \phi'(z)$

    Elementwise.
    """
    return dJ_dh * activation.derivative(z)


FORWARD = dict(z=affine, h=bend, J=total)


def build(
    forward: dict[str, Any] = FORWARD, backward: dict[str, Any] | None = None, **keywords: Any
) -> Derivation:
    return Derivation("net", "a test", forward, backward or {}, **keywords)


def complaint(*arguments: Any, **keywords: Any) -> str:
    with pytest.raises(TypeError) as caught:
        build(*arguments, **keywords)
    return str(caught.value)


# What it finds out


def test_leaves_nodes_and_choices():
    net = build(dict(FORWARD, J=score))
    assert [(leaf.name, leaf.dims, leaf.kind, leaf.domain) for leaf in net.leaves.values()][:2] == [
        ("W", ("q", "d"), "float", real),
        ("x", ("d",), "float", real),
    ]
    assert net.nodes == ("z", "h", "J")
    assert net.objective == "J"
    assert dict(net.choices) == {"activation": ACTIVATIONS, "loss": LOSSES}


def test_nodes_run_in_an_order_that_their_parameters_allow():
    net = build(dict(h=bend, z=affine, J=total))
    assert net.nodes == ("z", "h", "J")


def test_an_equation_reads_like_its_name_and_docstring():
    equation = build(backward=dict(dJ_dz=dJ_dz)).equations["dJ_dz"]
    assert (equation.root, equation.symbol) == ("J", "z")
    assert equation.parameters == ("dJ_dh", "z")
    assert equation.choices == ("activation",)
    assert equation.tex == r"\partial J/\partial z = \partial J/\partial h \odot \phi'(z)"


def test_a_derivation_may_be_incomplete():
    net = build(backward=dict(dJ_dz=dJ_dz))
    assert dict(net.derivatives) == {"dJ_dz": ("J", "z"), "dJ_dh": ("J", "h")}
    with pytest.raises(
        NotImplementedError, match=r"^dJ_dz needs the equation dJ_dh; add it to backward, which has dJ_dz$"
    ):
        net.gradient("z")


def test_a_target_takes_its_shape_and_domain_from_the_loss():
    net = build(dict(FORWARD, J=score))
    y = net.leaves["y"]
    assert (y.output, y.target_of, y.choice) == ("h", ("q",), "loss")
    for row in LOSSES.values():
        dims, kind, domain = net.leaf_spec("y", {"loss": row})
        expected = Index("q") if row.target == index(None) else row.target
        assert (dims, kind, domain) == (row.target_shape(("q",)), row.target.kind, expected)


def test_annotations_may_be_strings_fixed_sizes_and_python_scalars():
    def scale(v: "Float[Array, 'rows=3 n']", a: float):
        return (a * v).sum()

    net = build(dict(J=scale))
    assert net.leaves["v"].dims == (3, "n")
    assert net.leaves["a"].dims == ()


def test_kinds_and_domains():
    def pick(table: Float[Array, "n"], i: Int[Array, "k"], keep: Bool[Array, "k"], c: float):
        return (table[i] * keep).sum() * c

    leaves = build(dict(J=pick), domains=dict(i=index("n"), c=counts)).leaves
    assert [(leaf.kind, leaf.domain) for leaf in leaves.values()] == [
        ("float", real),
        ("int", index("n")),
        ("bool", mask),
        ("float", counts),
    ]


def test_choices_may_be_literals_flags_and_enumerations_and_defaults_stay():
    class Side(enum.Enum):
        LEFT = 1

    def J(
        v: Float[Array, " n"],
        *,
        mode: Literal["sum", "mean"],
        flag: bool = True,
        side: Side,
        eps: float = 0.5,
    ):
        return getattr(v, mode)() + eps

    net = build(dict(J=J))
    assert {name: [*rows] for name, rows in net.choices.items()} == {
        "mode": ["sum", "mean"],
        "flag": ["False", "True"],
        "side": ["LEFT"],
    }
    assert net.value(v=jnp.ones(3), mode="mean", flag=True, side=Side.LEFT) == 1.5


def test_everything_is_read_only():
    net = build(backward=dict(dJ_dz=dJ_dz))
    for mapping in (
        net.leaves,
        net.equations,
        net.choices,
        net.cotangents,
        net.forward,
        net.backward,
        net.domains,
    ):
        assert not hasattr(mapping, "__setitem__")
    with pytest.raises(AttributeError):
        net.name = "other"  # pyright: ignore[reportAttributeAccessIssue]


def test_cotangents_close_a_layer():
    net = build(dict(z=affine, h=bend), cotangent="dJ_dh", backward=dict(dJ_dz=dJ_dz))
    assert net.objective == "J"
    assert dict(net.cotangents) == {"dJ_dh": "h"}
    assert dict(net.derivatives) == {"dJ_dh": ("J", "h"), "dJ_dz": ("J", "z")}


# What it refuses


def typo(dJ_dh, hh):
    return dJ_dh * hh


def lone(a, b):
    return a


def untyped(q):
    return q


def jagged(W: Float[Array, "d q"], x: Float[Array, " d"]):
    return W


def narrow(z: Float[Array, ""]):
    return z


def rounded(x: Int[Array, " d"]):
    return x


def symbolic(v: Float[Array, " n-1"]):
    return v


def anonymous(v: Float[Array, " _"]):
    return v


def variadic(v: Float[Array, "*batch n"]):
    return v


def imaginary(v: Complex[Array, " n"]):
    return v


def defaulted(v: Float[Array, " n"], eps=1e-6):
    return v


def starred(*v: Float[Array, " n"]):
    return v


def positional(z: Float[Array, " q"], activation: Activation):
    return z


def bare(z: Float[Array, " q"], *, activaton):
    return z


def unreadable(z: "Flaot[Array, ' q']"):  # noqa: F821 # pyright: ignore
    return z


def keyword(W: Float[Array, "q d"], *, x: float):
    return x


def untabled(z: Float[Array, " q"], *, rate: float):
    return z


def by_loss(z: Float[Array, " q"], *, activation: Loss):
    return z


def without_loss(h: Float[Array, " q"], y: Target):
    return h


def without_output(y: Target, *, loss: Loss):
    return y


def typed_target(y: Float[Array, " q"]):
    return y


def chosen(i: Int[Array, " k"]):
    return i


def one_name(b_dc: float):
    return b_dc


def other_name(c: float):
    return c


def dJ_dW(z: Float[Array, " q"]) -> Float[Array, "d q"]:
    return z


def dz_dx(z, W) -> Float[Array, "d q"]:
    return W


def dJ_dx(dJ_dz: Float[Array, " d"], W):
    return W


def dJ_di(i):
    return i


REFUSALS = {
    "nothing to compute": (
        dict(forward={}),
        "forward: is empty; give at least one node, as in forward=dict(J=objective)",
    ),
    "parameter of no name": (
        dict(backward=dict(dJ_dz=typo)),
        "dJ_dz=typo: parameter 'hh' is neither a symbol (W, x, z, h, J) nor an equation (dJ_dz, dJ_dh); "
        "did you mean 'h'?",
    ),
    "no function": (
        dict(forward=dict(J=3)),
        "J=3: is of type int; give a function",
    ),
    "cycle forward": (
        dict(forward=dict(a=lambda b: b, b=lambda c: c, c=lambda a: a, J=total)),
        "forward: a -> b -> c -> a is a cycle, each takes the next; let one of them take something else",
    ),
    "cycle backward": (
        dict(backward=dict(dJ_dh=lambda dJ_dz: dJ_dz, dJ_dz=dJ_dz)),
        "backward: dJ_dh -> dJ_dz -> dJ_dh is a cycle, each takes the next; let one of them take something else",
    ),
    "itself": (
        dict(backward=dict(dJ_dh=lambda dJ_dh: dJ_dh)),
        "backward: dJ_dh -> dJ_dh is a cycle, each takes the next; let one of them take something else",
    ),
    "adjoint of no symbol": (
        dict(backward=dict(dJ_dw=lone)),
        "dJ_dw=lone: 'w' is no symbol (W, x, z, h, J); did you mean 'W'?",
    ),
    "adjoint of no node": (
        dict(backward=dict(dL_dz=lone)),
        "dL_dz=lone: 'L' is no node (z, h, J)",
    ),
    "no adjoint at all": (
        dict(backward=dict(gradient=lone)),
        "gradient=lone: is not named d<node>_d<symbol>; nodes: z, h, J; symbols: W, x, z, h, J",
    ),
    "the wrong way round": (
        dict(backward=dict(dz_dJ=lone)),
        "dz_dJ=lone: dz_dJ: z does not depend on J, only on W, x",
    ),
    "parameter the wrong way round": (
        dict(backward=dict(dJ_dz=lambda dz_dh: dz_dh)),
        "dJ_dz=<lambda>: dz_dh: z does not depend on h, only on W, x",
    ),
    "two readings": (
        dict(
            forward=dict(a=one_name, a_db=other_name, J=lambda a, a_db: a + a_db),
            backward=dict(da_db_dc=lone),
        ),
        "da_db_dc: reads as the derivative of a by b_dc or a_db by c; rename a symbol so that one reading is left",
    ),
    "equation for a node": (
        dict(forward=dict(dJ_dz=affine, J=lambda dJ_dz: dJ_dz), backward=dict(dJ_dz=lone)),
        "dJ_dz=affine: is a node and an equation too; rename one of them",
    ),
    "equation taken forward": (
        dict(forward=dict(z=affine, J=typo), backward=dict(dJ_dh=lone)),
        "J=typo: parameter 'dJ_dh' is a derivative; forward takes symbols only",
    ),
    "objective not last": (
        dict(forward=dict(J=total, z=affine, h=bend)),
        "forward: 'h' stands last, but J takes it; write the objective last",
    ),
    "annotation missing": (
        dict(forward=dict(z=affine, J=untyped)),
        "J=untyped: parameter 'q' is no node, so it is a leaf, and has no shape; annotate it once, "
        "as in q: Float[Array, 'n d']; other symbols: W, x, z, J",
    ),
    "annotation missing, nearest name": (
        dict(forward=dict(hidden=affine, J=lambda hiden: hiden)),
        "J=<lambda>: parameter 'hiden' is no node, so it is a leaf, and has no shape; annotate it once, "
        "as in hiden: Float[Array, 'n d']; other symbols: W, x, hidden, J; did you mean 'hidden'?",
    ),
    "two shapes for a leaf": (
        dict(forward=dict(z=affine, J=jagged)),
        "J=jagged: W is float (d, q), but float (q, d) in z=affine; a symbol has one shape",
    ),
    "two shapes for a node": (
        dict(forward=dict(z=affine, J=narrow)),
        "z=affine: z is float (q,), but float () in J=narrow; a symbol has one shape",
    ),
    "two kinds for a leaf": (
        dict(forward=dict(z=affine, J=rounded)),
        "J=rounded: x is int (d,), but float (d,) in z=affine; a symbol has one shape",
    ),
    "equation of another shape": (
        dict(backward=dict(dJ_dW=dJ_dW)),
        "dJ_dW: dJ_dW is float (d, q), expected float (q, d), the shape of W",
    ),
    "parameter of another shape": (
        dict(backward=dict(dJ_dx=dJ_dx)),
        "dJ_dx: dJ_dz is float (d,), expected float (q,), the shape of z",
    ),
    "Jacobian of another shape": (
        dict(backward=dict(dz_dx=dz_dx)),
        "dz_dx: dz_dx is float (d, q), expected float (q, d), the shape of z and of x",
    ),
    "dimension that is an expression": (
        dict(forward=dict(J=symbolic)),
        "J=symbolic: v: dimension 'n-1' of 'n-1' is not supported; use names and fixed sizes, as in 'n 3'",
    ),
    "dimension without name": (
        dict(forward=dict(J=anonymous)),
        "J=anonymous: v: dimension '_' of '_' is not supported; use names and fixed sizes, as in 'n 3'",
    ),
    "several dimensions at once": (
        dict(forward=dict(J=variadic)),
        "J=variadic: v: dimension '*batch' of '*batch n' is not supported; use names and fixed sizes, as in 'n 3'",
    ),
    "complex numbers": (
        dict(forward=dict(J=imaginary)),
        "J=imaginary: v: Complex is not supported; use Float, Int or Bool",
    ),
    "default of an array": (
        dict(forward=dict(J=defaulted)),
        "J=defaulted: array parameter 'eps' has a default; drop it, or make the parameter keyword-only",
    ),
    "starred parameter": (
        dict(forward=dict(J=starred)),
        "J=starred: parameter '*v' has no name; name each array",
    ),
    "positional choice": (
        dict(forward=dict(z=affine, J=positional)),
        "J=positional: static choice 'activation' is positional; put it behind a '*'",
    ),
    "choice of no table": (
        dict(forward=dict(z=affine, h=bend, J=bare)),
        "J=bare: static choice 'activaton' has no table; annotate it once, as in activaton: Activation; "
        "choices known: activation; did you mean 'activation'?",
    ),
    "choice of another table": (
        dict(forward=dict(z=affine, h=bend, J=by_loss)),
        "J=by_loss: activation is a choice of Loss, but of Activation in h=bend; use one table",
    ),
    "keyword-only array": (
        dict(forward=dict(z=affine, J=keyword)),
        "J=keyword: 'x' is an array, no static choice; put it before the '*'",
    ),
    "annotation that cannot be evaluated": (
        dict(forward=dict(z=affine, J=unreadable)),
        "J=unreadable: its signature cannot be read: NameError: name 'Flaot' is not defined",
    ),
    "target without loss": (
        dict(forward=dict(z=affine, h=bend, J=without_loss)),
        "J=without_loss: 'y' is a Target; take the loss that it belongs to too, as in '*, loss: Loss'",
    ),
    "target without output": (
        dict(forward=dict(z=affine, J=without_output)),
        "J=without_output: 'y' is a Target; take the output that it belongs to first, and annotate that",
    ),
    "target with a shape": (
        dict(forward=dict(FORWARD, k=typed_target, J=score)),
        "k=typed_target: 'y' is a Target in J=score, so the loss says its shape; drop this one",
    ),
    "domain of a node": (
        dict(domains=dict(z=nonnegative)),
        "domains: 'z' is a node; only leaves have a domain (W, x)",
    ),
    "domain of nothing": (
        dict(domains=dict(w=nonnegative)),
        "domains: 'w' is no leaf (W, x); did you mean 'W'?",
    ),
    "domain of a target": (
        dict(forward=dict(FORWARD, J=score), domains=dict(y=nonnegative)),
        "domains: 'y' is a Target, so the loss says its domain; drop this one",
    ),
    "domain that is none": (
        dict(domains=dict(x="nonnegative")),
        "domains: 'x' has 'nonnegative'; give one of manual_bp.domains, such as nonnegative",
    ),
    "domain of another kind": (
        dict(domains=dict(x=index("d"))),
        "z=affine: leaf 'x' holds floats, but its domain ints (an integer, 0 <= i < d); "
        "give another annotation, or another domain, as in domains=dict(x=index(10))",
    ),
    "integers without a domain": (
        dict(forward=dict(J=chosen)),
        "J=chosen: leaf 'i' holds ints, but its domain floats (a real number); "
        "give another annotation, or another domain, as in domains=dict(i=index(10))",
    ),
    "index below no dimension": (
        dict(forward=dict(z=affine, J=chosen), domains=dict(i=index("m"))),
        "domains: 'i' is an index below 'm', which is no dimension (q, d, k)",
    ),
    "derivative by integers": (
        dict(forward=dict(J=chosen), domains=dict(i=index("k")), backward=dict(dJ_di=dJ_di)),
        "dJ_di: i holds ints, and has no derivative; drop the equation",
    ),
    "objective no scalar": (
        dict(forward=dict(z=affine, h=bend)),
        "h=bend: h, the last node, has shape (q,); make it a scalar, "
        "or close the derivation with cotangent='dJ_dh'",
    ),
    "cotangent of no node": (
        dict(forward=dict(z=affine, hid=bend), cotangent="dJ_dhit"),
        "cotangent 'dJ_dhit': is not named d<root>_d<node>, as in 'dJ_dy', for a root that is no symbol; "
        "nodes: z, hid; did you mean 'hid'?",
    ),
    "cotangent of a real root": (
        dict(cotangent="dJ_dh"),
        "cotangent 'dJ_dh': is not named d<root>_d<node>, as in 'dJ_dy', for a root that is no symbol; "
        "nodes: z, h, J; did you mean 'h'?",
    ),
    "cotangent of what is used on": (
        dict(forward=dict(z=affine, h=bend), cotangent=("dJ_dh", "dJ_dz")),
        "cotangent 'dJ_dz': z is no output, h takes it; make the output a node of its own",
    ),
    "cotangents of two roots": (
        dict(forward=dict(z=affine, h=affine), cotangent=("dJ_dh", "dK_dz")),
        "cotangents dJ_dh, dK_dz: have the roots J, K; name them after one",
    ),
    "equation for a cotangent": (
        dict(forward=dict(z=affine, h=bend), cotangent="dJ_dh", backward=dict(dJ_dh=lone)),
        "dJ_dh: is the cotangent that closes the derivation, which is given; drop the equation",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refused(case: str):
    keywords, expected = REFUSALS[case]
    assert complaint(**keywords) == f"net: {expected}"


def test_a_choice_without_a_table_names_what_tables_there_are():
    assert complaint(dict(z=affine, J=untabled)).startswith("net: J=untabled: static choice 'rate': ")
