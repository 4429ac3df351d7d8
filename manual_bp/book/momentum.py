r"""The book's chapter on momentum: the gradient of a convex quadratic function, as printed and as it is.

x has shape (d,), and $Q = R + R^\top$ (d, d) is symmetric, as any matrix of a quadratic function may be taken to
be. $c = Q p$, so that p is the $Q^{-1} c$ of the book, of any Q. As printed, h is rewritten as
$\frac12 (x - Q^{-1} c)^\top Q (x - Q^{-1} c) + b - \frac12 c^\top Q^{-1} c$, which is true of
$h(x) = \frac12 x^\top Q x - x^\top c + b$.
"""

from jaxtyping import Array, Float

from manual_bp.derivation import Derivation
from manual_bp.domains import interval

SOURCE = "Dive into Deep Learning, 'Momentum', quadratic convex functions"


def symmetric(R: Float[Array, "d d"]) -> Float[Array, "d d"]:
    r"""$Q = R + R^\top$"""
    return R + R.T


def linear(Q: Float[Array, "d d"], p: Float[Array, " d"]) -> Float[Array, " d"]:
    r"""$c = Q p$"""
    return Q @ p


def quadratic(
    x: Float[Array, " d"], Q: Float[Array, "d d"], c: Float[Array, " d"], b: Float[Array, ""]
) -> Float[Array, ""]:
    r"""$h(x) = \frac12 x^\top Q x + x^\top c + b$"""
    return x @ Q @ x / 2 + x @ c + b


def dh_dx_as_printed(
    Q: Float[Array, "d d"], x: Float[Array, " d"], p: Float[Array, " d"]
) -> Float[Array, " d"]:
    r"""$\partial_x h(x) = Q (x - Q^{-1} c)$"""
    return Q @ (x - p)


def dh_dx_about_the_minimum(
    Q: Float[Array, "d d"], x: Float[Array, " d"], p: Float[Array, " d"]
) -> Float[Array, " d"]:
    r"""$\partial_x h(x) = Q (x + Q^{-1} c)$"""
    return Q @ (x + p)


def dh_dx(Q: Float[Array, "d d"], x: Float[Array, " d"], c: Float[Array, " d"]) -> Float[Array, " d"]:
    r"""$\partial_x h(x) = Q x + c$

    The accurate form: $x + Q^{-1} c$ overflows beside the largest numbers where neither term does.
    """
    return Q @ x + c


FORWARD = dict(Q=symmetric, c=linear, h=quadratic)
DERIVATION = Derivation(name="momentum", source=SOURCE, forward=FORWARD, backward=dict(dh_dx=dh_dx))
CORRECTED = Derivation(
    name="momentum-about-its-minimum",
    source=SOURCE,
    forward=FORWARD,
    backward=dict(dh_dx=dh_dx_about_the_minimum),
    domains=dict(
        x=interval(-1024, 1024), p=interval(-1024, 1024)
    ),  # x + p overflows beside the largest numbers
)
PRINTED = Derivation(
    name="momentum-as-printed",
    source=SOURCE,
    forward=FORWARD,
    backward=dict(dh_dx=dh_dx_as_printed),
    printed_wrong=dict(dh_dx="the sign of c"),
)
