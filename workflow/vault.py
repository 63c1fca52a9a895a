"""What has to be readable and should not be read by whoever gets hold of the database: sealed with keys that stand elsewhere.

The environment `TIBANDU_KEYS` names a file with a key on each line (`tibandu accounts key FILE` makes one). The first seals, all
of them open, so that a key is changed by putting another on top. Without it what is kept stands as it is, and `doctor` says so.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from .errors import StoreError, Text

VARIABLE = "TIBANDU_KEYS"
MARK = "fernet:"
"""before what is sealed"""

__all__ = ["MARK", "Vault"]


class Vault:
    """Seals texts with the first of its keys, opens with any. Without keys it seals nothing."""

    def __init__(self, keys: Sequence[str] = ()) -> None:
        """Raises ValueError for what is no key (32 bytes in URL-safe base 64), ImportError without cryptography."""
        self._keys: Sequence[Any] = ()
        if keys:
            from cryptography.fernet import Fernet  # whoever seals nothing needs nothing

            self._keys = [Fernet(key) for key in keys]

    @classmethod
    def here(cls) -> Vault:
        """By the environment. Raises StoreError when the file that is named cannot be read, or has something else in it."""
        path = os.environ.get(VARIABLE)
        if not path:
            return cls()
        try:
            return _read(path, Path(path).stat().st_mtime_ns)
        except (OSError, ValueError, ImportError) as error:
            text = Text(
                f"{VARIABLE} 所指密钥文件 {path} 不可用：{error}",
                f"{VARIABLE}: the key file {path} is no good: {error}",
            )
            raise StoreError(text) from None

    def seal(self, text: str) -> str:
        """What is kept of it."""
        return MARK + self._keys[0].encrypt(text.encode()).decode() if self._keys else text

    def opened(self, kept: str) -> str:
        """What was sealed. Raises StoreError when none of the keys opens it: rather nobody comes in than anybody."""
        if not kept.startswith(MARK):
            return kept
        for key in self._keys:
            text = _tried(key, kept)
            if text is not None:
                return text
        zh, en = f"没有对应的密钥：检查 {VARIABLE}", f"none of the keys opens it: look at {VARIABLE}"
        raise StoreError(Text(zh, en))

    def renewed(self, kept: str) -> str:
        """The same under the first key."""
        return self.seal(self.opened(kept))

    def is_current(self, kept: str) -> bool:
        """Whether it is as it would be sealed today: by the first key, or not at all where there is none."""
        if not self._keys or not kept.startswith(MARK):
            return not self._keys
        return _tried(self._keys[0], kept) is not None


def _tried(key: Any, kept: str) -> str | None:
    from cryptography.fernet import InvalidToken

    try:
        return str(key.decrypt(kept.removeprefix(MARK).encode()).decode())
    except InvalidToken:
        return None


@lru_cache(maxsize=4)
def _read(path: str, _changed: int) -> Vault:
    lines = [line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip()]
    if not lines:
        raise ValueError("empty")
    return Vault(lines)
