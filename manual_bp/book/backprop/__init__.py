"""The book's chapter on backpropagation, as four derivations: its own network, and three grown from it."""

from manual_bp.book.backprop.biases import DERIVATION as BIASES
from manual_bp.book.backprop.chapter import DERIVATION
from manual_bp.book.backprop.minibatch import DERIVATION as MINIBATCH
from manual_bp.book.backprop.output_activation import DERIVATION as OUTPUT_ACTIVATION

__all__ = ["BIASES", "DERIVATION", "MINIBATCH", "OUTPUT_ACTIVATION", "gradient", "value_and_gradient"]

gradient = DERIVATION.gradient("W1", "W2")
value_and_gradient = DERIVATION.value_and_gradient("W1", "W2")
