"""The only source of ids, salts and tokens; inject a seeded one and a run repeats to the byte."""

from __future__ import annotations

import random as _random
import secrets
from datetime import datetime
from typing import Protocol

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


class RandomSource(Protocol):
    """Where bytes come from."""

    def bytes(self, count: int) -> bytes:
        """`count` unpredictable bytes."""
        ...


class SystemRandom:
    """The operating system's source, fit for tokens."""

    def bytes(self, count: int) -> bytes:
        """`count` unpredictable bytes."""
        return secrets.token_bytes(count)


class SeededRandom:
    """A repeatable source for tests, simulations and imports. Never for tokens of real people."""

    def __init__(self, seed: int | str) -> None:
        self._random = _random.Random(seed)

    def bytes(self, count: int) -> bytes:
        """The next `count` bytes of the sequence that belongs to the seed."""
        return self._random.randbytes(count)


def new_id(source: RandomSource, now: datetime) -> str:
    """A 20-character id: 9 for the millisecond, so that new rows lie together, 11 (55 bits) of chance."""
    milliseconds = int(now.timestamp() * 1000)
    chance = int.from_bytes(source.bytes(7), "big") >> 1
    return _base32(milliseconds, 9) + _base32(chance, 11)


def _base32(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 32)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
