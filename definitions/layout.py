"""Text laid out for a terminal, where a Chinese character takes two columns."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence


def width(text: str) -> int:
    """How many columns it takes."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def cut(text: str, widest: int, indent: str = "") -> str:
    """At most that wide, on one line."""
    text = " ".join(text.split())
    if width(text) <= widest:
        return indent + text
    while text and width(text) > widest - 1:
        text = text[:-1]
    return f"{indent}{text}…"


def wrapped(head: str, steps: Sequence[str], end: str, widest: int) -> Iterator[str]:
    """Steps joined by arrows, broken between two of them, and where they ended."""
    line = f"  {head}"
    for index, step in enumerate([*steps, end]):
        more = step if index == 0 else f" → {step}" if index < len(steps) else f" {step}"
        if width(line + more) > widest:
            yield line
            line = f"     {more.rstrip()}"
        else:
            line += more
    yield line


def table(rows: Sequence[Sequence[str]], right: int | None = None) -> Iterator[str]:
    """Rows in columns two blanks apart; the column `right` is aligned to the right."""
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [_pad(cell, widths[index], index == right) for index, cell in enumerate(row)]
        yield "  ".join(cells).rstrip()


def _pad(cell: str, widest: int, right: bool) -> str:
    blanks = " " * (widest - width(cell))
    return blanks + cell if right else cell + blanks
