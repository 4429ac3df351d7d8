r"""The book's chapter on attention scoring functions: scaled dot-product attention, and additive attention.

m queries Q, n keys K with their values V (n, v). `last` (m,) is the place of the last key that each query sees, one
less than the book's valid length. In scaled dot-product attention Q and K have rows of length d; in additive attention
of lengths a and b, which W_q (h, a) and W_k (h, b) bring to h, and w_v (h,) to a number.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from manual_bp.derivation import Derivation
from manual_bp.domains import index

SOURCE = "Dive into Deep Learning, 'Attention Scoring Functions'"


def scaled_scores(Q: Float[Array, "m d"], K: Float[Array, "n d"]) -> Float[Array, "m n"]:
    r"""$S = \frac{Q K^\top}{\sqrt d}$"""
    return Q @ K.T * Q.shape[1] ** -0.5


def weights(S: Float[Array, "m n"], last: Int[Array, " m"]) -> Float[Array, "m n"]:
    r"""$P_i = \mathrm{softmax}(S_i)$ over the keys that query i sees"""
    seen = jnp.arange(S.shape[1]) <= last[:, None]
    return jax.nn.softmax(S, axis=1, where=seen)


def pooled(P: Float[Array, "m n"], V: Float[Array, "n v"]) -> Float[Array, "m v"]:
    r"""$Y = P V$, `eq_softmax_QK_V`"""
    return P @ V


def dJ_dV(P: Float[Array, "m n"], dJ_dY: Float[Array, "m v"]) -> Float[Array, "n v"]:
    r"""$\frac{\partial J}{\partial V} = P^\top \frac{\partial J}{\partial Y}$"""
    return P.T @ dJ_dY


def dJ_dP(dJ_dY: Float[Array, "m v"], V: Float[Array, "n v"]) -> Float[Array, "m n"]:
    r"""$\frac{\partial J}{\partial P} = \frac{\partial J}{\partial Y} V^\top$"""
    return dJ_dY @ V.T


def dJ_dS(P: Float[Array, "m n"], dJ_dP: Float[Array, "m n"]) -> Float[Array, "m n"]:
    r"""$\bar S = P \odot (\bar P - \sum_j P_j \bar P_j), \; \bar P = \frac{\partial J}{\partial P}$"""
    return P * (dJ_dP - jnp.sum(P * dJ_dP, axis=1, keepdims=True))


def dJ_dQ(dJ_dS: Float[Array, "m n"], K: Float[Array, "n d"]) -> Float[Array, "m d"]:
    r"""$\frac{\partial J}{\partial Q} = \frac{1}{\sqrt d} \frac{\partial J}{\partial S} K$"""
    return dJ_dS @ K * K.shape[1] ** -0.5


def dJ_dK(dJ_dS: Float[Array, "m n"], Q: Float[Array, "m d"]) -> Float[Array, "n d"]:
    r"""$\frac{\partial J}{\partial K} = \frac{1}{\sqrt d} \left(\frac{\partial J}{\partial S}\right)^\top Q$"""
    return dJ_dS.T @ Q * Q.shape[1] ** -0.5


POOLING = dict(dJ_dV=dJ_dV, dJ_dP=dJ_dP, dJ_dS=dJ_dS)
DERIVATION = Derivation(
    name="scaled-dot-product-attention",
    source=f"{SOURCE}, scaled dot product attention",
    forward=dict(S=scaled_scores, P=weights, Y=pooled),
    backward=dict(**POOLING, dJ_dQ=dJ_dQ, dJ_dK=dJ_dK),
    cotangent="dJ_dY",
    domains=dict(last=index("n")),
)


def queries_and_keys(
    Q: Float[Array, "m a"], W_q: Float[Array, "h a"], K: Float[Array, "n b"], W_k: Float[Array, "h b"]
) -> Float[Array, "m n h"]:
    r"""$z_{ij} = W_q q_i + W_k k_j$"""
    return (Q @ W_q.T)[:, None] + K @ W_k.T


def features(z: Float[Array, "m n h"]) -> Float[Array, "m n h"]:
    r"""$t_{ij} = \tanh(W_q q_i + W_k k_j)$"""
    return jnp.tanh(z)


def additive_scores(t: Float[Array, "m n h"], w_v: Float[Array, " h"]) -> Float[Array, "m n"]:
    r"""$a(q_i, k_j) = w_v^\top \tanh(W_q q_i + W_k k_j)$, `eq_additive-attn`"""
    return t @ w_v


def dJ_dw_v(dJ_dS: Float[Array, "m n"], t: Float[Array, "m n h"]) -> Float[Array, " h"]:
    r"""$\frac{\partial J}{\partial w_v} = \sum_{ij} \frac{\partial J}{\partial S_{ij}} t_{ij}$"""
    return jnp.einsum("mn,mnh->h", dJ_dS, t)


def dJ_dz(
    dJ_dS: Float[Array, "m n"], w_v: Float[Array, " h"], t: Float[Array, "m n h"]
) -> Float[Array, "m n h"]:
    r"""$\delta_{ij} = \frac{\partial J}{\partial S_{ij}} w_v \odot (1 - t_{ij}^2)$"""
    return dJ_dS[..., None] * w_v * ((1 - t) * (1 + t))


def dJ_dW_q(dJ_dz: Float[Array, "m n h"], Q: Float[Array, "m a"]) -> Float[Array, "h a"]:
    r"""$\frac{\partial J}{\partial W_q} = \sum_{ij} \delta_{ij} q_i^\top$"""
    return jnp.sum(dJ_dz, axis=1).T @ Q


def dJ_dW_k(dJ_dz: Float[Array, "m n h"], K: Float[Array, "n b"]) -> Float[Array, "h b"]:
    r"""$\frac{\partial J}{\partial W_k} = \sum_{ij} \delta_{ij} k_j^\top$"""
    return jnp.sum(dJ_dz, axis=0).T @ K


def dJ_dQ_additive(dJ_dz: Float[Array, "m n h"], W_q: Float[Array, "h a"]) -> Float[Array, "m a"]:
    r"""$\frac{\partial J}{\partial q_i} = W_q^\top \sum_j \delta_{ij}$"""
    return jnp.sum(dJ_dz, axis=1) @ W_q


def dJ_dK_additive(dJ_dz: Float[Array, "m n h"], W_k: Float[Array, "h b"]) -> Float[Array, "n b"]:
    r"""$\frac{\partial J}{\partial k_j} = W_k^\top \sum_i \delta_{ij}$"""
    return jnp.sum(dJ_dz, axis=0) @ W_k


ADDITIVE = Derivation(
    name="additive-attention",
    source=f"{SOURCE}, additive attention",
    forward=dict(z=queries_and_keys, t=features, S=additive_scores, P=weights, Y=pooled),
    backward=dict(
        **POOLING, dJ_dw_v=dJ_dw_v, dJ_dz=dJ_dz, dJ_dW_q=dJ_dW_q, dJ_dW_k=dJ_dW_k,
        dJ_dQ=dJ_dQ_additive, dJ_dK=dJ_dK_additive,
    ),
    cotangent="dJ_dY",
    domains=dict(last=index("n")),
)  # fmt: skip

scaled_dot_product_attention = DERIVATION.with_manual_vjp()
additive_attention = ADDITIVE.with_manual_vjp()
