"""The chain. One line per event, SHA-256 over fixed fields and the hash of the line before, per case.

Authoritative are the lines; nothing in them is personal: what was given stands in the line only as commitments
SHA-256(salt ‖ value), one a field, while values and salts live apart and can be erased (PIPL art. 47) without breaking
the chain. A chain alone does not see its tail cut or a whole case gone: anchors (anchor.py) do.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from .family import HistoryRow
from .random import RandomSource

DOMAIN = b"tibandu-history-1"
GENESIS = "0" * 64
RECALCULATE = "recalculate"
"""the reserved event of a case whose due days a new holiday notice has moved; no definition may declare it"""
HASHED = (
    "case", "seq", "recorded_at", "effective_on", "event", "from_state", "to_state", "actor", "on_behalf_of",
    "role", "unit", "automatic", "definition", "commitments", "prev",
)  # fmt: skip


_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def canonical(value: Any) -> str:
    """One text for one value: JSON with sorted keys, no spaces, NFC."""
    text = _encode(value)
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def commit(data: Mapping[str, Any], source: RandomSource) -> tuple[str, str]:
    """(commitments, disclosure) of the fields: `{field: hash}` and `{field: [salt, value]}`, both canonical JSON."""
    if not data:
        return "{}", "{}"
    commitments, disclosure = {}, {}
    salts = source.bytes(16 * len(data)).hex()
    for index, (name, value) in enumerate(data.items()):
        salt, key, text = salts[32 * index : 32 * index + 32], _key(name), canonical(value)
        commitments[name] = f'{key}:"{_commitment(salt, text)}"'
        disclosure[name] = f'{key}:["{salt}",{text}]'
    names = sorted(data)
    return _joined(commitments, names), _joined(disclosure, names)


_key = lru_cache(maxsize=1024)(canonical)
"""names of fields come again and again"""


def _joined(members: Mapping[str, str], names: Iterable[str]) -> str:
    """What `canonical` would make of them, had the values not been written already."""
    return "{" + ",".join([members[name] for name in names]) + "}"


def commitment(salt: str, value: Any) -> str:
    """SHA-256(salt ‖ canonical value), hex; the salt is 16 bytes in hex."""
    return _commitment(salt, canonical(value))


def _commitment(salt: str, text: str) -> str:
    return hashlib.sha256(bytes.fromhex(salt) + text.encode()).hexdigest()


def line_hash(fields: Iterable[str | int | None]) -> str:
    """The hash of a line: its `HASHED` fields in order, each length-prefixed; a missing one is `-`."""
    parts = [DOMAIN]
    for value in fields:
        if value is None:
            parts.append(b"-")
        else:
            raw = str(value).encode()
            parts.append(b"%d:%b" % (len(raw), raw))
    return hashlib.sha256(b",".join(parts)).hexdigest()


def hash_of(row: HistoryRow) -> str:
    """What the row's `hash` has to be."""
    return line_hash([getattr(row, name) for name in HASHED])
