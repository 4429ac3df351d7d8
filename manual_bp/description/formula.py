r"""Turns the TeX of an equation into one line of Unicode: `\partial J/\partial o\, h^\top` into `∂J/∂o hᵀ`.

It knows the TeX that gradient formulas are written in. Of anything else the letters remain: it never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from manual_bp.description import signs

TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\s+|.", re.DOTALL)
SIGN_AFTER = ("start", "binary", "relation", "open", "comma")  # here + and - are signs, not sums
SPACED = {  # the kinds between which TeX leaves a space, besides those around binary operators and relations
    ("word", "letter"), ("word", "word"), ("word", "partial"), ("word", "sign"),
    ("letter", "word"), ("close", "word"),
    ("quotient", "letter"), ("quotient", "word"), ("quotient", "partial"), ("quotient", "open"),
    ("quotient", "quotient"), ("letter", "quotient"), ("close", "quotient"), ("word", "quotient"),
}  # fmt: skip


class Atom(NamedTuple):
    """A piece of the line, and its kind, which decides the spaces around it: see `signs.KINDS`.

    Besides those there are "quotient", "sign", and "start" for the beginning of a line or group.
    """

    text: str
    kind: str


def to_unicode(tex: str) -> str:
    """The first line of `tex`, with or without its dollars, in Unicode."""
    line = tex.strip().partition("\n")[0].replace("$", "")
    tokens = iter(TOKEN.findall(line))
    return _join(_atoms(tokens)).strip()


def _atoms(tokens: Iterator[str], until: str | None = None) -> list[Atom]:
    atoms: list[Atom] = []
    for token in tokens:
        if token == until:
            break
        if token in ("^", "_", "'"):
            base = atoms.pop() if atoms else Atom("", "letter")
            script = "′" if token == "'" else _script(token, _argument(tokens))
            atoms.append(base._replace(text=base.text + script))
        else:
            atoms.extend(_read(token, tokens, atoms[-1].kind if atoms else "start"))
    return atoms


def _read(token: str, tokens: Iterator[str], previous: str) -> list[Atom]:
    """The atoms of one token and its arguments, after an atom of the kind `previous`."""
    if token == "{":
        return _atoms(tokens, "}")
    if token in signs.FRACTIONS:
        return [_quotient(_argument(tokens), _argument(tokens))]
    if token == r"\sqrt":
        return [Atom(f"√{_grouped(_argument(tokens))}", "word")]
    if token in signs.ACCENTS:
        return [_accented(token, _join(_argument(tokens)))]
    if token in signs.UPRIGHT:
        return [Atom(_verbatim(tokens), "word")]
    if token.isspace() or token in signs.IGNORED:
        return []
    for kind, table in signs.KINDS.items():
        if token in table:
            return [Atom(table[token], "sign" if kind == "binary" and previous in SIGN_AFTER else kind)]
    return [Atom(token[1:], "word") if token.startswith("\\") else Atom(token, "letter")]


def _argument(tokens: Iterator[str]) -> list[Atom]:
    """What a command or script applies to: the next group or token."""
    token = next((token for token in tokens if not token.isspace()), "}")
    return _read(token, tokens, "start")


def _verbatim(tokens: Iterator[str]) -> str:
    token = next((token for token in tokens if not token.isspace()), "")
    if token != "{":
        return token
    return "".join(iter(lambda: next(tokens, "}"), "}")).replace("\\", "")


def _script(mark: str, atoms: list[Atom]) -> str:
    text = "".join(atom.text for atom in atoms).replace(" ", "")
    table: Mapping[str, str] = signs.SUPERSCRIPT if mark == "^" else signs.SUBSCRIPT
    if all(letter in table for letter in text):
        return "".join(table[letter] for letter in text)
    return f"{mark}{text}" if len(text) == 1 else f"{mark}({text})"


def _quotient(top: list[Atom], bottom: list[Atom]) -> Atom:
    text = f"{_grouped(top, products=True)}/{_grouped(bottom)}"
    return Atom(signs.VULGAR[text], "letter") if text in signs.VULGAR else Atom(text, "quotient")


def _grouped(atoms: list[Atom], products: bool = False) -> str:
    """The line, in brackets unless it reads as one thing: a symbol, a number, ∂W, or if allowed a product."""
    text = _join(atoms)
    product = products and not any(atom.kind in ("binary", "relation") for atom in atoms)
    differential = len(atoms) == 2 and atoms[0].kind == "partial"
    return text if len(atoms) == 1 or text.isdigit() or product or differential else f"({text})"


def _accented(command: str, text: str) -> Atom:
    """`\\hat p` is one letter with an accent; over a longer text the accent's name has to do."""
    if len(text) == 1:
        return Atom(text + signs.ACCENTS[command], "letter")
    return Atom(f"{command[1:]}({text})", "word")


def _join(atoms: list[Atom]) -> str:
    line, previous = "", "start"
    for text, kind in atoms:
        spaced = kind in ("binary", "relation") or previous in ("binary", "relation", "comma")
        spaced = (spaced or (previous, kind) in SPACED) and previous != "start"
        if spaced and not line.endswith(" ") and not text.startswith(" "):
            line += " "
        line += text
        previous = kind
    return line
