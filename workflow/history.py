"""The chain. One line per event, SHA-256 over fixed fields and the hash of the line before, per case.

Authoritative are the lines; nothing in them is personal: what was given stands in the line only as commitments
SHA-256(salt ‖ value), one a field, while values and salts live apart and can be erased (PIPL art. 47) without breaking
the chain. A chain alone does not see its tail cut or a whole case gone: anchors (anchor.py) do.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from .family import HistoryRow
from .json_text import encoder
from .random import RandomSource

DOMAIN = "tibandu-history-1"
GENESIS = "0" * 64
RECALCULATE = "recalculate"
"""the reserved event of a case whose due days a new holiday notice has moved; no definition may declare it"""
ERASE = "erase"
"""the reserved event of a case from which values were erased: its `@erased` says which, and from which last line"""
BREAK_GLASS = "break_glass"
"""the reserved event of a case that an operator of the service opened in an emergency: who, in which role, until when, why"""
MIGRATE = "migrate"
"""the reserved event of a case that was moved to another version of its definition; its `@migration` says from which to which"""
MIGRATION = "@migration"
INVITE = "issue_link"
"""the reserved event of a case to which somebody was given a link: who, until when, by which channels, which one it replaces"""
RESERVED = (RECALCULATE, ERASE, BREAK_GLASS, MIGRATE, INVITE)
HASHED = (
    "case", "seq", "recorded_at", "effective_on", "event", "from_state", "to_state", "actor", "on_behalf_of",
    "role", "unit", "automatic", "definition", "commitments", "prev",
)  # fmt: skip


_encode = encoder(sort_keys=True)


def canonical(value: Any) -> str:
    """One text for one value: JSON with sorted keys, no spaces, NFC."""
    text = _encode(value)
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def key_of(values: Sequence[object], most: int) -> str:
    """A text of at most `most` characters that stands for the values and for no others."""
    text = canonical(values)
    return text if len(text) <= most else hashlib.sha256(text.encode()).hexdigest()


def commit(data: Mapping[str, Any], source: RandomSource) -> tuple[str, str]:
    """(commitments, disclosure) of the fields: `{field: hash}` and `{field: [salt, value]}`, both canonical JSON."""
    if not data:
        return "{}", "{}"
    members, salts, start = [], source.bytes(16 * len(data)), 0
    for name, value in data.items():
        salt, key, text = salts[start : start + 16], _key(name), canonical(value)
        start += 16
        hashed = hashlib.sha256(salt + text.encode()).hexdigest()
        members.append((name, f'{key}:"{hashed}"', f'{key}:["{salt.hex()}",{text}]'))
    members.sort()  # what `canonical` would make of them, had the values not been written already
    _, commitments, disclosure = zip(*members, strict=True)
    return "{" + ",".join(commitments) + "}", "{" + ",".join(disclosure) + "}"


_key = lru_cache(maxsize=1024)(canonical)
"""names of fields come again and again"""


def commitment(salt: str, value: Any) -> str:
    """SHA-256(salt ‖ canonical value), hex; the salt is 16 bytes in hex."""
    return hashlib.sha256(bytes.fromhex(salt) + canonical(value).encode()).hexdigest()


def line_hash(fields: Iterable[str | int | None]) -> str:
    """The hash of a line: its `HASHED` fields in order, each length-prefixed; a missing one is `-`."""
    values = tuple(fields)
    text = ",".join(["-" if v is None else f"{len(v)}:{v}" if type(v) is str else _number(v) for v in values])
    if not text.isascii():  # then a length in bytes is not the length of the text
        text = ",".join(["-" if v is None else f"{len(str(v).encode())}:{v}" for v in values])
    return hashlib.sha256(f"{DOMAIN},{text}".encode()).hexdigest()


def _number(value: object) -> str:
    text = str(value)
    return f"{len(text)}:{text}"


def hash_of(row: HistoryRow) -> str:
    """What the row's `hash` has to be."""
    return line_hash(row[: len(HASHED)])
