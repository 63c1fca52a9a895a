"""The text that a deputy confirms when signing a draft, as a hash: what is shown and what is signed are the same or are refused.

Whoever sends a draft round gives `text_hash` with `collect_signatures`; whoever shows it to a signer computes it again from
what is on the screen and gives it as `seen_hash` with `confirm` (代表法; 上海规定(2015) 第4条: a personal confirmation).
"""

from __future__ import annotations

import hashlib
import unicodedata


def text_hash(*parts: str) -> str:
    """SHA-256, in hexadecimal, of title and body (NFC, one line feed between them)."""
    return hashlib.sha256(unicodedata.normalize("NFC", "\n".join(parts)).encode()).hexdigest()
