"""JSON as we write it: one encoder for each way of writing, made once.

`JSONEncoder.encode` makes its C encoder anew for every value, which costs more than to encode one of our short values; so the
C encoder is kept. Where Python has none, the public way does the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from json.encoder import encode_basestring
from typing import Any

try:
    from json.encoder import c_make_encoder as _make  # type: ignore[attr-defined]
except ImportError:  # pragma: no cover - a Python without the C part
    _make = None

__all__ = ["decode", "decode_at", "encoder"]

decode_at: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder().raw_decode
"""the value that begins at that place of a text, and where it ends"""


def decode(text: str) -> Any:
    """The value of a JSON text as we write it, with nothing around it. Raises ValueError, TypeError; RecursionError."""
    value, end = decode_at(text, 0)
    if end != len(text):
        raise ValueError(text[end : end + 20])
    return value


def encoder(*, sort_keys: bool = False) -> Callable[[Any], str]:
    """A function that writes a value without spaces, with its own characters; NaN and infinities raise ValueError."""
    plain = json.JSONEncoder(ensure_ascii=False, sort_keys=sort_keys, separators=(",", ":"), allow_nan=False)
    if _make is None:  # pragma: no cover
        return plain.encode
    encode = _make(None, plain.default, encode_basestring, None, ":", ",", sort_keys, False, False)
    join = "".join

    def write(value: Any) -> str:
        return encode_basestring(value) if type(value) is str else join(encode(value, 0))

    return write
