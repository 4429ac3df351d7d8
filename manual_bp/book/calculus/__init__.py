"""The book's chapter on calculus: the table of derivatives, the rules, gradients by vectors and matrices, exercises."""

from manual_bp.book.calculus.exercises import EXERCISES
from manual_bp.book.calculus.gradients import GRADIENTS
from manual_bp.book.calculus.rules import RULES
from manual_bp.book.calculus.table import TABLE

__all__ = ["EXERCISES", "GRADIENTS", "RULES", "TABLE"]
