"""Axes that a shape leaves open: `*batch` is any number of them, none too, and `...` is as if it were a name.

Wherever a derivation writes the same word, it means the same axes: as many, and of the same sizes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from manual_bp.construction.wiring import listed, nearest

Dims = tuple[str | int, ...]
DOTS = "..."


def is_open(dim: Any) -> bool:
    """Whether a word of a shape stands for any number of axes."""
    if not isinstance(dim, str):
        return False
    return dim == DOTS or (dim[:1] == "*" and dim[1:].isidentifier() and dim[1] != "_")


def axis_names(word: str, rank: int) -> tuple[str, ...]:
    """What the axes are called, once there are so many: `batch_0 batch_1`, and `axis_0` for `...`."""
    stem = "axis" if word == DOTS else word[1:]
    return tuple(f"{stem}_{axis}" for axis in range(rank))


def at_ranks(dims: Dims, ranks: Mapping[str, int]) -> Dims:
    """The shape with so many axes in the place of each word that has a rank."""
    whole = {word: axis_names(word, rank) for word, rank in ranks.items()}
    return tuple(axis for dim in dims for axis in whole.get(str(dim), (dim,)))


def split(shape: tuple[Any, ...], dims: Dims) -> list[Any]:
    """What each of `dims` has of a shape: a size, or a tuple of them. What does not fit in comes out short."""
    place = next((place for place, dim in enumerate(dims) if is_open(dim)), None)
    if place is None:
        return [*shape]
    after = place + max(len(shape) - len(dims) + 1, 0)
    return [*shape[:place], shape[place:after], *shape[after:]]


def gathered(sizes: Mapping[str, int], words: Iterable[str]) -> dict[str, Any]:
    """Sizes by dimension, with the axes of each of these words as one: `{"*batch": (2, 3), "d": 1}`."""
    axes = {word: [name for name in axis_names(word, len(sizes)) if name in sizes] for word in words}
    whole = {word: tuple(sizes[name] for name in names) for word, names in axes.items()}
    taken = {name for names in axes.values() for name in names}
    return {**whole, **{name: size for name, size in sizes.items() if name not in taken}}


def read_axes(dims: Iterable[str | int], ranks: Mapping[str, int]) -> tuple[str, ...]:
    """The words among all the dimensions of a derivation that stand for any number of axes.

    Raises TypeError for a dimension that is called like one of their axes, and for ranks that cannot be.
    """
    known = dict.fromkeys(map(str, dims))
    words = tuple(dim for dim in known if is_open(dim))
    for word in words:
        stem = axis_names(word, 1)[0].removesuffix("0")
        for dim in known:
            if dim.startswith(stem) and dim.removeprefix(stem).isdigit():
                raise TypeError(f"dimension {dim!r}: is what an axis of {word!r} is called; rename it")
    for word, rank in ranks.items():
        if word not in words:
            raise TypeError(f"ranks: {word!r} stands in no shape ({listed(words)}){nearest(word, words)}")
        if type(rank) is not int or rank < 0:
            raise TypeError(f"ranks: {word!r} has {rank!r}, expected how many axes it stands for, 0 or more")
    return words
