r"""The book's chapter on word embedding (word2vec): skip-gram, and the continuous bag of words.

U (V, k) holds the vectors $u_j$ of the V words of the dictionary. In skip-gram u are those of context words, and
$v_c$ (k,) is the vector of the center word; `o` is the index of the context word. In the continuous bag of words
E (V, k) holds the vectors of context words, `context` the indices of the 2m of them, and u are the vectors of
center words, `c` the index of one. Derivatives are those of log-likelihoods; a loss is minus one.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from manual_bp.derivation import Derivation
from manual_bp.domains import index

SOURCE = "Dive into Deep Learning, 'Word Embedding (word2vec)'"


def scores(U: Float[Array, "V k"], v_c: Float[Array, " k"]) -> Float[Array, " V"]:
    r"""$s_j = u_j^\top v_c$"""
    return U @ v_c


def log_likelihood(s: Float[Array, " V"], o: Int[Array, ""]) -> Float[Array, ""]:
    r"""$\log P(w_o \mid w_c) = u_o^\top v_c - \log \sum_i \exp(u_i^\top v_c)$"""
    return jax.nn.log_softmax(s)[o]


def dl_dv_c(U: Float[Array, "V k"], s: Float[Array, " V"], o: Int[Array, ""]) -> Float[Array, " k"]:
    r"""$\frac{\partial \log P(w_o \mid w_c)}{\partial v_c} = u_o - \sum_j P(w_j \mid w_c) u_j$

    `eq_skip-gram-grad`.
    """
    return U[o] - jax.nn.softmax(s) @ U


def dl_dU(s: Float[Array, " V"], o: Int[Array, ""], v_c: Float[Array, " k"]) -> Float[Array, "V k"]:
    r"""$\frac{\partial \log P(w_o \mid w_c)}{\partial u_j} = (1[j = o] - P(w_j \mid w_c)) v_c$"""
    return jnp.outer(jax.nn.one_hot(o, s.shape[0], dtype=s.dtype) - jax.nn.softmax(s), v_c)


SKIP_GRAM = Derivation(
    name="skip-gram",
    source=f"{SOURCE}, the skip-gram model",
    forward=dict(s=scores, l=log_likelihood),
    backward=dict(dl_dv_c=dl_dv_c, dl_dU=dl_dU),
    domains=dict(o=index("V")),
)


def context_vectors(E: Float[Array, "V k"], context: Int[Array, " 2*m"]) -> Float[Array, "2*m k"]:
    r"""$v_{o_i}$"""
    return E[context]


def mean_vector(v: Float[Array, "2*m k"]) -> Float[Array, " k"]:
    r"""$\bar v_o = (v_{o_1} + \cdots + v_{o_{2m}}) / (2m)$"""
    return jnp.mean(v, axis=0)


def center_scores(U: Float[Array, "V k"], v_bar: Float[Array, " k"]) -> Float[Array, " V"]:
    r"""$s_j = u_j^\top \bar v_o$"""
    return U @ v_bar


def center_log_likelihood(s: Float[Array, " V"], c: Int[Array, ""]) -> Float[Array, ""]:
    r"""$\log P(w_c \mid W_o) = u_c^\top \bar v_o - \log \sum_i \exp(u_i^\top \bar v_o)$"""
    return jax.nn.log_softmax(s)[c]


def dl_dv(
    v: Float[Array, "2*m k"], U: Float[Array, "V k"], s: Float[Array, " V"], c: Int[Array, ""]
) -> Float[Array, "2*m k"]:
    r"""$\frac{\partial \log P(w_c \mid W_o)}{\partial v_{o_i}} = \frac{1}{2m} (u_c - \sum_j P(w_j \mid W_o) u_j)$

    `eq_cbow-gradient`, for each place i of the context.
    """
    return jnp.broadcast_to((U[c] - jax.nn.softmax(s) @ U) / v.shape[0], v.shape)


def dl_dE(
    dl_dv: Float[Array, "2*m k"], E: Float[Array, "V k"], context: Int[Array, " 2*m"]
) -> Float[Array, "V k"]:
    r"""$\frac{\partial l}{\partial e_j} = \sum_{i:\,o_i = j} \frac{\partial l}{\partial v_{o_i}}$

    A word that stands at several places of the context has the sum of them.
    """
    return jnp.zeros_like(E).at[context].add(dl_dv)


def dl_dU_cbow(s: Float[Array, " V"], c: Int[Array, ""], v_bar: Float[Array, " k"]) -> Float[Array, "V k"]:
    r"""$\frac{\partial \log P(w_c \mid W_o)}{\partial u_j} = (1[j = c] - P(w_j \mid W_o)) \bar v_o$"""
    return jnp.outer(jax.nn.one_hot(c, s.shape[0], dtype=s.dtype) - jax.nn.softmax(s), v_bar)


CBOW = Derivation(
    name="cbow",
    source=f"{SOURCE}, the continuous bag of words (CBOW) model",
    forward=dict(v=context_vectors, v_bar=mean_vector, s=center_scores, l=center_log_likelihood),
    backward=dict(dl_dv=dl_dv, dl_dE=dl_dE, dl_dU=dl_dU_cbow),
    domains=dict(context=index("V"), c=index("V")),
)
