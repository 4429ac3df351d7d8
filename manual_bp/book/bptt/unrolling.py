r"""The book's lemma on sequences with $a_0 = 0$ and $a_t = b_t + c_t a_{t-1}$, as an equation that can be judged.

a is linear in b: of the sequence s b it is s a. So its derivative by the number s, at any s, is the a of b alone.
"""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from manual_bp.book.bptt.scalar import SOURCE, unrolled
from manual_bp.derivation import Derivation


def recurrence(b: Float[Array, " T"], c: Float[Array, " T"], s: Float[Array, ""]) -> Float[Array, " T"]:
    r"""$a_t = s\,b_t + c_t a_{t-1}$ with $a_0 = 0$"""

    def step(a_before: Array, given: tuple[Array, Array]) -> tuple[Array, Array]:
        b_t, c_t = given
        a_t = s * b_t + c_t * a_before
        return a_t, a_t

    return jax.lax.scan(step, jnp.zeros_like(s), (b, c))[1]


def da_ds(b: Float[Array, " T"], c: Float[Array, " T"]) -> Float[Array, " T"]:
    r"""$a_t = b_t + \sum_{i=1}^{t-1} \left(\prod_{j=i+1}^t c_j\right) b_i$

    `eq_bptt_at`.
    """
    return unrolled(b, c)


DERIVATION = Derivation(
    name="bptt-unrolling",
    source=SOURCE,
    forward=dict(a=recurrence),
    backward=dict(da_ds=da_ds),
    cotangent="dJ_da",
)
