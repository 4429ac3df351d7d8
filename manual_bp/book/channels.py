r"""The book's chapter on multiple input and multiple output channels: the gradients of a convolutional layer.

K (o, i, a, b) has i input and o output channels. Of one example X is (i, p + a - 1, r + b - 1), and the
cross-correlation Y (o, p, r): the kernel lies inside X. $G = \partial J/\partial Y$. A minibatch is a `vmap`.
"""

from jax import Array
from jax.lax import conv_general_dilated
from jaxtyping import Float

from manual_bp.derivation import Derivation


def cross_correlation(X: Array, K: Array) -> Array:
    r"""$Y_{opr} = \sum_{i, a, b} K_{oiab} X_{i, p+a, r+b}$"""
    return conv_general_dilated(X[None], K, (1, 1), "VALID")[0]


def by_kernel(X: Array, G: Array) -> Array:
    r"""$\mathrm{corr}(X, G)_{oiab} = \sum_{p, r} X_{i, p+a, r+b} G_{opr}$, for each pair of channels"""
    return conv_general_dilated(X[None], G[None], (1, 1), "VALID", dimension_numbers=("CNHW", "IOHW", "CNHW"))


def by_input(G: Array, K: Array) -> Array:
    r"""$\mathrm{corr}(\mathrm{pad}(G), \mathrm{rot180}(K))_i$, the sum over output channels"""
    padding = [(size - 1, size - 1) for size in K.shape[2:]]
    rotated = K[:, :, ::-1, ::-1]
    return conv_general_dilated(
        G[None], rotated, (1, 1), padding, dimension_numbers=("NCHW", "IOHW", "NCHW")
    )[0]


def of_kernel(a: int, b: int) -> Derivation:
    """The layer whose kernels have a rows and b columns."""
    rows, columns = (f"{name}+{size - 1}" if size > 1 else name for name, size in (("p", a), ("r", b)))
    Images, Kernels = Float[Array, f"i {rows} {columns}"], Float[Array, f"o i {a} {b}"]
    Outputs = Float[Array, "o p r"]

    def output(X: Images, K: Kernels) -> Outputs:  # pyright: ignore[reportInvalidTypeForm]
        r"""$Y_{opr} = \sum_{i, a, b} K_{oiab} X_{i, p+a, r+b}$"""
        return cross_correlation(X, K)

    def dJ_dK(X: Images, dJ_dY: Outputs) -> Kernels:  # pyright: ignore[reportInvalidTypeForm]
        r"""$\frac{\partial J}{\partial K} = \mathrm{corr}(X, G)$"""
        return by_kernel(X, dJ_dY)

    def dJ_dX(dJ_dY: Outputs, K: Kernels) -> Images:  # pyright: ignore[reportInvalidTypeForm]
        r"""$\frac{\partial J}{\partial X} = \mathrm{corr}(\mathrm{pad}(G), \mathrm{rot180}(K))$"""
        return by_input(dJ_dY, K)

    return Derivation(
        name="convolution",
        source="Dive into Deep Learning, 'Multiple Input and Multiple Output Channels'",
        forward=dict(Y=output),
        backward=dict(dJ_dK=dJ_dK, dJ_dX=dJ_dX),
        cotangent="dJ_dY",
    )


DERIVATION = of_kernel(3, 2)
