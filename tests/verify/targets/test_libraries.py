"""Rules and layers that nobody here wrote: of jax.nn, jax.numpy, optax, flax and equinox, each with its verdict."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
import pytest
from optax.losses._classification import weighted_logsoftmax

import verify
from manual_bp.domains import Domain, binary, index, interval, positive, simplex
from verify.verdict import Verdict

PROVED, VERIFIED, REFUTED = Verdict.PROVED, Verdict.VERIFIED, Verdict.REFUTED


class Judged(NamedTuple):
    """A function whose derivative somebody wrote by hand, the same function written plainly, and the verdict."""

    name: str
    rule: Callable[..., Any]
    reference: Callable[..., Any]
    shapes: Mapping[str, str]
    domains: Mapping[str, Domain] = {}
    verdict: Verdict = PROVED


class ByHand(NamedTuple):
    """A scalar that somebody else wrote, and its gradient written here."""

    name: str
    objective: Callable[..., Any]
    manual: Callable[..., Any]
    shapes: Mapping[str, str]
    domains: Mapping[str, Domain] = {}
    verdict: Verdict = PROVED


def log_softmax(x):
    return x - jnp.log(jnp.sum(jnp.exp(x), -1, keepdims=True))


def two_probabilities(d):
    return jnp.where(jnp.abs(d) < 1, (1 + d) / 2, (d > 0).astype(d.dtype))


VECTOR = {"x": "n"}
RULES = (
    Judged("jax.nn.relu", lambda x: jax.nn.relu(x), lambda x: jnp.where(x > 0, x, 0), VECTOR),
    Judged(
        "jax.nn.relu6",
        lambda x: jax.nn.relu6(x),
        lambda x: jnp.where(x > 0, jnp.where(x < 6, x, 6), 0),
        VECTOR,
    ),
    Judged("jax.nn.silu", lambda x: jax.nn.silu(x), lambda x: x / (1 + jnp.exp(-x)), VECTOR),
    Judged(
        "jax.nn.sparse_sigmoid",
        lambda x: jax.nn.sparse_sigmoid(x),
        lambda x: jnp.clip((x + 1) / 2, 0, 1),
        VECTOR,
    ),
    Judged("jax.nn.logsumexp", lambda x: jax.nn.logsumexp(x), lambda x: jnp.log(jnp.sum(jnp.exp(x))), VECTOR),
    Judged("jax.nn.softmax", lambda x: jax.nn.softmax(x), lambda x: jnp.exp(x) / jnp.sum(jnp.exp(x)), VECTOR),
    Judged(
        "jax.nn.log1mexp",
        lambda x: jax.nn.log1mexp(x),
        lambda x: jnp.log(1 - jnp.exp(-x)),
        VECTOR,
        {"x": interval(0.25, 4)},
    ),
    Judged(
        "jnp.linalg.det", lambda A: jnp.linalg.det(A), lambda A: A[0] @ jnp.cross(A[1], A[2]), {"A": "3 3"}
    ),
    Judged(
        "optax.weighted_logsoftmax",
        lambda x, w: weighted_logsoftmax(x, w),
        lambda x, w: w * log_softmax(x),
        {"x": "n", "w": "n"},
    ),
    Judged(
        "optax.safe_softmax_cross_entropy",
        lambda x, y: optax.safe_softmax_cross_entropy(x, y),
        lambda x, y: -jnp.sum(y * log_softmax(x)),
        {"x": "n", "y": "n"},
        {"y": simplex},
    ),
    Judged(
        "optax.projection_simplex",
        lambda x: optax.projections.projection_simplex(x),
        lambda x: two_probabilities(x - x[::-1]),
        {"x": "2"},
    ),
)


def softmax(x):
    return jnp.exp(x - jax.nn.logsumexp(x))


def dlog_cosh(o, y):
    return jnp.tanh(o - y)


def dhuber(o, y):
    return jnp.clip(o - y, -1, 1)


def dhinge(o, y):
    return jnp.where(o * y < 1, -y, jnp.where(o * y > 1, 0, -y / 2))


def dbinary(o, y):
    return jax.nn.sigmoid(o) - y


def dlabels(o, y):
    return softmax(o) - (y == jnp.arange(o.shape[0]))


def dpoly(o, y, eps):
    p, total = softmax(o), jnp.sum(y)
    at = jnp.sum(y * p)
    return total * p - y - eps * p * (y - at)


def dkl(log_p, t):
    return -t


def dfocal(o, y):
    """With gamma = 2: $(1-p_t)^2 \\cdot$ cross-entropy, $p_t$ the probability of the label."""
    p = jax.nn.sigmoid(o)
    at = p * y + (1 - p) * (1 - y)
    entropy = -y * jax.nn.log_sigmoid(o) - (1 - y) * jax.nn.log_sigmoid(-o)
    return (1 - at) ** 2 * (p - y) + 2 * (1 - at) * entropy * p * (1 - p) * (1 - 2 * y)


def dcosine(o, y):
    n, m = jnp.sqrt(o @ o), jnp.sqrt(y @ y)
    return y / (n * m) - o * (o @ y) / (n**3 * m)


PAIR = {"o": "n", "y": "n"}
LOSSES = (
    ByHand("optax.log_cosh", lambda o, y: optax.log_cosh(o, y).sum(), dlog_cosh, PAIR),
    ByHand("optax.l2_loss", lambda o, y: optax.l2_loss(o, y).sum(), lambda o, y: o - y, PAIR),
    ByHand("optax.huber_loss", lambda o, y: optax.huber_loss(o, y).sum(), dhuber, PAIR),
    ByHand("optax.hinge_loss", lambda o, y: optax.hinge_loss(o, y).sum(), dhinge, PAIR),
    ByHand(
        "optax.sigmoid_binary_cross_entropy",
        lambda o, y: optax.sigmoid_binary_cross_entropy(o, y).sum(),
        dbinary,
        PAIR,
    ),
    ByHand(
        "optax.softmax_cross_entropy_with_integer_labels",
        lambda o, y: optax.softmax_cross_entropy_with_integer_labels(o, y),
        dlabels,
        {"o": "n", "y": ""},
        {"y": index("n")},
    ),
    ByHand(
        "optax.poly_loss_cross_entropy",
        lambda o, y, eps: optax.losses.poly_loss_cross_entropy(o, y, epsilon=eps),
        dpoly,
        {**PAIR, "eps": ""},
        {"y": simplex},
    ),
    ByHand(
        "optax.kl_divergence",
        lambda log_p, t: optax.kl_divergence(log_p, t),
        dkl,
        {"log_p": "n", "t": "n"},
        {"t": simplex},
    ),
    ByHand(
        "optax.sigmoid_focal_loss",
        lambda o, y: optax.sigmoid_focal_loss(o, y).sum(),
        dfocal,
        PAIR,
        {"y": binary},
        Verdict.INACCURATE,  # 1 - p_t keeps half the digits that jax.grad does where the label is certain
    ),
    ByHand(
        "optax.cosine_similarity",
        lambda o, y: optax.cosine_similarity(o, y),
        dcosine,
        PAIR,
        {"o": positive, "y": positive},
        Verdict.INACCURATE,  # n^3 m underflows at 1e-12 in float32, and the quotient is infinite
    ),
)


FAST = ("jax.nn.silu", "optax.huber_loss")  # one of each kind


def each(functions: Sequence[Any]) -> list[Any]:
    """Every function as a parameter; all but the fast ones are slow, being many."""
    marks = {True: (), False: pytest.mark.slow}
    return [pytest.param(one, id=one.name, marks=marks[one.name in FAST]) for one in functions]


@pytest.mark.parametrize("rule", each(RULES))
def test_a_rule_is_what_its_plain_function_says(rule: Judged, tmp_path: Path):
    report = verify.check_custom_rule(
        rule.rule, rule.reference, name=rule.name, only=rule.name, shapes=rule.shapes, domains=rule.domains,
        examples=1, dtypes=("float32",), directory=tmp_path,
    )  # fmt: skip
    assert report.verdict is rule.verdict, report.to_json()["derivations"]


@pytest.mark.parametrize("loss", each(LOSSES))
def test_a_loss_has_the_gradient_written_here(loss: ByHand, tmp_path: Path):
    report = verify.check_gradient(
        loss.manual, loss.objective, next(iter(loss.shapes)), name=loss.name, shapes=loss.shapes,
        domains=loss.domains, examples=1, dtypes=("float32",), directory=tmp_path,
    )  # fmt: skip
    assert report.verdict is loss.verdict, report.to_json()["derivations"]


def dlayer(gamma, beta, x, g):
    """Layer normalisation over the whole of x, in the notation of the examples."""
    s = jnp.sqrt(jnp.mean((x - x.mean()) ** 2) + EPS)
    u, bar = (x - x.mean()) / s, gamma * g
    return dict(gamma=g * u, beta=g, x=(bar - bar.mean() - u * (bar * u).mean()) / s)


EPS = 2.0**-16  # a number that no dtype rounds
NORM = dict(gamma="d", beta="d", x="d", g="d")


def test_a_layer_of_flax(tmp_path: Path):
    flax = pytest.importorskip("flax.linen", reason="flax is not installed here")
    layer = flax.LayerNorm(epsilon=EPS, use_fast_variance=False)

    def objective(gamma, beta, x, g):
        return g @ layer.apply({"params": {"scale": gamma, "bias": beta}}, x)

    check_layer(objective, tmp_path)


def test_a_layer_of_equinox(tmp_path: Path):
    equinox = pytest.importorskip("equinox", reason="equinox is not installed here")

    def objective(gamma, beta, x, g):
        layer = equinox.nn.LayerNorm(x.shape, eps=EPS)
        layer = equinox.tree_at(lambda layer: (layer.weight, layer.bias), layer, (gamma, beta))
        return g @ layer(x)

    check_layer(objective, tmp_path)


def check_layer(objective: Callable[..., Any], directory: Path) -> None:
    settings: dict[str, Any] = dict(shapes=NORM, examples=1, dtypes=("float32",), directory=directory)
    report = verify.check_gradient(dlayer, objective, ("gamma", "beta", "x"), **settings)
    assert report.verdict is PROVED, report.to_json()["derivations"]
