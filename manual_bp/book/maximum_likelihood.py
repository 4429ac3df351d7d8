r"""The book's chapter on maximum likelihood: the example with coins, and the gradient of the log-likelihood.

$\theta$ is the probability of heads, x (n,) holds 1 for heads and 0 for tails, and $P(x_i \mid \theta)$ is
$\theta$ or $1 - \theta$.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from manual_bp.derivation import Derivation
from manual_bp.domains import binary, counts, interval, positive

SOURCE = "Dive into Deep Learning, 'Maximum Likelihood'"


def nine_of_thirteen(theta: Float[Array, ""]) -> Float[Array, ""]:
    r"""$F(\theta) = \theta^9 (1 - \theta)^4$"""
    return theta**9 * (1 - theta) ** 4


def dF_dtheta(theta: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\frac{d}{d\theta} \theta^9 (1 - \theta)^4 = \theta^8 (1 - \theta)^3 (9 - 13 \theta)$"""
    return theta**8 * (1 - theta) ** 3 * (9 - 13 * theta)


def probabilities(theta: Float[Array, ""], x: Float[Array, " n"]) -> Float[Array, " n"]:
    r"""$P(x_i \mid \theta) = \theta x_i + (1 - \theta)(1 - x_i)$"""
    return theta * x + (1 - theta) * (1 - x)


def dP_dtheta(x: Float[Array, " n"]) -> Float[Array, " n"]:
    r"""$\partial_\theta P(x_i \mid \theta) = 2 x_i - 1$"""
    return 2 * x - 1


def negative_log_likelihood(P: Float[Array, " n"]) -> Float[Array, ""]:
    r"""$N = -\log P(X \mid \theta) = -\sum_i \log P(x_i \mid \theta)$"""
    return -jnp.sum(jnp.log(P))


def dN_dtheta_as_printed(P: Float[Array, " n"], dP_dtheta: Float[Array, " n"]) -> Float[Array, ""]:
    r"""$-\partial_\theta \log P(X) = \sum_i \frac{1}{P(x_i)} \partial_\theta P(x_i)$"""
    return jnp.sum(1 / P * dP_dtheta)


def dN_dtheta(P: Float[Array, " n"], dP_dtheta: Float[Array, " n"]) -> Float[Array, ""]:
    r"""$-\partial_\theta \log P(X) = -\sum_i \frac{1}{P(x_i)} \partial_\theta P(x_i)$"""
    return -jnp.sum(1 / P * dP_dtheta)


def coin_loss(theta: Float[Array, ""], n_H: Float[Array, ""], n_T: Float[Array, ""]) -> Float[Array, ""]:
    r"""$B = -n_H \log \theta - n_T \log (1 - \theta)$"""
    return -n_H * jnp.log(theta) - n_T * jnp.log(1 - theta)


def dB_dtheta(theta: Float[Array, ""], n_H: Float[Array, ""], n_T: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\frac{dB}{d\theta} = -\frac{n_H}{\theta} + \frac{n_T}{1 - \theta}$"""
    return -n_H / theta + n_T / (1 - theta)


def exponential(alpha: Float[Array, ""], value: Float[Array, ""]) -> Float[Array, ""]:
    r"""$E = \log(\alpha e^{-\alpha x}) = \log \alpha - \alpha x$, the first exercise's likelihood"""
    return jnp.log(alpha) - alpha * value


def dE_dalpha(alpha: Float[Array, ""], value: Float[Array, ""]) -> Float[Array, ""]:
    r"""$\frac{dE}{d\alpha} = \frac1\alpha - x$"""
    return 1 / alpha - value


def gaussian(mean: Float[Array, ""], z: Float[Array, " n"]) -> Float[Array, ""]:
    r"""$G = -\frac12 \sum_i (x_i - \mu)^2$, the second exercise's likelihood up to a constant"""
    return -jnp.sum(jnp.square(z - mean)) / 2


def dG_dmean(mean: Float[Array, ""], z: Float[Array, " n"]) -> Float[Array, ""]:
    r"""$\frac{dG}{d\mu} = \sum_i (x_i - \mu)$"""
    return jnp.sum(z - mean)


def total(B: Float[Array, ""], E: Float[Array, ""], G: Float[Array, ""]) -> Float[Array, ""]:
    """$J$, the sum of all."""
    return B + E + G


FORWARD = dict(F=nine_of_thirteen, P=probabilities, N=negative_log_likelihood)
DOMAINS = dict(theta=interval(0.125, 0.875), x=binary)
DERIVATION = Derivation(
    name="maximum-likelihood",
    source=SOURCE,
    forward=FORWARD,
    backward=dict(dF_dtheta=dF_dtheta, dP_dtheta=dP_dtheta, dN_dtheta=dN_dtheta),
    domains=DOMAINS,
)
PRINTED = Derivation(
    name="maximum-likelihood-as-printed",
    source=SOURCE,
    forward=FORWARD,
    backward=dict(dP_dtheta=dP_dtheta, dN_dtheta=dN_dtheta_as_printed),
    domains=DOMAINS,
    printed_wrong=dict(dN_dtheta="the minus sign is lost on the right"),
)
EXERCISES = Derivation(
    name="maximum-likelihood-exercises",
    source=f"{SOURCE}, and its exercises",
    forward=dict(B=coin_loss, E=exponential, G=gaussian, J=total),
    backward=dict(dB_dtheta=dB_dtheta, dE_dalpha=dE_dalpha, dG_dmean=dG_dmean),
    domains=dict(theta=interval(0.125, 0.875), n_H=counts, n_T=counts, alpha=positive, value=positive),
)
