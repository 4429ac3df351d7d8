"""The appendix on multivariable calculus: its examples, Hessians, and the multivariate chain rule."""

from manual_bp.book.multivariable_calculus.chain_rule import DERIVATION as CHAIN_RULE
from manual_bp.book.multivariable_calculus.examples import GRADIENTS, HESSIANS
from manual_bp.book.multivariable_calculus.paths import DERIVATION as PATHS

__all__ = ["CHAIN_RULE", "GRADIENTS", "HESSIANS", "PATHS"]
