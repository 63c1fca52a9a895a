"""How alike two cases are by their texts: sets of hashed pairs of letters, few per case, and a score. Pure.

A text becomes its bigrams (快递员驿站 → 快递 递员 员驿 驿站), each hashed together with the kind, the tenant and the field, so
that only like things meet and the index holds no text. Of a long text the hashes with the lowest values are kept: a sample that
is the same for equal texts, so two samples overlap as the texts do. Which bigrams tell little (关于, 建议) is not written down
anywhere but counted: a bigram weighs log(1 + cases / cases that have it).
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence

from .definition import Definition
from .family import Record
from .fingerprint import fingerprint

__all__ = ["MOST", "Sketch", "everybody", "marks", "score", "sketch", "weight"]

KEPT = 64
"""hashes kept of one field"""
MOST = 200
"""a bigram that so many cases have finds nobody; nobody counts further"""
FIRST = 0.6
"""what the first field weighs where there are several"""
_RUN = re.compile(r"[^\W_]+")

Sketch = Mapping[str, frozenset[int]]


def sketch(
    kind: str, tenant: str, fields: Sequence[str], data: Mapping[str, object]
) -> dict[str, frozenset[int]]:
    """field -> the hashes kept of it; a field without text is left out."""
    found = {}
    for name in fields:
        text = data.get(name)
        pairs = _bigrams(text) if isinstance(text, str) else set()
        if pairs:
            space = f"{kind}\n{tenant}\n{name}\n"
            found[name] = frozenset(sorted(fingerprint(space + pair) for pair in pairs)[:KEPT])
    return found


def marks(definition: Definition, record: Record, data: Mapping[str, object]) -> set[int]:
    """All hashes of a case's texts that stand in the index."""
    kept = sketch(record.kind, record.tenant, definition.similar, data)
    found = set().union(*kept.values())
    return {everybody(record.kind, record.tenant), *found} if found else set()


def everybody(kind: str, tenant: str) -> int:
    """The hash that every case of a kind and tenant has, by which they are counted."""
    return fingerprint(f"{kind}\n{tenant}\n")


def score(own: Sketch, other: Sketch, weights: Mapping[int, float]) -> float:
    """0 (nothing in common) to 1 (the same), over the fields that both have; `weights`: how rare what `own` has is."""
    total = share = 0.0
    for index, name in enumerate(own):
        if name in other:
            part = FIRST if index == 0 else (1 - FIRST) / (len(own) - 1)
            total += part
            share += part * _alike(own[name], other[name], weights)
    return share / total if total else 0.0


def weight(count: int, cases: int) -> float:
    """What a bigram tells that `count` of `cases` have."""
    return math.log(1 + max(cases, 1) / max(count, 1))


def _alike(own: frozenset[int], other: frozenset[int], weights: Mapping[int, float]) -> float:
    """Dice, weighted. What only the other has was not counted: it weighs what ours does on the whole."""
    ours, both = sum(weights[gram] for gram in own), sum(weights[gram] for gram in own & other)
    theirs = both + len(other - own) * ours / len(own)
    return 2 * both / (ours + theirs)


def _bigrams(text: str) -> set[str]:
    runs = _RUN.findall(unicodedata.normalize("NFKC", text).casefold())
    return {run[i : i + 2] for run in runs for i in range(max(len(run) - 1, 1))}
