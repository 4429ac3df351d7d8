"""A jaxpr with complex numbers in it as one of real numbers: each complex array as its two parts.

Each primitive is written by the real ones that XLA computes it by, or by others with roundings like theirs
(`rounded_like`). Calls are entered, and loops and branches are written anew, with the parts in their carries.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend import core

from verify.interpreter.indexing import INDEXED_MOVES
from verify.interpreter.movement import MOVES
from verify.programs.complex_numbers import elementary
from verify.programs.complex_numbers.fourier import fft
from verify.programs.complex_numbers.parts import Parts, as_parts, is_complex, real_dtype
from verify.programs.complex_numbers.primitives import magnitude, rounded_like
from verify.programs.rewriting import Rewriting

# what acts on both parts alike; of select_n the first operand says which
SUMS = frozenset({"cumsum", "reduce_sum", "reduce_window_sum", "scatter-add", "select_n", "stop_gradient"})
LINEAR = SUMS | MOVES.keys() | INDEXED_MOVES.keys()
BILINEAR = frozenset({"dot_general", "conv_general_dilated"})


def has_complex(jaxpr: Any) -> bool:
    """Whether any array of a program, or of a program inside it, is complex."""
    inner = getattr(jaxpr, "jaxpr", jaxpr)
    return any(map(is_complex, (*inner.invars, *inner.outvars))) or any(map(_is_complex, inner.eqns))


def _is_complex(equation: Any) -> bool:
    atoms = (*equation.invars, *equation.outvars)
    return any(map(is_complex, atoms)) or any(map(has_complex, core.jaxprs_in_params(equation.params)))


def real_program(closed: core.ClosedJaxpr) -> core.ClosedJaxpr:
    """The program of real numbers, of one that takes and returns none but these.

    Raises NoRealProgram where a primitive has no rule.
    """
    return IN_PARTS.program(closed)


def _constant(value: Any, dtype: Any) -> Any:
    if dtype is None or not jnp.issubdtype(dtype, jnp.complexfloating):
        return value
    array = np.asarray(value, dtype)
    return Parts(np.real(array).copy()[()], np.imag(array).copy()[()])


def _rewritten(equation: Any, operands: list[Any]) -> Sequence[Any]:
    """The results of one equation, complex ones in parts."""
    name, params = equation.primitive.name, equation.params
    if name in LINEAR:
        return _linearly(equation, operands)
    if name in BILINEAR:
        return [_bilinear(equation, *map(as_parts, operands))]
    if name == "fft":
        return [fft(params, *operands)]
    if name == "convert_element_type":
        return [_cast(params["new_dtype"], *operands)]
    if name == "complex":
        return [Parts(*jnp.broadcast_arrays(*operands))]
    return [elementary.rule_of(name)(params, *map(as_parts, operands))]


def _bound(equation: Any, operands: Sequence[Any], **changed: Any) -> Sequence[Any]:
    """The equation's own primitive, of one part of each operand."""
    results = equation.primitive.bind(*operands, **{**equation.params, **changed})
    return results if equation.primitive.multiple_results else [results]


def _linearly(equation: Any, operands: Sequence[Any]) -> list[Any]:
    changed = {"update_jaxpr": None, "update_consts": ()} if "update_jaxpr" in equation.params else {}
    columns = [operand if isinstance(operand, Parts) else (operand, operand) for operand in operands]
    re, im = (_bound(equation, part, **changed) for part in zip(*columns, strict=True))
    return [Parts(*parts) for parts in zip(re, im, strict=True)]


def _bilinear(equation: Any, a: Parts, b: Parts) -> Parts:
    changed = {}
    if (preferred := equation.params.get("preferred_element_type")) is not None:
        changed["preferred_element_type"] = real_dtype(preferred)

    def product(a: Any, b: Any) -> Any:
        return _bound(equation, (a, b), **changed)[0]

    straight, across = (product(a.re, b.re), product(a.im, b.im)), (product(a.re, b.im), product(a.im, b.re))
    result = Parts(straight[0] - straight[1], across[0] + across[1])
    if equation.primitive.name == "dot_general":
        return result
    # a convolution takes fewer products, of sums of parts
    size = product(*(magnitude(each.re) + magnitude(each.im) for each in (a, b)))
    return Parts(*(rounded_like(part, size) for part in result))


def _cast(dtype: Any, value: Any) -> Any:
    """A cast; of a complex number to a real one its real part."""
    if not jnp.issubdtype(dtype, jnp.complexfloating):
        return lax.convert_element_type(value.re, dtype)
    return Parts(*(lax.convert_element_type(part, real_dtype(dtype)) for part in as_parts(value)))


IN_PARTS = Rewriting(_is_complex, _rewritten, _constant)
