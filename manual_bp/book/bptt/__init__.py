"""The book's chapter on backpropagation through time: the simplified model, truncation, the linear and a tanh RNN.

`DERIVATION` is the linear RNN on a sequence of any length; `rnn` is its forward pass, whose `jax.grad` runs the
equations, for any loss of the outputs. `NONLINEAR` and `nonlinear_rnn` have a tanh at every step.
"""

from manual_bp.book.bptt.nonlinear import DERIVATION as NONLINEAR
from manual_bp.book.bptt.scalar import DERIVATION as SCALAR
from manual_bp.book.bptt.scalar import GENERAL
from manual_bp.book.bptt.sequence import DERIVATION, EXPANDED, LOSS
from manual_bp.book.bptt.three_steps import DERIVATION as THREE_STEPS
from manual_bp.book.bptt.truncation import EXPECTED, RANDOMIZED, TRUNCATED
from manual_bp.book.bptt.unrolling import DERIVATION as UNROLLING

__all__ = [
    "DERIVATION",
    "EXPANDED",
    "EXPECTED",
    "GENERAL",
    "LOSS",
    "NONLINEAR",
    "RANDOMIZED",
    "SCALAR",
    "THREE_STEPS",
    "TRUNCATED",
    "UNROLLING",
    "gradient",
    "nonlinear_rnn",
    "rnn",
]

gradient = DERIVATION.gradient("Whx", "Whh", "Wqh", "h_0", "x")
rnn = DERIVATION.with_manual_vjp()
nonlinear_rnn = NONLINEAR.with_manual_vjp()
