r"""A 2-D convolution with a kernel of 3 x 3, padded so that the image keeps its size."""

import jax
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation


def convolve(image, kernels):
    """(c, h, w) images and (o, c, 3, 3) kernels: (o, h, w) images."""
    return jax.lax.conv_general_dilated(image[None], kernels, (1, 1), padding=((1, 1), (1, 1)))[0]


def output(x: Float[Array, "c h w"], K: Float[Array, "o c 3 3"]) -> Float[Array, "o h w"]:
    return convolve(x, K)


def dJ_dx(dJ_dy, K):
    r"""$\partial J/\partial x = \partial J/\partial y * \mathrm{flip}(K)$"""
    return convolve(dJ_dy, K[:, :, ::-1, ::-1].swapaxes(0, 1))


def dJ_dK(dJ_dy, x):
    r"""$\partial J/\partial K_{oc} = x_c * \partial J/\partial y_o$"""
    return jax.vmap(lambda image: convolve(image[None], dJ_dy[:, None]), out_axes=1)(x)


CONVOLUTION = Derivation(
    name="convolution",
    source="lecture notes",
    forward=dict(y=output),
    backward=dict(dJ_dx=dJ_dx, dJ_dK=dJ_dK),
    cotangent="dJ_dy",
)
