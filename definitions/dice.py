"""Chance that repeats: the same seed gives the same outcomes, whatever else is drawn beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")


class Repeatable:
    """Bytes that follow from a seed. Never for tokens, and for salts only where nothing is secret."""

    def __init__(self, seed: str) -> None:
        self._seed = seed.encode()
        self._count = 0

    def bytes(self, count: int) -> bytes:
        """The next `count` bytes."""
        found = b""
        while len(found) < count:
            self._count += 1
            found += hashlib.sha256(self._seed + self._count.to_bytes(8, "big")).digest()
        return found[:count]


class Dice:
    """Draws of one story. A story has dice of its own, so what another one draws changes nothing for it."""

    def __init__(self, seed: str) -> None:
        self._source = Repeatable(seed)

    def below(self, bound: int) -> int:
        """A whole number from 0 up to, not including, `bound`."""
        return int.from_bytes(self._source.bytes(8), "big") % bound

    def between(self, first: int, last: int) -> int:
        """A whole number from `first` to `last`, both included."""
        return first + self.below(last - first + 1)

    def one_of(self, things: Sequence[T]) -> T:
        """One of them."""
        return things[self.below(len(things))]

    def some_of(self, things: Sequence[T], count: int) -> list[T]:
        """`count` different ones, in the order drawn; all of them when there are fewer."""
        left = list(things)
        return [left.pop(self.below(len(left))) for _ in range(min(count, len(left)))]

    def weighted(self, weights: Mapping[T, int]) -> T:
        """One of the keys, each as likely as its weight says."""
        drawn = self.below(sum(weights.values()))
        for thing, weight in weights.items():
            drawn -= weight
            if drawn < 0:
                return thing
        raise ValueError("no weights")

    def shuffled(self, things: Sequence[T]) -> list[T]:
        """All of them in another order."""
        return self.some_of(things, len(things))
