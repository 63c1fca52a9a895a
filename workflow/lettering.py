"""How wide words are before any font is known, and where they break: by East Asian width, never too narrow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from unicodedata import combining, east_asian_width

__all__ = ["width", "wrapped"]

WIDE, CAPITAL, NARROW = 1.0, 0.72, 0.58
"""parts of the font's size; what is ambiguous counts as wide, because Chinese fonts draw it so"""
PIECE = re.compile(r"[ -~]+?(?:[ /]|(?=[^ -~])|$)|.", re.DOTALL)
"""what is never torn apart: a Latin word with the space after it, or one other letter"""
NEVER_FIRST = frozenset("，。、；：？！）】》」』”’%")


def width(words: str, size: float) -> float:
    """At least as many pixels as that text takes in a sans-serif font of that size."""
    return size * sum(map(_part, words))


def _part(letter: str) -> float:
    if combining(letter):
        return 0.0
    if east_asian_width(letter) in "WFA":
        return WIDE
    return CAPITAL if letter.isupper() or letter in "mwMW@%&—" else NARROW


def wrapped(words: str, size: float, within: float) -> tuple[str, ...]:
    """The lines of that text, none wider than `within` where it can be broken at all, and of much the same width."""
    words = " ".join(words.split())
    lines = tuple(_lines(words, size, within))
    while len(lines) > 1 and (within := within - size / 2) > size:
        narrower = tuple(_lines(words, size, within))
        if len(narrower) > len(lines):
            break
        lines = narrower
    return lines or ("",)


def _lines(words: str, size: float, within: float) -> Iterator[str]:
    line = ""
    for piece in _pieces(words, size, within):
        fits = width((line + piece).rstrip(), size) <= within
        if line and not fits and piece[0] not in NEVER_FIRST:
            yield line.rstrip()
            line = ""
        line += piece
    if line:
        yield line.rstrip()


def _pieces(words: str, size: float, within: float) -> Iterator[str]:
    for piece in PIECE.findall(words):
        if width(piece, size) <= within:
            yield piece
        else:
            yield from piece
