"""Complex arguments of a plain function, as two real leaves each: `z_re` and `z_im`.

jax's derivative of a real J by z = x + iy is dJ/dx - i dJ/dy, so that a step against its conjugate descends. A gradient
by hand is held to that: its real part is judged as dJ/dx, the opposite of its imaginary part as dJ/dy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ComplexParts:
    """What stands in a tree of leaves for a complex array."""

    re: Any
    im: Any


def is_parts(tree: Any) -> bool:
    return isinstance(tree, ComplexParts)


def is_complex(what: Any) -> bool:
    """Whether an annotation, an example or a struct is that of a complex array."""
    dtypes = getattr(what, "dtypes", None)
    if isinstance(what, type) and isinstance(dtypes, tuple) and hasattr(what, "dim_str"):
        return bool(dtypes) and all(str(dtype).startswith("complex") for dtype in dtypes)
    dtype = None if isinstance(what, type) else getattr(what, "dtype", None)
    return dtype is not None and jnp.issubdtype(dtype, jnp.complexfloating)


def split(tree: Any) -> Any:
    """A tree of annotations, examples and structs with two real annotations for each complex one."""

    def halves(what: Any) -> Any:
        if not is_complex(what):
            return what
        part = (
            Float[Array, what.dim_str]
            if isinstance(what, type)
            else jax.ShapeDtypeStruct(what.shape, jnp.float32)
        )
        return ComplexParts(part, part)

    return jax.tree.map(halves, tree)


def joined(tree: Any) -> Any:
    """A tree of arrays with the complex numbers that it has parts of."""
    return _where_parts(lambda parts: lax.complex(parts.re, parts.im), tree)


def gradient_parts(names: Any, gradient: Any) -> Any:
    """A gradient by a tree with these names, with the derivatives by both parts of each complex leaf."""

    def taken_apart(_: ComplexParts, g: Any) -> Any:
        return ComplexParts(jnp.real(g), -jnp.imag(g)) if hasattr(g, "dtype") else g

    return _where_parts(taken_apart, names, gradient)


def complex_leaves(names: Any) -> set[str]:
    """The names in a tree that are those of parts."""
    return {
        name
        for each in jax.tree.leaves(names, is_leaf=is_parts)
        if is_parts(each)
        for name in jax.tree.leaves(each)
    }


def part_code(code: str, path: str) -> str:
    """The code of one part of what `code` gives at the end of `path`."""
    for field, taken in ((".re", "jnp.real({})"), (".im", "-jnp.imag({})")):
        if path.endswith(field):
            return taken.format(code + path.removesuffix(field))
    return code + path


def _where_parts(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Maps what stands where the first tree has parts, and leaves the last tree as it is elsewhere."""
    if not any(map(is_parts, jax.tree.leaves(tree, is_leaf=is_parts))):
        return others[-1] if others else tree
    return jax.tree.map(
        lambda first, *rest: function(first, *rest) if is_parts(first) else (rest or (first,))[-1],
        tree,
        *others,
        is_leaf=is_parts,
    )
