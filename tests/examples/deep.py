r"""A deep network, $h_0 = x$ and $h_{l+1} = \tanh(W_l h_l + b_l)$, of as many layers as one likes."""

from itertools import pairwise

import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation


def deep(depth: int) -> Derivation:
    sizes = [f"n{layer}" for layer in range(depth + 1)]
    shapes = [
        {"W": Float[Array, f"{above} {below}"], "b": Float[Array, above]} for below, above in pairwise(sizes)
    ]
    outputs = [Float[Array, size] for size in sizes[1:]]

    def hidden(layers: shapes, x: Float[Array, "n0"]) -> outputs:  # pyright: ignore[reportInvalidTypeForm]
        h = [x]
        for layer in layers:
            h.append(jnp.tanh(layer["W"] @ h[-1] + layer["b"]))
        return h[1:]

    def output(h):
        return h[-1]

    def dJ_dlayers(dJ_dy, layers, x, h):
        r"""$\partial J/\partial W_l = \bar z_l h_l^\top, \; \partial J/\partial b_l = \bar z_l$"""
        dJ_dh, found = dJ_dy, []
        for layer, below, above in zip(reversed(layers), reversed([x, *h[:-1]]), reversed(h), strict=True):
            dJ_dz = dJ_dh * (1 - above**2)
            found.append({"W": jnp.outer(dJ_dz, below), "b": dJ_dz})
            dJ_dh = layer["W"].T @ dJ_dz
        return found[::-1]

    def dJ_dx(dJ_dlayers, layers):
        r"""$\partial J/\partial x = W_0^\top \bar z_0$"""
        return layers[0]["W"].T @ dJ_dlayers[0]["b"]

    return Derivation(
        name="deep",
        source="Rumelhart, Hinton and Williams 1986",
        forward=dict(h=hidden, y=output),
        backward=dict(dJ_dlayers=dJ_dlayers, dJ_dx=dJ_dx),
        cotangent="dJ_dy",
    )


DEEP = deep(3)
