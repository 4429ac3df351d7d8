r"""The book's chapter on approximate training: negative sampling, and hierarchical softmax.

U (V, k) holds the vectors $u_j$ of context words, v (k,) is that of the center word; o is the index of the context word
and `noise` (K,) those of noise words, of which several may be the same. In hierarchical softmax u (L, k) are the
vectors of the nodes on the path to the word, and `left` says of each whether the path goes on to the left.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from manual_bp.derivation import Derivation
from manual_bp.domains import binary, index

SOURCE = "Dive into Deep Learning, 'Approximate Training'"


def sampled_loss(
    U: Float[Array, "V k"], v: Float[Array, " k"], o: Int[Array, ""], noise: Int[Array, " K"]
) -> Float[Array, ""]:
    r"""$l = -\log \sigma(u_o^\top v) - \sum_{k=1}^K \log \sigma(-u_{h_k}^\top v)$"""
    return -jax.nn.log_sigmoid(U[o] @ v) - jnp.sum(jax.nn.log_sigmoid(-(U[noise] @ v)))


def dl_dv(
    U: Float[Array, "V k"], v: Float[Array, " k"], o: Int[Array, ""], noise: Int[Array, " K"]
) -> Float[Array, " k"]:
    r"""$\frac{\partial l}{\partial v} = (\sigma(u_o^\top v) - 1) u_o + \sum_{k=1}^K \sigma(u_{h_k}^\top v) u_{h_k}$"""
    return jax.nn.sigmoid(U[noise] @ v) @ U[noise] - jax.nn.sigmoid(-(U[o] @ v)) * U[o]


def dl_dU(
    U: Float[Array, "V k"], v: Float[Array, " k"], o: Int[Array, ""], noise: Int[Array, " K"]
) -> Float[Array, "V k"]:
    r"""$\bar u_j = (1[j = o] (\sigma(u_j^\top v) - 1) + \sum_{k:\,h_k = j} \sigma(u_j^\top v)) v$

    A noise word that was drawn several times counts as often.
    """
    by_noise = jnp.outer(jax.nn.sigmoid(U[noise] @ v), v)
    return jnp.zeros_like(U).at[noise].add(by_noise).at[o].add(-jax.nn.sigmoid(-(U[o] @ v)) * v)


NEGATIVE_SAMPLING = Derivation(
    name="negative-sampling",
    source=f"{SOURCE}, negative sampling",
    forward=dict(l=sampled_loss),
    backward=dict(dl_dv=dl_dv, dl_dU=dl_dU),
    domains=dict(o=index("V"), noise=index("V")),
)


def signed(u: Float[Array, "L k"], v: Float[Array, " k"], left: Float[Array, " L"]) -> Float[Array, " L"]:
    r"""$s_j = [[\mathrm{left}_j]] \cdot u_j^\top v$, where $[[x]]$ is 1 if x is true and -1 if not"""
    return (2 * left - 1) * (u @ v)


def path_loss(s: Float[Array, " L"]) -> Float[Array, ""]:
    r"""$l = -\log \prod_j \sigma(s_j)$"""
    return -jnp.sum(jax.nn.log_sigmoid(s))


def dl_dv_of_path(
    s: Float[Array, " L"], left: Float[Array, " L"], u: Float[Array, "L k"]
) -> Float[Array, " k"]:
    r"""$\frac{\partial l}{\partial v} = \sum_j (\sigma(u_j^\top v) - 1[\mathrm{left}_j]) u_j$"""
    return ((1 - 2 * left) * jax.nn.sigmoid(-s)) @ u


def dl_du(s: Float[Array, " L"], left: Float[Array, " L"], v: Float[Array, " k"]) -> Float[Array, "L k"]:
    r"""$\frac{\partial l}{\partial u_j} = (\sigma(u_j^\top v) - 1[\mathrm{left}_j]) v$"""
    return jnp.outer((1 - 2 * left) * jax.nn.sigmoid(-s), v)


HIERARCHICAL_SOFTMAX = Derivation(
    name="hierarchical-softmax",
    source=f"{SOURCE}, hierarchical softmax",
    forward=dict(s=signed, l=path_loss),
    backward=dict(dl_dv=dl_dv_of_path, dl_du=dl_du),
    domains=dict(left=binary),
)
