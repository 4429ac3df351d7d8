"""Expressions of a program as a reader would write them, for naming a branch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from verify.branches.ranges import Range

LONGEST: Final = 48  # characters of an expression that is written out
UNSAID: Final = "a value"
SYMBOLS: Final = {
    "lt": "<", "gt": ">", "le": "<=", "ge": ">=", "eq": "==", "ne": "!=", "add": "+", "add_any": "+", "sub": "-",
    "mul": "*", "div": "/", "pow": "**", "and": "&", "or": "|",
}  # fmt: skip
NEGATED: Final = {"lt": "ge", "gt": "le", "le": "gt", "ge": "lt", "ne": "eq", "eq": "ne"}
SAID: Final = frozenset({  # as the function that it is; of anything else the first operand's name is no name
    "abs", "sign", "exp", "log", "log1p", "expm1", "sqrt", "rsqrt", "square", "tanh", "logistic", "sin", "cos", "floor",
    "ceil", "round", "max", "min", "not", "neg", "is_finite", "reduce_sum", "reduce_max", "reduce_min", "reduce_or",
    "reduce_and", "rem",
})  # fmt: skip
MOVED: Final = frozenset(
    {"reshape", "squeeze", "broadcast_in_dim", "convert_element_type", "stop_gradient", "copy"}
)


def text_of(primitive: str, operands: Sequence[Range]) -> str:
    """An equation of a program as an expression; what is long or has no short name is left out."""
    texts = [operand.text for operand in operands]
    if primitive in MOVED:
        return texts[0]
    if primitive in SYMBOLS and len(texts) == 2:
        if UNSAID in texts and (primitive not in NEGATED or texts == [UNSAID, UNSAID]):
            return UNSAID
        left, right = (f"({text})" if " " in text and text != UNSAID else text for text in texts)
        text = f"{left} {SYMBOLS[primitive]} {right}"
    elif primitive in SAID and UNSAID not in texts:
        text = f"{primitive.removeprefix('reduce_')}({', '.join(texts)})"
    else:
        return UNSAID
    return text if len(text) <= LONGEST else UNSAID
