r"""A dense layer on a batch, $Y = X W^\top + b$: the bias is broadcast over the rows."""

from jaxtyping import Array, Float

from manual_bp.derivation import Derivation


def output(X: Float[Array, "n d"], W: Float[Array, "q d"], b: Float[Array, " q"]) -> Float[Array, "n q"]:
    return X @ W.T + b


def dJ_dX(dJ_dY, W):
    r"""$\partial J/\partial X = \partial J/\partial Y \, W$"""
    return dJ_dY @ W


def dJ_dW(dJ_dY, X):
    r"""$\partial J/\partial W = (\partial J/\partial Y)^\top X$"""
    return dJ_dY.T @ X


def dJ_db(dJ_dY):
    r"""$\partial J/\partial b = \sum_n \partial J/\partial Y_n$"""
    return dJ_dY.sum(axis=0)


DENSE = Derivation(
    name="dense",
    source="lecture notes",
    forward=dict(Y=output),
    backward=dict(dJ_dX=dJ_dX, dJ_dW=dJ_dW, dJ_db=dJ_db),
    cotangent="dJ_dY",
)
