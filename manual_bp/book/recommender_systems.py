r"""The book's chapters on recommender systems: matrix factorization, AutoRec, ranking losses, factorization machines.

n ratings r of users u for items i. P (users, k) and Q (items, k) hold their vectors, `b_user`, `b_item` their biases,
`mu` is the mean rating; the regularizer counts once for each rating, unlike an optimizer's weight decay.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from manual_bp.derivation import Derivation
from manual_bp.domains import index, mask, nonnegative

SOURCE = "Dive into Deep Learning, "


def rows(P: Float[Array, "users k"], u: Int[Array, " n"]) -> Float[Array, "n k"]:
    r"""$p_u$ of each rating"""
    return P[u]


def columns(Q: Float[Array, "items k"], i: Int[Array, " n"]) -> Float[Array, "n k"]:
    r"""$q_i$ of each rating"""
    return Q[i]


def user_biases(b_user: Float[Array, " users"], u: Int[Array, " n"]) -> Float[Array, " n"]:
    r"""$b_u$ of each rating"""
    return b_user[u]


def item_biases(b_item: Float[Array, " items"], i: Int[Array, " n"]) -> Float[Array, " n"]:
    r"""$b_i$ of each rating"""
    return b_item[i]


def residual(
    r: Float[Array, " n"],
    p: Float[Array, "n k"],
    q: Float[Array, "n k"],
    a: Float[Array, " n"],
    c: Float[Array, " n"],
    mu: Float[Array, ""],
) -> Float[Array, " n"]:
    r"""$e = r_{ui} - \hat r_{ui}, \quad \hat r_{ui} = p_u q_i^\top + b_u + b_i + \mu$"""
    return r - (jnp.sum(p * q, axis=1) + a + c + mu)


def regularized(
    e: Float[Array, " n"],
    p: Float[Array, "n k"],
    q: Float[Array, "n k"],
    a: Float[Array, " n"],
    c: Float[Array, " n"],
    lam: Float[Array, ""],
) -> Float[Array, ""]:
    r"""$L = \sum_{(u, i)} e_{ui}^2 + \lambda (\|p_u\|^2 + \|q_i\|^2 + b_u^2 + b_i^2)$"""
    squares = (
        jnp.sum(jnp.square(p)) + jnp.sum(jnp.square(q)) + jnp.sum(jnp.square(a)) + jnp.sum(jnp.square(c))
    )
    return jnp.sum(jnp.square(e)) + lam * squares


def dL_dp(
    e: Float[Array, " n"], q: Float[Array, "n k"], lam: Float[Array, ""], p: Float[Array, "n k"]
) -> Array:
    r"""$\frac{\partial L}{\partial p_u} = -2 e_{ui} q_i + 2 \lambda p_u$"""
    return -2 * e[:, None] * q + 2 * lam * p


def dL_dq(
    e: Float[Array, " n"], p: Float[Array, "n k"], lam: Float[Array, ""], q: Float[Array, "n k"]
) -> Array:
    r"""$\frac{\partial L}{\partial q_i} = -2 e_{ui} p_u + 2 \lambda q_i$"""
    return -2 * e[:, None] * p + 2 * lam * q


def dL_da(e: Float[Array, " n"], lam: Float[Array, ""], a: Float[Array, " n"]) -> Float[Array, " n"]:
    r"""$\frac{\partial L}{\partial b_u} = -2 e_{ui} + 2 \lambda b_u$"""
    return -2 * e + 2 * lam * a


def dL_dc(e: Float[Array, " n"], lam: Float[Array, ""], c: Float[Array, " n"]) -> Float[Array, " n"]:
    r"""$\frac{\partial L}{\partial b_i} = -2 e_{ui} + 2 \lambda b_i$"""
    return -2 * e + 2 * lam * c


def dL_dP(
    dL_dp: Float[Array, "n k"], P: Float[Array, "users k"], u: Int[Array, " n"]
) -> Float[Array, "users k"]:
    r"""$\frac{\partial L}{\partial P_s} = \sum_{n:\,u_n = s} \frac{\partial L}{\partial p_n}$"""
    return jnp.zeros_like(P).at[u].add(dL_dp)


def dL_dQ(
    dL_dq: Float[Array, "n k"], Q: Float[Array, "items k"], i: Int[Array, " n"]
) -> Float[Array, "items k"]:
    r"""$\frac{\partial L}{\partial Q_s} = \sum_{n:\,i_n = s} \frac{\partial L}{\partial q_n}$"""
    return jnp.zeros_like(Q).at[i].add(dL_dq)


def dL_db_user(
    dL_da: Float[Array, " n"], b_user: Float[Array, " users"], u: Int[Array, " n"]
) -> Float[Array, " users"]:
    r"""$\frac{\partial L}{\partial b_s} = \sum_{n:\,u_n = s} \frac{\partial L}{\partial b_{u_n}}$"""
    return jnp.zeros_like(b_user).at[u].add(dL_da)


def dL_db_item(
    dL_dc: Float[Array, " n"], b_item: Float[Array, " items"], i: Int[Array, " n"]
) -> Float[Array, " items"]:
    r"""$\frac{\partial L}{\partial b_s} = \sum_{n:\,i_n = s} \frac{\partial L}{\partial b_{i_n}}$"""
    return jnp.zeros_like(b_item).at[i].add(dL_dc)


MATRIX_FACTORIZATION = Derivation(
    name="matrix-factorization",
    source=SOURCE + "'Matrix Factorization'",
    forward=dict(p=rows, q=columns, a=user_biases, c=item_biases, e=residual, L=regularized),
    backward=dict(
        dL_dp=dL_dp, dL_dq=dL_dq, dL_da=dL_da, dL_dc=dL_dc,
        dL_dP=dL_dP, dL_dQ=dL_dQ, dL_db_user=dL_db_user, dL_db_item=dL_db_item,
    ),
    domains=dict(u=index("users"), i=index("items"), lam=nonnegative),
)  # fmt: skip


def encoded(V: Float[Array, "h d"], R: Float[Array, " d"], mu: Float[Array, " h"]) -> Float[Array, " h"]:
    r"""$z = V R_{*i} + \mu$"""
    return V @ R + mu


def activated(z: Float[Array, " h"]) -> Float[Array, " h"]:
    r"""$g(z) = \mathrm{sigmoid}(z)$"""
    return jax.nn.sigmoid(z)


def decoded(W: Float[Array, "d h"], g: Float[Array, " h"], b: Float[Array, " d"]) -> Float[Array, " d"]:
    r"""$h(R_{*i}) = W g(V R_{*i} + \mu) + b$"""
    return W @ g + b


def observed_loss(R: Float[Array, " d"], o: Float[Array, " d"], seen: Bool[Array, " d"]) -> Float[Array, ""]:
    r"""$L = \|R_{*i} - h(R_{*i})\|_O^2$, over the ratings that were observed"""
    return jnp.sum(jnp.where(seen, jnp.square(R - o), 0.0))


def dL_do(R: Float[Array, " d"], o: Float[Array, " d"], seen: Bool[Array, " d"]) -> Float[Array, " d"]:
    r"""$\frac{\partial L}{\partial h} = -2 (R_{*i} - h(R_{*i}))$ where it was observed, else 0"""
    return jnp.where(seen, 2 * (o - R), 0.0)


def dL_dW(dL_do: Float[Array, " d"], g: Float[Array, " h"]) -> Float[Array, "d h"]:
    r"""$\frac{\partial L}{\partial W} = \frac{\partial L}{\partial h} g^\top$"""
    return jnp.outer(dL_do, g)


def dL_db(dL_do: Float[Array, " d"]) -> Float[Array, " d"]:
    r"""$\frac{\partial L}{\partial b} = \frac{\partial L}{\partial h}$"""
    return dL_do


def dL_dz(W: Float[Array, "d h"], dL_do: Float[Array, " d"], z: Float[Array, " h"]) -> Float[Array, " h"]:
    r"""$\frac{\partial L}{\partial z} = W^\top \frac{\partial L}{\partial h} \odot g(z) (1 - g(z))$"""
    return (W.T @ dL_do) * (jax.nn.sigmoid(z) * jax.nn.sigmoid(-z))


def dL_dV(dL_dz: Float[Array, " h"], R: Float[Array, " d"]) -> Float[Array, "h d"]:
    r"""$\frac{\partial L}{\partial V} = \frac{\partial L}{\partial z} R_{*i}^\top$"""
    return jnp.outer(dL_dz, R)


def dL_dmu(dL_dz: Float[Array, " h"]) -> Float[Array, " h"]:
    r"""$\frac{\partial L}{\partial \mu} = \frac{\partial L}{\partial z}$"""
    return dL_dz


AUTOREC = Derivation(
    name="autorec",
    source=SOURCE + "'AutoRec: Rating Prediction with Autoencoders'",
    forward=dict(z=encoded, g=activated, o=decoded, L=observed_loss),
    backward=dict(dL_do=dL_do, dL_dW=dL_dW, dL_db=dL_db, dL_dz=dL_dz, dL_dV=dL_dV, dL_dmu=dL_dmu),
    domains=dict(seen=mask),
)


def margin(pos: Float[Array, " n"], neg: Float[Array, " n"]) -> Float[Array, " n"]:
    r"""$\Delta = \hat y_{ui} - \hat y_{uj}$"""
    return pos - neg


def bpr(delta: Float[Array, " n"]) -> Float[Array, ""]:
    r"""$\mathrm{BPR} = -\sum \ln \sigma(\hat y_{ui} - \hat y_{uj})$"""
    return -jnp.sum(jax.nn.log_sigmoid(delta))


def dbpr_dpos(delta: Float[Array, " n"]) -> Float[Array, " n"]:
    r"""$\frac{\partial \mathrm{BPR}}{\partial \hat y_{ui}} = \sigma(\Delta) - 1$"""
    return -jax.nn.sigmoid(-delta)


def dbpr_dneg(delta: Float[Array, " n"]) -> Float[Array, " n"]:
    r"""$\frac{\partial \mathrm{BPR}}{\partial \hat y_{uj}} = 1 - \sigma(\Delta)$"""
    return jax.nn.sigmoid(-delta)


def hinge(delta: Float[Array, " n"], m: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\mathrm{hinge} = \sum \max(m - \hat y_{ui} + \hat y_{uj}, 0)$"""
    return jnp.sum(jax.nn.relu(m - delta))


def dhinge_dpos(delta: Float[Array, " n"], m: Float[Array, ""]) -> Float[Array, " n"]:
    r"""$\frac{\partial\,\mathrm{hinge}}{\partial \hat y_{ui}} = -1[m - \Delta > 0]$"""
    return jnp.where(m - delta > 0, -1.0, 0.0)


def dhinge_dneg(delta: Float[Array, " n"], m: Float[Array, ""]) -> Float[Array, " n"]:
    r"""$\frac{\partial\,\mathrm{hinge}}{\partial \hat y_{uj}} = 1[m - \Delta > 0]$"""
    return jnp.where(m - delta > 0, 1.0, 0.0)


def both(bpr: Float[Array, ""], hinge: Float[Array, ""]) -> Float[Array, ""]:
    """$J$, the sum of both losses."""
    return bpr + hinge


RANKING = Derivation(
    name="ranking",
    source=SOURCE + "'Personalized Ranking for Recommender Systems'",
    forward=dict(delta=margin, bpr=bpr, hinge=hinge, J=both),
    backward=dict(dbpr_dpos=dbpr_dpos, dbpr_dneg=dbpr_dneg, dhinge_dpos=dhinge_dpos, dhinge_dneg=dhinge_dneg),
)


def machine(
    w_0: Float[Array, ""], w: Float[Array, " d"], V: Float[Array, "d k"], x: Float[Array, " d"]
) -> Float[Array, ""]:
    r"""$\hat y = w_0 + \sum_i w_i x_i + \frac12 \sum_l \left((\sum_i v_{il} x_i)^2 - \sum_i v_{il}^2 x_i^2\right)$"""
    pairs = jnp.square(x @ V) - jnp.sum(jnp.square(V * x[:, None]), axis=0)
    return w_0 + w @ x + jnp.sum(pairs) / 2


def dy_dw_0() -> Float[Array, ""]:
    r"""$\frac{\partial \hat y}{\partial w_0} = 1$"""
    return jnp.ones(())


def dy_dw(x: Float[Array, " d"]) -> Float[Array, " d"]:
    r"""$\frac{\partial \hat y}{\partial w_i} = x_i$"""
    return x


def dy_dV(x: Float[Array, " d"], V: Float[Array, "d k"]) -> Float[Array, "d k"]:
    r"""$\frac{\partial \hat y}{\partial v_{il}} = x_i \sum_j v_{jl} x_j - v_{il} x_i^2$"""
    return jnp.outer(x, x @ V) - V * jnp.square(x)[:, None]


def dy_dx(w: Float[Array, " d"], V: Float[Array, "d k"], x: Float[Array, " d"]) -> Float[Array, " d"]:
    r"""$\frac{\partial \hat y}{\partial x_i} = w_i + \sum_l v_{il} (\sum_j v_{jl} x_j - v_{il} x_i)$"""
    return w + jnp.sum(V * (x @ V - V * x[:, None]), axis=1)


FACTORIZATION_MACHINE = Derivation(
    name="factorization-machine",
    source=SOURCE + "'Factorization Machines'",
    forward=dict(y=machine),
    backward=dict(dy_dw_0=dy_dw_0, dy_dw=dy_dw, dy_dV=dy_dV, dy_dx=dy_dx),
)
