"""What has to be readable and should not be read by whoever gets hold of the database: sealed with keys that stand elsewhere.

The environment `TIBANDU_KEYS` names a file with a key on each line (`tibandu accounts key FILE` makes one). The first seals, all
of them open, so that a key is changed by putting another on top. Without it what is kept stands as it is, and `doctor` says so.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from workflow.errors import StoreError, Text

VARIABLE = "TIBANDU_KEYS"
MARK = "fernet:"
"""before what is sealed"""


class Vault:
    """Seals texts with the first of its keys, opens with any. Without keys it seals nothing."""

    def __init__(self, keys: Sequence[str] = ()) -> None:
        """Raises ValueError for what is no key (32 bytes in URL-safe base 64)."""
        self._keys = MultiFernet([Fernet(key) for key in keys]) if keys else None

    @classmethod
    def here(cls) -> Vault:
        """By the environment. Raises StoreError when the file that is named cannot be read, or has something else in it."""
        path = os.environ.get(VARIABLE)
        if not path:
            return cls()
        try:
            return _read(path, Path(path).stat().st_mtime_ns)
        except (OSError, ValueError) as error:
            text = Text(
                f"{VARIABLE} 所指密钥文件 {path} 不可用：{error}",
                f"{VARIABLE}: the key file {path} is no good: {error}",
            )
            raise StoreError(text) from None

    def seal(self, text: str) -> str:
        """What is kept of it."""
        return text if self._keys is None else MARK + self._keys.encrypt(text.encode()).decode()

    def opened(self, kept: str) -> str:
        """What was sealed. Raises StoreError when none of the keys opens it: rather nobody comes in than anybody."""
        if not kept.startswith(MARK):
            return kept
        try:
            if self._keys is not None:
                return self._keys.decrypt(kept.removeprefix(MARK)).decode()
        except InvalidToken:
            pass
        zh, en = f"没有对应的密钥：检查 {VARIABLE}", f"none of the keys opens it: look at {VARIABLE}"
        raise StoreError(Text(zh, en))

    def renewed(self, kept: str) -> str:
        """The same under the first key."""
        return self.seal(self.opened(kept))


@lru_cache(maxsize=4)
def _read(path: str, _changed: int) -> Vault:
    lines = [line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip()]
    if not lines:
        raise ValueError("empty")
    return Vault(lines)
