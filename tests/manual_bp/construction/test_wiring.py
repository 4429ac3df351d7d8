"""Names: what an equation's name may say, what a parameter may name, and what is refused, word by word."""

from typing import Any

import pytest

from manual_bp.derivation import Derivation
from tests.manual_bp.construction.network import FORWARD, affine, bend, dJ_dz, total


def typo(dJ_dh, hh):
    return dJ_dh * hh


def lone(a, b):
    return a


def one_name(b_dc: float):
    return b_dc


def other_name(c: float):
    return c


REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "nothing to compute": (
        dict(forward={}),
        "forward: is empty; give at least one node, as in forward=dict(J=objective)",
    ),
    "parameter of no name": (
        dict(backward=dict(dJ_dz=typo)),
        "dJ_dz=typo: parameter 'hh' is neither a symbol (W, x, z, h, J) nor an equation (dJ_dz, dJ_dh); "
        "did you mean 'h'?",
    ),
    "cycle forward": (
        dict(forward=dict(a=lambda b: b, b=lambda c: c, c=lambda a: a, J=total)),
        "forward: a -> b -> c -> a is a cycle, each takes the next; break it at one of them",
    ),
    "cycle backward": (
        dict(backward=dict(dJ_dh=lambda dJ_dz: dJ_dz, dJ_dz=dJ_dz)),
        "backward: dJ_dh -> dJ_dz -> dJ_dh is a cycle, each takes the next; break it at one of them",
    ),
    "itself": (
        dict(backward=dict(dJ_dh=lambda dJ_dh: dJ_dh)),
        "backward: dJ_dh -> dJ_dh is a cycle, each takes the next; break it at one of them",
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
        "da_db_dc: reads as the derivative of a by b_dc or a_db by c; "
        "rename a symbol so that one reading is left",
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
    arguments: dict[str, Any] = dict(name="net", source="a test", forward=FORWARD, backward={})
    with pytest.raises(TypeError) as caught:
        Derivation(**arguments | keywords)
    assert str(caught.value) == f"net: {expected}"
